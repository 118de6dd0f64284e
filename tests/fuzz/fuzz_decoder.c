// SPDX-License-Identifier: MIT
//
// Fuzzer of the frame decoder: whatever arrives on the line, in whatever pieces.
//
// The first byte of an input decides how the others are cut into pieces and where silence falls.
// Promised, besides that nothing is read or written where it must not be:
//   - the decoder delivers exactly the frames that find() sees in each stretch between silences,
//     so no good frame is lost behind a false start and none reaches across a silence;
//   - a frame, encoded again, gives the bytes it was found in;
//   - needed() never makes the caller sleep over the end of a frame;
//   - every byte is counted once, as part of a frame or as skipped.

#include <stdint.h>
#include <string.h>

#include "dlt645.h"
#include "fuzz.h"

#define STRETCHES (4)

// The line: what is sent, cut by silence, and how far find() has got in it.
typedef struct {
    const uint8_t *bytes;
    size_t ends[STRETCHES];
    size_t stretch;
    size_t at;
} line_t;

typedef struct {
    dlt645_decoder_t decoder;
    line_t line;
    size_t promised; // bytes that must still come before there can be a frame
    size_t in_frames;
    uint32_t frames;
} run_t;

static void find_next(line_t *line, const uint8_t **frame, size_t *size) {
    while (line->stretch < STRETCHES) {
        const uint8_t *bytes = line->bytes + line->at;
        size_t n = line->ends[line->stretch] - line->at;
        dlt645_finding_t finding;
        if (dlt645_find(bytes, n, &finding) == DLT645_OK) {
            PROMISE(finding.offset + finding.size <= n);
            *frame = bytes + finding.offset;
            *size = finding.size;
            line->at += finding.offset + finding.size;
            return;
        }
        line->at = line->ends[line->stretch++];
    }
    *frame = NULL;
    *size = 0;
}

static void check_frame(run_t *run) {
    const dlt645_frame_t *frame = &run->decoder.frame;
    const uint8_t *sent;
    size_t size;
    find_next(&run->line, &sent, &size);
    PROMISE(sent != NULL);
    uint8_t again[DLT645_FRAME_MAX];
    size_t written = dlt645_encode(again, sizeof(again), frame->address, frame->control,
                                   frame->data, frame->length, 0);
    PROMISE(written == size);
    PROMISE(memcmp(again, sent, size) == 0);
    char text[DLT645_ADDRESS_DIGITS];
    dlt645_address_to_text(text, frame->address);
    uint8_t address[DLT645_ADDRESS_SIZE];
    if (dlt645_address_from_text(address, text, sizeof(text))) {
        PROMISE(memcmp(address, frame->address, sizeof(address)) == 0);
    }
    // Damage is seen in front of the frame, or nowhere.
    const uint8_t *before = run->decoder.buffer + run->decoder.before;
    PROMISE(before <= frame->address - DLT645_AT_ADDRESS);
    PROMISE(before < frame->address - DLT645_AT_ADDRESS || !dlt645_decoder_noisy(&run->decoder));
    run->frames++;
    run->in_frames += size;
}

static void drain(run_t *run) {
    while (dlt645_decoder_next(&run->decoder)) {
        PROMISE(run->promised == 0);
        check_frame(run);
    }
    run->promised = dlt645_decoder_needed(&run->decoder);
    PROMISE(run->promised >= 1 && run->promised <= DLT645_FRAME_MAX);
}

// A heap block of exactly n bytes, so that a read beyond its end is seen.
static void feed(run_t *run, const uint8_t *bytes, size_t n) {
    while (n > 0) {
        uint8_t *exact = malloc(n);
        PROMISE(exact != NULL);
        memcpy(exact, bytes, n);
        size_t taken = dlt645_decoder_feed(&run->decoder, exact, n);
        free(exact);
        PROMISE(taken == n || (taken >= DLT645_FRAME_MAX && taken < n));
        run->promised -= taken < run->promised ? taken : run->promised;
        drain(run);
        bytes += taken;
        n -= taken;
    }
}

static void silence(run_t *run) {
    run->promised = 0;
    if (dlt645_decoder_timeout(&run->decoder)) {
        check_frame(run);
        drain(run);
    }
    // Nothing unfinished outlives a silence.
    PROMISE(run->decoder.start == run->decoder.end);
    run->promised = 0;
}

static void check_counters(const run_t *run, size_t fed) {
    const dlt645_decoder_t *d = &run->decoder;
    const uint8_t *left;
    size_t size;
    line_t line = run->line;
    find_next(&line, &left, &size);
    PROMISE(left == NULL);
    PROMISE(d->frames == run->frames);
    PROMISE(d->skipped + run->in_frames == fed);
    PROMISE(d->checksum_errors + d->end_errors + d->length_errors + d->truncated <= d->skipped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    uint32_t random = 0x645u + data[0];
    const uint8_t *bytes = data + 1;
    size_t n = size - 1;

    static run_t run; // as large as two frames: not on the stack of a fuzzer with little of it
    memset(&run, 0, sizeof(run));
    dlt645_decoder_init(&run.decoder);
    run.line.bytes = bytes;
    for (size_t i = 0; i < STRETCHES; i++) {
        // Seed 0 has no silence but the last, seed 1 sends everything at once besides.
        bool last = i == STRETCHES - 1;
        size_t begin = i == 0 ? 0 : run.line.ends[i - 1];
        size_t length = data[0] < 2 ? n - begin : next_random(&random) % (n - begin + 1);
        run.line.ends[i] = last ? n : begin + length;
    }
    size_t at = 0;
    for (size_t i = 0; i < STRETCHES; i++) {
        while (at < run.line.ends[i]) {
            size_t left = run.line.ends[i] - at;
            size_t piece = data[0] == 1 ? left : 1 + next_random(&random) % 64;
            if (piece > left) {
                piece = left;
            }
            feed(&run, bytes + at, piece);
            at += piece;
        }
        silence(&run);
    }
    check_counters(&run, n);
    return 0;
}

// Mutants whose checksums fit: by chance alone hardly any would, and what is behind the checksum
// would hardly be reached.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 4 == 0) {
        return size;
    }
    for (size_t i = 1; i + DLT645_FRAME_MIN <= size; i++) {
        uint8_t *frame = data + i;
        size_t whole = (size_t)DLT645_FRAME_MIN + frame[DLT645_AT_LENGTH];
        if (frame[0] == DLT645_START && frame[DLT645_AT_SECOND_START] == DLT645_START &&
            whole <= size - i) {
            unsigned sum = 0;
            for (size_t k = 0; k < whole - 2; k++) {
                sum += frame[k];
            }
            frame[whole - 2] = (uint8_t)sum;
            frame[whole - 1] = DLT645_END;
            i += whole - 1;
        }
    }
    return size;
}
