# Every entry point of the project. `make help` lists them.

SHELL := /bin/sh
ifneq ($(words $(CURDIR)),1)
$(error make cannot work in a folder whose path has a space: move the clone)
endif
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BUILD := $(CURDIR)/build
VENV := $(BUILD)/venv
PYTHON := $(VENV)/bin/python
TOOLCHAIN := host_tools/toolchain
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

# A MicroPython source tree of your own (an upstream checkout) instead of the fetched one.
MICROPYTHON ?= $(BUILD)/micropython
FETCHED_LIB := $(BUILD)/micropython-lib
# A checkout that has the micropython-lib submodule uses its packages.
MPY_LIB_DIR := $(if $(wildcard $(MICROPYTHON)/lib/micropython-lib/README.md),$(MICROPYTHON)/lib/micropython-lib,$(FETCHED_LIB))

# Options of `make run`; see `make help`.
SECONDS ?= 0
METERS ?= 64
BAUD ?= 2400
PERIOD ?= 30
DEAD ?= 0

.PHONY: help
help:
	@echo "make run         64 simulated meters -> concentrator -> simulated modem -> MQTT broker, live view"
	@echo "                   SECONDS=60   stop after so many seconds and the slot then under way (0: at Ctrl-C)"
	@echo "                   METERS=64    meters, spread over two RS485 buses (1 to 64)"
	@echo "                   BAUD=2400    bit/s on the buses (600 to 115200)"
	@echo "                   PERIOD=30    slot length in seconds (a divisor of one day)"
	@echo "                   DEAD=0       so many of the meters never answer"
	@echo "make test        everything below but run; parts: test-unit test-native test-host test-system"
	@echo "make lint        ruff, clang-format, C and Python warnings as errors"
	@echo "make format      let ruff and clang-format rewrite the sources"
	@echo "make deps        system packages, Python packages, MicroPython sources (all of the above call it)"
	@echo "make host        build/host/micropython: MicroPython with the C module and the application"
	@echo "make clean       remove build products, keep downloads; distclean removes build/ whole"
	@echo
	@echo "MICROPYTHON=<path> builds from a MicroPython source tree of your own (1.25 or newer)."

# --- Dependencies: each stamp is newer than what it was made from ---------------------------

SYSTEM := $(BUILD)/.system-packages
HOST_TOOLS := $(VENV)/.host-tools

.PHONY: deps
deps: $(SYSTEM) $(HOST_TOOLS) $(FETCHED_LIB)/README.md $(MICROPYTHON)/py/mpconfig.h $(BUILD)/mpy-cross/mpy-cross host

$(SYSTEM): $(TOOLCHAIN)/system_packages.sh
	@sh $<
	@mkdir -p $(@D) && touch $@

$(HOST_TOOLS): pyproject.toml $(TOOLCHAIN)/constraints.txt | $(SYSTEM)
	@echo "Installing Python packages into build/venv"
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@$(PYTHON) -m pip install -qq --disable-pip-version-check \
	    --constraint $(TOOLCHAIN)/constraints.txt --editable '.[dev]'
	@touch $@

$(FETCHED_LIB)/README.md: $(TOOLCHAIN)/micropython_packages.py | $(HOST_TOOLS)
	@$(PYTHON) $< $(FETCHED_LIB) --unearth $(VENV)/bin/unearth

# Only the default tree is fetched; one given by MICROPYTHON= is taken as it is.
$(BUILD)/micropython/py/mpconfig.h: $(TOOLCHAIN)/micropython_sources.py | $(SYSTEM)
	@python3 $< $(BUILD)/micropython
	@touch $@

ifneq ($(MICROPYTHON),$(BUILD)/micropython)
$(MICROPYTHON)/py/mpconfig.h:
	@echo "MICROPYTHON=$(MICROPYTHON) is not a MicroPython source tree: $@ is missing" >&2; exit 1
endif

# --- Images ----------------------------------------------------------------------------------

