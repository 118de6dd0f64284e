// SPDX-License-Identifier: MIT
//
// Tests of what an answer is to a request, as plain C, for the sanitizers.

#include "check.h"
#include "dlt645_answer.h"

static const uint8_t meter[6] = {0x12, 0x90, 0x78, 0x56, 0x34, 0x12};

// The frame that is being judged; its data in a block of its exact size, for the sanitizer.
static uint8_t *exact;
static dlt645_answer_t answer;

static dlt645_request_t read_request(dlt645_edition_t edition, uint32_t identifier) {
    dlt645_request_t request = {.edition = edition};
    memcpy(request.address, meter, 6);
    request.control = edition == DLT645_1997 ? DLT645_READ_1997 : DLT645_READ;
    request.identifier_size = edition == DLT645_1997 ? 2 : 4;
    for (size_t i = 0; i < request.identifier_size; i++) {
        request.identifier[i] = (uint8_t)(identifier >> 8 * i);
    }
    return request;
}

static dlt645_request_t bare_request(uint8_t control) {
    dlt645_request_t request = {.edition = DLT645_2007, .control = control};
    memcpy(request.address, meter, 6);
    return request;
}

static dlt645_verdict_t judge_from(const uint8_t *address, const dlt645_request_t *request,
                                   uint8_t control, const void *data, size_t n) {
    free(exact);
    exact = malloc(n ? n : 1);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, data, n);
    dlt645_frame_t frame = {
        .address = address, .data = exact, .length = (uint8_t)n, .control = control};
    return dlt645_judge(request, &frame, &answer);
}

static dlt645_verdict_t judge(const dlt645_request_t *request, uint8_t control, const void *data,
                              size_t n) {
    return judge_from(meter, request, control, data, n);
}

#define ENERGY "\x00\x00\x01\x00"
#define VALUE "\x78\x56\x34\x12"

static void test_answer_of_the_2007_edition_is_known_by_all_that_is_fixed(void) {
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    CHECK_EQUAL(judge(&request, 0x91, ENERGY VALUE, 8), DLT645_ANSWER);
    CHECK_EQUAL(answer.length, 4);
    CHECK(memcmp(answer.payload, VALUE, 4) == 0);
    CHECK(memcmp(answer.address, meter, 6) == 0);
    CHECK_EQUAL(judge(&request, 0xb1, ENERGY VALUE, 8), DLT645_MORE);
    CHECK_EQUAL(judge(&request, 0x11, ENERGY, 4), DLT645_ECHO);
    CHECK_EQUAL(judge(&request, 0x91, "\x00\x01\x01\x00" VALUE, 8), DLT645_OTHER_IDENTIFIER);
    CHECK_EQUAL(judge(&request, 0x92, ENERGY VALUE, 8), DLT645_OTHER_FUNCTION);
    CHECK_EQUAL(judge(&request, 0x81, "\x10\x90" VALUE, 6), DLT645_OTHER_FUNCTION);
    CHECK_EQUAL(judge(&request, 0xf1, "\x02", 1), DLT645_OTHER_FUNCTION);
    // An item that has nothing to show (a load record of a time without one).
    CHECK_EQUAL(judge(&request, 0x91, ENERGY, 4), DLT645_ANSWER);
    CHECK_EQUAL(answer.length, 0);
    for (size_t n = 0; n < 4; n++) {
        CHECK_EQUAL(judge(&request, 0x91, ENERGY, n), DLT645_BAD_LENGTH);
    }
    // More of nothing is no answer.
    CHECK_EQUAL(judge(&request, 0xb1, ENERGY, 4), DLT645_BAD_LENGTH);
}

static void test_answer_of_the_1997_edition_has_two_bytes_of_identifier(void) {
    dlt645_request_t request = read_request(DLT645_1997, 0x9010);
    CHECK_EQUAL(judge(&request, 0x81, "\x10\x90" VALUE, 6), DLT645_ANSWER);
    CHECK_EQUAL(answer.length, 4);
    CHECK_EQUAL(judge(&request, 0xa1, "\x10\x90" VALUE, 6), DLT645_MORE);
    CHECK_EQUAL(judge(&request, 0x81, "\x11\x90" VALUE, 6), DLT645_OTHER_IDENTIFIER);
    CHECK_EQUAL(judge(&request, 0x91, ENERGY VALUE, 8), DLT645_OTHER_FUNCTION);
    CHECK_EQUAL(judge(&request, 0xc1, "\x02", 1), DLT645_REFUSED);
    CHECK_EQUAL(answer.error, 2);
    CHECK_EQUAL(judge(&request, 0x81, "\x10", 1), DLT645_BAD_LENGTH);
}

