// SPDX-License-Identifier: MIT
//
// The Python module `dlt645`: a thin binding over dlt645*.c, where the protocol lives. Built into
// an image as a user C module, or as a native .mpy for images without it (see Makefile). This file
// has the frames; moddecoder.c the stream, modvalues.c the items, modexchange.c what joins them.
//
// frame() and parse() are for convenience and allocate what they return. encode(), Decoder and
// Exchange are for the bus and allocate nothing, apart from the exception they raise and text.
//
// Addresses are str of 12 digits, most significant first; data is always plain, the 33H of the
// wire neither expected nor shown.

#include <string.h>

#include "moddlt645.h"

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

mp_obj_t mod_address_to_str(const uint8_t *wire) {
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
        mod_address_to_str(frame + DLT645_AT_ADDRESS),
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
    // Only the last one has a name: whatever is looked for by name takes longer than the frame.
    NAMED_CONST mp_arg_t allowed = {MP_QSTR_preamble, MP_ARG_INT, {.u_int = 4}};
    mp_arg_val_t wake_up;
    mp_arg_parse_all(n_args - 4, args + 4, kw_args, 1, &allowed, &wake_up);

    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[0], &buffer, MP_BUFFER_WRITE);
    uint8_t address[DLT645_ADDRESS_SIZE];
    mod_get_address(args[1], address);
    uint8_t control = get_control(args[2]);
    mp_buffer_info_t data;
    get_data(args[3], &data);
    mp_int_t preamble = wake_up.u_int;
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

// Names are written out: the build finds them by reading the source.
#define NUMBER(name, number) {MP_ROM_QSTR(name), MP_ROM_INT(number)}

#define MODULE_GLOBALS                                                                            \
    {                                                                                             \
        {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_dlt645)},                             \
        {MP_ROM_QSTR(MP_QSTR_frame), MP_ROM_PTR(&mod_frame_obj)},                                 \
        {MP_ROM_QSTR(MP_QSTR_parse), MP_ROM_PTR(&mod_parse_obj)},                                 \
        {MP_ROM_QSTR(MP_QSTR_encode), MP_ROM_PTR(&mod_encode_obj)},                               \
        {MP_ROM_QSTR(MP_QSTR_Decoder), MP_ROM_PTR(&mod_decoder_type)},                            \
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
        NUMBER(MP_QSTR_COMPLETE, MOD_RESULT(DLT645_COMPLETE)),                                    \
        NUMBER(MP_QSTR_ASK, MOD_RESULT(DLT645_ASK)),                                              \
        NUMBER(MP_QSTR_GIVEN_UP, MOD_RESULT(DLT645_GIVEN_UP)),                                    \
        NUMBER(MP_QSTR_SPOILED, MOD_RESULT(DLT645_SPOILED)),                                      \
        NUMBER(MP_QSTR_NOTHING, MOD_NOTHING),                                                     \
        NUMBER(MP_QSTR_OTHERS, MOD_OTHERS),                                                       \
        NUMBER(MP_QSTR_BROKEN, MOD_BROKEN),                                                       \
        NUMBER(MP_QSTR_UNSIGNED, DLT645_UNSIGNED),                                                \
        NUMBER(MP_QSTR_SIGNED, DLT645_SIGNED),                                                    \
        NUMBER(MP_QSTR_BITS, DLT645_BITS),                                                        \
        NUMBER(MP_QSTR_DIGITS, DLT645_DIGITS),                                                    \
        NUMBER(MP_QSTR_ADDRESS, DLT645_ADDRESS),                                                  \
        NUMBER(MP_QSTR_CODE, DLT645_CODE),                                                        \
        NUMBER(MP_QSTR_TEXT, DLT645_TEXT),                                                        \
        NUMBER(MP_QSTR_RAW, DLT645_RAW),                                                          \
    }

#ifdef MICROPY_ENABLE_DYNRUNTIME

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY

    mod_decoder_type_init();
    mod_exchange_type_init();

    const mp_rom_map_elem_t globals[] = MODULE_GLOBALS;
    mp_obj_t module = MP_OBJ_FROM_PTR(self->context->module.globals);
    for (size_t i = 0; i < MP_ARRAY_SIZE(globals); i++) {
        mp_obj_dict_store(module, (mp_obj_t)globals[i].key, (mp_obj_t)globals[i].value);
    }

    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t module_globals_table[] = MODULE_GLOBALS;
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t dlt645_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_globals,
};

MP_REGISTER_MODULE(MP_QSTR_dlt645, dlt645_module);

#endif
