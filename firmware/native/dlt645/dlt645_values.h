// SPDX-License-Identifier: MIT
//
// DL/T 645 values: what the bytes behind an identifier mean.
//
// Tables of both editions say which fields an item has; numbers come out as integers with a scale,
// never as floats. 32-bit arithmetic throughout, no allocation, no state.
//
// Sources: DL/T 645-2007, data formats and data identification tables (and the extensions that
// State Grid meters share); DL/T 645-1997, the same.

#ifndef DLT645_VALUES_H
#define DLT645_VALUES_H

#include "dlt645_answer.h"

typedef enum {
    DLT645_NOT_AVAILABLE, // all FF: what the meter has not
    DLT645_UNSIGNED,      // number, in units of 10^scale
    DLT645_SIGNED,        // the same, bit 7 of the most significant byte being the sign
    DLT645_BITS,          // number: a status or mode word
    DLT645_DIGITS,        // decimal digits: dates and times; text
    DLT645_ADDRESS,       // the same of a meter's number, which may be short: filled up with A
    DLT645_CODE,          // hexadecimal digits: identifiers, operator codes, long bit fields; text
    DLT645_TEXT,          // ASCII; text
    DLT645_RAW,           // bytes in wire order
} dlt645_kind_t;

typedef enum {
    DLT645_NO_UNIT,
    DLT645_KWH,
    DLT645_KVARH,
    DLT645_KVAH,
    DLT645_KW,
    DLT645_KVAR,
    DLT645_KVA,
    DLT645_VOLT,
    DLT645_AMPERE,
    DLT645_HERTZ,
    DLT645_DEGREE,
    DLT645_CELSIUS,
    DLT645_PERCENT,
    DLT645_MINUTE,
    DLT645_MILLISECOND,
    DLT645_YUAN,
    DLT645_YUAN_PER_KWH,
    DLT645_PER_KWH,
    DLT645_PER_KVARH,
} dlt645_unit_t;

// One field of an item.
typedef struct {
    uint8_t kind; // dlt645_kind_t
    uint8_t size; // bytes; 0: all there are (RAW only)
    int8_t scale; // power of ten of a number
    uint8_t unit; // dlt645_unit_t
} dlt645_format_t;

typedef enum {
    DLT645_ONE,          // the fields, once
    DLT645_REPEATED,     // once or more often, back to back: blocks and lists
    DLT645_FIRST_ONES,   // the fields, or less of them: all the quantities that the meter has
    DLT645_FREEZE_BLOCK, // everything of a freeze, AAH or nothing behind each item
    DLT645_HOURLY_BLOCK, // the same of an hourly freeze
    DLT645_LOAD_RECORDS, // records of the load profile
    DLT645_LOAD_CURVE,   // the fields, once, or nothing: what was not recorded
    DLT645_ANY,          // not in the tables: raw bytes
} dlt645_shape_t;

// How to take an item apart. An item that is not in the tables, but known to a caller, is one
// with format (a number in 1 to 4 bytes), size (that of format), shape ONE or REPEATED, and no
// layout.
typedef struct {
    dlt645_format_t format; // the item's only field, or its first one
    const uint8_t *layout;  // several fields; NULL: only format
    uint16_t size;          // bytes of one element; 0: not fixed
    uint8_t shape;          // dlt645_shape_t
    uint8_t load_class;     // of load records, 1..6; 0: all six
} dlt645_rule_t;

// One value. Text and bytes stay where they are: offset and size say where.
typedef struct {
    int32_t number;  // UNSIGNED, SIGNED and BITS
    uint16_t offset; // into the item's bytes
    uint16_t size;   // bytes there
    uint8_t kind;    // dlt645_kind_t
    int8_t scale;
    uint8_t unit; // dlt645_unit_t
} dlt645_value_t;

// What dlt645_values returns when it has no values.
#define DLT645_MISFIT (-1)  // a number of bytes that the item cannot have
#define DLT645_DAMAGED (-2) // a digit that is none, and not part of an FF filling
#define DLT645_MANY (-3)    // more values than there is room for

// Fill rule with how to read the item; identifier as a number, e.g. 0x00010000 or 0x9010. An item
// that is not in the tables gives false, and the rule for raw bytes.
bool dlt645_item(dlt645_edition_t edition, uint32_t identifier, dlt645_rule_t *rule);

// The format of the item's value number index (0: the first); NULL when it has not so many. Of
// load records and freeze blocks only the first is told.
const dlt645_format_t *dlt645_item_format(const dlt645_rule_t *rule, size_t index);

// Bytes of the whole item when the tables fix them, else 0: what dlt645_assembly_begin wants.
size_t dlt645_item_size(const dlt645_rule_t *rule);

// Take apart the n bytes behind an identifier. Returns how many values there are in values, which
// has room for that many; or one of the negative codes, and values is undefined. With NULL for
// values they are only counted, up to room. Only load records and curves, and unknown items, may
// have no bytes, and then no values: a record that the meter has not.
//
// A load record gives its time and every field of its classes, NOT_AVAILABLE for one that is not
// recorded; a freeze block likewise. Checksums inside load records are not looked at: meters
// differ about what they cover.
int dlt645_values(const dlt645_rule_t *rule, const uint8_t *data, size_t n, dlt645_value_t *values,
                  size_t room);

// The same for looking at: damaged values are NOT_AVAILABLE, and no code says so.
int dlt645_values_lenient(const dlt645_rule_t *rule, const uint8_t *data, size_t n,
                          dlt645_value_t *values, size_t room);

// Write a DIGITS, ADDRESS, CODE or TEXT value of the item's bytes into text, which has room for
// twice the value's size; no NUL is added. Returns the characters. Most significant digit first;
// text in reading order without its padding (00 and FF), with a ? for every other byte that is not
// printable ASCII, and nothing at all when none is; a meter's number without its fillers.
size_t dlt645_value_text(char *text, const dlt645_value_t *value, const uint8_t *data);

// "kWh", "" for NO_UNIT; UTF-8.
const char *dlt645_unit_name(dlt645_unit_t unit);

#endif // DLT645_VALUES_H
