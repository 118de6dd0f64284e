// SPDX-License-Identifier: MIT

#include "dlt645.h"

#include <string.h>

// What surrounds the data: ten bytes before it, checksum and end mark behind it.
#define HEADER_SIZE (DLT645_AT_DATA)

// --- A machine word at a time: what is done with every byte of a frame ------------------------

typedef size_t word_t; // as large as a register

#define WORD (sizeof(word_t))
#define EVERY_BYTE(byte) (SIZE_MAX / 0xff * (byte))
#define EVERY_SECOND (SIZE_MAX / 0xffff * 0xff)

// memcpy: a frame begins anywhere, and not every processor reads a word there.
static word_t load(const uint8_t *bytes) {
    word_t word;
    memcpy(&word, bytes, WORD);
    return word;
}

static void store(uint8_t *bytes, word_t word) {
    memcpy(bytes, &word, WORD);
}

// Of at most 212 bytes, or the sums of 16 bits in a word would meet.
static uint8_t sum(const uint8_t *bytes, size_t n) {
    word_t total = 0;
    for (; n >= WORD; n -= WORD, bytes += WORD) {
        word_t word = load(bytes);
        total += (word & EVERY_SECOND) + (word >> 8 & EVERY_SECOND);
    }
    for (size_t bits = 8 * WORD / 2; bits >= 16; bits /= 2) {
        total += total >> bits;
    }
    while (n > 0) {
        total += bytes[--n];
    }
    return (uint8_t)total;
}

// High bits are added apart, so that no byte carries into the next one.
static void add_offset(uint8_t *wire, const uint8_t *plain, size_t length) {
    for (; length >= WORD; length -= WORD, plain += WORD, wire += WORD) {
        word_t word = load(plain);
        word_t high_bits = word & EVERY_BYTE(0x80);
        store(wire, ((word ^ high_bits) + EVERY_BYTE(DLT645_DATA_OFFSET)) ^ high_bits);
    }
    while (length > 0) {
        length--;
        wire[length] = (uint8_t)(plain[length] + DLT645_DATA_OFFSET);
    }
}

void dlt645_plain(uint8_t *plain, const uint8_t *wire, size_t length) {
    for (; length >= WORD; length -= WORD, plain += WORD, wire += WORD) {
        word_t word = load(wire);
        word_t high_bits = ~word & EVERY_BYTE(0x80);
        store(plain, ((word | high_bits) - EVERY_BYTE(DLT645_DATA_OFFSET)) ^ high_bits);
    }
    while (length > 0) {
        length--;
        plain[length] = (uint8_t)(wire[length] - DLT645_DATA_OFFSET);
    }
}

// --- Frames -----------------------------------------------------------------------------------

size_t dlt645_encode(uint8_t *buffer, size_t size, const uint8_t address[DLT645_ADDRESS_SIZE],
                     uint8_t control, const uint8_t *data, size_t length, size_t preamble) {
    // The limits come first: they keep the sum that follows from wrapping.
    if (length > DLT645_DATA_MAX || preamble > DLT645_PREAMBLE_MAX) {
        return 0;
    }
    if (preamble + DLT645_FRAME_MIN + length > size) {
        return 0;
    }
    memset(buffer, DLT645_WAKE_UP, preamble);
    uint8_t *frame = buffer + preamble;
    frame[0] = DLT645_START;
    memcpy(frame + DLT645_AT_ADDRESS, address, DLT645_ADDRESS_SIZE);
    frame[DLT645_AT_SECOND_START] = DLT645_START;
    frame[DLT645_AT_CONTROL] = control;
    frame[DLT645_AT_LENGTH] = (uint8_t)length;
    add_offset(frame + DLT645_AT_DATA, data, length);
    frame[HEADER_SIZE + length] = sum(frame, HEADER_SIZE + length);
    frame[HEADER_SIZE + length + 1] = DLT645_END;
    return preamble + DLT645_FRAME_MIN + length;
}

// Place of the first 68H in n bytes; n without one. Wake-up bytes and noise are few: a loop is
// through before memchr is called.
static size_t find_start(const uint8_t *bytes, size_t n) {
    size_t i = 0;
    while (i < n && bytes[i] != DLT645_START) {
        i++;
    }
    return i;
}

