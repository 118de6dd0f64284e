# What is frozen into the host image: the application and the host's `board` module.
include("../../firmware/manifest.py")
package("board")
