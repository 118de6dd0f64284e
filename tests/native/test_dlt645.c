// SPDX-License-Identifier: MIT
//
// Tests of the frame codec as plain C, for the sanitizers.

#include "check.h"
#include "dlt645.h"

#define LOG_MAX (64)

static const uint8_t meter[6] = {0x12, 0x90, 0x78, 0x56, 0x34, 0x12};
static const uint8_t plain[8] = {0x00, 0x00, 0x01, 0x00, 0x78, 0x56, 0x34, 0x12};
// Energy of meter 123456789012, v109 and v113 of the vectors.
static const uint8_t answer[20] = {0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x08,
                                   0x33, 0x33, 0x34, 0x33, 0xab, 0x89, 0x67, 0x45, 0xcc, 0x16};

// --- What comes out of a decoder, put down so that two runs can be compared -----------------

typedef struct {
    uint8_t address[6];
    uint8_t control;
    uint8_t length;
    uint8_t data[200];
} delivery_t;

typedef struct {
    size_t n;
    delivery_t frames[LOG_MAX];
} log_t;

static void log_frame(log_t *log, const uint8_t *address, uint8_t control, const uint8_t *data,
                      uint8_t length) {
    if (log->n == LOG_MAX) {
        printf("more than %d frames\n", LOG_MAX);
        abort();
    }
    delivery_t *f = &log->frames[log->n++];
    memset(f, 0, sizeof(*f));
    memcpy(f->address, address, 6);
    f->control = control;
    f->length = length;
    memcpy(f->data, data, length);
}

static bool logs_equal(const log_t *a, const log_t *b) {
    return a->n == b->n && memcmp(a->frames, b->frames, a->n * sizeof(a->frames[0])) == 0;
}

static bool is_answer(const delivery_t *f) {
    return memcmp(f->address, meter, 6) == 0 && f->control == 0x91 && f->length == 8 &&
           memcmp(f->data, plain, 8) == 0;
}

static void log_current(dlt645_decoder_t *d, log_t *log) {
    log_frame(log, d->frame.address, d->frame.control, d->frame.data, d->frame.length);
}

static void drain(dlt645_decoder_t *d, log_t *log) {
    while (dlt645_decoder_next(d)) {
        log_current(d, log);
    }
}

// A heap block of exactly n bytes each time, so that a read beyond the end is seen.
static void feed(dlt645_decoder_t *d, log_t *log, const uint8_t *bytes, size_t n) {
    while (n > 0) {
        uint8_t *exact = malloc(n);
        if (exact == NULL) {
            abort();
        }
        memcpy(exact, bytes, n);
        size_t taken = dlt645_decoder_feed(d, exact, n);
        free(exact);
        CHECK(taken == n || taken >= DLT645_FRAME_MAX);
        if (taken == 0) {
            return;
        }
        drain(d, log);
        bytes += taken;
        n -= taken;
    }
}

static void silence(dlt645_decoder_t *d, log_t *log) {
    if (dlt645_decoder_timeout(d)) {
        log_current(d, log);
        drain(d, log);
    }
    CHECK_EQUAL(d->start, d->end);
    CHECK_EQUAL(dlt645_decoder_needed(d), DLT645_FRAME_MIN);
}

// Feed in chunks, then time out. Counters stay in d.
static void run(dlt645_decoder_t *d, log_t *log, const uint8_t *bytes, size_t n, size_t chunk) {
    dlt645_decoder_init(d);
    log->n = 0;
    for (size_t i = 0; i < n; i += chunk) {
        feed(d, log, bytes + i, n - i < chunk ? n - i : chunk);
    }
    silence(d, log);
}

static size_t append(uint8_t *to, size_t at, const void *bytes, size_t n) {
    memcpy(to + at, bytes, n);
    return at + n;
}

// --- Addresses --------------------------------------------------------------------------------

static void test_address_text_and_wire_order_are_inverse(void) {
    uint8_t wire[6];
    char text[12];
    CHECK(dlt645_address_from_text(wire, "123456789012", 12));
    CHECK(memcmp(wire, meter, 6) == 0);
    dlt645_address_to_text(text, wire);
    CHECK(memcmp(text, "123456789012", 12) == 0);
    CHECK(dlt645_address_from_text(wire, "AaaA00000003", 12));
    dlt645_address_to_text(text, wire);
    CHECK(memcmp(text, "AAAA00000003", 12) == 0);
}

