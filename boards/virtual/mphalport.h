// SPDX-License-Identifier: MIT
//
// What MicroPython's core asks of the hardware.

#include <stddef.h>
#include <stdint.h>

#include "py/mpconfig.h"
#include "shared/runtime/interrupt_char.h"

// Milliseconds since reset; never wraps.
uint64_t virtual_uptime_ms(void);

// Housekeeping that must go on whatever the program does: lwIP's timers, the clock's start.
void virtual_poll(void);

void mp_hal_set_interrupt_char(int c);

static inline mp_uint_t mp_hal_ticks_cpu(void) {
    return 0;
}
