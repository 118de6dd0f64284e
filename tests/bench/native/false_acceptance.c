// SPDX-License-Identifier: MIT
//
// How many damaged answers are taken for good ones, with a wrong value.
//
//   false_acceptance VALUES SEED COUNT         COUNT answers of every kind of damage; a line for
//                                              each: kind, trials, wrong values accepted by ours,
//                                              by ours when the UART reports parity errors, and by
//                                              a decoder that checks nothing but the frame
//   false_acceptance VALUES SEED COUNT --show  the same answers instead, for other decoders to
//                                              try: kind; address, identifier and value bytes of
//                                              the true answer in hex; the damaged one in hex
//   false_acceptance VALUES SEED COUNT --wrong those of COUNT that ours accepts with a wrong
//                                              value, no damage seen in front of it: kind; 1 if
//                                              parity errors would not have shown it; moment and
//                                              meter; identifier, value bytes of the true answer
//                                              and those that were accepted, in hex
//
// A trial: an answer as it stands on the wire, wake-up bytes included, is damaged and given to the
// decoders together with the request it answers, and silence follows. Nothing is asked twice.
// There are four meters of five items. VALUES is a file with a line for every moment: the value
// bytes of the first four items of the first meter, in hex, then those of the second...; the fifth
// is a date. The next moment comes every now and then, so that no figure hangs on a few numbers.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlt645_values.h"

#define METERS (4)
#define ITEMS (5)
#define ANSWERS (METERS * ITEMS)
#define LINE_MAX (2 * (DLT645_FRAME_MAX + DLT645_PREAMBLE_MAX))
#define VALUES_MAX (8)
#define BLOCK_MAX (20) // bytes of the longest item
#define NUMBERS (4)    // items with numbers, the first
#define RENEWED (1000) // trials from one moment to the next

static const uint32_t identifiers[ITEMS] = {
    0x00010000, // energy
    0x0001ff00, // energy, total and four rates
    0x02010100, // voltage of phase A
    0x02030000, // active power
    0x04000101, // date
};
static const size_t sizes[NUMBERS] = {4, 20, 2, 3};
static const uint8_t preambles[METERS] = {4, 4, 1, 0};

typedef struct {
    uint8_t payloads[METERS][NUMBERS][BLOCK_MAX];
} moment_t;

static moment_t *moments;
static size_t moment_count;
static size_t moment; // of the answers

typedef struct {
    dlt645_request_t request;
    dlt645_rule_t rule;
    uint8_t line[LINE_MAX];
    size_t size;
    uint8_t payload[BLOCK_MAX];
    size_t length;
    dlt645_value_t values[VALUES_MAX];
    int count;
} answer_t;

static answer_t answers[ANSWERS];

// An answer that was damaged. odd: bytes with an odd number of wrong bits, which parity shows.
typedef struct {
    uint8_t bytes[LINE_MAX];
    bool odd[LINE_MAX];
    size_t size;
} damaged_t;

static uint64_t random_state;

static uint32_t below(uint32_t n) {
    // splitmix64, the upper half scaled.
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (uint32_t)((z >> 32) * n >> 32);
}

// --- True answers -----------------------------------------------------------------------------

// The lowest digits of a number, two a byte, the lowest first; returns the bytes.
static size_t put_bcd(uint8_t *to, uint32_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(number / 10 % 10 << 4 | number % 10);
        number /= 100;
    }
    return size;
}

// Day of the week, day, month, year.
static void put_date(uint8_t *to) {
    put_bcd(to, below(7), 1);
    put_bcd(to + 1, 1 + below(28), 1);
    put_bcd(to + 2, 1 + below(12), 1);
    put_bcd(to + 3, 20 + below(10), 1);
}

static void fail(const char *message, const char *what) {
    fprintf(stderr, "false_acceptance: %s%s\n", message, what);
    exit(1);
}

static bool read_moment(FILE *file, moment_t *m) {
    for (size_t i = 0; i < METERS * NUMBERS; i++) {
        uint8_t *to = m->payloads[i / NUMBERS][i % NUMBERS];
        for (size_t k = 0; k < sizes[i % NUMBERS]; k++) {
            unsigned byte;
            if (fscanf(file, "%2x", &byte) != 1) {
                return false;
            }
            to[k] = (uint8_t)byte;
        }
    }
    return true;
}