static void test_address_text_that_is_no_address_is_refused(void) {
    uint8_t wire[6];
    CHECK(!dlt645_address_from_text(wire, "", 0));
    CHECK(!dlt645_address_from_text(wire, "12345678901", 11));
    CHECK(!dlt645_address_from_text(wire, "1234567890123", 13));
    for (int c = 0; c < 256; c++) {
        char text[13] = "123456789012";
        for (size_t place = 0; place < 12; place += 11) {
            text[place] = (char)c;
            bool good = (c >= '0' && c <= '9') || c == 'A' || c == 'a';
            CHECK_EQUAL(dlt645_address_from_text(wire, text, 12), good);
        }
    }
}

static void test_address_that_is_not_decimal_stays_visible(void) {
    const uint8_t wire[6] = {0x12, 0x34, 0xbc, 0xde, 0xf0, 0xa9};
    char text[12];
    dlt645_address_to_text(text, wire);
    CHECK(memcmp(text, "A9F0DEBC3412", 12) == 0);
}

static void test_address_wildcard_matches_any_digit_and_only_where_it_stands(void) {
    uint8_t asked[6];
    CHECK(dlt645_address_from_text(asked, "AAAAAAAAAAAA", 12));
    CHECK(dlt645_address_matches(meter, asked));
    CHECK(dlt645_address_from_text(asked, "AAAAAAAAAA12", 12));
    CHECK(dlt645_address_matches(meter, asked));
    CHECK(dlt645_address_from_text(asked, "AAAAAAAAAA13", 12));
    CHECK(!dlt645_address_matches(meter, asked));
    CHECK(dlt645_address_from_text(asked, "A23456789012", 12));
    CHECK(dlt645_address_matches(meter, asked));
    // Only the asking side has wildcards.
    const uint8_t all[6] = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
    CHECK(!dlt645_address_matches(all, meter));
    CHECK(dlt645_address_matches(meter, meter));
}

// --- Encoding ---------------------------------------------------------------------------------

static void test_encode_builds_the_known_frame_behind_its_preamble(void) {
    uint8_t buffer[64];
    for (size_t preamble = 0; preamble <= 16; preamble++) {
        size_t n = dlt645_encode(buffer, sizeof(buffer), meter, 0x91, plain, 8, preamble);
        CHECK_EQUAL(n, preamble + sizeof(answer));
        for (size_t i = 0; i < preamble; i++) {
            CHECK_EQUAL(buffer[i], 0xfe);
        }
        CHECK(memcmp(buffer + preamble, answer, sizeof(answer)) == 0);
    }
}

static void test_encode_stays_inside_the_buffer_and_refuses_what_does_not_fit(void) {
    uint8_t data[256] = {0};
    for (size_t length = 0; length <= 200; length++) {
        for (size_t preamble = 0; preamble <= 16; preamble += 4) {
            size_t size = preamble + 12 + length;
            uint8_t *exact = malloc(size);
            if (exact == NULL) {
                abort();
            }
            memset(exact, 0x55, size);
            CHECK_EQUAL(dlt645_encode(exact, size - 1, meter, 0x11, data, length, preamble), 0);
            CHECK_EQUAL(exact[0], 0x55);
            CHECK_EQUAL(dlt645_encode(exact, size, meter, 0x11, data, length, preamble), size);
            free(exact);
        }
    }
    uint8_t buffer[512];
    CHECK_EQUAL(dlt645_encode(buffer, sizeof(buffer), meter, 0x11, data, 201, 0), 0);
    CHECK_EQUAL(dlt645_encode(buffer, sizeof(buffer), meter, 0x11, data, SIZE_MAX, 0), 0);
    CHECK_EQUAL(dlt645_encode(buffer, sizeof(buffer), meter, 0x11, data, 0, 17), 0);
    CHECK_EQUAL(dlt645_encode(buffer, sizeof(buffer), meter, 0x11, data, 0, SIZE_MAX), 0);
    CHECK_EQUAL(dlt645_encode(buffer, 0, meter, 0x11, NULL, 0, 0), 0);
    CHECK_EQUAL(dlt645_encode(buffer, 12, meter, 0x13, NULL, 0, 0), 12);
}

static void test_data_offset_wraps_at_256(void) {
    uint8_t data[200];
    for (int base = 0; base < 256; base += 56) {
        for (int i = 0; i < 200; i++) {
            data[i] = (uint8_t)(base + i);
        }
        uint8_t frame[212];
        CHECK_EQUAL(dlt645_encode(frame, sizeof(frame), meter, 0x91, data, 200, 0), 212);
        for (int i = 0; i < 200; i++) {
            CHECK_EQUAL(frame[10 + i], (base + i + 0x33) % 256);
        }
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, frame, sizeof(frame), sizeof(frame));
        CHECK_EQUAL(log.n, 1);
        CHECK(memcmp(log.frames[0].data, data, 200) == 0);
    }
}

// --- Finding in a whole buffer ------------------------------------------------------------------

