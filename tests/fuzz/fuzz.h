// SPDX-License-Identifier: MIT
//
// What the fuzzers share: promises that are checked whatever the build's NDEBUG says.

#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#define PROMISE(condition)                                                                        \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);       \
            abort();                                                                              \
        }                                                                                         \
    } while (0)

// Called by libFuzzer for every input, and by us to mutate one the usual way.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

// A cheap random number, the same for the same seed on every machine (xorshift, never 0).
static inline uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif // FUZZ_H
