// SPDX-License-Identifier: MIT
//
// Virtual time for a process: preloaded, it takes the place of libc's clocks and waits. A wait for
// nothing but time is over at once and the clock is so much later; whatever else the process does
// takes no time. VIRTUAL_TIME_MS in the environment is the time to begin at, in ms since 1970 UTC.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t begin_us;
static int64_t passed_us; // since then

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("VIRTUAL_TIME_MS");
    begin_us = text == NULL ? 0 : atoll(text) * 1000;
}

int clock_gettime(clockid_t clock, struct timespec *result) {
    int64_t us = passed_us + (clock == CLOCK_REALTIME ? begin_us : 0);
    result->tv_sec = us / 1000000;
    result->tv_nsec = us % 1000000 * 1000;
    return 0;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    (void)zone;
    int64_t us = begin_us + passed_us;
    result->tv_sec = us / 1000000;
    result->tv_usec = us % 1000000;
    return 0;
}

time_t time(time_t *result) {
    time_t now = (begin_us + passed_us) / 1000000;
    if (result != NULL) {
        *result = now;
    }
    return now;
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms) {
    if (count > 0) {
        int (*real)(struct pollfd *, nfds_t, int) =
            (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
        return real(files, count, timeout_ms);
    }
    if (timeout_ms < 0) {
        fputs("virtual time: everybody waits, and nothing will ever happen\n", stderr);
        _exit(70);
    }
    passed_us += (int64_t)timeout_ms * 1000;
    return 0;
}

int usleep(useconds_t us) {
    passed_us += us;
    return 0;
}