static void test_find_names_the_fault_and_the_place(void) {
    uint8_t bytes[64];
    dlt645_finding_t f;
    CHECK_EQUAL(dlt645_find(NULL, 0, &f), DLT645_NO_START);
    memset(bytes, 0xfe, sizeof(bytes));
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_NO_START);

    memcpy(bytes + 3, answer, sizeof(answer));
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_OK);
    CHECK_EQUAL(f.offset, 3);
    CHECK_EQUAL(f.size, 20);
    CHECK_EQUAL(dlt645_find(bytes, 22, &f), DLT645_TRUNCATED);
    CHECK_EQUAL(f.offset, 3);
    CHECK_EQUAL(f.missing, 1);
    CHECK_EQUAL(dlt645_find(bytes, 12, &f), DLT645_TRUNCATED);
    CHECK_EQUAL(f.missing, 3);
    CHECK_EQUAL(dlt645_find(bytes, 10, &f), DLT645_CUT_HEADER);
    CHECK_EQUAL(f.missing, 5);

    bytes[3 + 18] = 0xcd;
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_BAD_CHECKSUM);
    CHECK_EQUAL(f.got, 0xcd);
    CHECK_EQUAL(f.expected, 0xcc);
    bytes[3 + 19] = 0x17;
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_NO_END);
    CHECK_EQUAL(f.got, 0x17);
    bytes[3 + 9] = 201;
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_LENGTH);
    CHECK_EQUAL(f.got, 201);
    bytes[3 + 7] = 0x69;
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_NO_SECOND);
    CHECK_EQUAL(f.got, 0x69);
    CHECK_EQUAL(f.offset, 3);

    // Of several starts the first one with both marks is told about.
    memcpy(bytes + 3, answer, sizeof(answer));
    bytes[0] = 0x68;
    bytes[3 + 18] = 0xcd;
    memcpy(bytes + 30, answer, sizeof(answer));
    bytes[30 + 19] = 0x17;
    CHECK_EQUAL(dlt645_find(bytes, sizeof(bytes), &f), DLT645_BAD_CHECKSUM);
    CHECK_EQUAL(f.offset, 3);
}

// --- Decoding
// -------------------------------------------------------------------------------------

static void test_frames_come_out_the_same_however_the_bytes_arrive(void) {
    uint8_t bytes[400];
    size_t n = 0;
    n = append(bytes, n, "\xfe\xfe\xfe\xfe", 4);
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, "\x68\x00\x68", 3);
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, answer, 12); // cut, then repeated
    n = append(bytes, n, "\xfe\xfe\xfe\xfe", 4);
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, answer, sizeof(answer));
    bytes[n - 2] ^= 0x10; // a wrong checksum
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, "\x68\x01\x02\x03\x04\x05\x06\x68\x11\xc0", 10);
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, answer, 7);

    dlt645_decoder_t all;
    log_t all_log;
    run(&all, &all_log, bytes, n, n);
    CHECK_EQUAL(all_log.n, 5);
    for (size_t chunk = 1; chunk < n; chunk++) {
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, bytes, n, chunk);
        CHECK(logs_equal(&log, &all_log));
        CHECK_EQUAL(d.frames, all.frames);
        CHECK_EQUAL(d.checksum_errors, all.checksum_errors);
        CHECK_EQUAL(d.end_errors, all.end_errors);
        CHECK_EQUAL(d.length_errors, all.length_errors);
        CHECK_EQUAL(d.truncated, all.truncated);
        CHECK_EQUAL(d.skipped, all.skipped);
    }
    CHECK_EQUAL(all.checksum_errors, 1);
    CHECK_EQUAL(all.skipped + 5 * sizeof(answer), n);
}

static void test_start_mark_received_twice_costs_no_frame(void) {
    uint8_t bytes[64];
    for (size_t extra = 1; extra < 20; extra++) {
        memset(bytes, 0x68, extra);
        size_t n = append(bytes, extra, answer, sizeof(answer));
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, bytes, n, 1);
        CHECK_EQUAL(log.n, 1);
        CHECK(log.n == 1 && is_answer(&log.frames[0]));
        CHECK_EQUAL(d.skipped, extra);
    }
}

