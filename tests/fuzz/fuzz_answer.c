// SPDX-License-Identifier: MIT
//
// Fuzzer of what stands between frames and values: judging answers, and putting items together
// that come in several frames.
//
// An input is a request and then frames that come in answer to it, each with a byte that says how
// much of a good answer it is made to be. Promised, besides that nothing is read or written where
// it must not be:
//   - what is accepted as an answer fits the request in everything that is known beforehand,
//     checked here in other words than the codec's;
//   - an item put together is what was accepted, in that order, all of it one meter's, and of the
//     size it must have;
//   - what request and assembly send can be read back, and is never taken for an answer.

#include <stdint.h>
#include <string.h>

#include "dlt645_answer.h"
#include "fuzz.h"

#define ITEM_MAX (3 * UINT8_MAX)

// Bits of the byte before each frame.
#define FIT_ADDRESS (0x01)
#define FIT_CONTROL (0x02)
#define FIT_IDENTIFIER (0x04)
#define FIT_SEQUENCE (0x08)
#define LOSE (0x80) // nothing comes instead

typedef struct {
    const uint8_t *at;
    size_t left;
} input_t;

static uint8_t take_byte(input_t *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

static void take_bytes(input_t *input, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) {
        to[i] = take_byte(input);
    }
}

static void take_request(input_t *input, dlt645_request_t *request) {
    static const uint8_t sizes[4] = {0, 2, 4, 4};
    uint8_t shape = take_byte(input);
    memset(request, 0, sizeof(*request));
    request->edition = shape & 1 ? DLT645_1997 : DLT645_2007;
    request->identifier_size = sizes[shape >> 1 & 3];
    request->control = take_byte(input) & DLT645_FUNCTION;
    request->sequence = shape & 8 ? take_byte(input) : 0;
    take_bytes(input, request->address, DLT645_ADDRESS_SIZE);
    take_bytes(input, request->identifier, DLT645_IDENTIFIER_MAX);
}

// A frame whose address and data are heap blocks of exactly their size.
static void take_frame(input_t *input, const dlt645_request_t *request, uint8_t fit,
                       dlt645_frame_t *frame) {
    uint8_t *address = malloc(DLT645_ADDRESS_SIZE);
    PROMISE(address != NULL);
    take_bytes(input, address, DLT645_ADDRESS_SIZE);
    if (fit & FIT_ADDRESS) {
        memcpy(address, request->address, DLT645_ADDRESS_SIZE);
    }
    frame->address = address;
    frame->control = take_byte(input);
    if (fit & FIT_CONTROL) {
        uint8_t flags = frame->control & (DLT645_ABNORMAL | DLT645_MORE_FOLLOWS);
        frame->control = DLT645_FROM_METER | flags | request->control;
    }
    frame->length = take_byte(input) % (DLT645_DATA_MAX + 1);
    uint8_t *data = malloc(frame->length ? frame->length : 1U);
    PROMISE(data != NULL);
    take_bytes(input, data, frame->length);
    if (fit & FIT_IDENTIFIER && frame->length >= request->identifier_size) {
        memcpy(data, request->identifier, request->identifier_size);
    }
    if (fit & FIT_SEQUENCE && frame->length > 0) {
        data[frame->length - 1] = request->sequence;
    }
    frame->data = data;
}

static bool nibble_fits(unsigned got, unsigned asked) {
    return got == asked || asked == 0xa;
}

static void check_accepted(const dlt645_request_t *request, const dlt645_frame_t *frame,
                           const dlt645_answer_t *answer, dlt645_verdict_t verdict) {
    bool refused = verdict == DLT645_REFUSED;
    unsigned flags = DLT645_FROM_METER;
    flags |= refused ? DLT645_ABNORMAL : 0;
    flags |= verdict == DLT645_MORE ? DLT645_MORE_FOLLOWS : 0;
    PROMISE(frame->control == (flags | request->control));
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        PROMISE(nibble_fits(frame->address[i] & 15, request->address[i] & 15));
        PROMISE(nibble_fits(frame->address[i] >> 4, request->address[i] >> 4));
    }
    if (refused) {
        PROMISE(answer->error_size == frame->length && (frame->length == 1 || frame->length == 2));
        unsigned high = frame->length == 2 ? frame->data[1] : 0;
        PROMISE(answer->error == frame->data[0] + 256 * high);
        return;
    }
    PROMISE(answer->error_size == 0);
    size_t before = request->identifier_size;
    size_t behind = request->sequence != 0;
    PROMISE(frame->length == before + answer->length + behind);
    PROMISE(answer->payload == frame->data + before);
    PROMISE(memcmp(frame->data, request->identifier, before) == 0);
    PROMISE(behind == 0 || frame->data[frame->length - 1] == request->sequence);
}

