// SPDX-License-Identifier: MIT

#include "dlt645_answer.h"

#include <string.h>

#define SEQUENCE_SIZE (1)
#define ERROR_MAX (2)

// The report status word, 04001501 in wire order.
static const uint8_t report_identifier[DLT645_IDENTIFIER_MAX] = {0x01, 0x15, 0x00, 0x04};

// What answers to a function look like: bytes behind the identifier, and what else there may be.
// A function that is not listed is a vendor's.
#define BYTES(n) ((n) + 1)
#define ANY (0x1f)
#define NEVER (0x1e) // there is none
#define LENGTH (0x1f)
#define PARTS (0x20)  // may say that more follows
#define ERROR1 (0x40) // may be refused with an error word of one byte
#define ERROR2 (0x80) // ... of two bytes
#define VENDOR (ANY | PARTS | ERROR1 | ERROR2)

static const uint8_t answers_2007[DLT645_FUNCTION + 1] = {
    [DLT645_SECURITY] = ANY | ERROR2,
    [DLT645_BROADCAST_TIME] = NEVER,
    [DLT645_READ] = ANY | PARTS | ERROR1,
    [DLT645_READ_FOLLOW_UP] = ANY | PARTS | ERROR1,
    [DLT645_READ_ADDRESS] = BYTES(DLT645_ADDRESS_SIZE),
    [DLT645_WRITE] = BYTES(0) | ERROR1,
    [DLT645_WRITE_ADDRESS] = BYTES(0),
    [DLT645_FREEZE] = BYTES(0) | ERROR1,
    [DLT645_CHANGE_BAUD] = BYTES(1) | ERROR1,
    [DLT645_CHANGE_PASSWORD] = BYTES(4) | ERROR1,
    [DLT645_CLEAR_DEMAND] = BYTES(0) | ERROR1,
    [DLT645_CLEAR_METER] = BYTES(0) | ERROR1,
    [DLT645_CLEAR_EVENTS] = BYTES(0) | ERROR1,
    [DLT645_RELAY] = BYTES(0) | ERROR1 | ERROR2,
    [DLT645_OUTPUT] = BYTES(1) | ERROR1,
};

static const uint8_t answers_1997[DLT645_FUNCTION + 1] = {
    [DLT645_READ_1997] = ANY | PARTS | ERROR1,
    [DLT645_READ_FOLLOW_UP_1997] = ANY | PARTS | ERROR1,
    [DLT645_REPEAT_1997] = ANY | PARTS | ERROR1,
    [DLT645_WRITE_1997] = BYTES(0) | ERROR1,
    [DLT645_BROADCAST_TIME] = NEVER,
    [DLT645_WRITE_ADDRESS_1997] = BYTES(0) | ERROR1,
    [DLT645_CHANGE_BAUD_1997] = BYTES(1) | ERROR1,
    [DLT645_CHANGE_PASSWORD_1997] = BYTES(4) | ERROR1,
    [DLT645_CLEAR_DEMAND_1997] = BYTES(0) | ERROR1,
};

static uint8_t answer_form(const dlt645_request_t *request) {
    const uint8_t *forms = request->edition == DLT645_1997 ? answers_1997 : answers_2007;
    uint8_t form = forms[request->control & DLT645_FUNCTION];
    return form ? form : VENDOR;
}

static bool is_decimal(uint8_t pair) {
    return pair <= 0x99 && (pair & 0x0f) <= 9;
}

// An answer comes from a meter's own address: decimal digits, in the 1997 edition perhaps with the
// filler A before them. A wildcard is nobody's.
static bool is_address(const uint8_t *wire) {
    size_t n = DLT645_ADDRESS_SIZE;
    while (n > 0 && wire[n - 1] == 0xaa) {
        n--;
    }
    if (n == 0) {
        return false;
    }
    uint8_t pair = wire[--n];
    if (pair >> 4 == 0xa) {
        pair &= 0x0f;
    }
    while (is_decimal(pair) && n > 0) {
        pair = wire[--n];
    }
    return is_decimal(pair);
}

static dlt645_verdict_t judge_error(const dlt645_frame_t *frame, uint8_t form,
                                    dlt645_answer_t *answer) {
    if (!(frame->length == 1 && form & ERROR1) && !(frame->length == ERROR_MAX && form & ERROR2)) {
        return DLT645_BAD_LENGTH;
    }
    answer->error_size = frame->length;
    answer->error = frame->data[0];
    if (frame->length == ERROR_MAX) {
        answer->error |= (uint16_t)(frame->data[1] << 8);
    }
    return DLT645_REFUSED;
}

