// SPDX-License-Identifier: MIT
//
// What the tables of the editions are made of, for them and for dlt645_items.c, which looks into
// them. Nobody else's.

#ifndef DLT645_TABLES_H
#define DLT645_TABLES_H

#include "dlt645_work.h"

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
    ENERGIES,
    DEMANDS,
    CLASS_1,
    CLASS_2,
    CLASS_3,
    CLASS_4,
    CLASS_5,
    CLASS_6,
};
// clang-format on

// --- Entries ----------------------------------------------------------------------------------

// Identifiers from first to last in every byte. In the 1997 table DI0 counts digit by digit.
typedef struct {
    uint8_t di3;
    uint8_t di2_first, di2_last;
    uint8_t di1_first, di1_last;
    uint8_t di0_first, di0_last;
    uint8_t fields; // a format or a layout
    uint8_t flags;
} dlt645_entry_t;

#define SHAPE (0x07)  // dlt645_shape_t
#define DI1_FF (0x08) // may be FF: a block
#define DI0_FF (0x10) // ... in the 1997 table: its low digit F
#define PHASES (0x20) // again at DI2 + 14H, 28H and 3CH, for the phases A, B and C
#define MONTHS (0x40) // 1997: again at DI1 + 4 and 8, for last month and the one before

#define ONE (DLT645_ONE)
#define LIST (DLT645_REPEATED)
#define RATES (DI1_FF | DI0_FF)

extern const dlt645_entry_t dlt645_table_2007[];
extern const dlt645_entry_t dlt645_table_1997[];
extern const size_t dlt645_table_2007_size; // entries
extern const size_t dlt645_table_1997_size;

// The layout that an entry names.
const uint8_t *dlt645_layout(uint8_t fields);

// Bytes of a layout; 0 when a field of it takes all there are.
size_t dlt645_layout_size(const uint8_t *layout);

#endif // DLT645_TABLES_H
