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

# Which board `make image`, `make run` and `make bundle` are about: a folder of boards/.
BOARD ?= host
# Bytes of Python heap of the virtual board.
HEAP_SIZE ?= 131072

.PHONY: help
help:
	@echo "make run         64 simulated meters -> concentrator -> simulated modem -> MQTT broker, live view"
	@echo "                   SECONDS=60   stop after so many seconds and the slot then under way (0: at Ctrl-C)"
	@echo "                   METERS=64    meters, spread over two RS485 buses (1 to 64)"
	@echo "                   BAUD=2400    bit/s on the buses (600 to 115200)"
	@echo "                   PERIOD=30    slot length in seconds (a divisor of one day)"
	@echo "                   DEAD=0       so many of the meters never answer"
	@echo "                   BOARD=host   or virtual: the Cortex-M3 image in QEMU"
	@echo "                   TRANSPORT=   at (the modem's own TCP) or ppp (only virtual, and its default)"
	@echo "make image       build/<BOARD>/: the image of a board; BOARD=host (default) or virtual"
	@echo "                   HEAP_SIZE=131072  bytes of Python heap (virtual)"
	@echo "make bundle      build/bundle/<BOARD>/: the application for a stock MicroPython; BOARD=virtual"
	@echo "                   ARCHITECTURE=armv7m  of the board's processor, as mpy-cross calls it"
	@echo "make codec       build/codec/*/dlt645.mpy: the codec as a native module, per architecture"
	@echo "make test        everything below but run; parts:"
	@echo "                   test-unit test-native test-host test-system test-days test-image"
	@echo "make days        a month of the firmware's life in minutes, with all that can go wrong in it"
	@echo "                   DAYS=30 METERS=64 SEED=645"
	@echo "make fuzz        fuzzers of the codec on all cores; make test runs them for 30 s in all"
	@echo "                   FUZZ_SECONDS=60  for each of them"
	@echo "make bench       figures beside their floors, peers and budgets; parts: bench-bus bench-codec bench-image"
	@echo "make lint        ruff, clang-format, C and Python warnings as errors"
	@echo "make format      let ruff and clang-format rewrite the sources"
	@echo "make deps        system packages, Python packages, MicroPython sources (all of the above call it)"
	@echo "make clean       remove build products, keep downloads; distclean removes build/ whole"
	@echo
	@echo "MICROPYTHON=<path> builds from a MicroPython source tree of your own (1.25 or newer)."

# --- Dependencies: each stamp is newer than what it was made from ---------------------------

SYSTEM := $(BUILD)/.system-packages
CROSS_SYSTEM := $(BUILD)/.system-packages-cross
HOST_TOOLS := $(VENV)/.host-tools

.PHONY: deps
deps: $(SYSTEM) $(HOST_TOOLS) $(FETCHED_LIB)/README.md $(MICROPYTHON)/py/mpconfig.h $(BUILD)/mpy-cross/mpy-cross host

$(SYSTEM): $(TOOLCHAIN)/system_packages.sh
	@sh $< host
	@mkdir -p $(@D) && touch $@

$(CROSS_SYSTEM): $(TOOLCHAIN)/system_packages.sh | $(SYSTEM)
	@sh $< cross
	@touch $@

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

FIRMWARE := $(shell find firmware boards -type f -not -path '*/__pycache__/*' | sort)
# Newer than the image when a file was added or removed.
FILE_LIST := $(BUILD)/.firmware-files
.PHONY: list-files
$(FILE_LIST): $(if $(filter-out $(FIRMWARE),$(shell cat $(FILE_LIST) 2>/dev/null))$(filter-out $(shell cat $(FILE_LIST) 2>/dev/null),$(FIRMWARE)),list-files)
	@mkdir -p $(@D)
	@echo $(FIRMWARE) > $@

# The ceiling keeps git from naming a fetched tree by this repository's commit. Frozen code is made
# anew each time: MicroPython's makefiles do not see that a name in it is now one of C's, too.
MAKE_MICROPYTHON = rm -f $(@D)/frozen_content.c; GIT_CEILING_DIRECTORIES=$(BUILD) $(MAKE) -j$(JOBS)

