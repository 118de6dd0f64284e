// SPDX-License-Identifier: MIT
//
// DL/T 645 frame codec: pack, unpack and find frames in a stream of bytes.
//
// Plain C99 with nothing behind it: no allocation, no globals, no MicroPython, no I/O and no
// clock. Frames of DL/T 645-2007 and -1997 look the same at this layer, so both pass through.
// What a frame means (direction, function, identifier, digits) is the caller's business.
//
//   [FE ...]  68  A0..A5  68  C  L  D0..D(L-1)  CS  16
//
// Source of every rule here: the frame format of DL/T 645-2007.

#ifndef DLT645_H
#define DLT645_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DLT645_START (0x68)
#define DLT645_END (0x16)
#define DLT645_WAKE_UP (0xfe)
#define DLT645_DATA_OFFSET (0x33)

// Sizes in bytes.
#define DLT645_ADDRESS_SIZE (6)
#define DLT645_ADDRESS_DIGITS (12)
#define DLT645_DATA_MAX (200)
#define DLT645_FRAME_MIN (12)
#define DLT645_FRAME_MAX (DLT645_FRAME_MIN + DLT645_DATA_MAX)
#define DLT645_PREAMBLE_MAX (16)

// One frame may be awaited (at most FRAME_MAX - 1 bytes) while at least another one still fits.
#define DLT645_DECODER_BUFFER (2 * DLT645_FRAME_MAX)

// Places in a frame, counted from its first 68H.
#define DLT645_AT_ADDRESS (1)
#define DLT645_AT_SECOND_START (7)
#define DLT645_AT_CONTROL (8)
#define DLT645_AT_LENGTH (9)
#define DLT645_AT_DATA (10)

// What is wrong with a would-be frame. From DLT645_TRUNCATED on, both start marks are in place.
typedef enum {
    DLT645_OK = 0,
    DLT645_NO_START,     // not a single 68H
    DLT645_CUT_HEADER,   // a 68H, but the bytes end before its second 68H
    DLT645_NO_SECOND,    // no 68H seven bytes behind the first
    DLT645_TRUNCATED,    // two start marks, but the bytes end before the frame does
    DLT645_LENGTH,       // more than 200 data bytes claimed
    DLT645_NO_END,       // no 16H where the length says
    DLT645_BAD_CHECKSUM, // everything in its place but the sum
} dlt645_fault_t;

typedef struct {
    dlt645_fault_t fault;
    size_t offset;    // of the first 68H of the frame, or of the start that came closest
    size_t size;      // bytes from 68H to 16H (DLT645_OK only)
    size_t missing;   // bytes that have not come, at least (CUT_HEADER and TRUNCATED only)
    uint8_t got;      // the byte that is wrong: mark, length or checksum
    uint8_t expected; // what should stand there (NO_SECOND, NO_END, BAD_CHECKSUM only)
} dlt645_finding_t;

// A frame as the decoder shows it. The pointers lead into the decoder's own buffer.
typedef struct {
    const uint8_t *address; // 6 bytes in wire order; NULL: there is no frame
    const uint8_t *data;    // plain data, 33H already taken off
    uint8_t length;         // bytes in data, 0..200
    uint8_t control;
} dlt645_frame_t;

typedef struct {
    dlt645_frame_t frame; // the current frame, valid until the next feed, next, timeout or reset

    // Since dlt645_decoder_init; each wraps at 2^32.
    uint32_t frames;          // good frames delivered
    uint32_t checksum_errors; // starts rejected for their checksum
    uint32_t end_errors;      // ... for a missing end mark
    uint32_t length_errors;   // ... for L > 200
    uint32_t truncated;       // ... because silence came before their end
    uint32_t skipped;         // bytes that belong to no good frame, wake-up bytes included

    // Indices into buffer: start <= end; the bytes before start are done with. Bytes before gap
    // were followed by silence, so no frame may reach across it.
    uint16_t start;
    uint16_t end;
    uint16_t gap;
    // Where the frame before the current one ends, or 0; and the same of the next frame.
    uint16_t before;
    uint16_t behind;
    uint8_t buffer[DLT645_DECODER_BUFFER];
} dlt645_decoder_t;

// Turn 12 characters (most significant digit first) into 6 wire bytes (least significant pair
// first). Digits and the wildcard or filler A (also a) are legal. Returns false, and leaves wire
// in an undefined state, for any other character or a length other than 12.
bool dlt645_address_from_text(uint8_t wire[DLT645_ADDRESS_SIZE], const char *text, size_t length);

// Turn 6 wire bytes into 12 characters; no NUL is added. Nibbles above 9 come out as A..F, so
// that a broken address stays visible instead of looking like another meter's.
void dlt645_address_to_text(char text[DLT645_ADDRESS_DIGITS],
                            const uint8_t wire[DLT645_ADDRESS_SIZE]);

// Does a frame from this address answer a request to that one? Digit by digit; an A in the
// request stands for any digit, because the answer carries the real address.
bool dlt645_address_matches(const uint8_t wire[DLT645_ADDRESS_SIZE],
                            const uint8_t asked[DLT645_ADDRESS_SIZE]);

// Write preamble x FE and one frame into buffer, with 33H added to the data. Returns the bytes
// written, or 0 if they do not fit into size, length > 200 or preamble > 16; buffer is then
// untouched. data is plain, may be NULL when length is 0, and must not overlap buffer.
size_t dlt645_encode(uint8_t *buffer, size_t size, const uint8_t address[DLT645_ADDRESS_SIZE],
                     uint8_t control, const uint8_t *data, size_t length, size_t preamble);

// Take 33H off length data bytes. plain and wire may be the same place.
void dlt645_plain(uint8_t *plain, const uint8_t *wire, size_t length);

// Find the first good frame in n bytes that are all there will ever be. Without one, the finding
// describes the first start with both marks in place, failing that the first 68H.
dlt645_fault_t dlt645_find(const uint8_t *bytes, size_t n, dlt645_finding_t *finding);

// Prepare a decoder: empty, all counters 0.
void dlt645_decoder_init(dlt645_decoder_t *d);

// Forget everything received; the counters stay.
void dlt645_decoder_reset(dlt645_decoder_t *d);

// Take up to n received bytes. Returns how many were taken; always at least 212 (or n) once next
// has said false, so alternate the two until all are taken. The current frame is gone.
size_t dlt645_decoder_feed(dlt645_decoder_t *d, const uint8_t *bytes, size_t n);

// Move to the next good frame, d->frame. False when the buffered bytes hold no complete one.
bool dlt645_decoder_next(dlt645_decoder_t *d);

// Was something damaged among the wake-up bytes of the current frame? True when anything but FEH,
// or silence that was reported, stands between the first of them and the frame. A short pulse
// before them tells nothing: drivers of RS485 lines make it as they turn on. It looks like FFH,
// FCH, F8H... or 00H. False without a frame.
bool dlt645_decoder_noisy(const dlt645_decoder_t *d);

// The least number of further bytes before next can be true: 12 when empty, never below 1. Ask
// once next has said false; the current frame stays. Until then a shorter sleep is no use.
size_t dlt645_decoder_needed(dlt645_decoder_t *d);

// The line has been silent for longer than a frame allows: what has come is all there is of it.
// Gives up every unfinished start and looks behind it. True when that uncovers a good frame (the
// current one now, further ones through next); otherwise the decoder is empty.
bool dlt645_decoder_timeout(dlt645_decoder_t *d);

#endif // DLT645_H