static bool is_accepted(dlt645_verdict_t verdict) {
    return verdict == DLT645_ANSWER || verdict == DLT645_MORE || verdict == DLT645_REFUSED;
}

// What the codec sends can be read back, goes to the meter, and is never an answer.
static void check_request(const dlt645_request_t *request, const uint8_t *extra, size_t n) {
    size_t size = DLT645_FRAME_MIN + request->identifier_size + n + (request->sequence != 0);
    uint8_t *exact = malloc(size);
    PROMISE(exact != NULL);
    PROMISE(dlt645_encode_request(exact, size - 1, request, extra, n, 0) == 0);
    PROMISE(dlt645_encode_request(exact, size, request, extra, n, 0) == size);
    dlt645_decoder_t decoder;
    dlt645_decoder_init(&decoder);
    PROMISE(dlt645_decoder_feed(&decoder, exact, size) == size);
    PROMISE(dlt645_decoder_next(&decoder));
    PROMISE(decoder.frame.control == request->control);
    PROMISE(memcmp(decoder.frame.data, request->identifier, request->identifier_size) == 0);
    dlt645_answer_t answer;
    PROMISE(dlt645_judge(request, &decoder.frame, &answer) == DLT645_ECHO);
    free(exact);
}

static void check_names(const dlt645_request_t *request, const dlt645_answer_t *answer) {
    for (unsigned bit = 0; bit < 16; bit++) {
        const char *name =
            dlt645_error_name(request->edition, request->control, answer->error_size, bit);
        PROMISE(name == NULL || (strlen(name) > 0 && strlen(name) < 60));
    }
}

// Take a frame from the input and what it means; true while the item is still to be asked for.
static bool step(input_t *input, dlt645_request_t *request, dlt645_assembly_t *assembly,
                 uint8_t *accepted, size_t *n) {
    dlt645_assembly_request(assembly, request);
    check_request(request, NULL, 0);
    uint8_t fit = take_byte(input);
    if (fit & LOSE) {
        dlt645_assembly_lost(assembly);
        return true;
    }
    dlt645_frame_t frame;
    take_frame(input, request, fit, &frame);
    dlt645_answer_t answer;
    dlt645_verdict_t verdict = dlt645_judge(request, &frame, &answer);
    if (is_accepted(verdict)) {
        check_accepted(request, &frame, &answer, verdict);
    }
    check_names(request, &answer);
    uint16_t before = assembly->length;
    bool begun = assembly->sequence != 0;
    dlt645_progress_t progress = dlt645_assembly_take(assembly, request, verdict, &answer);
    size_t gained = assembly->length - before;
    PROMISE(assembly->length >= before && assembly->length <= assembly->size);
    if (gained > 0) {
        PROMISE(verdict == DLT645_ANSWER || verdict == DLT645_MORE);
        PROMISE(gained == answer.length);
        PROMISE(!begun || memcmp(frame.address, request->address, DLT645_ADDRESS_SIZE) == 0);
        memcpy(accepted + *n, answer.payload, gained);
        *n += gained;
    }
    free((void *)frame.address);
    free((void *)frame.data);
    PROMISE(memcmp(assembly->buffer, accepted, *n) == 0 && assembly->length == *n);
    if (progress == DLT645_COMPLETE) {
        PROMISE(assembly->expected == 0 || assembly->length == assembly->expected);
    }
    return progress == DLT645_ASK || progress == DLT645_AGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input_t input = {data, size};
    dlt645_request_t request;
    take_request(&input, &request);
    uint8_t extra[8];
    size_t n = take_byte(&input) % sizeof(extra);
    take_bytes(&input, extra, n);
    check_request(&request, extra, n);

    // A frame in answer to the request as it is, whatever its function.
    dlt645_frame_t frame;
    take_frame(&input, &request, take_byte(&input), &frame);
    dlt645_answer_t answer;
    dlt645_verdict_t verdict = dlt645_judge(&request, &frame, &answer);
    PROMISE(verdict <= DLT645_BAD_LENGTH);
    if (is_accepted(verdict)) {
        check_accepted(&request, &frame, &answer, verdict);
    }
    free((void *)frame.address);
    free((void *)frame.data);

    // Then the same item in parts.
    size_t room = 3 * (size_t)take_byte(&input);
    size_t expected = 3 * (size_t)take_byte(&input);
    uint8_t *buffer = malloc(room ? room : 1);
    PROMISE(buffer != NULL);
    uint8_t accepted[ITEM_MAX + DLT645_DATA_MAX];
    size_t length = 0;
    dlt645_assembly_t assembly;
    dlt645_assembly_begin(&assembly, buffer, room, expected);
    while (input.left > 0 && step(&input, &request, &assembly, accepted, &length)) {
    }
    free(buffer);
    return 0;
}