# Rebuild everything when MICROPYTHON= names another tree than last time.
SOURCE_CHOICE := $(BUILD)/.micropython-source
.PHONY: choose-source
choose-source: $(MICROPYTHON)/py/mpconfig.h
$(SOURCE_CHOICE): $(if $(filter $(MICROPYTHON),$(shell cat $(SOURCE_CHOICE) 2>/dev/null)),,choose-source)
	@rm -rf $(BUILD)/host $(BUILD)/virtual $(BUILD)/virtual-stock $(BUILD)/codec $(BUILD)/mpy-cross
	@echo "$(MICROPYTHON)" > $@

$(BUILD)/mpy-cross/mpy-cross: $(SOURCE_CHOICE) $(MICROPYTHON)/py/mpconfig.h | $(SYSTEM)
	@echo "Building mpy-cross"
	@$(MAKE_MICROPYTHON) -C $(MICROPYTHON)/mpy-cross BUILD=$(@D) > $(@D).log 2>&1 || { tail -n 20 $(@D).log; exit 1; }
	@touch $@

# What an image is made of, and how MicroPython's makefiles are told.
SOURCES := $(FIRMWARE) $(FILE_LIST) $(FETCHED_LIB)/README.md $(BUILD)/mpy-cross/mpy-cross
IMAGE_OPTIONS = BUILD=$(@D) MPY_LIB_DIR=$(MPY_LIB_DIR) \
    MICROPY_MPYCROSS=$(BUILD)/mpy-cross/mpy-cross \
    MICROPY_MPYCROSS_DEPENDENCY=$(BUILD)/mpy-cross/mpy-cross
LOGGED = > $(@D).log 2>&1 || { grep -E 'error|Error' $(@D).log; tail -n 20 $(@D).log; exit 1; }

IMAGE_OF_host := $(BUILD)/host/micropython
IMAGE_OF_virtual := $(BUILD)/virtual/firmware.elf

.PHONY: image host
image: $(IMAGE_OF_$(BOARD))
	@$(if $(IMAGE_OF_$(BOARD)),,echo "BOARD=$(BOARD) is not known; use host or virtual" >&2; exit 1)
host: $(IMAGE_OF_host)

$(IMAGE_OF_host): $(SOURCES)
	@echo "Building build/host/micropython"
	@$(MAKE_MICROPYTHON) -C $(MICROPYTHON)/ports/unix BOARD= VARIANT_DIR=$(CURDIR)/boards/host \
	    USER_C_MODULES=$(CURDIR)/firmware/native $(IMAGE_OPTIONS) $(LOGGED)
	@touch $@

# The virtual board, and the same without our C module and application: a stock MicroPython.
# Its heap has room for the application: what is not frozen lives there.
MAKE_VIRTUAL = $(MAKE_MICROPYTHON) -C boards/virtual BOARD=virtual MICROPYTHON=$(abspath $(MICROPYTHON)) \
    HEAP_SIZE=$(HEAP_SIZE) $(IMAGE_OPTIONS)

# Newer than the image when HEAP_SIZE= is another one than last time.
HEAP_CHOICE := $(BUILD)/.heap-size
.PHONY: choose-heap
$(HEAP_CHOICE): $(if $(filter $(HEAP_SIZE),$(shell cat $(HEAP_CHOICE) 2>/dev/null)),,choose-heap)
	@mkdir -p $(@D) && echo "$(HEAP_SIZE)" > $@

$(IMAGE_OF_virtual): $(SOURCES) $(CROSS_SYSTEM) $(HEAP_CHOICE)
	@echo "Building build/virtual/firmware.elf"
	@$(MAKE_VIRTUAL) USER_C_MODULES=$(CURDIR)/firmware/native $(LOGGED)
	@touch $@
	@tail -n 2 $(@D).log

$(BUILD)/virtual-stock/firmware.elf: $(SOURCES) $(CROSS_SYSTEM)
	@echo "Building build/virtual-stock/firmware.elf"
	@$(MAKE_VIRTUAL) HEAP_SIZE=262144 USER_C_MODULES= FROZEN_MANIFEST=manifest_stock.py $(LOGGED)
	@touch $@

# --- For stock MicroPython: the codec as a native module, and the bundle ----------------------

# The host's own only where Debian's gcc makes it.
ARCHITECTURES := $(if $(filter x86_64,$(shell uname -m)),x64) armv7m armv7emsp rv32imc

.PHONY: codec
codec: $(ARCHITECTURES:%=$(BUILD)/codec/%/dlt645.mpy)

