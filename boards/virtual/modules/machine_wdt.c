// SPDX-License-Identifier: MIT
//
// machine.WDT on the CMSDK watchdog (DDI0479 4.5); included by extmod/machine_wdt.c
// (MICROPY_PY_MACHINE_WDT_INCLUDEFILE). Its first time-out is an NMI, which prints where the
// program hangs and resets (startup.c); should that hang too, the second one resets in hardware.

#include "cortex_m3.h"

#define WATCHDOG_LOAD REGISTER(0x40008000)
#define WATCHDOG_CONTROL REGISTER(0x40008008)
#define WATCHDOG_CONTROL_ON (0x3) // interrupt at the first time-out, reset at the second
#define WATCHDOG_CLEAR REGISTER(0x4000800c)
#define WATCHDOG_LOCK REGISTER(0x40008c00)
#define WATCHDOG_LOCK_KEY (0x1acce551)

#define LONGEST_MS (0xffffffff / (CPU_HZ / 1000))

struct _machine_wdt_obj_t {
    mp_obj_base_t base;
};

static const machine_wdt_obj_t machine_wdt = {{&machine_wdt_type}};

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("WDT(%d) doesn't exist"), (int)id);
    }
    if (timeout_ms < 1 || timeout_ms > (mp_int_t)LONGEST_MS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("timeout is 1 to %u ms"),
                          (unsigned)LONGEST_MS);
    }
    WATCHDOG_LOCK = WATCHDOG_LOCK_KEY;
    WATCHDOG_LOAD = timeout_ms * (CPU_HZ / 1000);
    WATCHDOG_CONTROL = WATCHDOG_CONTROL_ON;
    WATCHDOG_LOCK = 0;
    return (machine_wdt_obj_t *)&machine_wdt;
}

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    (void)self;
    WATCHDOG_LOCK = WATCHDOG_LOCK_KEY;
    WATCHDOG_CLEAR = 1; // loads the counter anew
    WATCHDOG_LOCK = 0;
}
