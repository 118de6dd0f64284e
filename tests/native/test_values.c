// SPDX-License-Identifier: MIT
//
// Tests of the tables and of taking items apart, as plain C, for the sanitizers.

#include "check.h"
#include "dlt645_values.h"

#define ROOM (400)

// What an item says, e.g. "12345678e-2kWh -": values in a row, "-" for what is not available,
// text in quotes; "wrong size", "damaged", "too many" for none.
static char said[8000];

static void say_value(char **to, const dlt645_value_t *value, const uint8_t *data) {
    char text[512];
    switch (value->kind) {
    case DLT645_NOT_AVAILABLE:
        *to += sprintf(*to, "- ");
        break;
    case DLT645_UNSIGNED:
    case DLT645_SIGNED:
        *to += sprintf(*to, "%lde%d%s ", (long)value->number, value->scale,
                       dlt645_unit_name(value->unit));
        break;
    case DLT645_BITS:
        *to += sprintf(*to, "%lX ", (unsigned long)value->number);
        break;
    case DLT645_RAW:
        *to += sprintf(*to, "raw%u@%u ", value->size, value->offset);
        break;
    default:
        *to += sprintf(*to, value->kind == DLT645_TEXT ? "'%.*s' " : "%.*s ",
                       (int)dlt645_value_text(text, value, data), text);
        break;
    }
}

static const char *say(const dlt645_rule_t *rule, const uint8_t *bytes, size_t n, size_t room) {
    static const char *const errors[] = {"wrong size", "damaged", "too many"};
    // Blocks of the exact size, so that a byte too far is seen.
    uint8_t *data = malloc(n ? n : 1);
    dlt645_value_t *values = malloc(room ? room * sizeof(*values) : 1);
    if (data == NULL || values == NULL) {
        abort();
    }
    memcpy(data, bytes, n);
    int count = dlt645_values(rule, data, n, values, room);
    char *to = said;
    *to = '\0';
    for (int i = 0; i < count; i++) {
        say_value(&to, &values[i], data);
    }
    if (to > said) {
        to[-1] = '\0';
    }
    free(data);
    free(values);
    return count < 0 ? errors[-1 - count] : said;
}

static size_t unhex(uint8_t *bytes, const char *hex) {
    size_t n = 0;
    for (; *hex; hex += *hex == ' ' ? 1 : 2) {
        unsigned byte;
        if (*hex != ' ') {
            if (sscanf(hex, "%2x", &byte) != 1) {
                abort();
            }
            bytes[n++] = (uint8_t)byte;
        }
    }
    return n;
}

static const char *decode(dlt645_edition_t edition, uint32_t identifier, const char *hex) {
    static uint8_t bytes[2000];
    dlt645_rule_t rule;
    dlt645_item(edition, identifier, &rule);
    return say(&rule, bytes, unhex(bytes, hex), ROOM);
}

static void expect(int line, const char *got, const char *wanted) {
    checks++;
    if (strcmp(got, wanted) != 0) {
        failures++;
        printf("line %d: \"%s\", not \"%s\"\n", line, got, wanted);
    }
}

#define EXPECT_2007(identifier, hex, wanted)                                                      \
    expect(__LINE__, decode(DLT645_2007, identifier, hex), wanted)
#define EXPECT_1997(identifier, hex, wanted)                                                      \
    expect(__LINE__, decode(DLT645_1997, identifier, hex), wanted)

