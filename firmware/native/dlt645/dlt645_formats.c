// SPDX-License-Identifier: MIT
//
// Units, formats, and layouts of several fields.

#include "dlt645_tables.h"

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

#define FORMAT_ENTRY(name, kind, size, scale, unit) {DLT645_##kind, size, scale, DLT645_##unit},

// clang-format off
static const dlt645_format_t formats[] = {FORMATS(FORMAT_ENTRY)};

// In the order of the numbers. Every layout ends with a 0.
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
    1, KWH_SIGNED,                                                   // all quantities, by DI2:
    4, DLT645_REST, 2, KWH, 2, KVARH_SIGNED, 4, KVARH, 2, KVAH, 0,   // of all, then of A, B, C
    4, DLT645_REST, 1, KW, 1, DIGITS_5, 1, KW, 1, DIGITS_5,
        1, KVAR_SIGNED, 1, DIGITS_5, 1, KVAR_SIGNED, 1, DIGITS_5, 1, KVAR, 1, DIGITS_5,
        1, KVAR, 1, DIGITS_5, 1, KVAR, 1, DIGITS_5, 1, KVAR, 1, DIGITS_5,
        1, KVA, 1, DIGITS_5, 1, KVA, 1, DIGITS_5, 0,
    3, VOLT, 3, AMPERE, 1, HERTZ, 0,
    4, KW_SIGNED, 4, KVAR_SIGNED, 0,
    4, FACTOR, 0,
    2, KWH, 2, KVARH_SIGNED, 0,
    4, KVARH, 0,
    1, KW_SIGNED, 1, KVAR_SIGNED, 0,
};
// clang-format on

const dlt645_format_t *dlt645_table_format(uint8_t number) {
    return &formats[number];
}

const uint8_t *dlt645_layout(uint8_t fields) {
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
    return dlt645_layout((uint8_t)(CLASS_1 + load_class));
}

size_t dlt645_layout_size(const uint8_t *layout) {
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
