// SPDX-License-Identifier: MIT
//
// The codec as Python can call it: structs stay on this side, so that none has to be laid out
// twice. Built together with the codec to a shared library.

#include <string.h>

#include "dlt645_values.h"

bool library_find(const uint8_t *bytes, size_t n, size_t *offset, size_t *size);
size_t library_decoder_size(void);
int library_frame(const dlt645_decoder_t *decoder, uint8_t *address, uint8_t *control,
                  uint8_t *data);
size_t library_request_size(void);
void library_request(dlt645_request_t *request, int edition, const uint8_t *address,
                     uint8_t control, const uint8_t *identifier, uint8_t identifier_size,
                     uint8_t sequence);
int library_judge(const dlt645_request_t *request, const dlt645_decoder_t *decoder,
                  uint8_t *payload, size_t *length, unsigned *error);
size_t library_assembly_size(void);
int library_take(dlt645_assembly_t *assembly, const dlt645_request_t *request,
                 const dlt645_decoder_t *decoder);
size_t library_assembled(const dlt645_assembly_t *assembly);
int library_values(int edition, uint32_t identifier, const uint8_t *data, size_t n, uint8_t *kinds,
                   int32_t *numbers, int8_t *scales);
int library_number(bool has_sign, const uint8_t *data, size_t n, int32_t *number);

// The first good frame: where it begins, and how many bytes it has.
bool library_find(const uint8_t *bytes, size_t n, size_t *offset, size_t *size) {
    dlt645_finding_t finding;
    bool found = dlt645_find(bytes, n, &finding) == DLT645_OK;
    *offset = finding.offset;
    *size = finding.size;
    return found;
}

size_t library_decoder_size(void) {
    return sizeof(dlt645_decoder_t);
}

// The current frame; returns its data bytes, -1 without one. data has room for 200.
int library_frame(const dlt645_decoder_t *decoder, uint8_t *address, uint8_t *control,
                  uint8_t *data) {
    const dlt645_frame_t *frame = &decoder->frame;
    if (frame->address == NULL) {
        return -1;
    }
    memcpy(address, frame->address, DLT645_ADDRESS_SIZE);
    *control = frame->control;
    memcpy(data, frame->data, frame->length);
    return frame->length;
}

size_t library_request_size(void) {
    return sizeof(dlt645_request_t);
}

void library_request(dlt645_request_t *request, int edition, const uint8_t *address,
                     uint8_t control, const uint8_t *identifier, uint8_t identifier_size,
                     uint8_t sequence) {
    memset(request, 0, sizeof(*request));
    request->edition = edition == 1997 ? DLT645_1997 : DLT645_2007;
    memcpy(request->address, address, DLT645_ADDRESS_SIZE);
    request->control = control;
    memcpy(request->identifier, identifier, identifier_size);
    request->identifier_size = identifier_size;
    request->sequence = sequence;
}

// The verdict on the current frame. payload has room for 200.
int library_judge(const dlt645_request_t *request, const dlt645_decoder_t *decoder,
                  uint8_t *payload, size_t *length, unsigned *error) {
    dlt645_answer_t answer;
    dlt645_verdict_t verdict = dlt645_judge(request, &decoder->frame, &answer);
    if (answer.length > 0) {
        memcpy(payload, answer.payload, answer.length);
    }
    *length = answer.length;
    *error = answer.error;
    return (int)verdict;
}

size_t library_assembly_size(void) {
    return sizeof(dlt645_assembly_t);
}

// Judge the current frame and hand it to the assembly; returns the progress.
int library_take(dlt645_assembly_t *assembly, const dlt645_request_t *request,
                 const dlt645_decoder_t *decoder) {
    dlt645_answer_t answer;
    dlt645_verdict_t verdict = dlt645_judge(request, &decoder->frame, &answer);
    return (int)dlt645_assembly_take(assembly, request, verdict, &answer);
}

size_t library_assembled(const dlt645_assembly_t *assembly) {
    return assembly->length;
}

// The values of an item of the tables: kind, number and scale of each; there is room for 100.
// Returns how many, or what dlt645_values says; -4 for an item that is not in the tables.
int library_values(int edition, uint32_t identifier, const uint8_t *data, size_t n, uint8_t *kinds,
                   int32_t *numbers, int8_t *scales) {
    dlt645_value_t values[100];
    dlt645_rule_t rule;
    if (!dlt645_item(edition == 1997 ? DLT645_1997 : DLT645_2007, identifier, &rule)) {
        return -4;
    }
    int count = dlt645_values(&rule, data, n, values, 100);
    for (int i = 0; i < count; i++) {
        kinds[i] = values[i].kind;
        numbers[i] = values[i].number;
        scales[i] = values[i].scale;
    }
    return count;
}

// One number of n bytes in a format of the caller's own; returns as dlt645_values does, or 0 when
// it is not available.
int library_number(bool has_sign, const uint8_t *data, size_t n, int32_t *number) {
    uint8_t kind = has_sign ? DLT645_SIGNED : DLT645_UNSIGNED;
    dlt645_rule_t rule = {
        .format = {kind, (uint8_t)n, 0, DLT645_NO_UNIT},
        .size = (uint16_t)n,
        .shape = DLT645_ONE,
    };
    dlt645_value_t value = {0};
    int count = dlt645_values(&rule, data, n, &value, 1);
    *number = value.number;
    return count == 1 && value.kind != kind ? 0 : count;
}
