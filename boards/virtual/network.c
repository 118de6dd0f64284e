// SPDX-License-Identifier: MIT

#include "py/mphal.h"

#include "lwip/init.h"
#include "lwip/timeouts.h"

#include "entropy.h"
#include "network.h"

void network_start(void) {
    lwip_init();
}

void network_poll(void) {
    sys_check_timeouts();
}

uint32_t network_random(void) {
    uint32_t value;
    entropy_fill(&value, sizeof(value));
    return value;
}

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}
