# What every image freezes. MPY_LIB_DIR is micropython-lib, or the packages fetched in its layout.
include("$(MPY_DIR)/extmod/asyncio")
require("logging")
require("umqtt.simple")
package("concentrator")
module("main.py")