static void test_answer_comes_from_the_address_that_was_asked(void) {
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    for (size_t i = 0; i < 6; i++) {
        uint8_t other[6];
        memcpy(other, meter, 6);
        other[i] ^= 0x01;
        CHECK_EQUAL(judge_from(other, &request, 0x91, ENERGY VALUE, 8), DLT645_OTHER_METER);
        CHECK_EQUAL(judge_from(other, &request, 0xd1, "\x02", 1), DLT645_OTHER_METER);
    }
    // A short address: the low pairs, A above.
    memset(request.address + 1, 0xaa, 5);
    CHECK_EQUAL(judge(&request, 0x91, ENERGY VALUE, 8), DLT645_ANSWER);
    request.address[0] = 0x13;
    CHECK_EQUAL(judge(&request, 0x91, ENERGY VALUE, 8), DLT645_OTHER_METER);
    memset(request.address, 0xaa, 6);
    CHECK_EQUAL(judge(&request, 0x91, ENERGY VALUE, 8), DLT645_ANSWER);
    // The wildcard stands for digits, and what it stands for is told.
    CHECK(memcmp(answer.address, meter, 6) == 0);
    // The filler stands before the digits; wildcards, and what is no digit, are nobody's address.
    static const uint8_t good[2][6] = {{0x12, 0x90, 0x78, 0xaa, 0xaa, 0xaa},
                                       {0x12, 0x90, 0x78, 0x56, 0xa4, 0xaa}};
    static const uint8_t broken[4][6] = {{0x12, 0x90, 0x7b, 0x56, 0x34, 0x12},
                                         {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa},
                                         {0xaa, 0x90, 0x78, 0x56, 0x34, 0x12},
                                         {0x12, 0x90, 0xaa, 0x56, 0xaa, 0xaa}};
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(judge_from(good[i], &request, 0x91, ENERGY VALUE, 8), DLT645_ANSWER);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(judge_from(broken[i], &request, 0x91, ENERGY VALUE, 8), DLT645_OTHER_METER);
    }
}

static void test_follow_up_repeats_its_sequence_number_as_last_byte(void) {
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    request.control = DLT645_READ_FOLLOW_UP;
    request.sequence = 1;
    CHECK_EQUAL(judge(&request, 0xb2, ENERGY VALUE "\x01", 9), DLT645_MORE);
    CHECK_EQUAL(answer.length, 4);
    CHECK_EQUAL(judge(&request, 0x92, ENERGY VALUE "\x01", 9), DLT645_ANSWER);
    CHECK_EQUAL(judge(&request, 0x92, ENERGY VALUE "\x02", 9), DLT645_OTHER_SEQUENCE);
    CHECK_EQUAL(judge(&request, 0x92, ENERGY, 4), DLT645_BAD_LENGTH);
    CHECK_EQUAL(judge(&request, 0xd2, "\x02", 1), DLT645_REFUSED);
    CHECK(!answer.report);
    // v082: the report status word in place of the energy.
    CHECK_EQUAL(judge(&request, 0x92, "\x01\x15\x00\x04" VALUE VALUE VALUE "\x01", 17),
                DLT645_OTHER_IDENTIFIER);
    CHECK(answer.report);
    CHECK_EQUAL(judge(&request, 0x92, "\x01\x16\x00\x04" VALUE VALUE VALUE "\x01", 17),
                DLT645_OTHER_IDENTIFIER);
    CHECK(!answer.report);
}