// What the data must begin and end with.
static dlt645_verdict_t judge_data(const dlt645_request_t *request, const dlt645_frame_t *frame,
                                   dlt645_answer_t *answer) {
    size_t around = request->identifier_size + (request->sequence ? SEQUENCE_SIZE : 0U);
    if (frame->length < request->identifier_size) {
        return DLT645_BAD_LENGTH;
    }
    answer->payload = frame->data + request->identifier_size;
    answer->length = (uint8_t)(frame->length - request->identifier_size);
    if (memcmp(frame->data, request->identifier, request->identifier_size) != 0) {
        answer->report = request->identifier_size == DLT645_IDENTIFIER_MAX &&
                         memcmp(frame->data, report_identifier, DLT645_IDENTIFIER_MAX) == 0;
        return DLT645_OTHER_IDENTIFIER;
    }
    if (frame->length < around) {
        return DLT645_BAD_LENGTH;
    }
    if (request->sequence) {
        answer->length--;
        if (frame->data[frame->length - 1] != request->sequence) {
            return DLT645_OTHER_SEQUENCE;
        }
    }
    return DLT645_ANSWER;
}

dlt645_verdict_t dlt645_judge(const dlt645_request_t *request, const dlt645_frame_t *frame,
                              dlt645_answer_t *answer) {
    memset(answer, 0, sizeof(*answer));
    answer->address = frame->address;
    uint8_t control = frame->control;
    if (!(control & DLT645_FROM_METER)) {
        return DLT645_ECHO;
    }
    if (!is_address(frame->address) || !dlt645_address_matches(frame->address, request->address)) {
        return DLT645_OTHER_METER;
    }
    uint8_t form = answer_form(request);
    if ((control & DLT645_FUNCTION) != request->control || (form & LENGTH) == NEVER) {
        return DLT645_OTHER_FUNCTION;
    }
    bool more = control & DLT645_MORE_FOLLOWS;
    if (control & DLT645_ABNORMAL) {
        if (more || !(form & (ERROR1 | ERROR2))) {
            return DLT645_OTHER_FUNCTION;
        }
        return judge_error(frame, form, answer);
    }
    if (more && !(form & PARTS)) {
        return DLT645_OTHER_FUNCTION;
    }
    dlt645_verdict_t verdict = judge_data(request, frame, answer);
    if (verdict != DLT645_ANSWER) {
        return verdict;
    }
    // More of nothing would go on for ever.
    if (((form & LENGTH) != ANY && BYTES(answer->length) != (form & LENGTH)) ||
        (more && answer->length == 0)) {
        return DLT645_BAD_LENGTH;
    }
    return more ? DLT645_MORE : DLT645_ANSWER;
}

size_t dlt645_encode_request(uint8_t *buffer, size_t size, const dlt645_request_t *request,
                             const uint8_t *extra, size_t n, size_t preamble) {
    uint8_t data[DLT645_DATA_MAX];
    size_t length = request->identifier_size + n + (request->sequence ? SEQUENCE_SIZE : 0U);
    if (n > sizeof(data) || length > sizeof(data)) {
        return 0;
    }
    memcpy(data, request->identifier, request->identifier_size);
    if (n > 0) {
        memcpy(data + request->identifier_size, extra, n);
    }
    if (request->sequence) {
        data[length - 1] = request->sequence;
    }
    return dlt645_encode(buffer, size, request->address, request->control, data, length, preamble);
}

// --- Error words ------------------------------------------------------------------------------

// Names of the bits from 0 on, each ended by a NUL. Not an array of pointers: those would need
// relocation in a native module. A bit without a meaning has an empty name.

static const char errors_2007[] = "other error\0"
                                  "no such data\0"
                                  "password wrong or not authorised\0"
                                  "baud rate cannot be changed\0"
                                  "too many year zones\0"
                                  "too many day slots\0"
                                  "too many rates\0";

static const char errors_1997[] = "illegal data\0"
                                  "identifier wrong\0"
                                  "password wrong\0"
                                  "\0"
                                  "too many year zones\0"
                                  "too many day slots\0"
                                  "too many rates\0";

static const char errors_security[] = "other error\0"
                                      "repeated recharge\0"
                                      "security module verification failed\0"
                                      "identity authentication failed\0"
                                      "customer number does not match\0"
                                      "recharge count wrong\0"
                                      "hoard limit exceeded\0"
                                      "flash address wrong\0"
                                      "meter suspended\0"
                                      "\0\0\0\0\0\0"
                                      "password setting failed\0";

static const char errors_relay[] = "meter suspended\0"
                                   "message authentication code wrong\0"
                                   "password wrong\0"
                                   "authentication expired\0"
                                   "deadline passed\0"
                                   "keep-power refuses it\0"
                                   "restoring failed\0"
                                   "restoring failed\0"
                                   "restoring failed\0";

