// SPDX-License-Identifier: MIT

#include "py/mpprint.h"

#include "entropy.h"
#include "reset.h"
#include "semihosting.h"

void entropy_fill(void *buffer, size_t size) {
    static int source = -1;
    if (source == -1) {
        source = host_open("/dev/urandom", HOST_READ);
    }
    if (source == -1 || !host_read(source, 0, buffer, size)) {
        // Guessable keys are worse than none.
        mp_printf(&mp_plat_print, "no random bytes: the host's /dev/urandom cannot be read\n");
        reset_now(RESET_FAULT);
    }
}

// For mbedTLS, which calls this.
int mbedtls_hardware_poll(void *data, unsigned char *buffer, size_t size, size_t *filled);
int mbedtls_hardware_poll(void *data, unsigned char *buffer, size_t size, size_t *filled) {
    (void)data;
    entropy_fill(buffer, size);
    *filled = size;
    return 0;
}
