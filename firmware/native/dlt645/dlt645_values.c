// SPDX-License-Identifier: MIT
//
// Taking items apart, as the tables say.

#include "dlt645_work.h"

#include <string.h>

#define FILLER (0xaa) // of short numbers in the 1997 edition

// --- One field --------------------------------------------------------------------------------

static bool is_blank(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0xff) {
            return false;
        }
    }
    return n > 0;
}

static bool is_decimal(uint8_t pair) {
    return pair <= 0x99 && (pair & 0x0f) <= 9;
}

// Packed decimal digits, least significant pair first; at most 4 bytes, all at once.
static bool take_number(const uint8_t *bytes, dlt645_value_t *value) {
    uint32_t digits = 0;
    for (size_t i = value->size; i > 0; i--) {
        digits = digits << 8 | bytes[i - 1];
    }
    unsigned high_bit = 8U * value->size - 1;
    if (digits == UINT32_MAX >> (31 - high_bit)) {
        value->kind = DLT645_NOT_AVAILABLE;
        return true;
    }
    bool negative = value->kind == DLT645_SIGNED && digits >> high_bit;
    digits ^= (uint32_t)negative << high_bit;
    // 8 together with 4 or 2 is no digit.
    if (digits >> 3 & (digits >> 2 | digits >> 1) & 0x11111111) {
        return false;
    }
    uint32_t pairs = digits - 6 * (digits >> 4 & 0x0f0f0f0f);         // 0..99 in a byte
    uint32_t fours = pairs - (256 - 100) * (pairs >> 8 & 0x00ff00ff); // 0..9999 in two
    int32_t number = (int32_t)(fours - (UINT32_C(65536) - 10000) * (fours >> 16));
    value->number = negative ? -number : number;
    return true;
}

static bool take_digits(const uint8_t *bytes, const dlt645_value_t *value) {
    for (size_t i = 0; i < value->size; i++) {
        if (!is_decimal(bytes[i])) {
            return false;
        }
    }
    return true;
}

static void drop_filler(const uint8_t *bytes, dlt645_value_t *value) {
    while (value->size > 1 && bytes[value->size - 1] == FILLER) {
        value->size--;
    }
}

static bool take_value(const uint8_t *bytes, dlt645_value_t *value) {
    if (value->kind == DLT645_UNSIGNED || value->kind == DLT645_SIGNED) {
        return take_number(bytes, value);
    }
    bool may_be_blank =
        value->kind != DLT645_BITS && value->kind != DLT645_CODE && value->kind != DLT645_RAW;
    if (may_be_blank && is_blank(bytes, value->size)) {
        value->kind = DLT645_NOT_AVAILABLE;
        return true;
    }
    switch (value->kind) {
    case DLT645_BITS:
        for (size_t i = value->size; i > 0; i--) {
            value->number = (int32_t)((uint32_t)value->number << 8 | bytes[i - 1]);
        }
        return true;
    case DLT645_ADDRESS:
        drop_filler(bytes, value);
        return take_digits(bytes, value);
    case DLT645_DIGITS:
        return take_digits(bytes, value);
    default:
        return true;
    }
}

void dlt645_take_field(dlt645_work_t *work, const dlt645_format_t *format, bool absent) {
    if (work->count < 0 || (work->may_end && work->at == work->end)) {
        return;
    }
    if ((size_t)work->count == work->room) {
        work->count = DLT645_MANY;
        return;
    }
    size_t size = format->size ? format->size : work->end - work->at;
    if (!absent && size > work->end - work->at) {
        work->count = DLT645_MISFIT;
        return;
    }
    dlt645_value_t counted;
    dlt645_value_t *value = work->values ? &work->values[work->count] : &counted;
    work->count++;
    *value = (dlt645_value_t){
        .kind = absent ? DLT645_NOT_AVAILABLE : format->kind,
        .offset = (uint16_t)work->at,
        .size = (uint16_t)(absent ? 0 : size),
        .scale = format->scale,
        .unit = format->unit,
    };
    if (absent) {
        return;
    }
    if (!take_value(work->data + work->at, value)) {
        value->kind = DLT645_NOT_AVAILABLE;
        if (!work->lenient) {
            work->count = DLT645_DAMAGED;
        }
    }
    work->at += size;
}

// --- Several fields ---------------------------------------------------------------------------

static void take_pairs(dlt645_work_t *work, const uint8_t *layout, bool absent) {
    for (; *layout && layout[1] != DLT645_REST; layout += 2) {
        for (unsigned i = 0; i < layout[0]; i++) {
            dlt645_take_field(work, dlt645_table_format(layout[1]), absent);
        }
    }
}