static void read_moments(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail("no file ", path);
    }
    moment_t m;
    while (memset(&m, 0, sizeof(m)), read_moment(file, &m)) {
        moments = realloc(moments, (moment_count + 1) * sizeof(m));
        if (moments == NULL) {
            fail("no memory for ", path);
        }
        moments[moment_count++] = m;
    }
    fclose(file);
    if (moment_count == 0) {
        fail("no values in ", path);
    }
}

static void make_answer(answer_t *a, size_t meter, size_t item, const uint8_t *address) {
    uint32_t identifier = identifiers[item];
    memset(a, 0, sizeof(*a));
    uint8_t data[DLT645_DATA_MAX];
    for (size_t i = 0; i < 4; i++) {
        data[i] = a->request.identifier[i] = (uint8_t)(identifier >> 8 * i);
    }
    if (item < NUMBERS) {
        a->length = sizes[item];
        memcpy(a->payload, moments[moment].payloads[meter][item], a->length);
    } else {
        a->length = 4;
        put_date(a->payload);
    }
    memcpy(data + 4, a->payload, a->length);
    memcpy(a->request.address, address, DLT645_ADDRESS_SIZE);
    a->request.control = DLT645_READ;
    a->request.identifier_size = 4;
    a->size = dlt645_encode(a->line, sizeof(a->line), address, DLT645_FROM_METER | DLT645_READ,
                            data, a->length + 4, preambles[meter]);
    bool known = dlt645_item(DLT645_2007, identifier, &a->rule);
    a->count = dlt645_values(&a->rule, a->payload, a->length, a->values, VALUES_MAX);
    if (!known || a->size == 0 || a->count < 1) {
        fail("an item is not known as it should be", "");
    }
}

static void renew_answers(unsigned long trial) {
    moment = trial / RENEWED % moment_count;
    for (size_t meter = 0; meter < METERS; meter++) {
        uint8_t address[DLT645_ADDRESS_SIZE];
        put_bcd(address, below(100000000), 4);
        put_bcd(address + 4, below(10000), 2);
        for (size_t i = 0; i < ITEMS; i++) {
            make_answer(&answers[meter * ITEMS + i], meter, i, address);
        }
    }
}

// --- Damage -----------------------------------------------------------------------------------

static void flip_bit(damaged_t *d, size_t bit) {
    d->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    d->odd[bit / 8] = !d->odd[bit / 8];
}

static void flip_bits(damaged_t *d, unsigned count) {
    size_t bits[8];
    for (unsigned i = 0; i < count; i++) {
        bool again = true;
        while (again) {
            bits[i] = below((uint32_t)d->size * 8);
            again = false;
            for (unsigned k = 0; k < i; k++) {
                again = again || bits[k] == bits[i];
            }
        }
        flip_bit(d, bits[i]);
    }
}

static void flip_few(damaged_t *d, const answer_t *a) {
    (void)a;
    flip_bits(d, 1 + below(3));
}

static void flip_many(damaged_t *d, const answer_t *a) {
    (void)a;
    flip_bits(d, 4 + below(5));
}

// 2 to 16 data bits in the order of the wire: both ends wrong, what is between by chance.
static void burst(damaged_t *d, const answer_t *a) {
    (void)a;
    size_t length = 2 + below(15);
    size_t first = below((uint32_t)(d->size * 8 - length + 1));
    flip_bit(d, first);
    flip_bit(d, first + length - 1);
    for (size_t i = first + 1; i < first + length - 1; i++) {
        if (below(2)) {
            flip_bit(d, i);
        }
    }
}

static void truncate_line(damaged_t *d, const answer_t *a) {
    (void)a;
    size_t lost = 1 + below((uint32_t)d->size - 1);
    if (below(2)) {
        memmove(d->bytes, d->bytes + lost, d->size - lost);
    }
    d->size -= lost;
}