static void test_numbers_have_scale_and_unit_and_their_own_sign_rule(void) {
    EXPECT_2007(0x00010000, "78563412", "12345678e-2kWh");
    EXPECT_2007(0x00010000, "00000080", "80000000e-2kWh"); // an unsigned item's top digit
    EXPECT_2007(0x00010000, "99999999", "99999999e-2kWh");
    EXPECT_2007(0x00000000, "50120080", "-1250e-2kWh");
    EXPECT_2007(0x00000000, "000000f9", "-79000000e-2kWh");
    EXPECT_2007(0x00000000, "00000080", "0e-2kWh");
    EXPECT_2007(0x00440000, "65190000", "1965e-2kvarh");
    EXPECT_2007(0x02010100, "0180", "8001e-1V");
    EXPECT_2007(0x02020100, "341280", "-1234e-3A");
    EXPECT_2007(0x02030000, "785680", "-5678e-4kW");
    EXPECT_2007(0x02060000, "5089", "-950e-3");
    EXPECT_2007(0x02800002, "0350", "5003e-2Hz");
    EXPECT_2007(0x02800007, "5082",
                "-250e-1\xc2\xb0"
                "C");
    EXPECT_2007(0x00900200, "44332211", "11223344e-2yuan");
    EXPECT_1997(0x9010, "36000000", "36e-2kWh");
    EXPECT_1997(0xb611, "2002", "220e0V");
    EXPECT_1997(0xb630, "345692", "925634e-4kW"); // a magnitude: the direction is in C020
    EXPECT_1997(0xc119, "78563412", "12345678e-1kWh");
}

static void test_ff_filled_is_not_available_and_other_bad_digits_are_damage(void) {
    EXPECT_2007(0x00010000, "ffffffff", "-");
    EXPECT_2007(0x02020100, "ffffff", "-");
    EXPECT_2007(0x02010100, "ffff", "-");
    EXPECT_2007(0x02010100, "ff23", "damaged");
    EXPECT_2007(0x02010100, "230a", "damaged");
    EXPECT_2007(0x02010100, "a023", "damaged");
    EXPECT_2007(0x04000101, "ffffffff", "-");
    EXPECT_2007(0x04000101, "0629121a", "damaged");
    EXPECT_2007(0x0201ff00, "0122 ffff 0322", "2201e-1V - 2203e-1V");
    EXPECT_2007(0x04000501, "ffff", "FFFF"); // a word may have all bits set
}

static void test_damage_among_good_values_can_be_looked_at(void) {
    dlt645_rule_t rule;
    CHECK(dlt645_item(DLT645_2007, 0x0201ff00, &rule));
    const uint8_t data[6] = {0x01, 0x22, 0x0a, 0x22, 0x03, 0x22};
    dlt645_value_t values[3];
    CHECK_EQUAL(dlt645_values(&rule, data, 6, values, 3), DLT645_DAMAGED);
    CHECK_EQUAL(dlt645_values_lenient(&rule, data, 6, values, 3), 3);
    CHECK_EQUAL(values[0].number, 2201);
    CHECK_EQUAL(values[1].kind, DLT645_NOT_AVAILABLE);
    CHECK_EQUAL(values[2].number, 2203);
}

static void test_block_is_divided_by_the_size_of_its_elements(void) {
    EXPECT_2007(0x0001ff00, "01000000", "1e-2kWh");
    EXPECT_2007(0x0001ff00, "01000000 02000000 03000000", "1e-2kWh 2e-2kWh 3e-2kWh");
    EXPECT_2007(0x0001ff00, "0100000002", "wrong size");
    EXPECT_2007(0x00010000, "01000000 02000000", "wrong size");
    EXPECT_2007(0x000100ff, "01000000 02000000", "1e-2kWh 2e-2kWh");
    EXPECT_2007(0x0101ff00, "452301 3010010826 000000 0000000000",
                "12345e-4kW 2608011030 0e-4kW 0000000000");
    EXPECT_2007(0x0203ff00, "000001 000081 ffffff 000000", "10000e-4kW -10000e-4kW - 0e-4kW");
    EXPECT_1997(0x901f, "01000000 02000000", "1e-2kWh 2e-2kWh");
    EXPECT_1997(0xb61f, "2002 2102 2202", "220e0V 221e0V 222e0V");
    EXPECT_1997(0xc010, "06060719 06060719", "wrong size");
}