static void test_false_header_gives_up_the_frame_it_swallowed_at_the_timeout(void) {
    // L = C0H: nothing can be decided before silence, or 204 bytes, have come.
    static const uint8_t header[10] = {0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x11, 0xc0};
    dlt645_decoder_t d;
    log_t log = {0};
    dlt645_decoder_init(&d);
    feed(&d, &log, header, sizeof(header));
    feed(&d, &log, answer, sizeof(answer));
    CHECK_EQUAL(log.n, 0);
    CHECK_EQUAL(dlt645_decoder_needed(&d), 204 - 30);
    // The bytes behind the uncovered frame are as old as it is: a second false header there must
    // not hide a second frame until yet another silence.
    feed(&d, &log, header, sizeof(header));
    feed(&d, &log, answer, sizeof(answer));
    CHECK(dlt645_decoder_timeout(&d));
    log_current(&d, &log);
    CHECK(dlt645_decoder_next(&d));
    log_current(&d, &log);
    CHECK(!dlt645_decoder_next(&d));
    CHECK_EQUAL(log.n, 2);
    CHECK(is_answer(&log.frames[0]) && is_answer(&log.frames[1]));
    CHECK_EQUAL(d.truncated, 2);
    CHECK_EQUAL(dlt645_decoder_needed(&d), 12);
}

static void test_false_header_that_fills_up_gives_its_frames_back_without_timeout(void) {
    static const uint8_t header[10] = {0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x11, 0xc8};
    for (size_t chunk = 1; chunk <= 250; chunk += 83) {
        dlt645_decoder_t d;
        log_t log = {0};
        dlt645_decoder_init(&d);
        uint8_t bytes[250];
        size_t n = append(bytes, 0, header, sizeof(header));
        for (int i = 0; i < 12; i++) {
            n = append(bytes, n, answer, sizeof(answer));
        }
        for (size_t i = 0; i < n; i += chunk) {
            feed(&d, &log, bytes + i, n - i < chunk ? n - i : chunk);
        }
        CHECK_EQUAL(log.n, 12);
        CHECK_EQUAL(d.end_errors, 1);
        CHECK_EQUAL(d.skipped, 10);
    }
}

static void test_no_frame_reaches_across_a_silence(void) {
    for (size_t cut = 1; cut < sizeof(answer); cut++) {
        dlt645_decoder_t d;
        log_t log = {0};
        dlt645_decoder_init(&d);
        feed(&d, &log, answer, cut);
        CHECK(!dlt645_decoder_timeout(&d));
        CHECK_EQUAL(d.start, d.end);
        feed(&d, &log, answer + cut, sizeof(answer) - cut);
        CHECK_EQUAL(log.n, 0);
        silence(&d, &log);
        feed(&d, &log, answer, sizeof(answer));
        CHECK_EQUAL(log.n, 1);
    }
    // Not even when the caller feeds on before it has looked at everything.
    dlt645_decoder_t d;
    log_t log = {0};
    dlt645_decoder_init(&d);
    uint8_t bytes[400];
    size_t n = append(bytes, 0, "\x68\x01\x02\x03\x04\x05\x06\x68\x11\xc0", 10);
    n = append(bytes, n, answer, sizeof(answer));
    n = append(bytes, n, answer, 15);
    CHECK_EQUAL(dlt645_decoder_feed(&d, bytes, n), n);
    CHECK(!dlt645_decoder_next(&d));
    CHECK(dlt645_decoder_timeout(&d));
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, answer + 15, 5);
    CHECK(dlt645_decoder_feed(&d, bytes, sizeof(bytes)) >= 212);
    drain(&d, &log);
    CHECK_EQUAL(log.n, 0);
}

static void test_length_over_200_is_dropped_at_once(void) {
    for (int length = 0; length < 256; length++) {
        uint8_t header[10] = {0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x91, (uint8_t)length};
        dlt645_decoder_t d;
        log_t log = {0};
        dlt645_decoder_init(&d);
        feed(&d, &log, header, sizeof(header));
        bool ghost = length > 200;
        CHECK_EQUAL(d.length_errors, ghost);
        // The second 68H may be the true start: five more bytes may make a frame of 12.
        CHECK_EQUAL(dlt645_decoder_needed(&d), ghost ? 12 - 3 : 12 + length - 10);
        if (ghost) {
            feed(&d, &log, answer, sizeof(answer));
            CHECK_EQUAL(log.n, 1);
        }
    }
}

static void test_checksum_byte_may_be_16_68_or_fe(void) {
    static const uint8_t wanted[3] = {0x16, 0x68, 0xfe};
    for (int i = 0; i < 3; i++) {
        uint8_t data = 0;
        uint8_t frame[13];
        do {
            data++;
            dlt645_encode(frame, sizeof(frame), meter, 0x91, &data, 1, 0);
        } while (frame[11] != wanted[i]);
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, frame, sizeof(frame), 1);
        CHECK_EQUAL(log.n, 1);
        CHECK_EQUAL(d.skipped, 0);
    }
}