static void test_length_that_the_function_fixes_is_checked(void) {
    static const struct {
        uint8_t control, length, error_sizes; // bit n: an error word of n bytes
        bool answered;
    } functions[] = {
        {DLT645_BROADCAST_TIME, 0, 0, false}, {DLT645_READ_ADDRESS, 6, 0, true},
        {DLT645_WRITE, 0, 2, true},           {DLT645_WRITE_ADDRESS, 0, 0, true},
        {DLT645_FREEZE, 0, 2, true},          {DLT645_CHANGE_BAUD, 1, 2, true},
        {DLT645_CHANGE_PASSWORD, 4, 2, true}, {DLT645_CLEAR_DEMAND, 0, 2, true},
        {DLT645_CLEAR_METER, 0, 2, true},     {DLT645_CLEAR_EVENTS, 0, 2, true},
        {DLT645_RELAY, 0, 2 | 4, true},       {DLT645_OUTPUT, 1, 2, true},
    };
    static const uint8_t zeros[200];
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        dlt645_request_t request = bare_request(functions[i].control);
        for (size_t n = 0; n <= 200; n++) {
            dlt645_verdict_t wanted = n == functions[i].length ? DLT645_ANSWER : DLT645_BAD_LENGTH;
            wanted = functions[i].answered ? wanted : DLT645_OTHER_FUNCTION;
            CHECK_EQUAL(judge(&request, 0x80 | request.control, zeros, n), wanted);
            // Only reads come in parts.
            CHECK_EQUAL(judge(&request, 0xa0 | request.control, zeros, n), DLT645_OTHER_FUNCTION);
            bool error = n < 8 && functions[i].error_sizes & 1U << n;
            wanted = error ? DLT645_REFUSED : DLT645_BAD_LENGTH;
            wanted = functions[i].error_sizes ? wanted : DLT645_OTHER_FUNCTION;
            CHECK_EQUAL(judge(&request, 0xc0 | request.control, zeros, n), wanted);
            CHECK_EQUAL(answer.error_size, error ? n : 0);
        }
    }
}

static void test_vendor_function_passes_through(void) {
    dlt645_request_t request = bare_request(0x1e);
    CHECK_EQUAL(judge(&request, 0x9e, VALUE, 4), DLT645_ANSWER);
    CHECK_EQUAL(judge(&request, 0xbe, VALUE, 4), DLT645_MORE);
    CHECK_EQUAL(judge(&request, 0xde, "\x01\x02", 2), DLT645_REFUSED);
    CHECK_EQUAL(answer.error, 0x0201);
    CHECK_EQUAL(judge(&request, 0x80, VALUE, 4), DLT645_OTHER_FUNCTION); // v111
}

static bool names(dlt645_edition_t edition, uint8_t control, uint8_t size, unsigned bit,
                  const char *wanted) {
    const char *name = dlt645_error_name(edition, control, size, bit);
    return wanted == NULL ? name == NULL : name != NULL && strcmp(name, wanted) == 0;
}

static void test_error_bits_have_the_names_of_edition_and_function(void) {
    CHECK(names(DLT645_2007, DLT645_READ, 1, 0, "other error"));
    CHECK(names(DLT645_2007, DLT645_READ, 1, 1, "no such data"));
    CHECK(names(DLT645_2007, 0xd1, 1, 2, "password wrong or not authorised"));
    CHECK(names(DLT645_2007, DLT645_CHANGE_BAUD, 1, 3, "baud rate cannot be changed"));
    CHECK(names(DLT645_2007, DLT645_READ, 1, 6, "too many rates"));
    CHECK(names(DLT645_2007, DLT645_READ, 1, 7, NULL));
    CHECK(names(DLT645_1997, DLT645_READ_1997, 1, 1, "identifier wrong"));
    CHECK(names(DLT645_1997, DLT645_WRITE_1997, 1, 0, "illegal data"));
    CHECK(names(DLT645_1997, DLT645_CHANGE_BAUD_1997, 1, 3, NULL));
    // 03H is another function in 1997.
    CHECK(names(DLT645_1997, DLT645_REPEAT_1997, 1, 2, "password wrong"));
    CHECK(names(DLT645_2007, DLT645_SECURITY, 2, 3, "identity authentication failed"));
    CHECK(names(DLT645_2007, DLT645_SECURITY, 2, 9, NULL));
    CHECK(names(DLT645_2007, DLT645_SECURITY, 2, 15, "password setting failed"));
    CHECK(names(DLT645_2007, DLT645_RELAY, 1, 2, "password wrong or not authorised"));
    CHECK(names(DLT645_2007, DLT645_RELAY, 2, 5, "keep-power refuses it"));
    CHECK(names(DLT645_2007, DLT645_RELAY, 2, 9, NULL));
    for (unsigned bit = 16; bit < 100; bit++) {
        CHECK(names(DLT645_2007, DLT645_SECURITY, 2, bit, NULL));
    }
}

