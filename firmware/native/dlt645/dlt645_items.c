// SPDX-License-Identifier: MIT
//
// The tables: which identifier has which fields.

#include "dlt645_work.h"

// --- Units ------------------------------------------------------------------------------------

// In the order of dlt645_unit_t, each ended by a NUL. Not an array of pointers: those would need
// relocation in a native module.
static const char units[] = "\0"
                            "kWh\0"
                            "kvarh\0"
                            "kVAh\0"
                            "kW\0"
                            "kvar\0"
                            "kVA\0"
                            "V\0"
                            "A\0"
                            "Hz\0"
                            "\xc2\xb0\0"
                            "\xc2\xb0"
                            "C\0"
                            "%\0"
                            "min\0"
                            "ms\0"
                            "yuan\0"
                            "yuan/kWh\0"
                            "imp/kWh\0"
                            "imp/kvarh";

const char *dlt645_unit_name(dlt645_unit_t unit) {
    const char *name = units;
    for (unsigned i = 0; i < (unsigned)unit; i++) {
        while (*name) {
            name++;
        }
        name++;
    }
    return name;
}

// --- Formats ----------------------------------------------------------------------------------

// clang-format off
#define FORMATS(X) \
    X(KWH,          UNSIGNED, 4, -2, KWH) \
    X(KWH_SIGNED,   SIGNED,   4, -2, KWH) \
    X(KVARH,        UNSIGNED, 4, -2, KVARH) \
    X(KVARH_SIGNED, SIGNED,   4, -2, KVARH) \
    X(KVAH,         UNSIGNED, 4, -2, KVAH) \
    X(ENERGY,       UNSIGNED, 4, -2, NO_UNIT) \
    X(KWH_TENTHS,   UNSIGNED, 4, -1, KWH) \
    X(KVARH_TENTHS, UNSIGNED, 4, -1, KVARH) \
    X(YUAN,         UNSIGNED, 4, -2, YUAN) \
    X(PRICE,        UNSIGNED, 4, -4, YUAN_PER_KWH) \
    X(KW,           UNSIGNED, 3, -4, KW) \
    X(KW_SIGNED,    SIGNED,   3, -4, KW) \
    X(KVAR,         UNSIGNED, 3, -4, KVAR) \
    X(KVAR_SIGNED,  SIGNED,   3, -4, KVAR) \
    X(KVA,          UNSIGNED, 3, -4, KVA) \
    X(KVA_SIGNED,   SIGNED,   3, -4, KVA) \
    X(DEMAND,       UNSIGNED, 3, -4, NO_UNIT) \
    X(KW_SHORT,     UNSIGNED, 2, -2, KW) \
    X(KVAR_SHORT,   UNSIGNED, 2, -2, KVAR) \
    X(VOLT,         UNSIGNED, 2, -1, VOLT) \
    X(VOLT_WHOLE,   UNSIGNED, 2, 0, VOLT) \
    X(BATTERY,      UNSIGNED, 2, -2, VOLT) \
    X(AMPERE,       SIGNED,   3, -3, AMPERE) \
    X(AMPERE_SHORT, UNSIGNED, 2, -2, AMPERE) \
    X(FACTOR,       SIGNED,   2, -3, NO_UNIT) \
    X(THOUSANDTHS,  UNSIGNED, 2, -3, NO_UNIT) \
    X(DEGREE,       UNSIGNED, 2, -1, DEGREE) \
    X(CELSIUS,      SIGNED,   2, -1, CELSIUS) \
    X(PERCENT,      UNSIGNED, 2, -2, PERCENT) \
    X(HERTZ,        UNSIGNED, 2, -2, HERTZ) \
    X(MINUTES_1,    UNSIGNED, 1, 0, MINUTE) \
    X(MINUTES_2,    UNSIGNED, 2, 0, MINUTE) \
    X(MINUTES_3,    UNSIGNED, 3, 0, MINUTE) \
    X(MINUTES_4,    UNSIGNED, 4, 0, MINUTE) \
    X(MILLISECONDS, UNSIGNED, 2, 0, MILLISECOND) \
    X(PER_KWH,      UNSIGNED, 3, 0, PER_KWH) \
    X(PER_KVARH,    UNSIGNED, 3, 0, PER_KVARH) \
    X(COUNT_1,      UNSIGNED, 1, 0, NO_UNIT) \
    X(COUNT_2,      UNSIGNED, 2, 0, NO_UNIT) \
    X(COUNT_3,      UNSIGNED, 3, 0, NO_UNIT) \
    X(DIGITS_2,     DIGITS,   2, 0, NO_UNIT) /* DDhh */ \
    X(DIGITS_3,     DIGITS,   3, 0, NO_UNIT) /* hhmmss, MMDDNN, hhmmNN */ \
    X(DIGITS_4,     DIGITS,   4, 0, NO_UNIT) /* YYMMDDWW, MMDDhhmm, YYMMDDNN */ \
    X(DIGITS_5,     DIGITS,   5, 0, NO_UNIT) /* YYMMDDhhmm */ \
    X(DIGITS_6,     DIGITS,   6, 0, NO_UNIT) /* YYMMDDhhmmss */ \
    X(DIGITS_7,     DIGITS,   7, 0, NO_UNIT) /* YYMMDDWWhhmmss */ \
    X(ADDRESS,      ADDRESS,  6, 0, NO_UNIT) \
    X(BITS_1,       BITS,     1, 0, NO_UNIT) \
    X(BITS_2,       BITS,     2, 0, NO_UNIT) \
    X(CODE_4,       CODE,     4, 0, NO_UNIT) \
    X(CODE_12,      CODE,     12, 0, NO_UNIT) \
    X(TEXT_4,       TEXT,     4, 0, NO_UNIT) \
    X(TEXT_6,       TEXT,     6, 0, NO_UNIT) \
    X(TEXT_10,      TEXT,     10, 0, NO_UNIT) \
    X(TEXT_16,      TEXT,     16, 0, NO_UNIT) \
    X(TEXT_32,      TEXT,     32, 0, NO_UNIT) \
    X(RAW,          RAW,      0, 0, NO_UNIT) \
    X(RAW_11,       RAW,      11, 0, NO_UNIT) \
    X(RAW_16,       RAW,      16, 0, NO_UNIT) \
    X(RAW_20,       RAW,      20, 0, NO_UNIT) \
    X(RAW_27,       RAW,      27, 0, NO_UNIT) \
    X(RAW_76,       RAW,      76, 0, NO_UNIT) \
    X(RAW_78,       RAW,      78, 0, NO_UNIT) \
    X(RAW_94,       RAW,      94, 0, NO_UNIT) \
    X(RAW_115,      RAW,      115, 0, NO_UNIT) \
    X(RAW_131,      RAW,      131, 0, NO_UNIT)