// The head of an answer, and the tail of another: half of them cut at the same place.
static void splice(damaged_t *d, const answer_t *a) {
    const answer_t *other = a;
    while (other == a) {
        other = &answers[below(ANSWERS)];
    }
    size_t cut;
    size_t from;
    if (below(2)) {
        size_t shorter = a->size < other->size ? a->size : other->size;
        cut = from = 1 + below((uint32_t)shorter - 1);
    } else {
        cut = below((uint32_t)a->size + 1);
        from = below((uint32_t)other->size + 1);
    }
    memcpy(d->bytes + cut, other->line + from, other->size - from);
    d->size = cut + other->size - from;
}

// --- Decoders: is there a value, and a wrong one? ----------------------------------------------

static bool same_values(const answer_t *a, const dlt645_value_t *values, int count,
                        const uint8_t *payload) {
    if (count != a->count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        const dlt645_value_t *x = &values[i];
        const dlt645_value_t *y = &a->values[i];
        bool numbers = x->kind == DLT645_UNSIGNED || x->kind == DLT645_SIGNED;
        if (x->kind != y->kind ||
            (numbers ? x->number != y->number
                     : memcmp(payload + x->offset, a->payload + y->offset, y->size) != 0)) {
            return false;
        }
    }
    return true;
}

typedef enum {
    GO_ON,
    RIGHT,
    WRONG
} outcome_t;

// What was taken last, right or wrong; and whether damage was seen in front of it.
static uint8_t taken[DLT645_DATA_MAX];
static size_t taken_size;
static bool noisy;

// As a bus takes frames until one of them is the answer. That the answer is complete, although
// bit 5 says that more follows, only the size of the item can tell.
static outcome_t take(const answer_t *a, const dlt645_frame_t *frame) {
    dlt645_answer_t found;
    dlt645_verdict_t verdict = dlt645_judge(&a->request, frame, &found);
    bool complete = verdict == DLT645_ANSWER ||
                    (verdict == DLT645_MORE && found.length == dlt645_item_size(&a->rule));
    if (!complete) {
        return GO_ON;
    }
    dlt645_value_t values[VALUES_MAX];
    int count = dlt645_values(&a->rule, found.payload, found.length, values, VALUES_MAX);
    if (count < 1) {
        return GO_ON;
    }
    taken_size = found.length;
    memcpy(taken, found.payload, found.length);
    return same_values(a, values, count, found.payload) ? RIGHT : WRONG;
}

static outcome_t drain(const answer_t *a, dlt645_decoder_t *decoder) {
    outcome_t outcome = GO_ON;
    while (outcome == GO_ON && dlt645_decoder_next(decoder)) {
        outcome = take(a, &decoder->frame);
    }
    return outcome;
}

static outcome_t be_silent(const answer_t *a, dlt645_decoder_t *decoder) {
    if (!dlt645_decoder_timeout(decoder)) {
        return GO_ON;
    }
    outcome_t outcome = take(a, &decoder->frame);
    return outcome == GO_ON ? drain(a, decoder) : outcome;
}

// With parity, a byte that came with an error ends what came before, as silence does, and is
// thrown away: no frame reaches across it.
static outcome_t ours(const answer_t *a, const damaged_t *d, bool parity) {
    static dlt645_decoder_t decoder;
    dlt645_decoder_reset(&decoder);
    outcome_t outcome = GO_ON;
    size_t begin = 0;
    for (size_t i = 0; i <= d->size && outcome == GO_ON; i++) {
        bool last = i == d->size;
        if (last || (parity && d->odd[i])) {
            dlt645_decoder_feed(&decoder, d->bytes + begin, i - begin);
            outcome = drain(a, &decoder);
            if (outcome == GO_ON) {
                outcome = be_silent(a, &decoder);
            }
            begin = i + 1;
        }
    }
    noisy = dlt645_decoder_noisy(&decoder);
    return outcome;
}

// The first frame whose marks, length and checksum are right, whatever it says; the value is as
// many bytes behind the identifier as the item has.
static outcome_t checksum_only(const answer_t *a, const damaged_t *d) {
    dlt645_finding_t finding;
    if (dlt645_find(d->bytes, d->size, &finding) != DLT645_OK) {
        return GO_ON;
    }
    const uint8_t *frame = d->bytes + finding.offset;
    size_t length = frame[DLT645_AT_LENGTH];
    if (length < 4 + a->length) {
        return GO_ON;
    }
    uint8_t data[DLT645_DATA_MAX];
    dlt645_plain(data, frame + DLT645_AT_DATA, length);
    return memcmp(data + 4, a->payload, a->length) == 0 ? RIGHT : WRONG;
}

