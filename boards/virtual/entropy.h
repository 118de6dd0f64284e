// SPDX-License-Identifier: MIT
//
// Random bytes that nobody can guess: the host's /dev/urandom.

#ifndef VIRTUAL_ENTROPY_H
#define VIRTUAL_ENTROPY_H

#include <stddef.h>

void entropy_fill(void *buffer, size_t size);

#endif
