// SPDX-License-Identifier: MIT
//
// The Python module `dlt645`: a thin binding over dlt645*.c, where the protocol lives. Built into
// an image as a user C module, or as a native .mpy for images without it (see Makefile). This file
// has the frames, modexchange.c answers and values.
//
// frame() and parse() are for convenience and allocate what they return. encode() and Decoder are
// for the bus and allocate nothing, apart from the exception they raise and the `address` string.
//
// Addresses are str of 12 digits, most significant first; data is always plain, the 33H of the
// wire neither expected nor shown.

#include <string.h>

#include "moddlt645.h"
#include "dlt645_values.h"

void mod_get_address(mp_obj_t text_in, uint8_t wire[DLT645_ADDRESS_SIZE]) {
    if (!mp_obj_is_str(text_in)) {
        mp_raise_TypeError(MP_ERROR_TEXT("address must be a str"));
    }
    size_t length;
    const char *text = mp_obj_str_get_data(text_in, &length);
    if (!dlt645_address_from_text(wire, text, length)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("address '%s' is not 12 digits or A"),
                          text);
    }
}

// ValueError outside 0..255, however large the number; TypeError for what is no integer.
static uint8_t get_control(mp_obj_t control_in) {
    mp_int_t control = -1;
    // A big integer is out of range by itself, and mp_obj_get_int would call it an OverflowError.
    if (mp_obj_is_small_int(control_in) || !mp_obj_is_exact_type(control_in, &mp_type_int)) {
        control = mp_obj_get_int(control_in);
    }
    if (control < 0 || control > 0xff) {
        mp_raise_ValueError(MP_ERROR_TEXT("control outside 0..255"));
    }
    return (uint8_t)control;
}

void mod_get_bytes(mp_obj_t bytes_in, mp_buffer_info_t *bytes) {
    if (mp_obj_is_str(bytes_in)) {
        mp_raise_TypeError(MP_ERROR_TEXT("bytes needed, not str"));
    }
    mp_get_buffer_raise(bytes_in, bytes, MP_BUFFER_READ);
}

// As mod_get_bytes, and ValueError for more than a frame can carry.
static void get_data(mp_obj_t data_in, mp_buffer_info_t *data) {
    mod_get_bytes(data_in, data);
    if (data->len > DLT645_DATA_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("data of %u bytes, 200 at most"),
                          (unsigned)data->len);
    }
}

static mp_obj_t address_to_str(const uint8_t *wire) {
    char text[DLT645_ADDRESS_DIGITS];
    dlt645_address_to_text(text, wire);
    return mp_obj_new_str(text, sizeof(text));
}

// dlt645.frame(address, control, data) -> bytes
//
// The frame from its first 68H to its 16H (12 to 212 bytes), without wake-up bytes.
// control: 0..255. data: 0..200 bytes. ValueError for an address, a control or a size that cannot
// be sent. Source: DL/T 645-2007, frame format.
static mp_obj_t mod_frame(mp_obj_t address_in, mp_obj_t control_in, mp_obj_t data_in) {
    uint8_t address[DLT645_ADDRESS_SIZE];
    mod_get_address(address_in, address);
    uint8_t control = get_control(control_in);
    mp_buffer_info_t data;
    get_data(data_in, &data);
    uint8_t frame[DLT645_FRAME_MAX];
    size_t size = dlt645_encode(frame, sizeof(frame), address, control, data.buf, data.len, 0);
    return mp_obj_new_bytes(frame, size);
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_frame_obj, mod_frame);

// Never returns. Not marked so: the name of the mark differs between MicroPython 1.25 and later.
static void raise_finding(const dlt645_finding_t *finding) {
    unsigned got = finding->got;
    unsigned expected = finding->expected;
    unsigned missing = (unsigned)finding->missing;
    switch (finding->fault) {
    case DLT645_CUT_HEADER:
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("truncated: at least %u bytes missing"), missing);
    case DLT645_NO_SECOND:
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("second start mark missing: %02XH instead of %02XH"), got,
                          expected);
    case DLT645_TRUNCATED:
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("truncated: %u bytes missing"),
                          missing);
    case DLT645_LENGTH:
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("length %u over 200"), got);
    case DLT645_NO_END:
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("end mark missing: %02XH instead of %02XH"), got,
                          expected);
    case DLT645_BAD_CHECKSUM:
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("checksum wrong: got %02XH, expected %02XH"), got,
                          expected);
    default:
        mp_raise_ValueError(MP_ERROR_TEXT("no start mark 68H"));
    }
}