static void test_no_byte_value_is_reserved_anywhere_in_a_frame(void) {
    static const uint8_t marks[4] = {0x68, 0x16, 0xfe, 0x33};
    for (int a = 0; a < 4; a++) {
        for (int b = 0; b < 4; b++) {
            for (size_t length = 0; length <= 200; length += 20) {
                uint8_t address[6];
                uint8_t data[200];
                memset(address, marks[a], 6);
                for (size_t i = 0; i < length; i++) {
                    data[i] = (uint8_t)(marks[i % 2 ? a : b] - 0x33);
                }
                uint8_t bytes[228];
                size_t n = dlt645_encode(bytes, sizeof(bytes), address, marks[b], data, length, 4);
                dlt645_decoder_t d;
                log_t log;
                run(&d, &log, bytes, n, 1);
                CHECK_EQUAL(log.n, 1);
                CHECK(memcmp(log.frames[0].address, address, 6) == 0);
                CHECK_EQUAL(log.frames[0].control, marks[b]);
                CHECK_EQUAL(log.frames[0].length, length);
                CHECK(memcmp(log.frames[0].data, data, length) == 0);
            }
        }
    }
}

static void test_any_single_wrong_byte_is_rejected_and_the_next_frame_found(void) {
    // Every single-byte error: the sum sees those in address, control and data, the
    // positions tell the rest. None may cost the frame that follows the silence.
    for (size_t place = 0; place < sizeof(answer); place++) {
        for (int change = 1; change < 256; change++) {
            uint8_t bytes[sizeof(answer)];
            memcpy(bytes, answer, sizeof(answer));
            bytes[place] ^= (uint8_t)change;
            dlt645_decoder_t d;
            log_t log = {0};
            dlt645_decoder_init(&d);
            feed(&d, &log, bytes, sizeof(bytes));
            silence(&d, &log);
            CHECK_EQUAL(log.n, 0);
            feed(&d, &log, answer, sizeof(answer));
            CHECK(log.n == 1 && is_answer(&log.frames[0]));
        }
    }
}

static void test_wrong_sum_and_marks_are_counted_by_reason_and_keep_the_sync(void) {
    static const struct {
        size_t place;
        uint8_t value;
        unsigned checksum, end;
    } cases[] = {
        {18, 0xcd, 1, 0}, // checksum
        {12, 0x35, 1, 0}, // data
        {7, 0x69, 0, 0},  // second start mark: then it is no start at all
        {19, 0x17, 0, 1}, // end mark
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[2 * sizeof(answer)];
        memcpy(bytes, answer, sizeof(answer));
        memcpy(bytes + sizeof(answer), answer, sizeof(answer));
        bytes[cases[i].place] = cases[i].value;
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, bytes, sizeof(bytes), 1);
        CHECK(log.n == 1 && is_answer(&log.frames[0]));
        CHECK_EQUAL(d.checksum_errors, cases[i].checksum);
        CHECK_EQUAL(d.end_errors, cases[i].end);
        CHECK_EQUAL(d.skipped, sizeof(answer));
    }
}

static void test_junk_before_and_behind_is_skipped_and_counted(void) {
    uint8_t bytes[1200];
    for (size_t junk = 0; junk < 500; junk += 71) {
        memset(bytes, 0xfe, junk);
        size_t n = append(bytes, junk, answer, sizeof(answer));
        memset(bytes + n, 0x16, junk);
        n += junk;
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, bytes, n, n);
        CHECK_EQUAL(log.n, 1);
        CHECK_EQUAL(d.skipped, 2 * junk);
        run(&d, &log, bytes, n, 1);
        CHECK_EQUAL(log.n, 1);
        CHECK_EQUAL(d.skipped, 2 * junk);
    }
}

static void test_full_decoder_takes_no_more_and_goes_on_once_drained(void) {
    dlt645_decoder_t d;
    dlt645_decoder_init(&d);
    size_t taken = 0;
    // A caller who never calls next must not overrun anything.
    for (int i = 0; i < 1000; i++) {
        taken += dlt645_decoder_feed(&d, answer, sizeof(answer));
    }
    CHECK_EQUAL(taken, DLT645_DECODER_BUFFER);
    log_t log = {0};
    drain(&d, &log);
    CHECK_EQUAL(log.n, DLT645_DECODER_BUFFER / sizeof(answer));
    feed(&d, &log, answer, sizeof(answer));
    silence(&d, &log);
    feed(&d, &log, answer, sizeof(answer));
    CHECK(is_answer(&log.frames[log.n - 1]));
}