#define FORMAT_NUMBER(name, kind, size, scale, unit) name,
#define FORMAT_ENTRY(name, kind, size, scale, unit) {DLT645_##kind, size, scale, DLT645_##unit},

// What an entry of the tables can name: a format, or behind the last of them a layout.
enum {
    FORMATS(FORMAT_NUMBER)
    FORMAT_COUNT,
    DEMAND_KW = FORMAT_COUNT,
    DEMAND_KVAR,
    DEMAND_KVAR_SIGNED,
    DEMAND_KVA,
    PHASE_EVENTS,
    EVENTS,
    ALL_LOSS,
    START_AND_END,
    PROGRAMMING,
    METER_CLEAR,
    DEMAND_CLEAR,
    EVENT_CLEAR,
    CLOCK_SET,
    COVER,
    RELAY,
    POWERS,
    HOURLY,
    CURVE,
    CLASS_1,
    CLASS_2,
    CLASS_3,
    CLASS_4,
    CLASS_5,
    CLASS_6,
};

static const dlt645_format_t formats[] = {FORMATS(FORMAT_ENTRY)};

// In the order above. Every layout ends with a 0.
static const uint8_t layouts[] = {
    1, KW, 1, DIGITS_5, 0,                                           // demand and its time
    1, KVAR, 1, DIGITS_5, 0,
    1, KVAR_SIGNED, 1, DIGITS_5, 0,
    1, KVA, 1, DIGITS_5, 0,
    3, DLT645_REST, 1, COUNT_3, 1, MINUTES_3, 0,                     // phases A, B, C
    1, COUNT_3, 1, MINUTES_3, 0,
    1, DIGITS_6, 1, AMPERE, 1, DIGITS_6, 0,                          // all-phase voltage loss
    2, DIGITS_6, 0,
    1, DIGITS_6, 11, CODE_4, 0,                                      // operator, ten identifiers
    1, DIGITS_6, 1, CODE_4, 24, ENERGY, 0,
    1, DIGITS_6, 1, CODE_4, 24, DLT645_REST, 1, DEMAND, 1, DIGITS_5, 0,
    1, DIGITS_6, 2, CODE_4, 0,
    1, CODE_4, 2, DIGITS_6, 0,                                       // before, after
    2, DIGITS_6, 12, ENERGY, 0,
    1, DIGITS_6, 1, CODE_4, 6, ENERGY, 0,
    4, KW_SIGNED, 4, KVAR_SIGNED, 0,                                 // total, A, B, C
    1, DIGITS_5, 2, KWH, 0,                                          // forward, reverse
    1, DIGITS_5, 1, RAW, 0,                                          // start, points
    3, VOLT, 3, AMPERE, 1, HERTZ, 0,
    4, KW_SIGNED, 4, KVAR_SIGNED, 0,
    4, FACTOR, 0,
    2, KWH, 2, KVARH_SIGNED, 0,
    4, KVARH, 0,
    1, KW_SIGNED, 1, KVAR_SIGNED, 0,
};

