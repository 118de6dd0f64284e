// SPDX-License-Identifier: MIT
//
// The wall clock: the host's time at boot, the timer's from then on. With QEMU's option lapse=<n>
// it runs n times as fast, so that an hour of slots passes in minutes; nothing else does. Option
// since=<s>, in seconds since 1970 UTC, says when it was right; without it, at boot.

#ifndef VIRTUAL_RTC_H
#define VIRTUAL_RTC_H

#include <stdint.h>

void rtc_start(void);
// Call this often during the first second: the host gives whole seconds, and only by watching the
// next one begin can the clock be right to a millisecond.
void rtc_poll(void);
// Milliseconds since 1970-01-01 UTC.
uint64_t rtc_ms(void);
void rtc_set_ms(uint64_t ms);

#endif
