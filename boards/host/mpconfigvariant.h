// SPDX-License-Identifier: MIT
// The host board: MicroPython's unix port at the feature level of the real boards.

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "ports/unix/variants/mpconfigvariant_common.h"

// Ctrl-C is raised between two bytecodes, as on a board, never inside C code.
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)