static void test_ff_in_any_byte_stands_for_all_items_there(void) {
    // DI2: the quantities from the first on, as many as the meter has.
    EXPECT_2007(0x00ff0000, "01000080", "-1e-2kWh");
    EXPECT_2007(0x00ff0000, "01000000 00000080 03000000 04000080 05000000 06000080",
                "1e-2kWh 80000000e-2kWh 3e-2kWh -4e-2kvarh 5e-2kvarh 80000006e-2kvarh");
    EXPECT_2007(0x00ff0100, "01000000 0200", "wrong size");
    EXPECT_2007(0x01ff0000,
                "010000 3010010826 020000 3010010826 030080 3010010826 040000 3010010826"
                "050080 3010010826",
                "1e-4kW 2608011030 2e-4kW 2608011030 -3e-4kvar 2608011030 4e-4kvar 2608011030 "
                "800005e-4kvar 2608011030");
    EXPECT_2007(0x01ff0000, "010000 3010010826 020000", "wrong size");
    EXPECT_2007(0x00ff0000, "", "wrong size");
    // DI0: records, freezes and parameters, as many as there are.
    EXPECT_2007(0x033003ff, "000010200726 04030201 ffffffff 000011200726 04030201 ff000103",
                "260720100000 01020304 FFFFFFFF 260720110000 01020304 030100FF");
    EXPECT_2007(0x050600ff, "0000091015 ffffffffff", "1510090000 -");
    EXPECT_2007(0x050601ff, "01000000 02000000 03000000", "1e-2kWh 2e-2kWh 3e-2kWh");
    EXPECT_2007(0x04000bff, "0001 ffff ffff", "0100 - -");
    EXPECT_1997(0xc02f, "100001", "10 0 1");
    EXPECT_1997(0xc31f, "0102030405", "1e0 2e0 3e0 4e0 5e0");
}

static void test_dates_text_and_words_come_out_readable(void) {
    EXPECT_2007(0x04000101, "06291218", "18122906");
    EXPECT_2007(0x04000102, "325318", "185332");
    EXPECT_2007(0x0400010c, "32531806291218", "18122906185332");
    EXPECT_2007(0x04000404, "56302e303232", "'220.0V'");
    EXPECT_2007(0x04000404, "000041303031", "'100A'");
    EXPECT_2007(0x04000404, "413030310000", "'100A'");
    EXPECT_2007(0x04000404, "ffff41303031", "'100A'");
    EXPECT_2007(0x04000404, "410ac0310000", "'1??A'"); // no ASCII
    EXPECT_2007(0x04000404, "0a0dc0ff0001", "''");
    EXPECT_2007(0x04000401, "129078563412", "123456789012");
    EXPECT_2007(0x04000503, "5000", "50");
    EXPECT_2007(0x040005ff, "0100 0200", "1 2");
    EXPECT_2007(0x04001501, "000000000000000000000180", "800100000000000000000000");
    EXPECT_2007(0x04000b01, "0001", "0100");
    EXPECT_2007(0x04010000, "010101 020701", "010101 010702");
    EXPECT_2007(0x04000a02, "1500", "15e0min");
    EXPECT_1997(0xc032, "34691708aaaa", "08176934");
    EXPECT_1997(0xc032, "3469170aaaaa", "damaged");
    EXPECT_1997(0xc020, "10", "10");
    EXPECT_1997(0xb010, "30100108", "08011030");
}

static void test_event_counters_and_records_have_their_fields(void) {
    EXPECT_2007(0x03010000, "010000 020000 000000 000000 030000 040000",
                "1e0 2e0min 0e0 0e0min 3e0 4e0min");
    EXPECT_2007(0x03010000, "010000 020000", "wrong size");
    EXPECT_2007(0x03070000, "010000 020000", "1e0 2e0min");
    EXPECT_2007(0x030f0000, "010000 020000 000000 000000 030000 040000",
                "1e0 2e0min 0e0 0e0min 3e0 4e0min");
    EXPECT_2007(0x03120000, "010000 020000 030000 040000 050000 060000",
                "1e0 2e0 3e0 4e0 5e0 6e0");
    EXPECT_2007(0x03300d00, "120000", "12e0");
    EXPECT_2007(0x1d000001, "000000", "0e0");
    EXPECT_2007(0x03050001, "000010200726 500000 000011200726",
                "260720100000 50e-3A 260720110000");
    EXPECT_2007(0x03300301, "000010200726 04030201 ffffffff", "260720100000 01020304 FFFFFFFF");
    EXPECT_2007(0x03300401, "04030201 000010200726 000011200726",
                "01020304 260720100000 260720110000");
    uint8_t bytes[202] = {0};
    dlt645_rule_t rule;
    CHECK(dlt645_item(DLT645_2007, 0x03300201, &rule));
    CHECK_EQUAL(dlt645_item_size(&rule), 202);
    dlt645_value_t values[50];
    CHECK_EQUAL(dlt645_values(&rule, bytes, 202, values, 50), 50);
    CHECK_EQUAL(values[49].offset, 197);
    CHECK_EQUAL(dlt645_values(&rule, bytes, 202, values, 49), DLT645_MANY);
    CHECK_EQUAL(dlt645_values(&rule, bytes, 201, values, 50), DLT645_MISFIT);
}

