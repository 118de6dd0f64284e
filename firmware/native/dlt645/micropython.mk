# The dlt645 module for ports built with make: USER_C_MODULES=firmware/native.

DLT645_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(wildcard $(DLT645_DIR)/mod*.c)
# The codec itself holds no qstr, so the qstr scanner need not see it.
SRC_USERMOD_LIB_C += $(wildcard $(DLT645_DIR)/dlt645*.c)

CFLAGS_USERMOD += -I$(DLT645_DIR)

# What every answer goes through is worth the flash.
DLT645_FAST := dlt645 dlt645_address dlt645_answer dlt645_values modexchange modrequest
$(DLT645_FAST:%=$(BUILD)/dlt645/%.o): CFLAGS += -O2
