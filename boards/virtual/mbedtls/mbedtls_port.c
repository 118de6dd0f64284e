// SPDX-License-Identifier: MIT

#include "py/mphal.h"

#include "mbedtls_config_port.h"
#include "mbedtls/platform_time.h"

#include "rtc.h"

time_t tls_time(time_t *timer) {
    time_t now = rtc_ms() / 1000;
    if (timer) {
        *timer = now;
    }
    return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void) {
    return virtual_uptime_ms();
}
