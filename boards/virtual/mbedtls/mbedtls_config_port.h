// SPDX-License-Identifier: MIT
//
// mbedTLS as upstream's bare-metal ports have it, with this board's clock. It allocates on the
// Python heap.

#ifndef VIRTUAL_MBEDTLS_CONFIG_PORT_H
#define VIRTUAL_MBEDTLS_CONFIG_PORT_H

#define MBEDTLS_ECP_NIST_OPTIM

#include <time.h>
time_t tls_time(time_t *timer);
#define MBEDTLS_PLATFORM_TIME_MACRO tls_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT mbedtls_ms_time

#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#include "extmod/mbedtls/mbedtls_config_common.h"

#endif
