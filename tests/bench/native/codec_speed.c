// SPDX-License-Identifier: MIT
//
// How fast the codec makes and takes the standard answer: energy 00010000, 4 FE and 20 bytes.
//
//   codec_speed encode|receive|decode COUNT    do it so often; prints nanoseconds each
//
// Receiving is bytes in, frame found, number out, whosever it is; decoding judges the frame
// against the request, too.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dlt645_values.h"

#define PREAMBLE (4)
#define ANSWER_SIZE (24)
#define ENERGY (12345678)

static const uint8_t meter[DLT645_ADDRESS_SIZE] = {0x12, 0x90, 0x78, 0x56, 0x34, 0x12};
static const uint8_t energy[8] = {0x00, 0x00, 0x01, 0x00, 0x78, 0x56, 0x34, 0x12};
static const dlt645_request_t request = {
    .edition = DLT645_2007,
    .address = {0x12, 0x90, 0x78, 0x56, 0x34, 0x12},
    .control = DLT645_READ,
    .identifier = {0x00, 0x00, 0x01, 0x00},
    .identifier_size = 4,
};

static void fail(const char *what) {
    fprintf(stderr, "codec_speed: %s\n", what);
    exit(1);
}

static void encode(uint8_t *answer) {
    size_t size = dlt645_encode(answer, ANSWER_SIZE, meter, DLT645_FROM_METER | DLT645_READ,
                                energy, sizeof(energy), PREAMBLE);
    if (size != ANSWER_SIZE) {
        fail("not encoded");
    }
}

// The rule stays from answer to answer, as for a meter that is read again and again.
static int32_t receive(dlt645_decoder_t *decoder, const dlt645_rule_t *rule,
                       const uint8_t *answer) {
    dlt645_value_t value;
    if (dlt645_decoder_feed(decoder, answer, ANSWER_SIZE) != ANSWER_SIZE ||
        !dlt645_decoder_next(decoder) ||
        dlt645_values(rule, decoder->frame.data + 4, decoder->frame.length - 4U, &value, 1) != 1) {
        fail("not received");
    }
    return value.number;
}

static int32_t decode(dlt645_decoder_t *decoder, const dlt645_rule_t *rule,
                      const uint8_t *answer) {
    dlt645_answer_t found;
    dlt645_value_t value;
    if (dlt645_decoder_feed(decoder, answer, ANSWER_SIZE) != ANSWER_SIZE ||
        !dlt645_decoder_next(decoder) ||
        dlt645_judge(&request, &decoder->frame, &found) != DLT645_ANSWER ||
        dlt645_values(rule, found.payload, found.length, &value, 1) != 1) {
        fail("not decoded");
    }
    return value.number;
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fail("usage: codec_speed encode|receive|decode COUNT");
    }
    char what = argv[1][0];
    unsigned long count = strtoul(argv[2], NULL, 10);
    uint8_t answer[ANSWER_SIZE];
    static dlt645_decoder_t decoder;
    dlt645_rule_t rule;
    dlt645_decoder_init(&decoder);
    if (!dlt645_item(DLT645_2007, 0x00010000, &rule)) {
        fail("no such item");
    }
    encode(answer);
    double begun = now_ns();
    for (unsigned long i = 0; i < count; i++) {
        int32_t number = ENERGY;
        if (what == 'e') {
            answer[PREAMBLE] = 0; // so that it has to be written
            encode(answer);
        } else if (what == 'r') {
            number = receive(&decoder, &rule, answer);
        } else {
            number = decode(&decoder, &rule, answer);
        }
        if (number != ENERGY) {
            fail("wrong number");
        }
    }
    printf("%.2f\n", (now_ns() - begun) / (double)count);
    return 0;
}
