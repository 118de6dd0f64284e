# What a stock image would have: the file system, and asyncio.
include("$(MPY_DIR)/extmod/asyncio")
module("_boot.py")