static void test_request_becomes_the_frame_of_the_standard(void) {
    uint8_t buffer[64];
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    static const uint8_t energy[16] = {0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68,
                                       0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0x68, 0x16};
    CHECK_EQUAL(dlt645_encode_request(buffer, sizeof(buffer), &request, NULL, 0, 2), 18);
    CHECK(memcmp(buffer + 2, energy, 16) == 0);
    // v076: identifier and SEQ.
    request = read_request(DLT645_2007, 0x03300001);
    request.control = DLT645_READ_FOLLOW_UP;
    request.sequence = 1;
    CHECK_EQUAL(dlt645_encode_request(buffer, sizeof(buffer), &request, NULL, 0, 0), 17);
    CHECK(memcmp(buffer + 8, "\x12\x05\x34\x33\x63\x36\x34", 7) == 0);
    // A load record: identifier, number of blocks.
    request = read_request(DLT645_2007, 0x06010000);
    CHECK_EQUAL(
        dlt645_encode_request(buffer, sizeof(buffer), &request, (const uint8_t *)"\x01", 1, 0),
        17);
    CHECK(memcmp(buffer + 8, "\x11\x05\x33\x33\x34\x39\x34", 7) == 0);
    CHECK_EQUAL(dlt645_encode_request(buffer, 16, &request, (const uint8_t *)"\x01", 1, 0), 0);
    CHECK_EQUAL(dlt645_encode_request(buffer, sizeof(buffer), &request, buffer, 197, 0), 0);
    CHECK_EQUAL(dlt645_encode_request(buffer, sizeof(buffer), &request, buffer, SIZE_MAX, 0), 0);
}

// --- Items in several frames ------------------------------------------------------------------

static dlt645_progress_t part(dlt645_assembly_t *assembly, dlt645_request_t *request,
                              uint8_t control, const void *data, size_t n) {
    return dlt645_assembly_take(assembly, request, judge(request, control, data, n), &answer);
}

static void test_item_in_three_frames_is_put_together_in_order(void) {
    uint8_t buffer[12];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY "\x01\x02\x03", 7), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_FOLLOW_UP);
    CHECK_EQUAL(request.sequence, 1);
    CHECK_EQUAL(part(&assembly, &request, 0xb2, ENERGY "\x04\x05\x01", 7), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.sequence, 2);
    // Late, lost and foreign ones change nothing; the same part is asked for again.
    CHECK_EQUAL(part(&assembly, &request, 0xb2, ENERGY "\x04\x05\x01", 7), DLT645_AGAIN);
    CHECK_EQUAL(part(&assembly, &request, 0x92, "\x00\x01\x01\x00\x09\x02", 6), DLT645_AGAIN);
    CHECK_EQUAL(part(&assembly, &request, 0x12, ENERGY "\x02", 5), DLT645_AGAIN);
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_FOLLOW_UP);
    CHECK_EQUAL(request.sequence, 2);
    CHECK_EQUAL(part(&assembly, &request, 0x92, ENERGY "\x06\x02", 6), DLT645_COMPLETE);
    CHECK_EQUAL(assembly.length, 6);
    CHECK(memcmp(buffer, "\x01\x02\x03\x04\x05\x06", 6) == 0);
    CHECK(!assembly.event_pending);
}

static void test_sequence_wraps_from_255_to_1(void) {
    static uint8_t buffer[1000];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    unsigned wanted = 0;
    for (unsigned i = 0; i < 600; i++) {
        dlt645_assembly_request(&assembly, &request);
        CHECK_EQUAL(request.sequence, wanted);
        wanted = wanted == 255 ? 1 : wanted + 1;
        uint8_t data[6] = {0, 0, 1, 0, (uint8_t)i, request.sequence};
        CHECK_EQUAL(part(&assembly, &request, i ? 0xb2 : 0xb1, data, i ? 6 : 5), DLT645_ASK);
    }
    CHECK_EQUAL(assembly.length, 600);
}