#define TIME "0000091015"
#define E1 "01000000"
#define D1 "010000 3010010826"
#define P8 "010000 020000 030000 040000 050000 060000 070000 080080"
#define P8_SAID "1e-4kW 2e-4kW 3e-4kW 4e-4kW 5e-4kvar 6e-4kvar 7e-4kvar -8e-4kvar"

static void test_freeze_gives_time_registers_and_powers(void) {
    EXPECT_2007(0x05060001, TIME, "1510090000");
    EXPECT_2007(0x05060101, E1 E1 E1, "1e-2kWh 1e-2kWh 1e-2kWh");
    EXPECT_2007(0x05060301, "01000080", "-1e-2kvarh");
    EXPECT_2007(0x05060901, D1, "1e-4kW 2608011030");
    EXPECT_2007(0x05061001, P8, P8_SAID);
    EXPECT_2007(0x05040101, E1 E1, "wrong size"); // hourly: totals only
}

static void test_freeze_block_is_read_with_and_without_separators(void) {
    EXPECT_2007(0x0504ff01, TIME E1 "02000000", "1510090000 1e-2kWh 2e-2kWh");
    EXPECT_2007(0x0504ff01,
                TIME "aa" E1 "aa"
                     "02000000"
                     "aa",
                "1510090000 1e-2kWh 2e-2kWh");
    EXPECT_2007(0x0504ff01,
                TIME "aaaa"
                     "02000000"
                     "aa",
                "1510090000 - 2e-2kWh");
    EXPECT_2007(0x0504ff01, TIME E1, "wrong size");
    static const char *const plain = TIME E1 E1 E1 E1 E1 E1 E1 E1 D1 D1 P8;
    static const char *const one = "1510090000 1e-2kWh 1e-2kWh 1e-2kvarh 1e-2kvarh 1e-2kvarh "
                                   "1e-2kvarh 1e-2kvarh 1e-2kvarh 1e-4kW 2608011030 1e-4kW "
                                   "2608011030 " P8_SAID;
    EXPECT_2007(0x0506ff01, plain, one);
    EXPECT_2007(0x0506ff01,
                TIME "aa" E1 "aa" E1 "aa" E1 "aa" E1 "aa" E1 "aa" E1 "aa" E1 "aa" E1 "aa" D1
                     "aa" D1 "aa" P8 "aa",
                one);
    // Two values a register; what the mode word switches off is its separator alone.
    EXPECT_2007(0x0506ff01,
                TIME "aa" E1 E1 "aa"
                     "aaaaaaaaaaaaaa"
                     "aa"
                     "aa"
                     "aa",
                "1510090000 1e-2kWh 1e-2kWh - - - - - - - - - - - - - - - - - - - - - - - - - - - "
                "- - -");
    // Powers only: no register says how many rates there are.
    EXPECT_2007(0x0506ff01, TIME "aa aaaaaaaaaaaaaaaa aaaa" P8 "aa",
                "1510090000 - - - - - - - - - - - - " P8_SAID);
    EXPECT_2007(0x0506ff01, TIME "aa" E1 "00", "wrong size");
}

#define U "0122 0222 0322"
#define I "010000 020000 030080"
#define CLASS_1 U I "0050"
#define CLASS_1_SAID "2201e-1V 2202e-1V 2203e-1V 1e-3A 2e-3A -3e-3A 5000e-2Hz"
#define NONE4 " - - - -"
#define NONE8 NONE4 NONE4