// --- Entries ----------------------------------------------------------------------------------

// Identifiers from first to last in every byte. In the 1997 table DI0 counts digit by digit.
typedef struct {
    uint8_t di3;
    uint8_t di2_first, di2_last;
    uint8_t di1_first, di1_last;
    uint8_t di0_first, di0_last;
    uint8_t fields; // a format or a layout
    uint8_t flags;
} entry_t;

#define SHAPE (0x07)   // dlt645_shape_t
#define DI1_FF (0x08)  // may be FF: a block
#define DI0_FF (0x10)  // ... in the 1997 table: its low digit F
#define PHASES (0x20)  // again at DI2 + 14H, 28H and 3CH, for the phases A, B and C
#define MONTHS (0x40)  // 1997: again at DI1 + 4 and 8, for last month and the one before

#define ONE (DLT645_ONE)
#define LIST (DLT645_REPEATED)
#define RATES (DI1_FF | DI0_FF)

#define PHASE_STEP (0x14)
#define MONTH_BITS (0x0c)

static const entry_t table_2007[] = {
    // Energy: DI1 rate, DI0 settlement.
    {0x00, 0x00, 0x00, 0x00, 0x3f, 0x00, 0x0c, KWH_SIGNED, RATES},
    {0x00, 0x01, 0x02, 0x00, 0x3f, 0x00, 0x0c, KWH, RATES | PHASES},
    {0x00, 0x03, 0x04, 0x00, 0x3f, 0x00, 0x0c, KVARH_SIGNED, RATES | PHASES},
    {0x00, 0x05, 0x08, 0x00, 0x3f, 0x00, 0x0c, KVARH, RATES | PHASES},
    {0x00, 0x09, 0x0a, 0x00, 0x3f, 0x00, 0x0c, KVAH, RATES | PHASES},
    {0x00, 0x80, 0x86, 0x00, 0x3f, 0x00, 0x0c, KWH, RATES | PHASES},
    {0x00, 0x90, 0x90, 0x01, 0x01, 0x00, 0x01, KWH, ONE}, // prepaid: remaining, overdrawn
    {0x00, 0x90, 0x90, 0x02, 0x02, 0x00, 0x01, YUAN, ONE},
    // Maximum demand and its time.
    {0x01, 0x01, 0x02, 0x00, 0x3f, 0x00, 0x0c, DEMAND_KW, RATES | PHASES},
    {0x01, 0x03, 0x04, 0x00, 0x3f, 0x00, 0x0c, DEMAND_KVAR_SIGNED, RATES | PHASES},
    {0x01, 0x05, 0x08, 0x00, 0x3f, 0x00, 0x0c, DEMAND_KVAR, RATES | PHASES},
    {0x01, 0x09, 0x0a, 0x00, 0x3f, 0x00, 0x0c, DEMAND_KVA, RATES | PHASES},
    // Variables: DI1 phase.
    {0x02, 0x01, 0x01, 0x01, 0x03, 0x00, 0x00, VOLT, DI1_FF},
    {0x02, 0x02, 0x02, 0x01, 0x03, 0x00, 0x00, AMPERE, DI1_FF},
    {0x02, 0x03, 0x03, 0x00, 0x03, 0x00, 0x00, KW_SIGNED, DI1_FF},
    {0x02, 0x04, 0x04, 0x00, 0x03, 0x00, 0x00, KVAR_SIGNED, DI1_FF},
    {0x02, 0x05, 0x05, 0x00, 0x03, 0x00, 0x00, KVA_SIGNED, DI1_FF},
    {0x02, 0x06, 0x06, 0x00, 0x03, 0x00, 0x00, FACTOR, DI1_FF},
    {0x02, 0x07, 0x07, 0x01, 0x03, 0x00, 0x00, DEGREE, DI1_FF},
    {0x02, 0x08, 0x09, 0x01, 0x03, 0x00, 0x00, PERCENT, DI1_FF},
    {0x02, 0x0a, 0x0b, 0x01, 0x03, 0x01, 0x15, PERCENT, DI0_FF}, // harmonics
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x01, 0x01, AMPERE, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x02, 0x02, HERTZ, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x03, 0x04, KW_SIGNED, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x05, 0x05, KVAR_SIGNED, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x06, 0x06, KVA_SIGNED, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x07, 0x07, CELSIUS, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x08, 0x09, BATTERY, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x0a, 0x0a, MINUTES_4, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x0b, 0x0b, PRICE, ONE},
    {0x02, 0x80, 0x80, 0x00, 0x00, 0x20, 0x21, PRICE, ONE},
    // Events: DI0 = 0 counts, 1..0AH are the last ten.
    {0x03, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00, PHASE_EVENTS, ONE},
    {0x03, 0x01, 0x01, 0x01, 0x03, 0x01, 0x0a, RAW_131, ONE},
    {0x03, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, EVENTS, ONE},
    {0x03, 0x05, 0x05, 0x00, 0x00, 0x01, 0x0a, ALL_LOSS, ONE},
    {0x03, 0x06, 0x06, 0x00, 0x00, 0x01, 0x0a, START_AND_END, ONE},
    {0x03, 0x07, 0x0f, 0x00, 0x00, 0x00, 0x00, EVENTS, LIST},
    {0x03, 0x07, 0x08, 0x00, 0x00, 0x01, 0x0a, RAW_76, ONE},
    {0x03, 0x09, 0x0a, 0x00, 0x00, 0x01, 0x0a, RAW_78, ONE},
    {0x03, 0x0b, 0x0d, 0x01, 0x03, 0x01, 0x0a, RAW_115, ONE},
    {0x03, 0x0e, 0x0f, 0x01, 0x03, 0x01, 0x0a, RAW_76, ONE},
    {0x03, 0x10, 0x10, 0x00, 0x03, 0x00, 0x0c, RAW_27, ONE},
    {0x03, 0x11, 0x11, 0x00, 0x00, 0x00, 0x00, COUNT_3, ONE},
    {0x03, 0x11, 0x11, 0x00, 0x00, 0x01, 0x0a, START_AND_END, ONE},
    {0x03, 0x12, 0x12, 0x00, 0x00, 0x00, 0x00, COUNT_3, LIST},
    {0x03, 0x12, 0x12, 0x00, 0x06, 0x01, 0x0a, RAW_20, ONE},
    {0x03, 0x30, 0x30, 0x00, 0x0e, 0x00, 0x00, COUNT_3, ONE},
    {0x03, 0x30, 0x30, 0x00, 0x00, 0x01, 0x0a, PROGRAMMING, ONE},
    {0x03, 0x30, 0x30, 0x01, 0x01, 0x01, 0x0a, METER_CLEAR, ONE},
    {0x03, 0x30, 0x30, 0x02, 0x02, 0x01, 0x0a, DEMAND_CLEAR, ONE},
    {0x03, 0x30, 0x30, 0x03, 0x03, 0x01, 0x0a, EVENT_CLEAR, ONE},
    {0x03, 0x30, 0x30, 0x04, 0x04, 0x01, 0x0a, CLOCK_SET, ONE},
    {0x03, 0x30, 0x30, 0x05, 0x05, 0x01, 0x0a, RAW, ONE}, // slot tables: 94 bytes or more
    {0x03, 0x30, 0x30, 0x06, 0x06, 0x01, 0x0a, RAW_94, ONE},
    {0x03, 0x30, 0x30, 0x07, 0x07, 0x01, 0x0a, RAW_11, ONE},
    {0x03, 0x30, 0x30, 0x08, 0x08, 0x01, 0x0a, RAW, ONE}, // holidays: 1026 bytes
    {0x03, 0x30, 0x30, 0x09, 0x09, 0x01, 0x0a, RAW_11, ONE},
    {0x03, 0x30, 0x30, 0x0c, 0x0c, 0x01, 0x0a, RAW_16, ONE},
    {0x03, 0x30, 0x30, 0x0d, 0x0e, 0x01, 0x0a, COVER, ONE},
    {0x1d, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, COUNT_3, ONE}, // relay trips, closes
    {0x1e, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, COUNT_3, ONE},
    {0x1d, 0x00, 0x00, 0x01, 0x01, 0x01, 0x0a, RELAY, ONE},
    {0x1e, 0x00, 0x00, 0x01, 0x01, 0x01, 0x0a, RELAY, ONE},
    // Parameters.
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x01, 0x01, DIGITS_4, ONE},
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x02, 0x02, DIGITS_3, ONE},
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x03, 0x04, MINUTES_1, ONE},
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x05, 0x05, MILLISECONDS, ONE},
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x06, 0x07, DIGITS_5, ONE},
    {0x04, 0x00, 0x00, 0x01, 0x01, 0x0c, 0x0c, DIGITS_7, ONE},
    {0x04, 0x00, 0x00, 0x02, 0x02, 0x01, 0x04, COUNT_1, ONE},
    {0x04, 0x00, 0x00, 0x02, 0x02, 0x05, 0x05, COUNT_2, ONE},
    {0x04, 0x00, 0x00, 0x02, 0x02, 0x06, 0x06, COUNT_1, ONE},
    {0x04, 0x00, 0x00, 0x03, 0x03, 0x01, 0x05, COUNT_1, ONE},
    {0x04, 0x00, 0x00, 0x03, 0x03, 0x06, 0x07, COUNT_3, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x01, 0x02, ADDRESS, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x03, 0x03, TEXT_32, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x04, 0x06, TEXT_6, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x07, 0x08, TEXT_4, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x09, 0x09, PER_KWH, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x0a, 0x0a, PER_KVARH, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x0b, 0x0c, TEXT_10, ONE},
    {0x04, 0x00, 0x00, 0x04, 0x04, 0x0d, 0x0d, TEXT_16, ONE},
    {0x04, 0x00, 0x00, 0x05, 0x05, 0x01, 0x07, BITS_2, DI0_FF},
    {0x04, 0x00, 0x00, 0x06, 0x06, 0x01, 0x03, BITS_1, ONE},
    {0x04, 0x00, 0x00, 0x07, 0x07, 0x01, 0x05, BITS_1, ONE},
    {0x04, 0x00, 0x00, 0x08, 0x08, 0x01, 0x01, BITS_1, ONE},
    {0x04, 0x00, 0x00, 0x08, 0x08, 0x02, 0x02, COUNT_1, ONE},
    {0x04, 0x00, 0x00, 0x09, 0x09, 0x01, 0x07, BITS_1, ONE},
    {0x04, 0x00, 0x00, 0x0a, 0x0a, 0x01, 0x01, DIGITS_4, ONE},
    {0x04, 0x00, 0x00, 0x0a, 0x0a, 0x02, 0x07, MINUTES_2, ONE},
    {0x04, 0x00, 0x00, 0x0b, 0x0b, 0x01, 0x03, DIGITS_2, ONE},
    {0x04, 0x00, 0x00, 0x0d, 0x0d, 0x01, 0x0c, THOUSANDTHS, ONE},
    {0x04, 0x00, 0x00, 0x0e, 0x0e, 0x01, 0x02, KW, ONE},
    {0x04, 0x00, 0x00, 0x0e, 0x0e, 0x03, 0x04, VOLT, ONE},
    {0x04, 0x00, 0x00, 0x15, 0x15, 0x01, 0x01, CODE_12, ONE},
    {0x04, 0x01, 0x02, 0x00, 0x00, 0x00, 0x08, DIGITS_3, LIST}, // zone table, slot tables
    {0x04, 0x03, 0x03, 0x00, 0x00, 0x01, 0xfe, DIGITS_4, ONE},
    {0x04, 0x80, 0x80, 0x00, 0x00, 0x01, 0x03, TEXT_32, ONE},
    // Freezes: DI2 kind, DI0 how many ago. The hourly ones (04) have totals only.
    {0x05, 0x00, 0x08, 0x00, 0x00, 0x01, 0xfe, DIGITS_5, ONE},
    {0x05, 0x04, 0x04, 0x01, 0x02, 0x01, 0xfe, KWH, ONE},
    {0x05, 0x04, 0x04, 0xff, 0xff, 0x01, 0xfe, HOURLY, DLT645_HOURLY_BLOCK},
    {0x05, 0x00, 0x08, 0x01, 0x02, 0x01, 0xfe, KWH, LIST},
    {0x05, 0x00, 0x08, 0x03, 0x04, 0x01, 0xfe, KVARH_SIGNED, LIST},
    {0x05, 0x00, 0x08, 0x05, 0x08, 0x01, 0xfe, KVARH, LIST},
    {0x05, 0x00, 0x08, 0x09, 0x0a, 0x01, 0xfe, DEMAND_KW, LIST},
    {0x05, 0x00, 0x08, 0x10, 0x10, 0x01, 0xfe, POWERS, ONE},
    {0x05, 0x00, 0x08, 0xff, 0xff, 0x01, 0xfe, DIGITS_5, DLT645_FREEZE_BLOCK},
    // Load profile: DI2 class.
    {0x06, 0x00, 0x06, 0x00, 0x00, 0x00, 0x02, DIGITS_5, DLT645_LOAD_RECORDS},
    {0x06, 0x10, 0x10, 0x00, 0xff, 0x00, 0xff, CURVE, ONE},
};

