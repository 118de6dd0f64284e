// SPDX-License-Identifier: MIT
//
// The port's part of `machine`; included by extmod/modmachine.c (MICROPY_PY_MACHINE_INCLUDEFILE).
// reset_cause() is one of PWRON_RESET, HARD_RESET, WDT_RESET, SOFT_RESET, FAULT_RESET.

#include "cortex_m3.h"
#include "reset.h"

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS                                                          \
    {MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type)},                                    \
        {MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(RESET_POWER_ON)},                           \
        {MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(RESET_HARD)},                                \
        {MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(RESET_WATCHDOG)},                             \
        {MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(RESET_SOFT)},                                \
        {MP_ROM_QSTR(MP_QSTR_FAULT_RESET), MP_ROM_INT(RESET_FAULT)},

static void mp_machine_idle(void) {
    mp_event_wait_ms(1);
}

__attribute__((noreturn)) static void mp_machine_reset(void) {
    reset_now(RESET_HARD);
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause();
}