// dlt645.parse(frame) -> (address, control, data)
//
// The first good frame in the buffer; wake-up bytes, junk and false starts before it and anything
// behind it do not matter. Types: str, int, bytes. ValueError says what is wrong when there is
// none. Source: DL/T 645-2007, frame format.
static mp_obj_t mod_parse(mp_obj_t frame_in) {
    mp_buffer_info_t bytes;
    mod_get_bytes(frame_in, &bytes);
    if (bytes.len < DLT645_FRAME_MIN) {
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("too short: %u bytes, a frame has 12 or more"),
                          (unsigned)bytes.len);
    }
    dlt645_finding_t finding;
    if (dlt645_find(bytes.buf, bytes.len, &finding) != DLT645_OK) {
        raise_finding(&finding);
    }
    const uint8_t *frame = (const uint8_t *)bytes.buf + finding.offset;
    uint8_t data[DLT645_DATA_MAX];
    dlt645_plain(data, frame + DLT645_AT_DATA, frame[DLT645_AT_LENGTH]);
    mp_obj_t items[3] = {
        address_to_str(frame + DLT645_AT_ADDRESS),
        MP_OBJ_NEW_SMALL_INT(frame[DLT645_AT_CONTROL]),
        mp_obj_new_bytes(data, frame[DLT645_AT_LENGTH]),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_parse_obj, mod_parse);

// dlt645.encode(buffer, address, control, data, preamble=4) -> int
//
// Write preamble (0..16) wake-up bytes and one frame to the start of a writable buffer; returns
// the bytes written. Allocates nothing. data must not share memory with buffer. ValueError, and
// nothing written, when the frame does not fit or an argument is out of range.
// Source: DL/T 645-2007, frame format.
static mp_obj_t mod_encode(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    enum {
        ARG_buffer,
        ARG_address,
        ARG_control,
        ARG_data,
        ARG_preamble
    };
    NAMED_CONST mp_arg_t allowed[] = {
        {MP_QSTR_buffer, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_address, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_control, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_data, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL}},
        {MP_QSTR_preamble, MP_ARG_INT, {.u_int = 4}},
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kw_args, MP_ARRAY_SIZE(allowed), allowed, values);

    mp_buffer_info_t buffer;
    mp_get_buffer_raise(values[ARG_buffer].u_obj, &buffer, MP_BUFFER_WRITE);
    uint8_t address[DLT645_ADDRESS_SIZE];
    mod_get_address(values[ARG_address].u_obj, address);
    uint8_t control = get_control(values[ARG_control].u_obj);
    mp_buffer_info_t data;
    get_data(values[ARG_data].u_obj, &data);
    mp_int_t preamble = values[ARG_preamble].u_int;
    if (preamble < 0 || preamble > DLT645_PREAMBLE_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("preamble outside 0..16"));
    }
    size_t size = dlt645_encode(buffer.buf, buffer.len, address, control, data.buf, data.len,
                                (size_t)preamble);
    if (size == 0) {
        mp_raise_msg_varg(
            &mp_type_ValueError, MP_ERROR_TEXT("buffer of %u bytes too small, %u needed"),
            (unsigned)buffer.len, (unsigned)((size_t)preamble + DLT645_FRAME_MIN + data.len));
    }
    return MP_OBJ_NEW_SMALL_INT(size);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(mod_encode_obj, 4, mod_encode);

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

#ifdef MICROPY_ENABLE_DYNRUNTIME
// Not static: the linker of native modules has room for no static variables.
mp_obj_full_type_t decoder_type;
#else
extern const mp_obj_type_t decoder_type;
#endif

static dlt645_decoder_t *get_decoder(mp_obj_t self_in) {
    decoder_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return &self->decoder;
}