static const entry_t table_1997[] = {
    // Energy, demand and its time: DI0 direction or quadrant, rate.
    {0, 0, 0, 0x90, 0x90, 0x10, 0x2e, KWH, DI0_FF | MONTHS},
    {0, 0, 0, 0x91, 0x91, 0x10, 0x6e, KVARH, DI0_FF | MONTHS},
    {0, 0, 0, 0xa0, 0xa0, 0x10, 0x2e, KW, DI0_FF | MONTHS},
    {0, 0, 0, 0xa1, 0xa1, 0x10, 0x6e, KVAR, DI0_FF | MONTHS},
    {0, 0, 0, 0xb0, 0xb0, 0x10, 0x2e, DIGITS_4, DI0_FF | MONTHS},
    {0, 0, 0, 0xb1, 0xb1, 0x10, 0x6e, DIGITS_4, DI0_FF | MONTHS},
    // Variables.
    {0, 0, 0, 0xb2, 0xb2, 0x10, 0x11, DIGITS_4, ONE},
    {0, 0, 0, 0xb2, 0xb2, 0x12, 0x13, COUNT_2, ONE},
    {0, 0, 0, 0xb2, 0xb2, 0x14, 0x14, MINUTES_3, ONE},
    {0, 0, 0, 0xb3, 0xb3, 0x10, 0x13, COUNT_2, DI0_FF},
    {0, 0, 0, 0xb3, 0xb3, 0x20, 0x23, MINUTES_3, DI0_FF},
    {0, 0, 0, 0xb3, 0xb3, 0x30, 0x43, DIGITS_4, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x11, 0x13, VOLT_WHOLE, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x91, 0x93, VOLT_WHOLE, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x21, 0x23, AMPERE_SHORT, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x30, 0x33, KW, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x34, 0x35, KW_SHORT, ONE},
    {0, 0, 0, 0xb6, 0xb6, 0x40, 0x43, KVAR_SHORT, DI0_FF},
    {0, 0, 0, 0xb6, 0xb6, 0x50, 0x53, THOUSANDTHS, DI0_FF},
    // Parameters.
    {0, 0, 0, 0xc0, 0xc0, 0x10, 0x10, DIGITS_4, ONE},
    {0, 0, 0, 0xc0, 0xc0, 0x11, 0x11, DIGITS_3, ONE},
    {0, 0, 0, 0xc0, 0xc0, 0x20, 0x22, BITS_1, ONE},
    {0, 0, 0, 0xc0, 0xc0, 0x30, 0x30, PER_KWH, ONE},
    {0, 0, 0, 0xc0, 0xc0, 0x31, 0x31, PER_KVARH, ONE},
    {0, 0, 0, 0xc0, 0xc0, 0x32, 0x34, ADDRESS, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x11, 0x12, MINUTES_1, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x13, 0x16, COUNT_1, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x17, 0x17, DIGITS_2, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x18, 0x18, COUNT_1, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x19, 0x19, KWH_TENTHS, ONE},
    {0, 0, 0, 0xc1, 0xc1, 0x1a, 0x1a, KVARH_TENTHS, ONE},
    {0, 0, 0, 0xc2, 0xc2, 0x11, 0x11, MILLISECONDS, ONE},
    {0, 0, 0, 0xc2, 0xc2, 0x12, 0x12, CODE_4, ONE},
    {0, 0, 0, 0xc3, 0xc3, 0x10, 0x14, COUNT_1, ONE},
    {0, 0, 0, 0xc3, 0xc3, 0x21, 0xae, DIGITS_3, DI0_FF}, // zones (2x), slot tables (3x..Ax)
    {0, 0, 0, 0xc4, 0xc4, 0x1e, 0x1e, COUNT_1, ONE},
    {0, 0, 0, 0xc4, 0xc4, 0x11, 0x1d, DIGITS_3, DI0_FF},
    {0, 0, 0, 0xc5, 0xc5, 0x10, 0x10, DIGITS_4, ONE},
    {0, 0, 0, 0xc5, 0xc5, 0x11, 0x11, MINUTES_2, ONE},
};
// clang-format on

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const dlt645_format_t *dlt645_table_format(uint8_t number) {
    return &formats[number];
}

