// SPDX-License-Identifier: MIT
//
// The binding of the stream: dlt645.Decoder.

#include <string.h>

#include "moddlt645.h"

// class dlt645.Decoder(): finds frames in whatever bytes arrive. The use:
//
//     taken = 0
//     while taken < n:
//         taken += decoder.feed(view[taken:n])
//         while decoder.next():
//             ... decoder.control, decoder.is_from(address), decoder.data(buffer)
//     ... sleep for decoder.needed() bytes; on silence: if decoder.timeout(): as for next()
//
// The current frame lasts until the next feed, next, timeout or reset.
typedef struct {
    mp_obj_base_t base;
    dlt645_decoder_t decoder;
} decoder_obj_t;

static dlt645_decoder_t *get_decoder(mp_obj_t self_in) {
    decoder_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return &self->decoder;
}

dlt645_decoder_t *mod_get_decoder(mp_obj_t decoder_in) {
    if (!mp_obj_is_type(decoder_in, (const mp_obj_type_t *)&mod_decoder_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("Decoder needed"));
    }
    return get_decoder(decoder_in);
}

static mp_obj_t decoder_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                                 const mp_obj_t *args) {
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    decoder_obj_t *self = mp_obj_malloc(decoder_obj_t, type);
    dlt645_decoder_init(&self->decoder);
    return MP_OBJ_FROM_PTR(self);
}

// Decoder.feed(buffer, count=-1) -> int
//
// Take the first count bytes (-1: all) of the buffer; returns how many were taken. That is fewer
// when the decoder is full: call next() until it is False, then feed the rest. ValueError for a
// count the buffer does not have.
static mp_obj_t decoder_feed(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    enum {
        ARG_buffer,
        ARG_count
    };
    NAMED_CONST mp_arg_t allowed[] = {
        {MP_QSTR_buffer, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_count, MP_ARG_INT, {.u_int = -1}},
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, values);

    mp_buffer_info_t bytes;
    mod_get_bytes(values[ARG_buffer].u_obj, &bytes);
    mp_int_t count = values[ARG_count].u_int;
    if (count < -1 || (count >= 0 && (size_t)count > bytes.len)) {
        mp_raise_ValueError(MP_ERROR_TEXT("count outside the buffer"));
    }
    size_t n = count < 0 ? bytes.len : (size_t)count;
    return MP_OBJ_NEW_SMALL_INT(dlt645_decoder_feed(get_decoder(args[0]), bytes.buf, n));
}
static MP_DEFINE_CONST_FUN_OBJ_KW(decoder_feed_obj, 2, decoder_feed);