static void test_load_record_is_read_with_every_looseness(void) {
    static const char *const wanted =
        "2608011030 " CLASS_1_SAID NONE8 NONE4 " 1e-2kWh 1e-2kWh 1e-2kvarh 1e-2kvarh" NONE4 " - -";
    // As the standard has it.
    EXPECT_2007(0x06000001, "a0a0 2c 3010010826" CLASS_1 "aa aa aa" E1 E1 E1 E1 "aa aa aa 5a e5",
                wanted);
    // Another length byte and checksum: not looked at.
    EXPECT_2007(0x06000001, "a0a0 00 3010010826" CLASS_1 "aa aa aa" E1 E1 E1 E1 "aa aa aa 00 e5",
                wanted);
    // Separators left out: behind the classes that are there, at the end.
    EXPECT_2007(0x06000001, "a0a0 2c 3010010826" CLASS_1 "aa aa" E1 E1 E1 E1 "aa aa 5a e5",
                wanted);
    EXPECT_2007(0x06000001, "a0a0 2c 3010010826" CLASS_1 "aa aa aa" E1 E1 E1 E1 "5a e5", wanted);
    // Left out here and there: no other classes are as long.
    EXPECT_2007(0x06000001,
                "a0a0 2c 3010010826" CLASS_1 "aa aa aa" E1 E1 E1 E1 "aa" E1 E1 E1 E1
                "010000 020080 aa 5a e5",
                "2608011030 " CLASS_1_SAID NONE8 NONE4
                " 1e-2kWh 1e-2kWh 1e-2kvarh 1e-2kvarh 1e-2kvarh 1e-2kvarh 1e-2kvarh 1e-2kvarh"
                " 1e-4kW -2e-4kvar");
    // One class by itself, with its neighbours' separators or without.
    EXPECT_2007(0x06010001, "a0a0 17 3010010826" CLASS_1 "aa 5a e5", "2608011030 " CLASS_1_SAID);
    EXPECT_2007(0x06010001, "a0a0 17 3010010826" CLASS_1 "5a e5", "2608011030 " CLASS_1_SAID);
    EXPECT_2007(0x06060001, "a0a0 10 3010010826 aaaaaaaaaa 010000 020080 aa 5a e5",
                "2608011030 1e-4kW -2e-4kvar");
    // Two records; a bad one; none at all.
    EXPECT_2007(0x06030001,
                "a0a0 0d 3010010826 0010 0010 0010 0010 5a e5"
                "e0e0 0d 4510010826 0010 0010 0010 0010 5a e5",
                "2608011030 1000e-3 1000e-3 1000e-3 1000e-3 2608011045" NONE4);
    EXPECT_2007(0x06000001, "", "");
    EXPECT_2007(0x00010000, "", "wrong size");
    EXPECT_2007(0x0001ff00, "", "wrong size");
    EXPECT_2007(0x0506ff01, "", "wrong size");
    EXPECT_2007(0x06000001, "a0a0 2c", "wrong size");
    EXPECT_2007(0x06000001, "a0", "wrong size");
    EXPECT_2007(0x06000001, "01020304", "wrong size");
    EXPECT_2007(0x06030001, "a0a0 0d 3010010826 0010 0010 0010 0a10 5a e5", "damaged");
}

#define SETS (64)

