// SPDX-License-Identifier: MIT

#include "dlt645.h"

#include <string.h>

// What surrounds the data: ten bytes before it, checksum and end mark behind it.
#define HEADER_SIZE (DLT645_AT_DATA)

#define WILDCARD_NIBBLE (0xa)

static int nibble_from_text(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c == 'A' || c == 'a') {
        return WILDCARD_NIBBLE;
    }
    return -1;
}

bool dlt645_address_from_text(uint8_t wire[DLT645_ADDRESS_SIZE], const char *text, size_t length) {
    if (length != DLT645_ADDRESS_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        int high = nibble_from_text(text[2 * i]);
        int low = nibble_from_text(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        wire[DLT645_ADDRESS_SIZE - 1 - i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void dlt645_address_to_text(char text[DLT645_ADDRESS_DIGITS],
                            const uint8_t wire[DLT645_ADDRESS_SIZE]) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        uint8_t pair = wire[DLT645_ADDRESS_SIZE - 1 - i];
        text[2 * i] = digits[pair >> 4];
        text[2 * i + 1] = digits[pair & 0xf];
    }
}

bool dlt645_address_matches(const uint8_t wire[DLT645_ADDRESS_SIZE],
                            const uint8_t asked[DLT645_ADDRESS_SIZE]) {
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        uint8_t mask = 0;
        if (asked[i] >> 4 != WILDCARD_NIBBLE) {
            mask |= 0xf0;
        }
        if ((asked[i] & 0xf) != WILDCARD_NIBBLE) {
            mask |= 0x0f;
        }
        if ((wire[i] ^ asked[i]) & mask) {
            return false;
        }
    }
    return true;
}

static uint8_t sum(const uint8_t *bytes, size_t n) {
    unsigned total = 0;
    for (size_t i = 0; i < n; i++) {
        total += bytes[i];
    }
    return (uint8_t)total;
}

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
    for (size_t i = 0; i < length; i++) {
        frame[DLT645_AT_DATA + i] = (uint8_t)(data[i] + DLT645_DATA_OFFSET);
    }
    frame[HEADER_SIZE + length] = sum(frame, HEADER_SIZE + length);
    frame[HEADER_SIZE + length + 1] = DLT645_END;
    return preamble + DLT645_FRAME_MIN + length;
}

void dlt645_plain(uint8_t *plain, const uint8_t *wire, size_t length) {
    for (size_t i = 0; i < length; i++) {
        plain[i] = (uint8_t)(wire[i] - DLT645_DATA_OFFSET);
    }
}

// Judge the start at bytes[0], which must be 68H, by the available bytes (at least 1). Only
// position, length and sum count: no byte value is reserved, so 68H, 16H and FEH may stand
// anywhere inside a frame.
//
// This is what makes the decoder linear: a start costs a few comparisons, and the one step that
// walks its bytes (at most 210, whatever the traffic) comes last, behind the end mark.
static dlt645_fault_t judge(const uint8_t *bytes, size_t available, dlt645_finding_t *finding) {
    if (available <= DLT645_AT_SECOND_START) {
        finding->missing = DLT645_FRAME_MIN - available;
        return DLT645_CUT_HEADER;
    }
    if (bytes[DLT645_AT_SECOND_START] != DLT645_START) {
        finding->got = bytes[DLT645_AT_SECOND_START];
        finding->expected = DLT645_START;
        return DLT645_NO_SECOND;
    }
    if (available <= DLT645_AT_LENGTH) {
        finding->missing = DLT645_FRAME_MIN - available;
        return DLT645_TRUNCATED;
    }
    size_t length = bytes[DLT645_AT_LENGTH];
    if (length > DLT645_DATA_MAX) {
        // Decided here, not when 255 bytes have come: noise must not buy a ghost frame's wait.
        finding->got = (uint8_t)length;
        return DLT645_LENGTH;
    }
    size_t size = DLT645_FRAME_MIN + length;
    if (available < size) {
        finding->missing = size - available;
        return DLT645_TRUNCATED;
    }
    if (bytes[size - 1] != DLT645_END) {
        finding->got = bytes[size - 1];
        finding->expected = DLT645_END;
        return DLT645_NO_END;
    }
    uint8_t checksum = sum(bytes, size - 2);
    if (bytes[size - 2] != checksum) {
        finding->got = bytes[size - 2];
        finding->expected = checksum;
        return DLT645_BAD_CHECKSUM;
    }
    finding->size = size;
    return DLT645_OK;
}

dlt645_fault_t dlt645_find(const uint8_t *bytes, size_t n, dlt645_finding_t *finding) {
    memset(finding, 0, sizeof(*finding));
    finding->fault = DLT645_NO_START;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *start = memchr(bytes + i, DLT645_START, n - i);
        if (start == NULL) {
            break;
        }
        i = (size_t)(start - bytes);
        dlt645_finding_t here = {.offset = i};
        here.fault = judge(start, n - i, &here);
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

void dlt645_decoder_init(dlt645_decoder_t *d) {
    memset(d, 0, sizeof(*d));
}

static void drop_frame(dlt645_decoder_t *d) {
    memset(&d->frame, 0, sizeof(d->frame));
}

void dlt645_decoder_reset(dlt645_decoder_t *d) {
    drop_frame(d);
    d->start = 0;
    d->end = 0;
    d->gap = 0;
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
        const uint8_t *bytes = d->buffer + d->start;
        const uint8_t *start = memchr(bytes, DLT645_START, available);
        if (start == NULL) {
            skip(d, available);
            continue;
        }
        skip(d, (size_t)(start - bytes));
        available -= (size_t)(start - bytes);

        dlt645_finding_t finding = {0};
        switch (judge(start, available, &finding)) {
        case DLT645_OK:
            return finding.size;
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
    d->frames++;
    return true;
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