// Whether the answer behind these bytes is noisy, however they are cut into pieces.
static bool is_noisy(const void *before, size_t n) {
    uint8_t line[2 * LOG_MAX];
    size_t size = append(line, append(line, 0, before, n), answer, sizeof(answer));
    bool noisy = false;
    for (size_t chunk = 1; chunk <= size; chunk++) {
        dlt645_decoder_t d;
        dlt645_decoder_init(&d);
        bool found = false;
        for (size_t i = 0; i < size; i += chunk) {
            dlt645_decoder_feed(&d, line + i, size - i < chunk ? size - i : chunk);
            found = dlt645_decoder_next(&d);
        }
        CHECK(found);
        CHECK(chunk == 1 || dlt645_decoder_noisy(&d) == noisy);
        noisy = dlt645_decoder_noisy(&d);
    }
    return noisy;
}

static void test_damage_among_the_wake_up_bytes_is_seen(void) {
    CHECK(!is_noisy("", 0));
    CHECK(!is_noisy("\xfe\xfe\xfe\xfe", 4));
    for (int byte = 0; byte < 256; byte++) {
        uint8_t before[] = {0xfe, (uint8_t)byte, 0xfe};
        CHECK_EQUAL(is_noisy(before, 3), byte != DLT645_WAKE_UP);
        CHECK_EQUAL(is_noisy(before, 2), byte != DLT645_WAKE_UP);
    }
}

static void test_the_pulse_of_a_driver_that_turns_on_is_no_damage(void) {
    for (unsigned bits = 0; bits <= 8; bits++) {
        uint8_t before[] = {(uint8_t)(0xff << bits), 0xfe, 0xfe};
        CHECK(!is_noisy(before, 3));
        CHECK(!is_noisy(before, 1));
    }
    CHECK(is_noisy("\xde\xfe\xfe", 3));
    CHECK(is_noisy("\x7f", 1));
    CHECK(is_noisy("\x68\xfe", 2));
}

static void test_silence_among_the_wake_up_bytes_is_damage(void) {
    for (size_t before = 0; before <= 2; before++) {
        dlt645_decoder_t d;
        dlt645_decoder_init(&d);
        dlt645_decoder_feed(&d, (const uint8_t *)"\xfe\xfe", before);
        CHECK(!dlt645_decoder_timeout(&d));
        dlt645_decoder_feed(&d, (const uint8_t *)"\xfe", 1);
        dlt645_decoder_feed(&d, answer, sizeof(answer));
        CHECK(dlt645_decoder_next(&d));
        CHECK_EQUAL(dlt645_decoder_noisy(&d), before > 0);
    }
}

static void test_only_what_stands_between_two_frames_is_noise_of_the_second(void) {
    uint8_t line[2 * LOG_MAX];
    size_t n = append(line, 0, "\xfe\x01", 2);
    n = append(line, n, answer, sizeof(answer));
    n = append(line, n, "\xfe\xfe", 2);
    n = append(line, n, answer, sizeof(answer));
    dlt645_decoder_t d;
    dlt645_decoder_init(&d);
    CHECK(!dlt645_decoder_noisy(&d));
    // Again and again, so that the decoder moves what it has.
    for (int i = 0; i < 40; i++) {
        CHECK_EQUAL(dlt645_decoder_feed(&d, line, n), n);
        CHECK(dlt645_decoder_next(&d));
        CHECK(dlt645_decoder_noisy(&d));
        CHECK(dlt645_decoder_next(&d));
        CHECK(!dlt645_decoder_noisy(&d));
        CHECK(!dlt645_decoder_next(&d));
        CHECK(!dlt645_decoder_noisy(&d));
    }
    // Nor is what came before a reset.
    dlt645_decoder_feed(&d, line, 2);
    dlt645_decoder_reset(&d);
    dlt645_decoder_feed(&d, answer, sizeof(answer));
    CHECK(dlt645_decoder_next(&d));
    CHECK(!dlt645_decoder_noisy(&d));
}

static void test_reset_forgets_bytes_and_frame_but_keeps_the_counters(void) {
    dlt645_decoder_t d;
    dlt645_decoder_init(&d);
    dlt645_decoder_feed(&d, answer, sizeof(answer));
    CHECK(dlt645_decoder_next(&d));
    dlt645_decoder_feed(&d, answer, 15);
    dlt645_decoder_reset(&d);
    CHECK(d.frame.address == NULL);
    CHECK_EQUAL(dlt645_decoder_needed(&d), 12);
    CHECK_EQUAL(d.frames, 1);
    log_t log = {0};
    feed(&d, &log, answer, sizeof(answer));
    CHECK_EQUAL(log.n, 1);
}