// Judge the start at bytes[0], which must be 68H, by the available bytes (at least 1); size is
// what its frame has, as far as they tell. Only position, length and sum count: no byte value is
// reserved, so 68H, 16H and FEH may stand anywhere inside a frame.
//
// This is what makes the decoder linear: a start costs a few comparisons, and the one step that
// walks its bytes (at most 210, whatever the traffic) comes last, behind the end mark.
static inline dlt645_fault_t judge(const uint8_t *bytes, size_t available, size_t *size) {
    *size = DLT645_FRAME_MIN;
    if (available <= DLT645_AT_SECOND_START) {
        return DLT645_CUT_HEADER;
    }
    if (bytes[DLT645_AT_SECOND_START] != DLT645_START) {
        return DLT645_NO_SECOND;
    }
    if (available <= DLT645_AT_LENGTH) {
        return DLT645_TRUNCATED;
    }
    size_t length = bytes[DLT645_AT_LENGTH];
    if (length > DLT645_DATA_MAX) {
        // Decided here, not when 255 bytes have come: noise must not buy a ghost frame's wait.
        return DLT645_LENGTH;
    }
    length += DLT645_FRAME_MIN;
    *size = length;
    if (available < length) {
        return DLT645_TRUNCATED;
    }
    if (bytes[length - 1] != DLT645_END) {
        return DLT645_NO_END;
    }
    return bytes[length - 2] == sum(bytes, length - 2) ? DLT645_OK : DLT645_BAD_CHECKSUM;
}

// Judge the same, and say what is wrong.
static void examine(const uint8_t *bytes, size_t available, dlt645_finding_t *finding) {
    size_t size;
    finding->fault = judge(bytes, available, &size);
    switch (finding->fault) {
    case DLT645_OK:
        finding->size = size;
        break;
    case DLT645_CUT_HEADER:
    case DLT645_TRUNCATED:
        finding->missing = size - available;
        break;
    case DLT645_NO_SECOND:
        finding->got = bytes[DLT645_AT_SECOND_START];
        finding->expected = DLT645_START;
        break;
    case DLT645_LENGTH:
        finding->got = bytes[DLT645_AT_LENGTH];
        break;
    case DLT645_NO_END:
        finding->got = bytes[size - 1];
        finding->expected = DLT645_END;
        break;
    default:
        finding->got = bytes[size - 2];
        finding->expected = sum(bytes, size - 2);
        break;
    }
}

dlt645_fault_t dlt645_find(const uint8_t *bytes, size_t n, dlt645_finding_t *finding) {
    memset(finding, 0, sizeof(*finding));
    finding->fault = DLT645_NO_START;
    for (size_t i = find_start(bytes, n); i < n; i += 1 + find_start(bytes + i + 1, n - i - 1)) {
        dlt645_finding_t here = {.offset = i};
        examine(bytes + i, n - i, &here);
        // A start with both marks in place tells more than a lone 68H; else the first one tells.
        bool marks = here.fault > DLT645_NO_SECOND;
        if (here.fault == DLT645_OK || finding->fault == DLT645_NO_START ||
            (marks && finding->fault <= DLT645_NO_SECOND)) {
            *finding = here;
        }
        if (here.fault == DLT645_OK) {
            break;
        }
    }
    return finding->fault;
}

// --- Decoder ----------------------------------------------------------------------------------

void dlt645_decoder_init(dlt645_decoder_t *d) {
    memset(d, 0, sizeof(*d));
}

static void drop_frame(dlt645_decoder_t *d) {
    d->frame.address = NULL;
    d->frame.length = 0;
}

void dlt645_decoder_reset(dlt645_decoder_t *d) {
    drop_frame(d);
    d->start = 0;
    d->end = 0;
    d->gap = 0;
    d->behind = 0;
}

size_t dlt645_decoder_feed(dlt645_decoder_t *d, const uint8_t *bytes, size_t n) {
    drop_frame(d);
    // Move the rest down only when the bytes do not fit behind it: a frame that comes byte by
    // byte is then moved at most once.
    if (n > (size_t)(DLT645_DECODER_BUFFER - d->end) && d->start > 0) {
        d->end = (uint16_t)(d->end - d->start);
        d->gap = (uint16_t)(d->gap > d->start ? d->gap - d->start : 0);
        memmove(d->buffer, d->buffer + d->start, d->end);
        d->start = 0;
        d->behind = 0;
    }
    size_t room = (size_t)(DLT645_DECODER_BUFFER - d->end);
    if (n > room) {
        n = room;
    }
    if (n > 0) {
        memcpy(d->buffer + d->end, bytes, n);
        d->end = (uint16_t)(d->end + n);
    }
    return n;
}