void dlt645_take_layout(dlt645_work_t *work, const uint8_t *layout, bool absent) {
    take_pairs(work, layout, absent);
    while (*layout && layout[1] != DLT645_REST) {
        layout += 2;
    }
    if (*layout) {
        for (unsigned i = 0; i < layout[0]; i++) {
            take_pairs(work, layout + 2, absent);
        }
    }
}

static void take_element(dlt645_work_t *work, const dlt645_rule_t *rule) {
    if (rule->layout) {
        dlt645_take_layout(work, rule->layout, false);
    } else {
        dlt645_take_field(work, &rule->format, false);
    }
}

size_t dlt645_fixed_size(const uint8_t *layout) {
    size_t size = 0;
    for (; layout && *layout; layout += 2) {
        size += (size_t)layout[0] * dlt645_table_format(layout[1])->size;
    }
    return size;
}

static void take_elements(dlt645_work_t *work, const dlt645_rule_t *rule) {
    bool list = rule->shape == DLT645_REPEATED;
    size_t size = rule->size;
    bool fits = size == 0 ? work->end >= dlt645_fixed_size(rule->layout)
                : list    ? work->end % size == 0
                          : work->end == size;
    if (!fits) {
        work->count = DLT645_MISFIT;
        return;
    }
    do {
        take_element(work, rule);
    } while (work->count >= 0 && work->at < work->end);
}

// Which quantities a meter has is not known: they are taken for the first ones, none left out.
static void take_first_ones(dlt645_work_t *work, const dlt645_rule_t *rule) {
    work->may_end = true;
    dlt645_take_layout(work, rule->layout, false);
    if (work->count < 0) {
        return;
    }
    const dlt645_format_t *next = dlt645_item_format(rule, (size_t)work->count);
    bool torn = next && next->kind == DLT645_DIGITS; // a demand without its time
    if (torn || work->at < work->end) {
        work->count = DLT645_MISFIT;
    }
}

// --- Items ------------------------------------------------------------------------------------

static int take_item(dlt645_work_t *work, const dlt645_rule_t *rule) {
    bool may_be_empty = rule->shape == DLT645_LOAD_RECORDS || rule->shape == DLT645_LOAD_CURVE ||
                        rule->shape == DLT645_ANY;
    if (work->end == 0 && may_be_empty) {
        return 0;
    }
    if (work->end == 0 || work->end > UINT16_MAX) {
        return DLT645_MISFIT;
    }
    switch (rule->shape) {
    case DLT645_FIRST_ONES:
        take_first_ones(work, rule);
        break;
    case DLT645_FREEZE_BLOCK:
    case DLT645_HOURLY_BLOCK:
        dlt645_take_freeze(work, rule->shape == DLT645_HOURLY_BLOCK);
        break;
    case DLT645_LOAD_RECORDS:
        dlt645_take_load_records(work, rule->load_class);
        break;
    default:
        take_elements(work, rule);
        break;
    }
    return work->count;
}

int dlt645_values(const dlt645_rule_t *rule, const uint8_t *data, size_t n, dlt645_value_t *values,
                  size_t room) {
    dlt645_work_t work = {.data = data, .end = n, .values = values, .room = room};
    return take_item(&work, rule);
}

int dlt645_values_lenient(const dlt645_rule_t *rule, const uint8_t *data, size_t n,
                          dlt645_value_t *values, size_t room) {
    dlt645_work_t work = {.data = data, .end = n, .values = values, .room = room, .lenient = true};
    return take_item(&work, rule);
}

static char digit(uint8_t nibble) {
    return (char)(nibble < 10 ? '0' + nibble : 'A' + nibble - 10);
}

size_t dlt645_value_text(char *text, const dlt645_value_t *value, const uint8_t *data) {
    const uint8_t *bytes = data + value->offset;
    size_t n = 0;
    bool any = value->kind != DLT645_TEXT; // of it can be read
    for (size_t i = value->size; i > 0; i--) {
        uint8_t byte = bytes[i - 1];
        if (value->kind != DLT645_TEXT) {
            text[n++] = digit(byte >> 4);
            text[n++] = digit(byte & 0x0f);
        } else if (byte != 0 && byte != 0xff) {
            bool printable = byte >= ' ' && byte <= '~';
            any = any || printable;
            text[n++] = printable ? (char)byte : '?';
        }
    }
    return any ? n : 0;
}