// A record with a set of the classes (bit 0: class 1), and with what is behind each one that is
// recorded and each that is not; and what it is to be read as.
static void write_record(char *hex, char *wanted, unsigned set, const char *recorded,
                         const char *absent) {
    static const struct {
        const char *hex, *said;
        unsigned values;
    } classes[6] = {
        {CLASS_1, CLASS_1_SAID, 7},
        {P8, P8_SAID, 8},
        {"0010 0009 0008 0007", "1000e-3 900e-3 800e-3 700e-3", 4},
        {E1 "02000000 03000000 04000000", "1e-2kWh 2e-2kWh 3e-2kvarh 4e-2kvarh", 4},
        {E1 "05000000 06000000 07000000", "1e-2kvarh 5e-2kvarh 6e-2kvarh 7e-2kvarh", 4},
        {"010000 020080", "1e-4kW -2e-4kvar", 2},
    };
    hex += sprintf(hex, "a0a0 2c 3010010826 ");
    wanted += sprintf(wanted, "2608011030");
    for (unsigned i = 0; i < 6; i++) {
        bool has = set >> i & 1;
        hex += sprintf(hex, "%s%s", has ? classes[i].hex : "", has ? recorded : absent);
        wanted += has ? sprintf(wanted, " %s", classes[i].said) : 0;
        for (unsigned j = 0; !has && j < classes[i].values; j++) {
            wanted += sprintf(wanted, " -");
        }
    }
    sprintf(hex, "5a e5");
}

// How many sets of classes are read in this way of writing; every one as what it is, or not at
// all.
static unsigned sets_read(const char *recorded, const char *absent) {
    unsigned count = 0;
    for (unsigned set = 0; set < SETS; set++) {
        char hex[400];
        char wanted[400];
        write_record(hex, wanted, set, recorded, absent);
        const char *got = decode(DLT645_2007, 0x06000001, hex);
        if (strcmp(got, "wrong size") != 0) {
            expect(__LINE__, got, wanted);
            count++;
        }
    }
    return count;
}

static void test_load_record_is_read_in_every_way_of_writing_it_or_not_at_all(void) {
    CHECK_EQUAL(sets_read("aa", "aa"), SETS);
    // One set of classes could also be another, of which only the recorded ones have an AA.
    CHECK_EQUAL(sets_read("", "aa"), SETS - 1);
    // Where an absent class leaves nothing, classes 4 and 5 look alike ...
    CHECK_EQUAL(sets_read("aa", ""), SETS / 2);
    // ... and without any AA, class 2 is as long as 3 and 4 together, 2 and 3 as 4 and 5.
    CHECK_EQUAL(sets_read("", ""), 16);
}

static void test_unknown_item_is_raw_bytes(void) {
    dlt645_rule_t rule;
    CHECK(!dlt645_item(DLT645_2007, 0x33343233, &rule));
    CHECK(!dlt645_item(DLT645_2007, 0x9010, &rule));
    CHECK(!dlt645_item(DLT645_1997, 0x00010000, &rule));
    CHECK(!dlt645_item(DLT645_2007, 0x02ff0000, &rule));
    CHECK(!dlt645_item(DLT645_2007, 0x02800000, &rule));
    EXPECT_2007(0x33343233, "0102ff", "raw3@0");
    EXPECT_2007(0x06100101, "3010010826 0122 0222", "2608011030 raw4@5");
    EXPECT_2007(0x06100101, "3010010826", "2608011030 raw0@5");
    EXPECT_2007(0x06100101, "30100108", "wrong size");
    EXPECT_2007(0x06100101, "", "");
}

static void test_item_of_the_callers_own_needs_no_table(void) {
    dlt645_rule_t rule = {.format = {DLT645_SIGNED, 3, -4, DLT645_KW}, .size = 3};
    uint8_t bytes[6] = {0x34, 0x56, 0x92, 0, 0, 0x80};
    rule.shape = DLT645_ONE;
    expect(__LINE__, say(&rule, bytes, 3, 1), "-125634e-4kW");
    CHECK_EQUAL(dlt645_item_size(&rule), 3);
    rule.shape = DLT645_REPEATED;
    expect(__LINE__, say(&rule, bytes, 6, 2), "-125634e-4kW 0e-4kW");
    expect(__LINE__, say(&rule, bytes, 6, 1), "too many");
    CHECK_EQUAL(dlt645_item_size(&rule), 0);
}

static const char *unit_of(uint32_t identifier, size_t index) {
    dlt645_rule_t rule;
    CHECK(dlt645_item(DLT645_2007, identifier, &rule));
    const dlt645_format_t *format = dlt645_item_format(&rule, index);
    return format ? dlt645_unit_name(format->unit) : "none";
}