static void skip(dlt645_decoder_t *d, size_t n) {
    d->start = (uint16_t)(d->start + n);
    d->skipped += (uint32_t)n;
}

// Advance to the first start that is a good frame (returns its size) or may still become one
// (returns 0). A start that fails costs one byte, its 68H, because a good frame may begin
// anywhere behind it, even inside what the failed one claimed.
static size_t hunt(dlt645_decoder_t *d) {
    while (d->start < d->end) {
        bool over = d->start < d->gap;
        size_t available = (size_t)((over ? d->gap : d->end) - d->start);
        size_t junk = find_start(d->buffer + d->start, available);
        skip(d, junk);
        available -= junk;
        if (available == 0) {
            continue;
        }
        size_t size;
        switch (judge(d->buffer + d->start, available, &size)) {
        case DLT645_OK:
            return size;
        case DLT645_CUT_HEADER:
            if (!over) {
                return 0;
            }
            break;
        case DLT645_TRUNCATED:
            if (!over) {
                return 0;
            }
            d->truncated++;
            break;
        case DLT645_LENGTH:
            d->length_errors++;
            break;
        case DLT645_NO_END:
            d->end_errors++;
            break;
        case DLT645_BAD_CHECKSUM:
            d->checksum_errors++;
            break;
        default:
            // A 68H without a second one is just a byte, not a frame that went wrong.
            break;
        }
        skip(d, 1);
    }
    return 0;
}

bool dlt645_decoder_next(dlt645_decoder_t *d) {
    drop_frame(d);
    size_t size = hunt(d);
    if (size == 0) {
        return false;
    }
    uint8_t *bytes = d->buffer + d->start;
    d->frame.address = bytes + DLT645_AT_ADDRESS;
    d->frame.control = bytes[DLT645_AT_CONTROL];
    d->frame.length = bytes[DLT645_AT_LENGTH];
    d->frame.data = bytes + DLT645_AT_DATA;
    // In place: a good frame is never scanned again.
    dlt645_plain(bytes + DLT645_AT_DATA, bytes + DLT645_AT_DATA, d->frame.length);
    d->start = (uint16_t)(d->start + size);
    d->before = d->behind;
    d->behind = d->start;
    d->frames++;
    return true;
}

// What a driver may seem to send as it turns on: a pulse for a start bit, which may last longer.
// Bits come lowest first, so there are ones above zeros.
static bool is_glitch(uint8_t byte) {
    unsigned zeros = (uint8_t)~byte;
    return (zeros & (zeros + 1)) == 0;
}

bool dlt645_decoder_noisy(const dlt645_decoder_t *d) {
    if (d->frame.address == NULL) {
        return false;
    }
    const uint8_t *frame = d->frame.address - DLT645_AT_ADDRESS;
    const uint8_t *byte = d->buffer + d->before;
    while (byte < frame && *byte != DLT645_WAKE_UP && is_glitch(*byte)) {
        byte++;
    }
    const uint8_t *gap = d->buffer + d->gap;
    bool silent = byte < gap && gap <= frame;
    while (byte < frame && *byte == DLT645_WAKE_UP) {
        byte++;
    }
    return silent || byte < frame;
}

size_t dlt645_decoder_needed(dlt645_decoder_t *d) {
    if (hunt(d) > 0) {
        // A frame is waiting for next. Not 0: a caller who sleeps for n bytes must make progress.
        return 1;
    }
    size_t available = (size_t)(d->end - d->start);
    size_t size = DLT645_FRAME_MIN;
    if (available > DLT645_AT_LENGTH) {
        size += d->buffer[d->start + DLT645_AT_LENGTH];
    }
    return size - available;
}

bool dlt645_decoder_timeout(dlt645_decoder_t *d) {
    d->gap = d->end;
    return dlt645_decoder_next(d);
}
