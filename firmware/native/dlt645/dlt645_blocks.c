// SPDX-License-Identifier: MIT
//
// Items whose parts may be missing: freeze blocks and load records. Meters differ about the bytes
// between the parts, so what is read is what fits without a byte left over, and in one way only.

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

// Are the next size bytes, before end, all of one part? No digits are AA.
static bool holds(const dlt645_work_t *work, size_t end, size_t size) {
    if (end - work->at < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (work->data[work->at + i] == SEPARATOR) {
            return false;
        }
    }
    return true;
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

// Walk a block whose lists have so many elements; has_lists: whether any of them is there. Without
// take only see whether it ends there.
static bool walk_freeze(dlt645_work_t *work, const dlt645_rule_t *rules, size_t n,
                        unsigned elements, bool take, bool *has_lists) {
    work->at = 0;
    *has_lists = false;
    for (size_t i = 0; i < n; i++) {
        unsigned times = rules[i].shape == DLT645_REPEATED ? elements : 1;
        size_t size = (size_t)rules[i].size * times;
        bool absent = at_separator(work, work->end);
        if (!absent && !holds(work, work->end, size)) {
            return false;
        }
        *has_lists = *has_lists || (!absent && rules[i].shape == DLT645_REPEATED);
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
// of rates is the one with which all that works out.
void dlt645_take_freeze(dlt645_work_t *work, bool hourly) {
    const uint8_t *parts = hourly ? hourly_parts : freeze_parts;
    size_t n = hourly ? sizeof(hourly_parts) : sizeof(freeze_parts);
    unsigned elements_max = hourly ? 1 : RATES_MAX;
    dlt645_rule_t rules[PARTS_MAX];
    for (size_t i = 0; i < n; i++) {
        dlt645_item(DLT645_2007, 0x05000001U | (uint32_t)parts[i] << 8, &rules[i]);
    }
    unsigned found = 0;
    bool has_lists = true; // without any, one number of rates is as good as another
    for (unsigned elements = 1; elements <= elements_max && has_lists; elements++) {
        if (walk_freeze(work, rules, n, elements, false, &has_lists)) {
            found = found ? RATES_MAX + 1 : elements;
        }
    }
    if (found == 0 || found > RATES_MAX) {
        work->count = DLT645_MISFIT;
        return;
    }
    walk_freeze(work, rules, n, found, true, &has_lists);
}

// --- Load records -----------------------------------------------------------------------------

// What there is behind a class: recorded or not, it has its AA by the standard.
enum {
    NOTHING,
    AN_AA,
    AN_AA_UNTIL_END, // the record may end before its last ones
    PERHAPS_AN_AA,
};

// Ways in which meters write records, the first being the standard's. What is behind a class that
// is recorded, behind one that is not, and how far the way is to be trusted: a reading in a less
// trusted way counts only when there is none in the others.
typedef struct {
    uint8_t recorded;
    uint8_t absent;
    uint8_t doubt;
} way_t;

static const way_t ways[] = {
    {AN_AA, AN_AA, 0},
    {NOTHING, AN_AA, 1},
    {AN_AA, NOTHING, 1},
    {NOTHING, NOTHING, 1},
    {AN_AA_UNTIL_END, AN_AA_UNTIL_END, 2},
    {PERHAPS_AN_AA, PERHAPS_AN_AA, 3},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))
#define WAY_OF_ONE_CLASS (WAYS - 1) // where there is nothing to confuse

#define UNREADABLE (1U << CLASSES) // no set of classes

// The bytes of every class, and of all.
typedef struct {
    uint8_t of[CLASSES];
    size_t longest; // body of a record
} sizes_t;

static void measure(sizes_t *sizes) {
    sizes->longest = CLASSES;
    for (unsigned i = 0; i < CLASSES; i++) {
        sizes->of[i] = (uint8_t)dlt645_fixed_size(dlt645_class_layout(i));
        sizes->longest += sizes->of[i];
    }
}

static bool pass_separator(dlt645_work_t *work, size_t end, unsigned behind) {
    if (behind == NOTHING) {
        return true;
    }
    if (at_separator(work, end)) {
        work->at++;
        return true;
    }
    return behind == PERHAPS_AN_AA || (behind == AN_AA_UNTIL_END && work->at == end);
}

// Are the bytes from there to end this set of classes (bit 0: class 1), written in this way?
static bool is_set(dlt645_work_t *work, size_t end, unsigned set, const way_t *way,
                   const sizes_t *sizes) {
    for (unsigned i = 0; i < CLASSES; i++) {
        bool recorded = set >> i & 1;
        if (recorded && !holds(work, end, sizes->of[i])) {
            return false;
        }
        work->at += recorded ? sizes->of[i] : 0U;
        if (!pass_separator(work, end, recorded ? way->recorded : way->absent)) {
            return false;
        }
    }
    return work->at == end;
}

// Which classes the bytes from body to end are: the only set that fits in the most trusted way.
// Classes 4 and 5 are as long, so without separators there may be two, which is none.
static unsigned find_set(dlt645_work_t *work, size_t body, size_t end, unsigned only,
                         const sizes_t *sizes) {
    unsigned allowed = only ? 1U << (only - 1) : UNREADABLE - 1;
    unsigned found = UNREADABLE;
    for (size_t i = only ? WAY_OF_ONE_CLASS : 0; i < WAYS; i++) {
        if (found != UNREADABLE && ways[i].doubt != ways[i - 1].doubt) {
            break;
        }
        for (unsigned set = 0; set < UNREADABLE; set++) {
            work->at = body;
            if (set & ~allowed || set == found || !is_set(work, end, set, &ways[i], sizes)) {
                continue;
            }
            if (found != UNREADABLE) {
                return UNREADABLE;
            }
            found = set;
        }
    }
    return found;
}

static bool at_record(const dlt645_work_t *work, size_t at) {
    uint8_t mark = work->data[at];
    return work->end - at >= RECORD_HEAD && (mark == RECORD_MARK || mark == RECORD_BAD) &&
           work->data[at + 1] == mark;
}

static void take_classes(dlt645_work_t *work, unsigned set, unsigned only) {
    for (unsigned i = 0; i < CLASSES; i++) {
        bool recorded = set >> i & 1;
        if (only == 0 || only == i + 1) {
            while (recorded && at_separator(work, work->end)) {
                work->at++;
            }
            dlt645_take_layout(work, dlt645_class_layout(i), !recorded);
        }
    }
}

// Take the record there. It ends where another begins or there is nothing more; its length byte is
// not asked, nor its checksum: meters differ about both.
static void take_record(dlt645_work_t *work, unsigned only, const sizes_t *sizes) {
    size_t start = work->at;
    size_t body = start + RECORD_HEAD + RECORD_TIME;
    for (size_t n = 0; n <= sizes->longest && body + n + RECORD_TAIL <= work->end; n++) {
        size_t end = body + n + RECORD_TAIL;
        if (work->data[end - 1] != RECORD_END || (end < work->end && !at_record(work, end))) {
            continue;
        }
        unsigned set = find_set(work, body, body + n, only, sizes);
        if (set == UNREADABLE) {
            continue;
        }
        work->at = start + RECORD_HEAD;
        dlt645_take_field(work, &record_time, false);
        // What the meter itself calls bad is not available.
        take_classes(work, work->data[start] == RECORD_BAD ? 0 : set, only);
        work->at = end;
        return;
    }
    work->count = DLT645_MISFIT;
}

void dlt645_take_load_records(dlt645_work_t *work, unsigned load_class) {
    sizes_t sizes;
    measure(&sizes);
    while (work->count >= 0 && work->at < work->end) {
        if (at_record(work, work->at)) {
            take_record(work, load_class, &sizes);
        } else {
            work->count = DLT645_MISFIT;
        }
    }
}