static void test_needed_keeps_the_current_frame_and_finds_the_waiting_one(void) {
    dlt645_decoder_t d;
    dlt645_decoder_init(&d);
    dlt645_decoder_feed(&d, answer, sizeof(answer));
    dlt645_decoder_feed(&d, answer, sizeof(answer));
    CHECK_EQUAL(dlt645_decoder_needed(&d), 1);
    CHECK(dlt645_decoder_next(&d));
    CHECK_EQUAL(dlt645_decoder_needed(&d), 1);
    CHECK(d.frame.data != NULL && memcmp(d.frame.data, plain, 8) == 0);
    CHECK(dlt645_decoder_next(&d));
    CHECK_EQUAL(dlt645_decoder_needed(&d), 12);
    CHECK(d.frame.data != NULL && memcmp(d.frame.data, plain, 8) == 0);
}

// --- Fuzz ---------------------------------------------------------------------------------------

static uint32_t random_state;

// xorshift32: the same numbers on every machine.
static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static uint8_t random_byte(void) {
    // Half of the bytes are those that matter, so that false starts are common.
    static const uint8_t marks[] = {0x68, 0x68, 0x16, 0xfe, 0x00, 0x0c};
    return random_below(2) ? (uint8_t)random_below(256) : marks[random_below(sizeof(marks))];
}

static size_t random_frame(uint8_t *frame) {
    uint8_t address[6];
    uint8_t data[200];
    size_t length = random_below(4) ? random_below(20) : random_below(201);
    for (size_t i = 0; i < 6; i++) {
        address[i] = random_byte();
    }
    for (size_t i = 0; i < length; i++) {
        data[i] = (uint8_t)(random_byte() - 0x33);
    }
    return dlt645_encode(frame, DLT645_FRAME_MAX, address, random_byte(), data, length, 0);
}

// The rules said once more in the slowest way, as the measure for the decoder: try every start
// from left to right, with all bytes at hand. Also tells whether the frame at `good` came out.
static bool reference(const uint8_t *bytes, size_t n, log_t *log, size_t good) {
    bool found = false;
    for (size_t i = 0; i < n;) {
        size_t size = i + 9 < n ? (size_t)bytes[i + 9] + 12 : 0;
        bool is_frame = bytes[i] == 0x68 && size != 0 && size <= 212 && i + size <= n &&
                        bytes[i + 7] == 0x68 && bytes[i + size - 1] == 0x16;
        if (is_frame) {
            uint8_t total = 0;
            for (size_t k = i; k < i + size - 2; k++) {
                total = (uint8_t)(total + bytes[k]);
            }
            is_frame = total == bytes[i + size - 2];
        }
        if (!is_frame) {
            i++;
            continue;
        }
        uint8_t data[200];
        for (size_t k = 0; k < size - 12; k++) {
            data[k] = (uint8_t)(bytes[i + 10 + k] + 256 - 0x33);
        }
        log_frame(log, bytes + i + 1, bytes[i + 8], data, (uint8_t)(size - 12));
        found = found || i == good;
        i += size;
    }
    return found;
}

// Junk, pieces of frames and then one good frame, whose place is returned.
static size_t random_traffic(uint8_t *bytes, size_t *n) {
    uint8_t frame[DLT645_FRAME_MAX];
    size_t end = 0;
    for (uint32_t pieces = random_below(5); pieces > 0; pieces--) {
        size_t size = random_frame(frame);
        size_t from = 0;
        switch (random_below(4)) {
        case 0: // junk
            for (size_t i = random_below(60); i > 0; i--) {
                bytes[end++] = random_byte();
            }
            continue;
        case 1: // a frame without its end
            size = random_below((uint32_t)size) + 1;
            break;
        case 2: // a frame without its start
            from = random_below((uint32_t)size);
            break;
        default: // a frame with one wrong byte, which may be its length
            frame[random_below((uint32_t)size)] = random_byte();
            break;
        }
        end = append(bytes, end, frame + from, size - from);
    }
    size_t good = end;
    *n = append(bytes, end, frame, random_frame(frame));
    return good;
}

