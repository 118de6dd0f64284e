// SPDX-License-Identifier: MIT
//
// Looking an identifier up in the tables.

#include "dlt645_tables.h"

#define PHASE_STEP (0x14)
#define MONTH_BITS (0x0c)

static bool within(uint8_t byte, uint8_t first, uint8_t last) {
    return byte >= first && byte <= last;
}

static bool di2_fits(const dlt645_entry_t *entry, uint8_t di2) {
    for (unsigned i = 0; i < (entry->flags & PHASES ? 4U : 1U); i++) {
        if (within(di2, (uint8_t)(entry->di2_first + i * PHASE_STEP),
                   (uint8_t)(entry->di2_last + i * PHASE_STEP))) {
            return true;
        }
    }
    return false;
}

// Sets block when an FF stands for several.
static bool fits_2007(const dlt645_entry_t *entry, uint32_t identifier, bool *block) {
    uint8_t di1 = (uint8_t)(identifier >> 8);
    uint8_t di0 = (uint8_t)identifier;
    bool every1 = entry->flags & DI1_FF && di1 == 0xff;
    bool every0 = entry->flags & DI0_FF && di0 == 0xff;
    *block = every1 || every0;
    return identifier >> 24 == entry->di3 && di2_fits(entry, (uint8_t)(identifier >> 16)) &&
           (every1 || within(di1, entry->di1_first, entry->di1_last)) &&
           (every0 || within(di0, entry->di0_first, entry->di0_last));
}

static bool fits_1997(const dlt645_entry_t *entry, uint32_t identifier, bool *block) {
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
    const dlt645_entry_t *entry = old ? dlt645_table_1997 : dlt645_table_2007;
    const dlt645_entry_t *end = entry + (old ? dlt645_table_1997_size : dlt645_table_2007_size);
    *rule = (dlt645_rule_t){.format = *dlt645_table_format(RAW), .shape = DLT645_ANY};
    bool block = false;
    while (entry < end && !(old ? fits_1997 : fits_2007)(entry, identifier, &block)) {
        entry++;
    }
    if (entry == end) {
        return false;
    }
    rule->shape = block ? DLT645_REPEATED : entry->flags & SHAPE;
    if (entry->fields < FORMAT_COUNT) {
        rule->format = *dlt645_table_format(entry->fields);
        rule->size = rule->format.size;
    } else {
        rule->layout = dlt645_layout(entry->fields);
        rule->size = (uint16_t)dlt645_layout_size(rule->layout);
        const uint8_t *first = rule->layout[1] == DLT645_REST ? rule->layout + 2 : rule->layout;
        rule->format = *dlt645_table_format(first[1]);
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
            return dlt645_table_format(layout[1]);
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