// What the assembly says of a frame of another meter.
static dlt645_progress_t part_from(const uint8_t *address, dlt645_assembly_t *assembly,
                                   const dlt645_request_t *request, uint8_t control,
                                   const void *data, size_t n) {
    dlt645_verdict_t verdict = judge_from(address, request, control, data, n);
    return dlt645_assembly_take(assembly, request, verdict, &answer);
}

static void test_item_asked_of_anybody_is_of_the_meter_that_answers_first(void) {
    // The second address fits the other in every digit that is none but a filler.
    static const uint8_t addresses[2][6] = {{0x12, 0x90, 0x78, 0x56, 0x34, 0x12},
                                            {0x12, 0x90, 0x78, 0xaa, 0xaa, 0xaa}};
    for (int i = 0; i < 2; i++) {
        const uint8_t *first = addresses[i];
        const uint8_t *other = addresses[1 - i];
        uint8_t buffer[16];
        dlt645_assembly_t assembly;
        dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
        memset(request.address, 0xaa, 6);
        dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
        dlt645_assembly_request(&assembly, &request);
        CHECK_EQUAL(part_from(first, &assembly, &request, 0xb1, ENERGY VALUE, 8), DLT645_ASK);
        dlt645_assembly_request(&assembly, &request);
        CHECK(memcmp(request.address, first, 6) == 0);
        static const char rest[] = ENERGY "\x01\x02\x01";
        static const char report[] = "\x01\x15\x00\x04" VALUE VALUE VALUE "\x01";
        CHECK_EQUAL(part_from(other, &assembly, &request, 0x92, rest, 7), DLT645_AGAIN);
        CHECK_EQUAL(part_from(other, &assembly, &request, 0xd2, "\x02", 1), DLT645_AGAIN);
        CHECK_EQUAL(part_from(other, &assembly, &request, 0x92, report, 17), DLT645_AGAIN);
        CHECK_EQUAL(assembly.length, 4);
        CHECK_EQUAL(part_from(first, &assembly, &request, 0x92, rest, 7), DLT645_COMPLETE);
        CHECK(memcmp(buffer, VALUE "\x01\x02", 6) == 0);
    }
}

static void test_bit_5_on_a_complete_item_is_an_event_and_no_follow_up(void) {
    uint8_t buffer[8];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    // v081, its length known: nothing further is asked for.
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 4);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY VALUE, 8), DLT645_COMPLETE);
    CHECK(assembly.event_pending);
    CHECK_EQUAL(assembly.length, 4);
    // Not known: the meter says so at the follow-up (v082), of which nothing is appended.
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY VALUE, 8), DLT645_ASK);
    CHECK(!assembly.event_pending);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0x92, "\x01\x15\x00\x04" VALUE VALUE VALUE "\x01", 17),
                DLT645_COMPLETE);
    CHECK(assembly.event_pending);
    CHECK_EQUAL(assembly.length, 4);
    CHECK(memcmp(buffer, VALUE, 4) == 0);
}

static void test_item_of_another_size_than_the_known_one_is_none(void) {
    uint8_t buffer[16];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 4);
    CHECK_EQUAL(part(&assembly, &request, 0x91, ENERGY VALUE, 7), DLT645_SPOILED);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 4);
    CHECK_EQUAL(part(&assembly, &request, 0x91, ENERGY VALUE VALUE, 12), DLT645_SPOILED);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 4);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY VALUE VALUE, 12), DLT645_SPOILED);
    CHECK(!assembly.event_pending);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 8);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY VALUE, 8), DLT645_ASK);
}

static void test_refused_follow_up_leaves_no_item(void) {
    uint8_t buffer[16];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    CHECK_EQUAL(part(&assembly, &request, 0xb1, ENERGY VALUE, 8), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0xd2, "\x02", 1), DLT645_GIVEN_UP); // v080
}

