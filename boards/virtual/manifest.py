# What is frozen into the virtual board's image: the application and the board.
include("../../firmware/manifest.py")
include("manifest_stock.py")
package("board")
