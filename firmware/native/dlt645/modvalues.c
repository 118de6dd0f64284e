// SPDX-License-Identifier: MIT
//
// The binding of values: dlt645.item() and dlt645.values().
//
// An edition is 2007 or 1997, an identifier a number (0x00010000, 0x9010). A value is an int, in
// units of the item's scale; a str for text, addresses, dates and codes; bytes for what the tables
// do not know; None for what the meter has not, and for text of which nothing can be read.

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

uint32_t mod_get_identifier(dlt645_edition_t edition, mp_obj_t identifier_in) {
    uint32_t identifier = (uint32_t)mp_obj_get_int_truncated(identifier_in);
    // What is left above its bits: nothing, or ones below zero.
    mp_obj_t bits = MP_OBJ_NEW_SMALL_INT(edition == DLT645_1997 ? 16 : 32);
    if (mp_obj_is_true(mp_binary_op(MP_BINARY_OP_RSHIFT, identifier_in, bits))) {
        mp_raise_ValueError(edition == DLT645_1997
                                ? MP_ERROR_TEXT("identifier of 1997 outside 0..FFFF")
                                : MP_ERROR_TEXT("identifier outside 0..FFFFFFFF"));
    }
    return identifier;
}

mp_obj_t mod_value_to_obj(const dlt645_value_t *value, const uint8_t *data) {
    switch (value->kind) {
    case DLT645_NOT_AVAILABLE:
        return mp_const_none;
    case DLT645_UNSIGNED:
    case DLT645_SIGNED:
        return mp_obj_new_int(value->number);
    case DLT645_BITS:
        return mp_obj_new_int_from_uint((uint32_t)value->number);
    case DLT645_RAW:
        return mp_obj_new_bytes(data + value->offset, value->size);
    default: {
        char text[2 * UINT8_MAX];
        size_t length = dlt645_value_text(text, value, data);
        return length > 0 ? mp_obj_new_str(text, length) : mp_const_none;
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
    dlt645_edition_t edition = mod_get_edition(args[0]);
    mp_int_t index = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    if (!dlt645_item(edition, mod_get_identifier(edition, args[1]), &rule) || index < 0 ||
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
    dlt645_edition_t edition = mod_get_edition(edition_in);
    uint32_t identifier = mod_get_identifier(edition, identifier_in);
    dlt645_item(edition, identifier, &rule);
    mp_buffer_info_t data;
    mod_get_bytes(data_in, &data);
    int count = dlt645_values_lenient(&rule, data.buf, data.len, NULL, SIZE_MAX);
    if (count < 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("identifier %08X cannot have %u bytes"),
                          (unsigned)identifier, (unsigned)data.len);
    }
    size_t n = (size_t)count;
    dlt645_value_t *values = m_new(dlt645_value_t, n + 1); // nothing could not be had
    dlt645_values_lenient(&rule, data.buf, data.len, values, n);
    mp_obj_t tuple = mp_obj_new_tuple(n, NULL);
    size_t room;
    mp_obj_t *items;
    mp_obj_get_array(tuple, &room, &items);
    for (size_t i = 0; i < n; i++) {
        items[i] = mod_value_to_obj(&values[i], data.buf);
    }
    m_del(dlt645_value_t, values, n + 1);
    return tuple;
}
MP_DEFINE_CONST_FUN_OBJ_3(mod_values_obj, mod_values);