$(BUILD)/codec/%/dlt645.mpy: $(wildcard firmware/native/dlt645/*) $(SOURCE_CHOICE) \
    $(MICROPYTHON)/py/mpconfig.h | $(HOST_TOOLS) $(CROSS_SYSTEM)
	@echo "Building build/codec/$*/dlt645.mpy"
	@mkdir -p $(@D)
	@$(MAKE) -C $(@D) -f $(CURDIR)/firmware/native/dlt645/Makefile ARCH=$* \
	    MPY_DIR=$(abspath $(MICROPYTHON)) PYTHON=$(PYTHON) > $(@D)/make.log 2>&1 \
	    || { tail -n 20 $(@D)/make.log; exit 1; }
	@touch $@

# The host needs no bundle: without BOARD= it is the virtual board's.
BUNDLE_BOARD := $(if $(filter host,$(BOARD)),virtual,$(BOARD))
ARCHITECTURE_OF_virtual := armv7m
ARCHITECTURE ?= $(ARCHITECTURE_OF_$(BUNDLE_BOARD))

# What an unknown ARCHITECTURE leaves of the name.
$(BUILD)/codec//dlt645.mpy:
	@echo "BOARD=$(BUNDLE_BOARD) is not known: give ARCHITECTURE= too, e.g. one of: $(ARCHITECTURES)" >&2; exit 1

.PHONY: bundle
bundle: $(BUILD)/codec/$(ARCHITECTURE)/dlt645.mpy $(BUILD)/mpy-cross/mpy-cross $(FETCHED_LIB)/README.md
	@$(PYTHON) $(TOOLCHAIN)/bundle.py $(BUILD)/bundle/$(BUNDLE_BOARD) --board $(BUNDLE_BOARD) \
	    --architecture $(ARCHITECTURE) --codec $< --mpy-cross $(BUILD)/mpy-cross/mpy-cross \
	    --micropython $(MICROPYTHON) --lib $(MPY_LIB_DIR)

# --- The main job ----------------------------------------------------------------------------

.PHONY: run
run: deps $(IMAGE_OF_$(BOARD))
	@$(PYTHON) -m host_tools.demonstration --board="$(BOARD)" --seconds="$(SECONDS)" --meters="$(METERS)" \
	    --baud="$(BAUD)" --period="$(PERIOD)" --dead="$(DEAD)" \
	    $(if $(TRANSPORT),--transport="$(TRANSPORT)")

# --- Tests -----------------------------------------------------------------------------------

PYTEST = $(PYTHON) -m pytest

.PHONY: test test-unit test-native test-host test-system test-days test-image
test: deps lint images codec bundle
	@$(PYTEST)
test-host: codec
test-unit test-native test-host test-system test-days: test-%: deps
	@$(PYTEST) tests/$*
test-image: deps images codec bundle
	@$(PYTEST) tests/image

DAYS ?= 30
SEED ?= 645

.PHONY: days
days: deps
	@$(PYTHON) -m tests.days $(BUILD)/days --days="$(DAYS)" --meters="$(METERS)" --seed="$(SEED)"

.PHONY: images
images: $(IMAGE_OF_virtual) $(BUILD)/virtual-stock/firmware.elf

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: deps
	@$(PYTHON) -m tests.fuzz.fuzzer --seconds="$(FUZZ_SECONDS)" --jobs="$(JOBS)"

# --- Benchmarks ------------------------------------------------------------------------------

BENCH_PARTS := bus codec image

.PHONY: bench $(BENCH_PARTS:%=bench-%)
bench: $(BENCH_PARTS:%=bench-%)
$(BENCH_PARTS:%=bench-%): bench-%: deps images
	@$(PYTHON) -m tests.bench $*

# --- Style -----------------------------------------------------------------------------------

C_SOURCES = $(shell find boards firmware/native tests -name '*.[ch]')

.PHONY: lint format
lint: deps
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --diff .
	@$(VENV)/bin/clang-format --dry-run --Werror $(C_SOURCES)
	@gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only $(wildcard firmware/native/dlt645/dlt645*.c)
	@echo "lint: clean"

format: deps
	@$(VENV)/bin/ruff check --quiet --fix-only .
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/clang-format -i $(C_SOURCES)

.PHONY: clean distclean
clean:
	rm -rf $(foreach part,host virtual virtual-stock mpy-cross,$(BUILD)/$(part) $(BUILD)/$(part).log) \
	    $(BUILD)/native $(BUILD)/fuzz $(BUILD)/days $(BUILD)/run $(BUILD)/codec $(BUILD)/bundle
distclean:
	rm -rf $(BUILD)