static void test_fuzz_every_good_frame_before_a_silence_is_delivered(void) {
    printf("seed %lu\n", seed);
    random_state = (uint32_t)seed ? (uint32_t)seed : 1;
    dlt645_decoder_t *d = malloc(sizeof(*d));
    log_t *log = malloc(sizeof(*log));
    log_t *wanted = malloc(sizeof(*wanted));
    if (d == NULL || log == NULL || wanted == NULL) {
        abort();
    }
    dlt645_decoder_init(d);
    unsigned long fed = 0;
    unsigned long in_frames = 0;
    unsigned eclipsed = 0;
    const unsigned rounds = 30000;
    for (unsigned round = 0; round < rounds && failures == 0; round++) {
        uint8_t bytes[5 * DLT645_FRAME_MAX];
        size_t n;
        size_t good = random_traffic(bytes, &n);
        wanted->n = 0;
        // Junk may by chance be a good frame that reaches into the one meant; no decoder can know
        // better. The reference tells those rare cases from a loss.
        eclipsed += !reference(bytes, n, wanted, good);

        log->n = 0;
        for (size_t i = 0; i < n;) {
            size_t needed = dlt645_decoder_needed(d);
            size_t chunk = random_below(3) ? random_below(40) + 1 : needed;
            // One byte less than needed must never be enough.
            chunk = random_below(4) == 0 && needed > 1 ? needed - 1 : chunk;
            chunk = chunk < n - i ? chunk : n - i;
            size_t before = log->n;
            feed(d, log, bytes + i, chunk);
            CHECK(chunk >= needed || log->n == before);
            i += chunk;
        }
        silence(d, log);

        CHECK(logs_equal(log, wanted));
        fed += n;
        for (size_t i = 0; i < log->n; i++) {
            in_frames += log->frames[i].length + 12U;
        }
        if (failures) {
            printf("round %u of seed %lu\n", round, seed);
        }
    }
    CHECK_EQUAL(d->skipped, fed - in_frames);
    CHECK(eclipsed * 1000 < rounds);
    printf("%u rounds, %lu bytes, %lu frames, %u good frames eclipsed by chance ones\n", rounds,
           fed, (unsigned long)d->frames, eclipsed);
    free(d);
    free(log);
    free(wanted);
}

static void test_fuzz_find_agrees_with_the_decoder(void) {
    printf("seed %lu\n", seed);
    random_state = (uint32_t)seed ? (uint32_t)seed : 1;
    for (unsigned round = 0; round < 5000 && failures == 0; round++) {
        uint8_t bytes[5 * DLT645_FRAME_MAX];
        size_t n;
        random_traffic(bytes, &n);
        n -= random_below(2) ? random_below((uint32_t)n) : 0;
        uint8_t *exact = malloc(n);
        if (exact == NULL) {
            abort();
        }
        memcpy(exact, bytes, n);
        dlt645_finding_t f;
        bool found = dlt645_find(exact, n, &f) == DLT645_OK;
        dlt645_decoder_t d;
        log_t log;
        run(&d, &log, exact, n, n);
        CHECK_EQUAL(found, log.n > 0);
        if (found && log.n > 0) {
            CHECK(f.offset + f.size <= n);
            CHECK_EQUAL(f.size, log.frames[0].length + 12);
            CHECK(memcmp(log.frames[0].address, exact + f.offset + 1, 6) == 0);
        }
        free(exact);
    }
}

// --- Main
// -----------------------------------------------------------------------------------------

static const test_t tests[] = {
    TEST(test_address_text_and_wire_order_are_inverse),
    TEST(test_address_text_that_is_no_address_is_refused),
    TEST(test_address_that_is_not_decimal_stays_visible),
    TEST(test_address_wildcard_matches_any_digit_and_only_where_it_stands),
    TEST(test_encode_builds_the_known_frame_behind_its_preamble),
    TEST(test_encode_stays_inside_the_buffer_and_refuses_what_does_not_fit),
    TEST(test_data_offset_wraps_at_256),
    TEST(test_find_names_the_fault_and_the_place),
    TEST(test_frames_come_out_the_same_however_the_bytes_arrive),
    TEST(test_start_mark_received_twice_costs_no_frame),
    TEST(test_false_header_gives_up_the_frame_it_swallowed_at_the_timeout),
    TEST(test_false_header_that_fills_up_gives_its_frames_back_without_timeout),
    TEST(test_no_frame_reaches_across_a_silence),
    TEST(test_length_over_200_is_dropped_at_once),
    TEST(test_checksum_byte_may_be_16_68_or_fe),
    TEST(test_no_byte_value_is_reserved_anywhere_in_a_frame),
    TEST(test_any_single_wrong_byte_is_rejected_and_the_next_frame_found),
    TEST(test_wrong_sum_and_marks_are_counted_by_reason_and_keep_the_sync),
    TEST(test_junk_before_and_behind_is_skipped_and_counted),
    TEST(test_full_decoder_takes_no_more_and_goes_on_once_drained),
    TEST(test_damage_among_the_wake_up_bytes_is_seen),
    TEST(test_the_pulse_of_a_driver_that_turns_on_is_no_damage),
    TEST(test_silence_among_the_wake_up_bytes_is_damage),
    TEST(test_only_what_stands_between_two_frames_is_noise_of_the_second),
    TEST(test_reset_forgets_bytes_and_frame_but_keeps_the_counters),
    TEST(test_needed_keeps_the_current_frame_and_finds_the_waiting_one),
    TEST(test_fuzz_every_good_frame_before_a_silence_is_delivered),
    TEST(test_fuzz_find_agrees_with_the_decoder),
};

int main(int argc, char **argv) {
    return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
