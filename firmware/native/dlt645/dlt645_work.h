// SPDX-License-Identifier: MIT
//
// What the tables (dlt645_formats.c, dlt645_items.c), dlt645_values.c (fields) and dlt645_blocks.c
// (items whose parts may be missing) share. Nobody else's.

#ifndef DLT645_WORK_H
#define DLT645_WORK_H

#include "dlt645_values.h"

// A layout is pairs of bytes: how often, which format; ended by a 0. With DLT645_REST for format,
// all that follows is repeated so often.
#define DLT645_REST (0xff)

// The format with that number in the tables.
const dlt645_format_t *dlt645_table_format(uint8_t number);

// The layouts of the six classes of load records, 0..5.
const uint8_t *dlt645_class_layout(unsigned load_class);

// Where values go, and where in the item they come from.
typedef struct {
    const uint8_t *data;
    size_t end; // bytes in data
    size_t at;
    dlt645_value_t *values;
    size_t room;
    int count;    // or what is wrong: a negative code, which stays
    bool may_end; // behind any field
    bool lenient; // damaged values are as if the meter had them not
} dlt645_work_t;

// Take the field there: as NOT_AVAILABLE, without any bytes, when it is absent.
void dlt645_take_field(dlt645_work_t *work, const dlt645_format_t *format, bool absent);

// The same with all fields of a layout.
void dlt645_take_layout(dlt645_work_t *work, const uint8_t *layout, bool absent);

// Bytes of the fields of a layout without DLT645_REST; one that takes what there is counts 0.
size_t dlt645_fixed_size(const uint8_t *layout);

// Take all of a freeze block, or of an hourly one.
void dlt645_take_freeze(dlt645_work_t *work, bool hourly);

// Take all load records, of one class (1..6) or of all (0).
void dlt645_take_load_records(dlt645_work_t *work, unsigned load_class);

#endif // DLT645_WORK_H