// Decoder.next() -> bool
//
// True: the next good frame is the current one. False: none is complete.
static mp_obj_t decoder_next(mp_obj_t self_in) {
    return mp_obj_new_bool(dlt645_decoder_next(get_decoder(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(decoder_next_obj, decoder_next);

// Decoder.timeout() -> bool
//
// Call when the line has been silent for longer than the standard lets a meter pause inside a
// frame (500 ms). True: a good frame was hidden behind a false start and is the current one now;
// call next() for more. False: the decoder is empty. Source: DL/T 645-2007, gap between bytes.
static mp_obj_t decoder_timeout(mp_obj_t self_in) {
    return mp_obj_new_bool(dlt645_decoder_timeout(get_decoder(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(decoder_timeout_obj, decoder_timeout);

// Decoder.needed() -> int
//
// The least number of bytes, 1..212, that must still arrive before next() can be True. Ask once
// next() is False; sleeping for less gains nothing.
static mp_obj_t decoder_needed(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(dlt645_decoder_needed(get_decoder(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(decoder_needed_obj, decoder_needed);

// Decoder.reset() -> None
//
// Forget what was received. The counters go on.
static mp_obj_t decoder_reset(mp_obj_t self_in) {
    dlt645_decoder_reset(get_decoder(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(decoder_reset_obj, decoder_reset);

// Decoder.is_from(address) -> bool
//
// Does the current frame answer a request to this address? An A stands for any digit, because an
// answer carries the real address. False without a frame; ValueError for a bad address.
// Source: DL/T 645-2007, address field.
static mp_obj_t decoder_is_from(mp_obj_t self_in, mp_obj_t address_in) {
    dlt645_decoder_t *d = get_decoder(self_in);
    uint8_t asked[DLT645_ADDRESS_SIZE];
    mod_get_address(address_in, asked);
    return mp_obj_new_bool(d->frame.address != NULL &&
                           dlt645_address_matches(d->frame.address, asked));
}
static MP_DEFINE_CONST_FUN_OBJ_2(decoder_is_from_obj, decoder_is_from);

// Decoder.data(buffer) -> int
//
// Copy the current frame's plain data to the start of the buffer; returns its length, 0..200
// bytes. ValueError when the buffer is too small or there is no current frame.
static mp_obj_t decoder_data(mp_obj_t self_in, mp_obj_t buffer_in) {
    dlt645_decoder_t *d = get_decoder(self_in);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(buffer_in, &buffer, MP_BUFFER_WRITE);
    if (d->frame.address == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("no current frame"));
    }
    if (buffer.len < d->frame.length) {
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("buffer of %u bytes too small, %u needed"),
                          (unsigned)buffer.len, (unsigned)d->frame.length);
    }
    memcpy(buffer.buf, d->frame.data, d->frame.length);
    return MP_OBJ_NEW_SMALL_INT(d->frame.length);
}
static MP_DEFINE_CONST_FUN_OBJ_2(decoder_data_obj, decoder_data);

// Read-only attributes.
//
// Of the current frame: control (0..255, None without a frame), length (data bytes, 0 without a
// frame), address (12 digits, A..F for nibbles that are none; a new str each time; None without a
// frame).
// Since the decoder was made: frames (good ones), checksum_errors, rejected (starts that turned
// out to be no frame, for any reason: checksum, end mark, length, silence), skipped (bytes that
// belong to no good frame, wake-up bytes included).
static void decoder_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        // A store or a delete: left undone, which makes it an AttributeError.
        return;
    }
    const dlt645_decoder_t *d = get_decoder(self_in);
    if (attr == MP_QSTR_control) {
        dest[0] = d->frame.address ? MP_OBJ_NEW_SMALL_INT(d->frame.control) : mp_const_none;
    } else if (attr == MP_QSTR_length) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(d->frame.length);
    } else if (attr == MP_QSTR_address) {
        dest[0] = d->frame.address ? mod_address_to_str(d->frame.address) : mp_const_none;
    } else if (attr == MP_QSTR_frames) {
        dest[0] = mp_obj_new_int_from_uint(d->frames);
    } else if (attr == MP_QSTR_checksum_errors) {
        dest[0] = mp_obj_new_int_from_uint(d->checksum_errors);
    } else if (attr == MP_QSTR_rejected) {
        dest[0] = mp_obj_new_int_from_uint(d->checksum_errors + d->end_errors + d->length_errors +
                                           d->truncated);
    } else if (attr == MP_QSTR_skipped) {
        dest[0] = mp_obj_new_int_from_uint(d->skipped);
    } else {
        // Go on to the methods.
        dest[1] = MP_OBJ_SENTINEL;
    }
}

#define DECODER_METHODS                                                                           \
    {                                                                                             \
        {MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&decoder_feed_obj)},                               \
        {MP_ROM_QSTR(MP_QSTR_next), MP_ROM_PTR(&decoder_next_obj)},                               \
        {MP_ROM_QSTR(MP_QSTR_timeout), MP_ROM_PTR(&decoder_timeout_obj)},                         \
        {MP_ROM_QSTR(MP_QSTR_needed), MP_ROM_PTR(&decoder_needed_obj)},                           \
        {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&decoder_reset_obj)},                             \
        {MP_ROM_QSTR(MP_QSTR_is_from), MP_ROM_PTR(&decoder_is_from_obj)},                         \
        {MP_ROM_QSTR(MP_QSTR_data), MP_ROM_PTR(&decoder_data_obj)},                               \
    }

#ifdef MICROPY_ENABLE_DYNRUNTIME

// Not static: the linker of native modules has room for no static variables.
mp_obj_full_type_t mod_decoder_type;
mp_rom_map_elem_t decoder_methods_table[7];
static MP_DEFINE_CONST_DICT(decoder_methods, decoder_methods_table);

void mod_decoder_type_init(void) {
    const mp_rom_map_elem_t methods[] = DECODER_METHODS;
    MP_STATIC_ASSERT(sizeof(methods) == sizeof(decoder_methods_table));
    memcpy(decoder_methods_table, methods, sizeof(methods));
    mod_decoder_type.base.type = &mp_type_type;
    mod_decoder_type.flags = MP_TYPE_FLAG_NONE;
    mod_decoder_type.name = MP_QSTR_Decoder;
    MP_OBJ_TYPE_SET_SLOT(&mod_decoder_type, make_new, decoder_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&mod_decoder_type, attr, decoder_attr, 1);
    MP_OBJ_TYPE_SET_SLOT(&mod_decoder_type, locals_dict, &decoder_methods, 2);
}

#else

static const mp_rom_map_elem_t decoder_methods_table[] = DECODER_METHODS;
static MP_DEFINE_CONST_DICT(decoder_methods, decoder_methods_table);

MP_DEFINE_CONST_OBJ_TYPE(mod_decoder_type, MP_QSTR_Decoder, MP_TYPE_FLAG_NONE, make_new,
                         decoder_make_new, attr, decoder_attr, locals_dict, &decoder_methods);

#endif
