// SPDX-License-Identifier: MIT
//
// Items whose parts may be missing: freeze blocks and load records. Meters differ about the bytes
// between the parts, so what is read is what fits without a byte left over.

#include "dlt645_work.h"

#define SEPARATOR (0xaa)
#define RATES_MAX (64) // total and 63 rates

// A load record: A0 A0 (E0 E0: a bad one), length, time, classes, checksum, E5.
#define RECORD_MARK (0xa0)
#define RECORD_BAD (0xe0)
#define RECORD_END (0xe5)
#define RECORD_HEAD (3)
#define RECORD_TAIL (2)
#define RECORD_TIME (5)
#define CLASSES (6)

static const dlt645_format_t record_time = {DLT645_DIGITS, RECORD_TIME, 0, DLT645_NO_UNIT};

static bool at_separator(const dlt645_work_t *work, size_t end) {
    return work->at < end && work->data[work->at] == SEPARATOR;
}

// --- Freeze blocks ----------------------------------------------------------------------------

// The parts of a freeze block, each as its DI1 when it is read by itself: time, energies, demands,
// powers.
#define PARTS_MAX (12)
static const uint8_t freeze_parts[PARTS_MAX] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
                                                0x06, 0x07, 0x08, 0x09, 0x0a, 0x10};
static const uint8_t hourly_parts[] = {0x00, 0x01, 0x02};

static void take_once(dlt645_work_t *work, const dlt645_rule_t *rule, bool absent) {
    if (rule->layout) {
        dlt645_take_layout(work, rule->layout, absent);
    } else {
        dlt645_take_field(work, &rule->format, absent);
    }
}

// Walk a block whose lists have so many elements. Without take only see whether it ends there.
static bool walk_freeze(dlt645_work_t *work, const dlt645_rule_t *rules, size_t n,
                        unsigned elements, bool take) {
    work->at = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned times = rules[i].shape == DLT645_REPEATED ? elements : 1;
        size_t size = (size_t)rules[i].size * times;
        bool absent = at_separator(work, work->end);
        if (!absent && work->end - work->at < size) {
            return false;
        }
        for (unsigned j = 0; take && j < times; j++) {
            take_once(work, &rules[i], absent);
        }
        if (!take && !absent) {
            work->at += size;
        }
        if (at_separator(work, work->end)) {
            work->at++;
        }
    }
    return work->at == work->end;
}

// An AA behind each item or none, items that are switched off leaving their AA alone: the number
// of rates is the one with which all that works out. No digits begin with AA.
void dlt645_take_freeze(dlt645_work_t *work, bool hourly) {
    const uint8_t *parts = hourly ? hourly_parts : freeze_parts;
    size_t n = hourly ? sizeof(hourly_parts) : sizeof(freeze_parts);
    unsigned elements_max = hourly ? 1 : RATES_MAX;
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
    work->count = DLT645_MISFIT;
}

// --- Load records -----------------------------------------------------------------------------

// What is being looked for in a load record.
typedef struct {
    size_t end;     // of its classes
    unsigned only;  // the class it has, 1..6; 0: all of them
    bool separated; // an AA behind recorded classes, too
    bool take;      // the values; else only see whether all works out
} record_t;

// Walk the classes. One that is not recorded is its AA alone; at the end even that may be missing.
static bool walk_classes(dlt645_work_t *work, const record_t *record) {
    for (unsigned i = 0; i < CLASSES; i++) {
        bool wanted = record->only == 0 || record->only == i + 1;
        bool absent = work->at == record->end || at_separator(work, record->end);
        size_t size = dlt645_fixed_size(dlt645_class_layout(i));
        if (wanted && !absent && record->end - work->at < size) {
            return false;
        }
        if (wanted && record->take) {
            dlt645_take_layout(work, dlt645_class_layout(i), absent);
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
static bool record_ends(dlt645_work_t *work, size_t start, size_t end, record_t *record) {
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

static void take_record(dlt645_work_t *work, unsigned only) {
    size_t start = work->at;
    record_t record = {.only = only};
    for (size_t end = start; end <= work->end; end++) {
        if (!record_ends(work, start, end, &record)) {
            continue;
        }
        work->at = start + RECORD_HEAD;
        dlt645_take_field(work, &record_time, false);
        if (work->data[start] == RECORD_BAD) {
            // What the meter itself calls bad is not available.
            work->at = record.end;
        }
        record.take = true;
        walk_classes(work, &record);
        work->at = end;
        return;
    }
    work->count = DLT645_MISFIT;
}

void dlt645_take_load_records(dlt645_work_t *work, unsigned load_class) {
    while (work->count >= 0 && work->at < work->end) {
        uint8_t mark = work->data[work->at];
        size_t left = work->end - work->at;
        if (left >= RECORD_HEAD && (mark == RECORD_MARK || mark == RECORD_BAD) &&
            work->data[work->at + 1] == mark) {
            take_record(work, load_class);
        } else {
            work->count = DLT645_MISFIT;
        }
    }
}
