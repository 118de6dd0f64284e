// SPDX-License-Identifier: MIT
//
// The host's files and clock, by Arm semihosting. Source: Arm "Semihosting for AArch32 and
// AArch64" 2.0. QEMU needs -semihosting-config enable=on,target=native.

#ifndef VIRTUAL_SEMIHOSTING_H
#define VIRTUAL_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HOST_READ = 1,   // "rb"
    HOST_UPDATE = 3, // "r+b"
    HOST_CREATE = 7, // "w+b"
} host_mode_t;

// A handle, or -1.
int host_open(const char *path, host_mode_t mode);
void host_close(int handle);
// Bytes in the file, or -1.
int32_t host_size(int handle);
// Whether all of it was done.
bool host_read(int handle, uint32_t at, void *buffer, size_t size);
bool host_write(int handle, uint32_t at, const void *buffer, size_t size);
// Seconds since 1970-01-01 UTC.
uint32_t host_time(void);
// QEMU ends at once.
__attribute__((noreturn)) void host_exit(void);
// The value of `name` in QEMU's -semihosting-config arg=name=value, or NULL.
const char *host_option(const char *name);

#endif
