// SPDX-License-Identifier: MIT
//
// Taking items apart, as the tables in dlt645_items.c say.

#include "dlt645_values.h"

#include <string.h>

#define SEPARATOR (0xaa) // between the items of freeze blocks and load records
#define FILLER (0xaa)    // of short numbers in the 1997 edition
#define SIGN (0x80)

#define RATES_MAX (64) // total and 63 rates

// A load record: A0 A0 (E0 E0: a bad one), length, time, classes, checksum, E5.
#define RECORD_MARK (0xa0)
#define RECORD_BAD (0xe0)
#define RECORD_END (0xe5)
#define RECORD_HEAD (3)
#define RECORD_TAIL (2)
#define RECORD_TIME (5)
#define CLASSES (6)

// Where values go, and where in the item they come from.
typedef struct {
    const uint8_t *data;
    size_t end; // bytes in data
    size_t at;
    dlt645_value_t *values;
    size_t room;
    int count;    // or what is wrong: a negative code, which stays
    bool lenient; // damaged values are as if the meter had them not
} work_t;

static const dlt645_format_t record_time = {DLT645_DIGITS, RECORD_TIME, 0, DLT645_NO_UNIT};

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

// Packed decimal digits, least significant pair first; at most 4 bytes.
static bool take_number(const uint8_t *bytes, size_t n, bool has_sign, int32_t *number) {
    int32_t value = 0;
    bool negative = has_sign && bytes[n - 1] & SIGN;
    for (size_t i = n; i > 0; i--) {
        uint8_t pair = bytes[i - 1];
        if (negative && i == n) {
            pair &= (uint8_t)~SIGN;
        }
        if (!is_decimal(pair)) {
            return false;
        }
        value = value * 100 + (pair >> 4) * 10 + (pair & 0x0f);
    }
    *number = negative ? -value : value;
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

// Text that is none is shown as it is: bytes.
static void take_text(const uint8_t *bytes, dlt645_value_t *value) {
    for (size_t i = 0; i < value->size; i++) {
        if (bytes[i] != 0 && (bytes[i] < ' ' || bytes[i] > '~')) {
            value->kind = DLT645_RAW;
        }
    }
}

static bool take_value(const uint8_t *bytes, dlt645_value_t *value) {
    bool may_be_blank =
        value->kind != DLT645_BITS && value->kind != DLT645_CODE && value->kind != DLT645_RAW;
    if (may_be_blank && is_blank(bytes, value->size)) {
        value->kind = DLT645_NOT_AVAILABLE;
        return true;
    }
    switch (value->kind) {
    case DLT645_UNSIGNED:
    case DLT645_SIGNED:
        return take_number(bytes, value->size, value->kind == DLT645_SIGNED, &value->number);
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
    case DLT645_TEXT:
        take_text(bytes, value);
        return true;
    default:
        return true;
    }
}

// Take the field there; the caller knows that its bytes are. As absent when it is not recorded.
static void take_field(work_t *work, const dlt645_format_t *format, bool absent) {
    if (work->count < 0) {
        return;
    }
    if ((size_t)work->count == work->room) {
        work->count = DLT645_MANY;
        return;
    }
    size_t size = format->size ? format->size : work->end - work->at;
    dlt645_value_t *value = &work->values[work->count++];
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

static void take_pairs(work_t *work, const uint8_t *layout, bool absent) {
    for (; *layout && layout[1] != DLT645_REST; layout += 2) {
        for (unsigned i = 0; i < layout[0]; i++) {
            take_field(work, dlt645_table_format(layout[1]), absent);
        }
    }
}

static void take_layout(work_t *work, const uint8_t *layout, bool absent) {
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

static void take_element(work_t *work, const dlt645_rule_t *rule) {
    if (rule->layout) {
        take_layout(work, rule->layout, false);
    } else {
        take_field(work, &rule->format, false);
    }
}

// Bytes of the fixed fields in front of the one that takes the rest.
static size_t fixed_size(const uint8_t *layout) {
    size_t size = 0;
    for (; layout && *layout; layout += 2) {
        size += (size_t)layout[0] * dlt645_table_format(layout[1])->size;
    }
    return size;
}

static void take_elements(work_t *work, const dlt645_rule_t *rule) {
    bool list = rule->shape == DLT645_REPEATED;
    size_t size = rule->size;
    bool fits = size == 0 ? work->end >= fixed_size(rule->layout)
                : list    ? work->end % size == 0
                          : work->end == size;
    if (!fits) {
        work->count = DLT645_SIZE_WRONG;
        return;
    }
    do {
        take_element(work, rule);
    } while (work->count >= 0 && work->at < work->end);
}

// --- Freeze blocks ----------------------------------------------------------------------------

// The parts of a freeze block, each as its DI1 when it is read by itself: time, energies, demands,
// powers.
#define PARTS_MAX (12)
static const uint8_t freeze_parts[PARTS_MAX] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
                                                0x06, 0x07, 0x08, 0x09, 0x0a, 0x10};
static const uint8_t hourly_parts[] = {0x00, 0x01, 0x02};

static void take_absent(work_t *work, const dlt645_rule_t *rule) {
    if (rule->layout) {
        take_layout(work, rule->layout, true);
    } else {
        take_field(work, &rule->format, true);
    }
}

// Walk a block whose lists have so many elements. Without take only see whether it ends there.
static bool walk_freeze(work_t *work, const dlt645_rule_t *rules, size_t n, unsigned elements,
                        bool take) {
    work->at = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned times = rules[i].shape == DLT645_REPEATED ? elements : 1;
        size_t size = (size_t)rules[i].size * times;
        bool absent = work->at < work->end && work->data[work->at] == SEPARATOR;
        if (!absent && work->end - work->at < size) {
            return false;
        }
        for (unsigned j = 0; take && j < times; j++) {
            (absent ? take_absent : take_element)(work, &rules[i]);
        }
        if (!take && !absent) {
            work->at += size;
        }
        if (work->at < work->end && work->data[work->at] == SEPARATOR) {
            work->at++;
        }
    }
    return work->at == work->end;
}

// An AA behind each item or none, items that are switched off leaving their AA alone: the number
// of rates is the one with which all that works out. No digits begin with AA.
static void take_freeze(work_t *work, const uint8_t *parts, size_t n, unsigned elements_max) {
    dlt645_rule_t rules[PARTS_MAX];
    for (size_t i = 0; i < n; i++) {
        dlt645_item(DLT645_2007, 0x05000001U | (uint32_t)parts[i] << 8, &rules[i]);
    }
    for (unsigned elements = 1; elements <= elements_max; elements++) {
        if (walk_freeze(work, rules, n, elements, false)) {
            walk_freeze(work, rules, n, elements, true);
            return;
        }
    }
    work->count = DLT645_SIZE_WRONG;
}

// --- Load records -----------------------------------------------------------------------------

// What is being looked for in a load record.
typedef struct {
    size_t end;     // of its classes
    unsigned only;  // the class it has, 1..6; 0: all of them
    bool separated; // an AA behind recorded classes, too
    bool take;      // the values; else only see whether all works out
} record_t;

static bool at_separator(const work_t *work, size_t end) {
    return work->at < end && work->data[work->at] == SEPARATOR;
}

// Walk the classes. One that is not recorded is its AA alone; at the end even that may be missing.
static bool walk_classes(work_t *work, const record_t *record) {
    for (unsigned i = 0; i < CLASSES; i++) {
        bool wanted = record->only == 0 || record->only == i + 1;
        bool absent = work->at == record->end || at_separator(work, record->end);
        size_t size = fixed_size(dlt645_class_layout(i));
        if (wanted && !absent && record->end - work->at < size) {
            return false;
        }
        if (wanted && record->take) {
            take_layout(work, dlt645_class_layout(i), absent);
        } else if (wanted && !absent) {
            work->at += size;
        }
        if ((absent || record->separated) && at_separator(work, record->end)) {
            work->at++;
        }
    }
    return work->at == record->end;
}

// Does a record, begun at start, end before end? Its length byte is not asked: meters differ.
static bool record_ends(work_t *work, size_t start, size_t end, record_t *record) {
    size_t body = start + RECORD_HEAD + RECORD_TIME;
    if (end < body + RECORD_TAIL || work->data[end - 1] != RECORD_END) {
        return false;
    }
    if (end < work->end && work->data[end] != RECORD_MARK && work->data[end] != RECORD_BAD) {
        return false;
    }
    record->end = end - RECORD_TAIL;
    for (int i = 0; i < 2; i++) {
        record->separated = i == 0;
        work->at = body;
        if (walk_classes(work, record)) {
            return true;
        }
    }
    return false;
}

static void take_record(work_t *work, unsigned only) {
    size_t start = work->at;
    record_t record = {.only = only};
    for (size_t end = start; end <= work->end; end++) {
        if (!record_ends(work, start, end, &record)) {
            continue;
        }
        work->at = start + RECORD_HEAD;
        take_field(work, &record_time, false);
        if (work->data[start] == RECORD_BAD) {
            // What the meter itself calls bad is not available.
            work->at = record.end;
        }
        record.take = true;
        walk_classes(work, &record);
        work->at = end;
        return;
    }
    work->count = DLT645_SIZE_WRONG;
}

static void take_load_records(work_t *work, const dlt645_rule_t *rule) {
    while (work->count >= 0 && work->at < work->end) {
        uint8_t mark = work->data[work->at];
        size_t left = work->end - work->at;
        if (left >= RECORD_HEAD && (mark == RECORD_MARK || mark == RECORD_BAD) &&
            work->data[work->at + 1] == mark) {
            take_record(work, rule->load_class);
        } else {
            work->count = DLT645_SIZE_WRONG;
        }
    }
}

// --- Items ------------------------------------------------------------------------------------

static int take_item(work_t *work, const dlt645_rule_t *rule) {
    bool may_be_empty = rule->shape == DLT645_LOAD_RECORDS || rule->shape == DLT645_ANY;
    if (work->end == 0 && may_be_empty) {
        return 0;
    }
    if (work->end == 0 || work->end > UINT16_MAX) {
        return DLT645_SIZE_WRONG;
    }
    switch (rule->shape) {
    case DLT645_FREEZE_BLOCK:
        take_freeze(work, freeze_parts, sizeof(freeze_parts), RATES_MAX);
        break;
    case DLT645_HOURLY_BLOCK:
        take_freeze(work, hourly_parts, sizeof(hourly_parts), 1);
        break;
    case DLT645_LOAD_RECORDS:
        take_load_records(work, rule);
        break;
    default:
        take_elements(work, rule);
        break;
    }
    return work->count;
}

int dlt645_values(const dlt645_rule_t *rule, const uint8_t *data, size_t n, dlt645_value_t *values,
                  size_t room) {
    work_t work = {.data = data, .end = n, .values = values, .room = room};
    return take_item(&work, rule);
}

int dlt645_values_lenient(const dlt645_rule_t *rule, const uint8_t *data, size_t n,
                          dlt645_value_t *values, size_t room) {
    work_t work = {.data = data, .end = n, .values = values, .room = room, .lenient = true};
    return take_item(&work, rule);
}

static char digit(uint8_t nibble) {
    return (char)(nibble < 10 ? '0' + nibble : 'A' + nibble - 10);
}

size_t dlt645_value_text(char *text, const dlt645_value_t *value, const uint8_t *data) {
    const uint8_t *bytes = data + value->offset;
    size_t n = 0;
    for (size_t i = value->size; i > 0; i--) {
        uint8_t byte = bytes[i - 1];
        if (value->kind != DLT645_TEXT) {
            text[n++] = digit(byte >> 4);
            text[n++] = digit(byte & 0x0f);
        } else if (byte) {
            text[n++] = (char)byte;
        }
    }
    return n;
}