FIRMWARE := $(shell find firmware boards/host -type f -not -path '*/__pycache__/*' | sort)
# Newer than the image when a file was added or removed.
FILE_LIST := $(BUILD)/.firmware-files
.PHONY: list-files
$(FILE_LIST): $(if $(filter-out $(FIRMWARE),$(shell cat $(FILE_LIST) 2>/dev/null))$(filter-out $(shell cat $(FILE_LIST) 2>/dev/null),$(FIRMWARE)),list-files)
	@mkdir -p $(@D)
	@echo $(FIRMWARE) > $@

# The ceiling keeps git from naming a fetched tree by this repository's commit.
MAKE_MICROPYTHON = GIT_CEILING_DIRECTORIES=$(BUILD) $(MAKE) -j$(JOBS)

# Rebuild everything when MICROPYTHON= names another tree than last time.
SOURCE_CHOICE := $(BUILD)/.micropython-source
.PHONY: choose-source
choose-source: $(MICROPYTHON)/py/mpconfig.h
$(SOURCE_CHOICE): $(if $(filter $(MICROPYTHON),$(shell cat $(SOURCE_CHOICE) 2>/dev/null)),,choose-source)
	@rm -rf $(BUILD)/host $(BUILD)/mpy-cross
	@echo "$(MICROPYTHON)" > $@

$(BUILD)/mpy-cross/mpy-cross: $(SOURCE_CHOICE) $(MICROPYTHON)/py/mpconfig.h | $(SYSTEM)
	@echo "Building mpy-cross"
	@$(MAKE_MICROPYTHON) -C $(MICROPYTHON)/mpy-cross BUILD=$(@D) > $(@D).log 2>&1 || { tail -n 20 $(@D).log; exit 1; }
	@touch $@

.PHONY: host
host: $(BUILD)/host/micropython

$(BUILD)/host/micropython: $(FIRMWARE) $(FILE_LIST) $(FETCHED_LIB)/README.md $(BUILD)/mpy-cross/mpy-cross
	@echo "Building build/host/micropython"
	@$(MAKE_MICROPYTHON) -C $(MICROPYTHON)/ports/unix VARIANT_DIR=$(CURDIR)/boards/host \
	    BUILD=$(@D) USER_C_MODULES=$(CURDIR)/firmware/native \
	    MPY_LIB_DIR=$(MPY_LIB_DIR) MICROPY_MPYCROSS=$(BUILD)/mpy-cross/mpy-cross \
	    MICROPY_MPYCROSS_DEPENDENCY=$(BUILD)/mpy-cross/mpy-cross \
	    > $(@D).log 2>&1 || { grep -E 'error|Error' $(@D).log; tail -n 20 $(@D).log; exit 1; }
	@touch $@

# --- The main job ----------------------------------------------------------------------------

.PHONY: run
run: deps
	@$(PYTHON) -m host_tools.demonstration --seconds="$(SECONDS)" --meters="$(METERS)" \
	    --baud="$(BAUD)" --period="$(PERIOD)" --dead="$(DEAD)"

# --- Tests -----------------------------------------------------------------------------------

PYTEST = $(PYTHON) -m pytest

.PHONY: test test-unit test-native test-host test-system
test: deps lint
	@$(PYTEST)
test-unit test-native test-host test-system: test-%: deps
	@$(PYTEST) tests/$*

# --- Style -----------------------------------------------------------------------------------

C_SOURCES = $(shell find firmware/native tests/native -name '*.[ch]')

.PHONY: lint format
lint: deps
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --diff .
	@$(VENV)/bin/clang-format --dry-run --Werror $(C_SOURCES)
	@gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only firmware/native/dlt645/dlt645.c
	@echo "lint: clean"

format: deps
	@$(VENV)/bin/ruff check --quiet --fix-only .
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/clang-format -i $(C_SOURCES)

.PHONY: clean distclean
clean:
	rm -rf $(BUILD)/host $(BUILD)/host.log $(BUILD)/mpy-cross $(BUILD)/mpy-cross.log $(BUILD)/native $(BUILD)/run
distclean:
	rm -rf $(BUILD)
