// SPDX-License-Identifier: MIT

#include "entropy.h"
#include "reset.h"
#include "semihosting.h"

void entropy_fill(void *buffer, size_t size) {
    static int source = -1;
    if (source == -1) {
        source = host_open("/dev/urandom", HOST_READ);
    }
    if (source == -1 || !host_read(source, 0, buffer, size)) {
        reset_now(RESET_FAULT); // guessable keys are worse than none
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
