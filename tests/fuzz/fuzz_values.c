// SPDX-License-Identifier: MIT
//
// Fuzzer of what takes items apart: any identifier of either edition, or a format of the caller's
// own, and any bytes behind it.
//
// Promised, besides that nothing is read or written where it must not be:
//   - every value lies in the item, behind the one before it, and there is room for all of them;
//   - a number is the digits that stand there, worked out here in other words than the codec's;
//   - what is not available is FF-filled or not there at all;
//   - with less room than values the codec says so, and the values that fit are not others;
//   - values that are only counted are as many;
//   - who takes damaged values for such that the meter has not gets all the others unchanged.

#include <stdint.h>
#include <string.h>

#include "dlt645_values.h"
#include "fuzz.h"

#define ROOM (1024)
#define HEAD (6) // bytes of an input before the item's

static void check_number(const dlt645_value_t *value, const uint8_t *bytes) {
    static const char digits[] = "0123456789";
    long number = 0;
    bool minus = false;
    PROMISE(value->size >= 1 && value->size <= 4);
    for (size_t i = value->size; i-- > 0;) {
        unsigned byte = bytes[i];
        if (value->kind == DLT645_SIGNED && i + 1U == value->size && byte > 0x7f) {
            minus = true;
            byte -= 0x80;
        }
        PROMISE(byte / 16 < strlen(digits) && byte % 16 < strlen(digits));
        number = 100 * number + 10 * (byte / 16) + byte % 16;
    }
    PROMISE(value->number == (minus ? -number : number));
}

static bool is_filled(const uint8_t *bytes, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += bytes[i] == 0xff;
    }
    return count == n;
}

static void check_text(const dlt645_value_t *value, const uint8_t *data) {
    size_t room = 2U * value->size;
    char *text = malloc(room ? room : 1);
    PROMISE(text != NULL);
    size_t length = dlt645_value_text(text, value, data);
    PROMISE(length <= room);
    for (size_t i = 0; i < length; i++) {
        bool decimal = text[i] >= '0' && text[i] <= '9';
        PROMISE(text[i] >= ' ' && text[i] <= '~');
        PROMISE(value->kind != DLT645_DIGITS || decimal);
    }
    free(text);
}

static void check_value(const dlt645_value_t *value, const uint8_t *data, size_t n) {
    PROMISE((size_t)value->offset + value->size <= n);
    const uint8_t *bytes = data + value->offset;
    switch (value->kind) {
    case DLT645_NOT_AVAILABLE:
        PROMISE(is_filled(bytes, value->size));
        break;
    case DLT645_UNSIGNED:
    case DLT645_SIGNED:
        check_number(value, bytes);
        break;
    case DLT645_BITS:
        for (size_t i = 0; i < value->size; i++) {
            PROMISE((uint8_t)((uint32_t)value->number >> 8 * i) == bytes[i]);
        }
        break;
    case DLT645_RAW:
        break;
    default:
        check_text(value, data);
        break;
    }
    PROMISE(dlt645_unit_name((dlt645_unit_t)value->unit) != NULL);
}

static bool same_value(const dlt645_value_t *a, const dlt645_value_t *b) {
    return a->kind == b->kind && a->number == b->number && a->offset == b->offset &&
           a->size == b->size && a->scale == b->scale && a->unit == b->unit;
}

static void check_lenient(const dlt645_rule_t *rule, const uint8_t *data, size_t n,
                          const dlt645_value_t *values, int count) {
    dlt645_value_t *lenient = malloc(ROOM * sizeof(*lenient));
    PROMISE(lenient != NULL);
    int again = dlt645_values_lenient(rule, data, n, lenient, ROOM);
    if (count == DLT645_DAMAGED) {
        PROMISE(again > 0 || again == DLT645_MANY || again == DLT645_MISFIT);
    } else {
        PROMISE(again == count);
    }
    for (int i = 0; i < count; i++) {
        PROMISE(same_value(&lenient[i], &values[i]));
    }
    free(lenient);
}

static void check_values(const dlt645_rule_t *rule, const uint8_t *data, size_t n, size_t little) {
    dlt645_value_t *values = malloc(ROOM * sizeof(*values));
    PROMISE(values != NULL);
    int count = dlt645_values(rule, data, n, values, ROOM);
    PROMISE(count >= DLT645_MANY && count <= ROOM);
    PROMISE(dlt645_values(rule, data, n, NULL, ROOM) == count);
    size_t size = dlt645_item_size(rule);
    PROMISE(count < 0 || size == 0 || size == n);
    size_t behind = 0;
    for (int i = 0; i < count; i++) {
        check_value(&values[i], data, n);
        PROMISE(values[i].offset >= behind);
        behind = (size_t)values[i].offset + values[i].size;
    }
    check_lenient(rule, data, n, values, count);
    // Again, with room for few: exactly so much, so that a write beyond it is seen.
    dlt645_value_t *few = malloc(little ? little * sizeof(*few) : 1);
    PROMISE(few != NULL);
    int again = dlt645_values(rule, data, n, few, little);
    if (count >= 0 && (size_t)count <= little) {
        PROMISE(again == count);
        for (int i = 0; i < count; i++) {
            PROMISE(same_value(&few[i], &values[i]));
        }
    } else {
        PROMISE(again < 0);
    }
    free(few);
    free(values);
}

// A format such as a configuration may give: of a kind that numbers and texts have.
static void own_rule(dlt645_rule_t *rule, const uint8_t *head) {
    memset(rule, 0, sizeof(*rule));
    rule->format.kind = DLT645_UNSIGNED + head[1] % (DLT645_RAW - DLT645_UNSIGNED + 1);
    bool number = rule->format.kind <= DLT645_BITS;
    rule->format.size = 1 + head[2] % (number ? 4 : 32);
    rule->format.scale = (int8_t)(head[3] % 8) - 4;
    rule->format.unit = head[4] % (DLT645_PER_KVARH + 1);
    rule->size = rule->format.size;
    rule->shape = head[5] & 1 ? DLT645_REPEATED : DLT645_ONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) {
        return 0;
    }
    dlt645_rule_t rule;
    if (data[0] & 2) {
        own_rule(&rule, data);
    } else {
        bool old = data[0] & 1;
        uint32_t identifier = (uint32_t)data[2] << 8 | data[1];
        identifier |= old ? 0 : (uint32_t)data[4] << 24 | (uint32_t)data[3] << 16;
        dlt645_item(old ? DLT645_1997 : DLT645_2007, identifier, &rule);
    }
    size_t n = size - HEAD;
    uint8_t *exact = malloc(n ? n : 1);
    PROMISE(exact != NULL);
    memcpy(exact, data + HEAD, n);
    check_values(&rule, exact, n, data[0] >> 2);
    free(exact);
    return 0;
}

// Mutants that are digits: by chance alone hardly any long item would be.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 2) {
        for (size_t i = HEAD; i < size; i++) {
            bool mark = data[i] == 0xaa || data[i] == 0xff || data[i] == 0xa0 || data[i] == 0xe5;
            if (!mark) {
                data[i] = (uint8_t)((data[i] >> 4) % 10 << 4 | (data[i] & 15) % 10);
            }
        }
    }
    return size;
}