static const uint8_t *find_layout(uint8_t fields) {
    const uint8_t *layout = layouts;
    for (unsigned i = FORMAT_COUNT; i < fields; i++) {
        while (*layout) {
            layout += 2;
        }
        layout++;
    }
    return layout;
}

const uint8_t *dlt645_class_layout(unsigned load_class) {
    return find_layout((uint8_t)(CLASS_1 + load_class));
}

// Bytes of a layout; 0 when a field of it takes all there are.
static size_t layout_size(const uint8_t *layout) {
    size_t size = 0;
    size_t fixed = 0;
    unsigned rest = 1;
    for (; *layout; layout += 2) {
        if (layout[1] == DLT645_REST) {
            rest = layout[0];
            fixed = size;
            size = 0;
        } else if (formats[layout[1]].size == 0) {
            return 0;
        } else {
            size += (size_t)layout[0] * formats[layout[1]].size;
        }
    }
    return fixed + rest * size;
}

static bool within(uint8_t byte, uint8_t first, uint8_t last) {
    return byte >= first && byte <= last;
}

static bool di2_fits(const entry_t *entry, uint8_t di2) {
    for (unsigned i = 0; i < (entry->flags & PHASES ? 4U : 1U); i++) {
        if (within(di2, (uint8_t)(entry->di2_first + i * PHASE_STEP),
                   (uint8_t)(entry->di2_last + i * PHASE_STEP))) {
            return true;
        }
    }
    return false;
}

