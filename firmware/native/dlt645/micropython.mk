# The dlt645 module for ports built with make: USER_C_MODULES=firmware/native.

DLT645_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(wildcard $(DLT645_DIR)/mod*.c)
# The codec itself holds no qstr, so the qstr scanner need not see it.
SRC_USERMOD_LIB_C += $(wildcard $(DLT645_DIR)/dlt645*.c)

CFLAGS_USERMOD += -I$(DLT645_DIR)