static void test_every_value_of_an_item_has_its_format(void) {
    expect(__LINE__, unit_of(0x00010000, 0), "kWh");
    expect(__LINE__, unit_of(0x00010000, 1), "none");
    expect(__LINE__, unit_of(0x0001ff00, 40), "kWh");
    expect(__LINE__, unit_of(0x01010000, 0), "kW");
    expect(__LINE__, unit_of(0x01010000, 1), "");
    expect(__LINE__, unit_of(0x01010000, 2), "none");
    expect(__LINE__, unit_of(0x0101ff00, 8), "kW");
    expect(__LINE__, unit_of(0x03010000, 4), "");
    expect(__LINE__, unit_of(0x03010000, 5), "min");
    expect(__LINE__, unit_of(0x03010000, 6), "none");
    expect(__LINE__, unit_of(0x05061001, 3), "kW");
    expect(__LINE__, unit_of(0x05061001, 4), "kvar");
}

static void test_phases_and_months_share_the_rules_of_the_total(void) {
    static const struct {
        uint32_t identifier;
        const char *unit;
        uint8_t kind;
    } items[] = {
        {0x00150000, "kWh", DLT645_UNSIGNED},   {0x00180000, "kvarh", DLT645_SIGNED},
        {0x001c0000, "kvarh", DLT645_UNSIGNED}, {0x001e0000, "kVAh", DLT645_UNSIGNED},
        {0x00290000, "kWh", DLT645_UNSIGNED},   {0x00320000, "kVAh", DLT645_UNSIGNED},
        {0x003d0000, "kWh", DLT645_UNSIGNED},   {0x00460000, "kVAh", DLT645_UNSIGNED},
        {0x00940000, "kWh", DLT645_UNSIGNED},   {0x00c20000, "kWh", DLT645_UNSIGNED},
        {0x01150000, "kW", DLT645_UNSIGNED},    {0x013f0000, "kvar", DLT645_SIGNED},
        {0x00013f0c, "kWh", DLT645_UNSIGNED},
    };
    dlt645_rule_t rule;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        CHECK(dlt645_item(DLT645_2007, items[i].identifier, &rule));
        CHECK_EQUAL(rule.format.kind, items[i].kind);
        CHECK(strcmp(dlt645_unit_name(rule.format.unit), items[i].unit) == 0);
    }
    CHECK(!dlt645_item(DLT645_2007, 0x00140000, &rule));
    CHECK(!dlt645_item(DLT645_2007, 0x00014000, &rule));
    CHECK(!dlt645_item(DLT645_2007, 0x0001000d, &rule));
    static const uint16_t old[] = {0x9410, 0x9810, 0x9550, 0xa410, 0xb91e};
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        CHECK(dlt645_item(DLT645_1997, old[i], &rule));
    }
    CHECK(!dlt645_item(DLT645_1997, 0x9c10, &rule));
    CHECK(!dlt645_item(DLT645_1997, 0x9030, &rule));
    CHECK(!dlt645_item(DLT645_1997, 0xb211 + 0x400, &rule) || rule.format.kind != DLT645_DIGITS);
}

static const test_t tests[] = {
    TEST(test_numbers_have_scale_and_unit_and_their_own_sign_rule),
    TEST(test_ff_filled_is_not_available_and_other_bad_digits_are_damage),
    TEST(test_damage_among_good_values_can_be_looked_at),
    TEST(test_block_is_divided_by_the_size_of_its_elements),
    TEST(test_ff_in_any_byte_stands_for_all_items_there),
    TEST(test_dates_text_and_words_come_out_readable),
    TEST(test_event_counters_and_records_have_their_fields),
    TEST(test_freeze_gives_time_registers_and_powers),
    TEST(test_freeze_block_is_read_with_and_without_separators),
    TEST(test_load_record_is_read_with_every_looseness),
    TEST(test_load_record_is_read_in_every_way_of_writing_it_or_not_at_all),
    TEST(test_unknown_item_is_raw_bytes),
    TEST(test_item_of_the_callers_own_needs_no_table),
    TEST(test_every_value_of_an_item_has_its_format),
    TEST(test_phases_and_months_share_the_rules_of_the_total),
};

int main(int argc, char **argv) {
    return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