static void test_buffer_that_is_too_small_is_told_and_not_overrun(void) {
    for (size_t size = 0; size < 10; size++) {
        uint8_t *buffer = malloc(size ? size : 1);
        if (buffer == NULL) {
            abort();
        }
        dlt645_assembly_t assembly;
        dlt645_request_t request = read_request(DLT645_2007, 0x00010000);
        dlt645_assembly_begin(&assembly, buffer, size, 0);
        dlt645_progress_t progress = part(&assembly, &request, 0xb1, ENERGY VALUE, 8);
        CHECK_EQUAL(progress, size < 4 ? DLT645_NO_ROOM : DLT645_ASK);
        if (progress == DLT645_ASK) {
            dlt645_assembly_request(&assembly, &request);
            progress = part(&assembly, &request, 0x92, ENERGY VALUE "\x01", 9);
            CHECK_EQUAL(progress, size < 8 ? DLT645_NO_ROOM : DLT645_COMPLETE);
        }
        CHECK(assembly.length <= size);
        free(buffer);
    }
}

static void test_1997_has_a_lost_part_repeated_and_drops_one_that_is_old(void) {
    uint8_t buffer[16];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_1997, 0x901f);
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 6);
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_1997); // nothing has come yet: from the start
    CHECK_EQUAL(part(&assembly, &request, 0xa1, "\x1f\x90\x01\x02", 4), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_FOLLOW_UP_1997);
    CHECK_EQUAL(request.sequence, 0);
    // The answer is lost, and then the repetition: it is the second part.
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_REPEAT_1997);
    CHECK_EQUAL(part(&assembly, &request, 0xa3, "\x1f\x90\x03\x04", 4), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_FOLLOW_UP_1997);
    // The request is lost: the repetition is of what is here, and the next part still to be had.
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0xa3, "\x1f\x90\x03\x04", 4), DLT645_ASK);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(request.control, DLT645_READ_FOLLOW_UP_1997);
    CHECK_EQUAL(part(&assembly, &request, 0x82, "\x1f\x90\x03\x04", 4), DLT645_COMPLETE);
    CHECK_EQUAL(assembly.length, 6);
    CHECK(memcmp(buffer, "\x01\x02\x03\x04\x03\x04", 6) == 0);
}

static void test_1997_parts_that_are_the_same_are_not_taken_for_one(void) {
    uint8_t buffer[16];
    dlt645_assembly_t assembly;
    dlt645_request_t request = read_request(DLT645_1997, 0x901f);
    // That more follows was said of the old part: what is the last is another.
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    CHECK_EQUAL(part(&assembly, &request, 0xa1, "\x1f\x90\x01\x02", 4), DLT645_ASK);
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0x83, "\x1f\x90\x01\x02", 4), DLT645_COMPLETE);
    CHECK_EQUAL(assembly.length, 4);
    // Of two that are not the last nobody can tell, unless the size is known.
    dlt645_assembly_begin(&assembly, buffer, sizeof(buffer), 0);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0xa1, "\x1f\x90\x01\x02", 4), DLT645_ASK);
    dlt645_assembly_lost(&assembly);
    dlt645_assembly_request(&assembly, &request);
    CHECK_EQUAL(part(&assembly, &request, 0xa3, "\x1f\x90\x01\x02", 4), DLT645_SPOILED);
}

static const test_t tests[] = {
    TEST(test_answer_of_the_2007_edition_is_known_by_all_that_is_fixed),
    TEST(test_answer_of_the_1997_edition_has_two_bytes_of_identifier),
    TEST(test_answer_comes_from_the_address_that_was_asked),
    TEST(test_follow_up_repeats_its_sequence_number_as_last_byte),
    TEST(test_length_that_the_function_fixes_is_checked),
    TEST(test_vendor_function_passes_through),
    TEST(test_error_bits_have_the_names_of_edition_and_function),
    TEST(test_request_becomes_the_frame_of_the_standard),
    TEST(test_item_in_three_frames_is_put_together_in_order),
    TEST(test_sequence_wraps_from_255_to_1),
    TEST(test_item_asked_of_anybody_is_of_the_meter_that_answers_first),
    TEST(test_bit_5_on_a_complete_item_is_an_event_and_no_follow_up),
    TEST(test_item_of_another_size_than_the_known_one_is_none),
    TEST(test_refused_follow_up_leaves_no_item),
    TEST(test_buffer_that_is_too_small_is_told_and_not_overrun),
    TEST(test_1997_has_a_lost_part_repeated_and_drops_one_that_is_old),
    TEST(test_1997_parts_that_are_the_same_are_not_taken_for_one),
};

int main(int argc, char **argv) {
    int result = run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
    free(exact);
    return result;
}
