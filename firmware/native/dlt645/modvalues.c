// SPDX-License-Identifier: MIT
//
// The binding of values: dlt645.item() and dlt645.values().
//
// An edition is 2007 or 1997, an identifier a number (0x00010000, 0x9010). A value is an int, in
// units of the item's scale; a str for text, addresses, dates and codes; bytes for what the tables
// do not know; None for what the meter has not.

#include <string.h>

#include "moddlt645.h"

dlt645_edition_t mod_get_edition(mp_obj_t edition_in) {
    if (edition_in == MP_OBJ_NEW_SMALL_INT(2007)) {
        return DLT645_2007;
    }
    if (edition_in != MP_OBJ_NEW_SMALL_INT(1997)) {
        mp_raise_ValueError(MP_ERROR_TEXT("edition is 2007 or 1997"));
    }
    return DLT645_1997;
}

uint32_t mod_get_identifier(mp_obj_t identifier_in) {
    return (uint32_t)mp_obj_get_int_truncated(identifier_in);
}

mp_obj_t mod_value_to_obj(const dlt645_value_t *value, const uint8_t *data) {
    switch (value->kind) {
    case DLT645_NOT_AVAILABLE:
        return mp_const_none;
    case DLT645_UNSIGNED:
    case DLT645_SIGNED:
    case DLT645_BITS:
        return mp_obj_new_int(value->number);
    case DLT645_RAW:
        return mp_obj_new_bytes(data + value->offset, value->size);
    default: {
        char text[2 * UINT8_MAX];
        size_t length = dlt645_value_text(text, value, data);
        return mp_obj_new_str(text, length);
    }
    }
}

// dlt645.item(edition, identifier, index=0) -> (kind, size, scale, unit, list) or None
//
// How value number index of the item is read: its kind, bytes, power of ten, unit (a str), and
// whether there may be more values alike. None when the item is not in the tables, and its answer
// raw bytes, or has not so many values.
static mp_obj_t mod_item(size_t n_args, const mp_obj_t *args) {
    dlt645_rule_t rule;
    mp_int_t index = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    if (!dlt645_item(mod_get_edition(args[0]), mod_get_identifier(args[1]), &rule) || index < 0 ||
        index > UINT8_MAX) {
        return mp_const_none;
    }
    const dlt645_format_t *format = dlt645_item_format(&rule, (size_t)index);
    if (format == NULL) {
        return mp_const_none;
    }
    const char *unit = dlt645_unit_name(format->unit);
    mp_obj_t items[5] = {
        MP_OBJ_NEW_SMALL_INT(format->kind),
        MP_OBJ_NEW_SMALL_INT(format->size),
        MP_OBJ_NEW_SMALL_INT(format->scale),
        mp_obj_new_str(unit, strlen(unit)),
        mp_obj_new_bool(rule.shape == DLT645_REPEATED),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_item_obj, 2, 3, mod_item);

// dlt645.values(edition, identifier, data) -> tuple
//
// The values in the data behind an identifier; a damaged one is None. ValueError for a length that
// the item cannot have.
static mp_obj_t mod_values(mp_obj_t edition_in, mp_obj_t identifier_in, mp_obj_t data_in) {
    dlt645_rule_t rule;
    uint32_t identifier = mod_get_identifier(identifier_in);
    dlt645_item(mod_get_edition(edition_in), identifier, &rule);
    mp_buffer_info_t data;
    mod_get_bytes(data_in, &data);
    dlt645_value_t values[MOD_VALUES_MAX];
    int count = dlt645_values_lenient(&rule, data.buf, data.len, values, MOD_VALUES_MAX);
    if (count < 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
                          count == DLT645_MANY
                              ? MP_ERROR_TEXT("identifier %08X: more than 100 values in %u bytes")
                              : MP_ERROR_TEXT("identifier %08X cannot have %u bytes"),
                          (unsigned)identifier, (unsigned)data.len);
    }
    mp_obj_t items[MOD_VALUES_MAX];
    for (int i = 0; i < count; i++) {
        items[i] = mod_value_to_obj(&values[i], data.buf);
    }
    return mp_obj_new_tuple((size_t)count, items);
}
MP_DEFINE_CONST_FUN_OBJ_3(mod_values_obj, mod_values);
