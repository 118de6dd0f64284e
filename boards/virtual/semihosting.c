// SPDX-License-Identifier: MIT

#include <string.h>

#include "semihosting.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_TIME = 0x11,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT = 0x18,
    EXIT_OK = 0x20026, // ADP_Stopped_ApplicationExit
};

static int32_t call(uint32_t operation, const void *arguments) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

int host_open(const char *path, host_mode_t mode) {
    const uint32_t arguments[] = {(uint32_t)path, mode, strlen(path)};
    return call(SYS_OPEN, arguments);
}

void host_close(int handle) {
    const uint32_t arguments[] = {handle};
    call(SYS_CLOSE, arguments);
}

int32_t host_size(int handle) {
    const uint32_t arguments[] = {handle};
    return call(SYS_FLEN, arguments);
}

// SYS_READ and SYS_WRITE return how many bytes were *not* moved.
static bool move(uint32_t operation, int handle, uint32_t at, const void *buffer, size_t size) {
    const uint32_t place[] = {handle, at};
    const uint32_t arguments[] = {handle, (uint32_t)buffer, size};
    return call(SYS_SEEK, place) == 0 && call(operation, arguments) == 0;
}

bool host_read(int handle, uint32_t at, void *buffer, size_t size) {
    return move(SYS_READ, handle, at, buffer, size);
}

bool host_write(int handle, uint32_t at, const void *buffer, size_t size) {
    return move(SYS_WRITE, handle, at, buffer, size);
}

uint32_t host_time(void) {
    return call(SYS_TIME, NULL);
}

void host_exit(void) {
    call(SYS_EXIT, (const void *)EXIT_OK);
    for (;;) {
    }
}

const char *host_option(const char *name) {
    // The arguments one after the other, blanks between them: paths must not hold any.
    static char line[1024];
    static char value[256];
    const uint32_t arguments[] = {(uint32_t)line, sizeof(line)};
    if (call(SYS_GET_CMDLINE, arguments) != 0) {
        return NULL;
    }
    size_t length = strlen(name);
    for (const char *word = line; *word;) {
        size_t size = strcspn(word, " ");
        if (size > length && word[length] == '=' && memcmp(word, name, length) == 0) {
            size -= length + 1;
            if (size >= sizeof(value)) {
                return NULL;
            }
            memcpy(value, word + length + 1, size);
            value[size] = 0;
            return value;
        }
        word += size;
        word += strspn(word, " ");
    }
    return NULL;
}
