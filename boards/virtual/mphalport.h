// SPDX-License-Identifier: MIT
//
// What MicroPython's core asks of the hardware.

#include <stddef.h>
#include <stdint.h>

#include "py/mpconfig.h"
#include "shared/runtime/interrupt_char.h"

// Milliseconds since reset; never wraps.
uint64_t virtual_uptime_ms(void);

void mp_hal_set_interrupt_char(int c);

// Cycles of the 25 MHz timer, upwards.
static inline mp_uint_t mp_hal_ticks_cpu(void) {
    return UINT32_MAX - TIMER_VALUE;
}