// Sets block when an FF stands for several.
static bool fits_2007(const entry_t *entry, uint32_t identifier, bool *block) {
    uint8_t di1 = (uint8_t)(identifier >> 8);
    uint8_t di0 = (uint8_t)identifier;
    bool every1 = entry->flags & DI1_FF && di1 == 0xff;
    bool every0 = entry->flags & DI0_FF && di0 == 0xff;
    *block = every1 || every0;
    return identifier >> 24 == entry->di3 && di2_fits(entry, (uint8_t)(identifier >> 16)) &&
           (every1 || within(di1, entry->di1_first, entry->di1_last)) &&
           (every0 || within(di0, entry->di0_first, entry->di0_last));
}

static bool fits_1997(const entry_t *entry, uint32_t identifier, bool *block) {
    uint8_t di1 = (uint8_t)(identifier >> 8);
    uint8_t di0 = (uint8_t)identifier;
    uint8_t low = di0 & 0x0f;
    if (entry->flags & MONTHS && (di1 & MONTH_BITS) != MONTH_BITS) {
        di1 &= (uint8_t)~MONTH_BITS;
    }
    *block = entry->flags & DI0_FF && low == 0x0f;
    return identifier >> 16 == 0 && di1 == entry->di1_first &&
           within(di0 >> 4, entry->di0_first >> 4, entry->di0_last >> 4) &&
           (*block || within(low, entry->di0_first & 0x0f, entry->di0_last & 0x0f));
}