// A decoder that refuses everything accepts nothing wrong: what is whole must be right to all.
static void check_answers(void) {
    for (const answer_t *a = answers; a < answers + ANSWERS; a++) {
        damaged_t whole = {.size = a->size};
        memcpy(whole.bytes, a->line, a->size);
        if (ours(a, &whole, false) != RIGHT || ours(a, &whole, true) != RIGHT ||
            checksum_only(a, &whole) != RIGHT) {
            fail("an answer without damage is not taken", "");
        }
    }
}

// --- Trials -----------------------------------------------------------------------------------

static const struct {
    const char *name;
    void (*damage)(damaged_t *d, const answer_t *a);
} kinds[] = {
    {"1-3_flips", flip_few},       {"4-8_flips", flip_many}, {"burst", burst},
    {"truncation", truncate_line}, {"splice", splice},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const answer_t *make_damaged(damaged_t *d, size_t kind, unsigned long trial) {
    if (trial % RENEWED == 0) {
        renew_answers(trial);
        check_answers();
    }
    const answer_t *a = &answers[below(ANSWERS)];
    memcpy(d->bytes, a->line, a->size);
    memset(d->odd, 0, sizeof(d->odd));
    d->size = a->size;
    kinds[kind].damage(d, a);
    return a;
}

// --- Output -----------------------------------------------------------------------------------

static void print_hex(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        printf("%02x", bytes[i]);
    }
}

static void show(unsigned long count) {
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (unsigned long i = 0; i < count; i++) {
            damaged_t d;
            const answer_t *a = make_damaged(&d, kind, i);
            printf("%s ", kinds[kind].name);
            print_hex(a->request.address, DLT645_ADDRESS_SIZE);
            printf(" ");
            print_hex(a->request.identifier, 4);
            printf(" ");
            print_hex(a->payload, a->length);
            printf(" ");
            print_hex(d.bytes, d.size);
            printf("\n");
        }
    }
}

static void show_wrong(unsigned long count) {
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (unsigned long i = 0; i < count; i++) {
            damaged_t d;
            const answer_t *a = make_damaged(&d, kind, i);
            bool passes_parity = ours(a, &d, true) == WRONG && !noisy;
            if (ours(a, &d, false) == WRONG && !noisy) {
                printf("%s %d %zu %zu ", kinds[kind].name, passes_parity, moment,
                       (size_t)(a - answers) / ITEMS);
                print_hex(a->request.identifier, 4);
                printf(" ");
                print_hex(a->payload, a->length);
                printf(" ");
                print_hex(taken, taken_size);
                printf("\n");
            }
        }
    }
}

static void count_wrong(unsigned long count) {
    for (size_t kind = 0; kind < KINDS; kind++) {
        unsigned long strict = 0;
        unsigned long with_parity = 0;
        unsigned long minimal = 0;
        for (unsigned long i = 0; i < count; i++) {
            damaged_t d;
            const answer_t *a = make_damaged(&d, kind, i);
            strict += ours(a, &d, false) == WRONG;
            with_parity += ours(a, &d, true) == WRONG;
            minimal += checksum_only(a, &d) == WRONG;
        }
        printf("%s %lu %lu %lu %lu\n", kinds[kind].name, count, strict, with_parity, minimal);
    }
}

int main(int argc, char **argv) {
    void (*output)(unsigned long count) = count_wrong;
    if (argc > 4) {
        output = strcmp(argv[4], "--show") == 0 ? show : show_wrong;
    }
    if (argc < 4 || (output == show_wrong && strcmp(argv[4], "--wrong") != 0)) {
        fprintf(stderr, "usage: false_acceptance VALUES SEED COUNT [--show | --wrong]\n");
        return 2;
    }
    read_moments(argv[1]);
    random_state = strtoull(argv[2], NULL, 10);
    output(strtoul(argv[3], NULL, 10));
    free(moments);
    return 0;
}
