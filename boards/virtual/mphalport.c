// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "extmod/misc.h"
#include "shared/timeutils/timeutils.h"

#include "cortex_m3.h"
#include "network.h"
#include "rtc.h"
#include "uart.h"
#include "machine_uart.h"

#define CYCLES_PER_MS (CPU_HZ / 1000)

// Time is what the timer has counted. SysTick's interrupts are not counted: while the host is
// busy, several of them become one.
static uint64_t uptime_ms; // up to the cycle `counted`
static uint32_t counted;

void systick_start(void) {
    TIMER_LOAD = UINT32_MAX;
    TIMER_CONTROL = TIMER_CONTROL_ON;
    SYST_RVR = CYCLES_PER_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ON;
}

void SysTick_Handler(void) {
    virtual_uptime_ms(); // the timer must not come round unseen
    uart_idle_tick();
}

// --- Time -------------------------------------------------------------------------------------

// Milliseconds since reset, and the microseconds since the last of them.
static uint64_t uptime(uint32_t *us) {
    uint32_t state = disable_irq();
    uint32_t cycles = UINT32_MAX - TIMER_VALUE - counted;
    uptime_ms += cycles / CYCLES_PER_MS;
    counted += cycles - cycles % CYCLES_PER_MS;
    uint64_t ms = uptime_ms;
    enable_irq(state);
    *us = cycles % CYCLES_PER_MS / (CYCLES_PER_MS / 1000);
    return ms;
}

uint64_t virtual_uptime_ms(void) {
    uint32_t us;
    return uptime(&us);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)virtual_uptime_ms();
}

mp_uint_t mp_hal_ticks_us(void) {
    uint32_t us;
    uint64_t ms = uptime(&us);
    return (mp_uint_t)ms * 1000 + us;
}

void mp_hal_delay_us(mp_uint_t us) {
    mp_uint_t start = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - start < us) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_uint_t start = mp_hal_ticks_ms();
    mp_uint_t elapsed = 0;
    do {
        mp_event_wait_ms(ms - elapsed);
        elapsed = mp_hal_ticks_ms() - start;
    } while (elapsed < ms);
}

uint64_t mp_hal_time_ns(void) {
    return (rtc_ms() - TIMEUTILS_SECONDS_1970_TO_2000 * 1000) * 1000000;
}

void virtual_poll(void) {
    static uint32_t last;
    uint32_t now = mp_hal_ticks_ms();
    // Python runs in interrupts too, and may have interrupted lwIP.
    if (now != last && !in_interrupt()) {
        last = now;
        rtc_poll();
        network_poll();
    }
}

// --- Console ----------------------------------------------------------------------------------

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = 0;
    if ((flags & MP_STREAM_POLL_RD) && uart_available(0)) {
        ready |= MP_STREAM_POLL_RD;
    }
    if ((flags & MP_STREAM_POLL_WR) && uart_room(0)) {
        ready |= MP_STREAM_POLL_WR;
    }
    return ready | mp_os_dupterm_poll(flags);
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        uint8_t byte;
        if (uart_read(0, &byte, 1)) {
            return byte;
        }
        int c = mp_os_dupterm_rx_chr();
        if (c >= 0) {
            return c;
        }
        mp_event_wait_indefinite();
    }
}

// Somebody who has the console open and does not read it must not stop the concentrator: after
// CONSOLE_PATIENCE_MS without any progress output is dropped, until there is room again.
#define CONSOLE_PATIENCE_MS (200)

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t size) {
    static bool stuck;
    uint32_t start = mp_hal_ticks_ms();
    size_t sent = 0;
    while (sent < size) {
        size_t count = uart_write(0, (const uint8_t *)text + sent, size - sent);
        sent += count;
        if (count) {
            stuck = false;
            start = mp_hal_ticks_ms();
        } else if (stuck || mp_hal_ticks_ms() - start >= CONSOLE_PATIENCE_MS) {
            stuck = true;
            break;
        } else {
            wait_for_interrupt();
        }
    }
    mp_os_dupterm_tx_strn(text, size);
    return size;
}