bool dlt645_item(dlt645_edition_t edition, uint32_t identifier, dlt645_rule_t *rule) {
    bool old = edition == DLT645_1997;
    const entry_t *entry = old ? table_1997 : table_2007;
    const entry_t *end = entry + (old ? COUNT_OF(table_1997) : COUNT_OF(table_2007));
    *rule = (dlt645_rule_t){.format = formats[RAW], .shape = DLT645_ANY};
    bool block = false;
    while (entry < end && !(old ? fits_1997 : fits_2007)(entry, identifier, &block)) {
        entry++;
    }
    if (entry == end) {
        return false;
    }
    rule->shape = block ? DLT645_REPEATED : entry->flags & SHAPE;
    if (entry->fields < FORMAT_COUNT) {
        rule->format = formats[entry->fields];
        rule->size = rule->format.size;
    } else {
        rule->layout = find_layout(entry->fields);
        rule->size = (uint16_t)layout_size(rule->layout);
        const uint8_t *first = rule->layout[1] == DLT645_REST ? rule->layout + 2 : rule->layout;
        rule->format = formats[first[1]];
    }
    if (rule->shape == DLT645_LOAD_RECORDS) {
        rule->load_class = (uint8_t)(identifier >> 16);
    }
    return true;
}

size_t dlt645_item_size(const dlt645_rule_t *rule) {
    return rule->shape == DLT645_ONE ? rule->size : 0;
}

// Looks for number *index in a part of a layout; leaves what is left of it when it is not there.
static const dlt645_format_t *find_field(const uint8_t *layout, size_t *index) {
    for (; *layout && layout[1] != DLT645_REST; layout += 2) {
        if (*index < layout[0]) {
            return &formats[layout[1]];
        }
        *index -= layout[0];
    }
    return NULL;
}

const dlt645_format_t *dlt645_item_format(const dlt645_rule_t *rule, size_t index) {
    bool list = rule->shape == DLT645_REPEATED;
    if (rule->layout == NULL) {
        return list || index == 0 ? &rule->format : NULL;
    }
    const dlt645_format_t *format;
    do {
        format = find_field(rule->layout, &index);
        const uint8_t *rest = rule->layout;
        while (*rest && rest[1] != DLT645_REST) {
            rest += 2;
        }
        for (unsigned i = 0; format == NULL && i < *rest; i++) {
            format = find_field(rest + 2, &index);
        }
    } while (format == NULL && list && rule->size > 0);
    return format;
}