dlt645_decoder_t *mod_get_decoder(mp_obj_t decoder_in) {
    if (!mp_obj_is_type(decoder_in, (const mp_obj_type_t *)&decoder_type)) {
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
        dest[0] = d->frame.address ? address_to_str(d->frame.address) : mp_const_none;
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

// Names are written out: the build finds them by reading the source.
#define NUMBER(name, number) {MP_ROM_QSTR(name), MP_ROM_INT(number)}

#define MODULE_GLOBALS                                                                            \
    {                                                                                             \
        {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_dlt645)},                             \
        {MP_ROM_QSTR(MP_QSTR_frame), MP_ROM_PTR(&mod_frame_obj)},                                 \
        {MP_ROM_QSTR(MP_QSTR_parse), MP_ROM_PTR(&mod_parse_obj)},                                 \
        {MP_ROM_QSTR(MP_QSTR_encode), MP_ROM_PTR(&mod_encode_obj)},                               \
        {MP_ROM_QSTR(MP_QSTR_Decoder), MP_ROM_PTR(&decoder_type)},                                \
        {MP_ROM_QSTR(MP_QSTR_Exchange), MP_ROM_PTR(&mod_exchange_type)},                          \
        {MP_ROM_QSTR(MP_QSTR_item), MP_ROM_PTR(&mod_item_obj)},                                   \
        {MP_ROM_QSTR(MP_QSTR_values), MP_ROM_PTR(&mod_values_obj)},                               \
        NUMBER(MP_QSTR_ANSWER, DLT645_ANSWER),                                                    \
        NUMBER(MP_QSTR_MORE, DLT645_MORE),                                                        \
        NUMBER(MP_QSTR_REFUSED, DLT645_REFUSED),                                                  \
        NUMBER(MP_QSTR_ECHO, DLT645_ECHO),                                                        \
        NUMBER(MP_QSTR_OTHER_METER, DLT645_OTHER_METER),                                          \
        NUMBER(MP_QSTR_OTHER_FUNCTION, DLT645_OTHER_FUNCTION),                                    \
        NUMBER(MP_QSTR_OTHER_IDENTIFIER, DLT645_OTHER_IDENTIFIER),                                \
        NUMBER(MP_QSTR_OTHER_SEQUENCE, DLT645_OTHER_SEQUENCE),                                    \
        NUMBER(MP_QSTR_BAD_LENGTH, DLT645_BAD_LENGTH),                                            \
        NUMBER(MP_QSTR_COMPLETE, DLT645_COMPLETE),                                                \
        NUMBER(MP_QSTR_ASK, DLT645_ASK),                                                          \
        NUMBER(MP_QSTR_AGAIN, DLT645_AGAIN),                                                      \
        NUMBER(MP_QSTR_GIVEN_UP, DLT645_GIVEN_UP),                                                \
        NUMBER(MP_QSTR_SPOILED, DLT645_SPOILED),                                                  \
        NUMBER(MP_QSTR_NO_ROOM, DLT645_NO_ROOM),                                                  \
        NUMBER(MP_QSTR_UNSIGNED, DLT645_UNSIGNED),                                                \
        NUMBER(MP_QSTR_SIGNED, DLT645_SIGNED),                                                    \
        NUMBER(MP_QSTR_BITS, DLT645_BITS),                                                        \
        NUMBER(MP_QSTR_DIGITS, DLT645_DIGITS),                                                    \
        NUMBER(MP_QSTR_ADDRESS, DLT645_ADDRESS),                                                  \
        NUMBER(MP_QSTR_CODE, DLT645_CODE),                                                        \
        NUMBER(MP_QSTR_TEXT, DLT645_TEXT),                                                        \
        NUMBER(MP_QSTR_RAW, DLT645_RAW),                                                          \
        NUMBER(MP_QSTR_MISFIT, DLT645_MISFIT),                                                    \
        NUMBER(MP_QSTR_DAMAGED, DLT645_DAMAGED),                                                  \
        NUMBER(MP_QSTR_MANY, DLT645_MANY),                                                        \
    }

#ifdef MICROPY_ENABLE_DYNRUNTIME

mp_rom_map_elem_t decoder_methods_table[7];
static MP_DEFINE_CONST_DICT(decoder_methods, decoder_methods_table);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY

    const mp_rom_map_elem_t methods[] = DECODER_METHODS;
    MP_STATIC_ASSERT(sizeof(methods) == sizeof(decoder_methods_table));
    memcpy(decoder_methods_table, methods, sizeof(methods));
    decoder_type.base.type = &mp_type_type;
    decoder_type.flags = MP_TYPE_FLAG_NONE;
    decoder_type.name = MP_QSTR_Decoder;
    MP_OBJ_TYPE_SET_SLOT(&decoder_type, make_new, decoder_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&decoder_type, attr, decoder_attr, 1);
    MP_OBJ_TYPE_SET_SLOT(&decoder_type, locals_dict, &decoder_methods, 2);

    mod_exchange_type_init();

    const mp_rom_map_elem_t globals[] = MODULE_GLOBALS;
    mp_obj_t module = MP_OBJ_FROM_PTR(self->context->module.globals);
    for (size_t i = 0; i < MP_ARRAY_SIZE(globals); i++) {
        mp_obj_dict_store(module, (mp_obj_t)globals[i].key, (mp_obj_t)globals[i].value);
    }

    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t decoder_methods_table[] = DECODER_METHODS;
static MP_DEFINE_CONST_DICT(decoder_methods, decoder_methods_table);

MP_DEFINE_CONST_OBJ_TYPE(decoder_type, MP_QSTR_Decoder, MP_TYPE_FLAG_NONE, make_new,
                         decoder_make_new, attr, decoder_attr, locals_dict, &decoder_methods);

static const mp_rom_map_elem_t module_globals_table[] = MODULE_GLOBALS;
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t dlt645_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_globals,
};

MP_REGISTER_MODULE(MP_QSTR_dlt645, dlt645_module);

#endif