const char *dlt645_error_name(dlt645_edition_t edition, uint8_t control, uint8_t size,
                              unsigned bit) {
    const char *names = errors_2007;
    size_t n = sizeof(errors_2007);
    uint8_t function = control & DLT645_FUNCTION;
    if (edition == DLT645_1997) {
        names = errors_1997;
        n = sizeof(errors_1997);
    } else if (function == DLT645_SECURITY) {
        names = errors_security;
        n = sizeof(errors_security);
    } else if (function == DLT645_RELAY && size == ERROR_MAX) {
        names = errors_relay;
        n = sizeof(errors_relay);
    }
    const char *end = names + n - 1; // the literal's own NUL
    while (bit > 0 && names < end) {
        names += strlen(names) + 1;
        bit--;
    }
    return names < end && *names ? names : NULL;
}

// --- Items in several frames ------------------------------------------------------------------

void dlt645_assembly_begin(dlt645_assembly_t *assembly, uint8_t *buffer, size_t size,
                           size_t expected) {
    memset(assembly, 0, sizeof(*assembly));
    assembly->buffer = buffer;
    assembly->size = (uint16_t)(size < UINT16_MAX ? size : UINT16_MAX);
    assembly->expected = (uint16_t)expected;
}

void dlt645_assembly_request(const dlt645_assembly_t *assembly, dlt645_request_t *request) {
    if (assembly->sequence != 0) {
        memcpy(request->address, assembly->meter, DLT645_ADDRESS_SIZE);
    }
    if (assembly->sequence == 0) {
        request->control = request->edition == DLT645_1997 ? DLT645_READ_1997 : DLT645_READ;
        request->sequence = 0;
    } else if (request->edition == DLT645_1997) {
        request->control = assembly->repeat ? DLT645_REPEAT_1997 : DLT645_READ_FOLLOW_UP_1997;
        request->sequence = 0;
    } else {
        request->control = DLT645_READ_FOLLOW_UP;
        request->sequence = assembly->sequence;
    }
}

void dlt645_assembly_lost(dlt645_assembly_t *assembly) {
    assembly->repeat = assembly->sequence != 0;
}

// Without SEQ, a repetition may be of the part that is here already: the meter did not hear of a
// next one. That was not the last part, so what says it is the last is another.
static bool may_be_old(const dlt645_assembly_t *assembly, const dlt645_request_t *request,
                       dlt645_verdict_t verdict, const dlt645_answer_t *answer) {
    return verdict == DLT645_MORE && request->control == DLT645_REPEAT_1997 &&
           request->edition == DLT645_1997 && answer->length == assembly->last &&
           memcmp(assembly->buffer + assembly->length - assembly->last, answer->payload,
                  assembly->last) == 0;
}

static dlt645_progress_t finish(const dlt645_assembly_t *assembly) {
    bool fits = assembly->expected == 0 || assembly->length == assembly->expected;
    return fits ? DLT645_COMPLETE : DLT645_SPOILED;
}

dlt645_progress_t dlt645_assembly_take(dlt645_assembly_t *assembly,
                                       const dlt645_request_t *request, dlt645_verdict_t verdict,
                                       const dlt645_answer_t *answer) {
    // The verdict lets a filler A in the meter's own address stand for any digit; this does not.
    if (assembly->sequence != 0 &&
        memcmp(answer->address, assembly->meter, DLT645_ADDRESS_SIZE) != 0) {
        return DLT645_AGAIN;
    }
    if (verdict == DLT645_OTHER_IDENTIFIER && answer->report && assembly->sequence != 0) {
        assembly->event_pending = true;
        return finish(assembly);
    }
    if (verdict == DLT645_REFUSED) {
        return DLT645_GIVEN_UP;
    }
    if (verdict != DLT645_ANSWER && verdict != DLT645_MORE) {
        return DLT645_AGAIN;
    }
    assembly->repeat = false;
    if (may_be_old(assembly, request, verdict, answer)) {
        // It may be a next one with the same bytes, too: in the end only the item's size tells.
        return assembly->expected != 0 ? DLT645_ASK : DLT645_SPOILED;
    }
    if (answer->length > assembly->size - assembly->length) {
        return DLT645_NO_ROOM;
    }
    if (answer->length > 0) {
        memcpy(assembly->buffer + assembly->length, answer->payload, answer->length);
    }
    assembly->length = (uint16_t)(assembly->length + answer->length);
    assembly->last = answer->length;
    if (verdict == DLT645_ANSWER) {
        return finish(assembly);
    }
    if (assembly->expected != 0 && assembly->length >= assembly->expected) {
        assembly->event_pending = assembly->length == assembly->expected;
        return finish(assembly);
    }
    memcpy(assembly->meter, answer->address, DLT645_ADDRESS_SIZE);
    assembly->sequence = (uint8_t)(assembly->sequence == UINT8_MAX ? 1 : assembly->sequence + 1);
    return DLT645_ASK;
}
