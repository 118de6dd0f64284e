// SPDX-License-Identifier: MIT
//
// DL/T 645 answers: which frame answers a request, and what it carries.
//
// Both editions, and no state but the caller's structs. Strict on purpose: the checksum alone lets
// one in a hundred damaged frames pass, so every byte whose value is known beforehand is compared.
//
//   master                              meter
//   11H identifier                      91H identifier payload
//   (01H in the 1997 edition)           B1H ... and more follows: ask with 12H
//   12H identifier SEQ                  92H identifier payload SEQ
//   (02H, without SEQ)                  D1H error word
//
// Sources: DL/T 645-2007, data link layer and application layer; DL/T 645-1997, the same.

#ifndef DLT645_ANSWER_H
#define DLT645_ANSWER_H

#include "dlt645.h"

// Bits of a control code.
#define DLT645_FROM_METER (0x80)
#define DLT645_ABNORMAL (0x40)
#define DLT645_MORE_FOLLOWS (0x20)
#define DLT645_FUNCTION (0x1f)

// Functions of the 2007 edition.
#define DLT645_SECURITY (0x03)
#define DLT645_BROADCAST_TIME (0x08)
#define DLT645_READ (0x11)
#define DLT645_READ_FOLLOW_UP (0x12)
#define DLT645_READ_ADDRESS (0x13)
#define DLT645_WRITE (0x14)
#define DLT645_WRITE_ADDRESS (0x15)
#define DLT645_FREEZE (0x16)
#define DLT645_CHANGE_BAUD (0x17)
#define DLT645_CHANGE_PASSWORD (0x18)
#define DLT645_CLEAR_DEMAND (0x19)
#define DLT645_CLEAR_METER (0x1a)
#define DLT645_CLEAR_EVENTS (0x1b)
#define DLT645_RELAY (0x1c)
#define DLT645_OUTPUT (0x1d)

// Functions of the 1997 edition; 08H is the same.
#define DLT645_READ_1997 (0x01)
#define DLT645_READ_FOLLOW_UP_1997 (0x02)
#define DLT645_REPEAT_1997 (0x03)
#define DLT645_WRITE_1997 (0x04)
#define DLT645_WRITE_ADDRESS_1997 (0x0a)
#define DLT645_CHANGE_BAUD_1997 (0x0c)
#define DLT645_CHANGE_PASSWORD_1997 (0x0f)
#define DLT645_CLEAR_DEMAND_1997 (0x10)

#define DLT645_IDENTIFIER_MAX (4) // bytes; 2 in the 1997 edition

typedef enum {
    DLT645_2007,
    DLT645_1997,
} dlt645_edition_t;

// What was asked, as far as the answer repeats it.
typedef struct {
    dlt645_edition_t edition;
    uint8_t address[DLT645_ADDRESS_SIZE]; // wire order; a nibble AH stands for any digit.
                                          // A write of the address is answered by the new one.
    uint8_t control;                      // the function asked for, 0..1FH
    uint8_t identifier[DLT645_IDENTIFIER_MAX]; // wire order, DI0 first
    uint8_t identifier_size; // bytes the answer must begin with: 0 (none), 2 or 4
    uint8_t sequence;        // of a 2007 follow-up, 1..255; 0: the answer has none
} dlt645_request_t;

// What a frame is to a request. The first three are its answer; after the others the answer may
// still come.
typedef enum {
    DLT645_ANSWER,           // complete, as far as the meter says
    DLT645_MORE,             // bit 5: more follows, or the meter has an event to report
    DLT645_REFUSED,          // an error word
    DLT645_ECHO,             // a master's frame: our own, heard back
    DLT645_OTHER_METER,      // another address
    DLT645_OTHER_FUNCTION,   // another function, or one that is never answered like this
    DLT645_OTHER_IDENTIFIER, // another item; see dlt645_answer_t.report
    DLT645_OTHER_SEQUENCE,   // another part of the item: an answer that was late
    DLT645_BAD_LENGTH,       // not a length that answers to this function have
} dlt645_verdict_t;

// All of it is valid as long as the frame is.
typedef struct {
    const uint8_t *address; // 6 bytes in wire order: the meter's own
    const uint8_t *payload; // plain, without identifier and SEQ
    uint8_t length;         // bytes in payload, 0..200
    uint8_t error_size;     // bytes of the error word, 1 or 2; 0: none
    uint16_t error;         // the error word as it came, low byte first
    bool report; // another identifier, and that of the report status word (04001501), which some
                 // meters send in place of a follow-up: the item was complete, an event waits
} dlt645_answer_t;

// What frame, a good one of the decoder's, is to the request. Fills all of answer.
dlt645_verdict_t dlt645_judge(const dlt645_request_t *request, const dlt645_frame_t *frame,
                              dlt645_answer_t *answer);

// Write a request's frame behind preamble wake-up bytes: identifier, n bytes of extra, SEQ. extra
// may be NULL when n is 0. Returns as dlt645_encode does.
size_t dlt645_encode_request(uint8_t *buffer, size_t size, const dlt645_request_t *request,
                             const uint8_t *extra, size_t n, size_t preamble);

// What bit (0..15) of an error word of size bytes in answer to function control means, in a few
// words; NULL for a bit without a meaning. Bits may come together, and so may those without one:
// show the raw word too.
const char *dlt645_error_name(dlt645_edition_t edition, uint8_t control, uint8_t size,
                              unsigned bit);

// Puts together an item that comes in several frames.
//
// begin; then, as long as take says ASK or AGAIN: dlt645_assembly_request, send, judge, and take
// whatever verdict came, or lost when the time is over. An address with wildcards may have several
// meters answer: all parts are those of the one whose first part came first.
typedef enum {
    DLT645_COMPLETE, // buffer has length bytes of item
    DLT645_ASK,      // ask for the next part
    DLT645_AGAIN,    // nothing of use: wait on, or ask for the same part again
    DLT645_GIVEN_UP, // refused: what has come is no item
    DLT645_SPOILED,  // the item's size is known, and this is another; or it is not known, and a
                     // part may be missing (1997): begin again
    DLT645_NO_ROOM,  // the buffer is too small
} dlt645_progress_t;

typedef struct {
    uint8_t *buffer;
    uint16_t size;                      // of buffer, in bytes
    uint16_t length;                    // bytes that have come
    uint16_t expected;                  // bytes of the whole item, 0: not known
    uint16_t last;                      // bytes of the part that came last
    uint8_t sequence;                   // of the part to ask for; 0: the first
    uint8_t meter[DLT645_ADDRESS_SIZE]; // whose item it is, once its first part is here
    bool repeat;        // 1997: have the last answer repeated, for it did not arrive
    bool event_pending; // bit 5 on a complete item: the meter has an event to report
} dlt645_assembly_t;

// Start over with an item of expected bytes (0: not known) into the caller's buffer.
void dlt645_assembly_begin(dlt645_assembly_t *assembly, uint8_t *buffer, size_t size,
                           size_t expected);

// Make request, the one for the item, that for the part wanted now: from the second part on, its
// address is that of the meter which the first one came from.
void dlt645_assembly_request(const dlt645_assembly_t *assembly, dlt645_request_t *request);

// Take the verdict on a frame that came in answer to that request.
dlt645_progress_t dlt645_assembly_take(dlt645_assembly_t *assembly,
                                       const dlt645_request_t *request, dlt645_verdict_t verdict,
                                       const dlt645_answer_t *answer);

// No answer came: the same part has to be asked for again.
void dlt645_assembly_lost(dlt645_assembly_t *assembly);

#endif // DLT645_ANSWER_H
