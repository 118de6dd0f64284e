// SPDX-License-Identifier: MIT
//
// The binding of requests and answers: dlt645.Exchange. Editions, identifiers and values are those
// of modvalues.c.

#include <string.h>

#include "moddlt645.h"

#define EXTRA_MAX (6) // of load records: count and time

// class dlt645.Exchange(size): reads one item of one meter after the other; size is the bytes of
// the longest. Nothing but text values and exceptions is taken from the heap once it is made.
// Other requests are the caller's to encode(): expect() and judge() are for their answers.
//
//     exchange.begin(2007, "123456789012", 0x00010000)
//     size = exchange.request(buffer)                  ... send buffer[:size]
//     progress = exchange.take(decoder)                for every frame that comes
//     if progress == ASK: exchange.request(buffer) again, and send it
//     if progress == COMPLETE: count = exchange.values(into)
typedef struct {
    mp_obj_base_t base;
    dlt645_request_t request;
    dlt645_rule_t rule;
    dlt645_assembly_t assembly;
    dlt645_verdict_t verdict;
    uint16_t error;
    uint8_t error_size;
    uint8_t extra_size;
    uint8_t extra[EXTRA_MAX];
    size_t size;
    uint8_t buffer[];
} exchange_t;

// Exchange(size). ValueError unless size is 1..4096 bytes.
static mp_obj_t exchange_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                                  const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_int_t size = mp_obj_get_int(args[0]);
    if (size < 1 || size > 4096) {
        mp_raise_ValueError(MP_ERROR_TEXT("size outside 1..4096"));
    }
    exchange_t *self = mp_obj_malloc_var(exchange_t, buffer, uint8_t, (size_t)size, type);
    memset((uint8_t *)self + sizeof(mp_obj_base_t), 0, sizeof(*self) - sizeof(mp_obj_base_t));
    self->size = (size_t)size;
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, 0);
    return MP_OBJ_FROM_PTR(self);
}

// A format of the caller's own: (kind, size, list). ValueError for one that cannot be.
static void set_format(dlt645_rule_t *rule, mp_obj_t form_in) {
    size_t n;
    mp_obj_t *form;
    mp_obj_get_array(form_in, &n, &form);
    mp_int_t kind = n == 3 ? mp_obj_get_int(form[0]) : 0;
    mp_int_t size = n == 3 ? mp_obj_get_int(form[1]) : 0;
    bool number = kind >= DLT645_UNSIGNED && kind <= DLT645_BITS;
    if (kind < DLT645_UNSIGNED || kind > DLT645_RAW || size < (kind != DLT645_RAW) ||
        size > (number ? 4 : 200)) {
        mp_raise_ValueError(MP_ERROR_TEXT("no format: (kind, size, list)"));
    }
    memset(rule, 0, sizeof(*rule));
    rule->format.kind = (uint8_t)kind;
    rule->format.size = (uint8_t)size;
    rule->size = (uint16_t)size;
    rule->shape = form[2] == mp_const_true ? DLT645_REPEATED : DLT645_ONE;
}

// Wire order, and as many bytes as the request's edition has.
static void set_identifier(dlt645_request_t *request, uint32_t identifier) {
    request->identifier_size = request->edition == DLT645_1997 ? 2 : DLT645_IDENTIFIER_MAX;
    for (size_t i = 0; i < request->identifier_size; i++) {
        request->identifier[i] = (uint8_t)(identifier >> 8 * i);
    }
}

// Exchange.begin(edition, address, identifier, form=None, extra=b"") -> None
//
// Begin to read an item. form, a tuple (kind, size, list), is for items that are not in the tables
// or are to be taken otherwise; without one, those are raw bytes. extra, up to 6 bytes, is what
// the request for the first part has behind the identifier. ValueError for a bad address, edition,
// form or extra.
static mp_obj_t exchange_begin(size_t n_args, const mp_obj_t *args) {
    exchange_t *self = MP_OBJ_TO_PTR(args[0]);
    dlt645_request_t *request = &self->request;
    request->edition = mod_get_edition(args[1]);
    mod_get_address(args[2], request->address);
    uint32_t identifier = mod_get_identifier(args[3]);
    set_identifier(request, identifier);
    mp_buffer_info_t extra = {0};
    if (n_args > 5) {
        mod_get_bytes(args[5], &extra);
    }
    if (extra.len > EXTRA_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("extra longer than 6 bytes"));
    }
    self->extra_size = (uint8_t)extra.len;
    memcpy(self->extra, extra.len ? extra.buf : "", extra.len);
    if (n_args > 4 && args[4] != mp_const_none) {
        set_format(&self->rule, args[4]);
    } else {
        dlt645_item(request->edition, identifier, &self->rule);
    }
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size,
                          dlt645_item_size(&self->rule));
    self->error = 0;
    self->error_size = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(exchange_begin_obj, 4, 6, exchange_begin);

// Exchange.request(buffer, preamble=4) -> int
//
// Write the request for what is wanted now, behind preamble wake-up bytes, to the start of a
// writable buffer; returns the bytes written. ValueError when it does not fit.
static mp_obj_t exchange_request(size_t n_args, const mp_obj_t *args) {
    exchange_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_WRITE);
    mp_int_t preamble = n_args > 2 ? mp_obj_get_int(args[2]) : 4;
    dlt645_assembly_request(&self->assembly, &self->request);
    size_t size = 0;
    if (preamble >= 0) {
        size_t extra_size = self->assembly.sequence == 0 ? self->extra_size : 0U;
        size = dlt645_encode_request(buffer.buf, buffer.len, &self->request, self->extra,
                                     extra_size, (size_t)preamble);
    }
    if (size == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer too small, or preamble outside 0..16"));
    }
    return MP_OBJ_NEW_SMALL_INT(size);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(exchange_request_obj, 2, 3, exchange_request);

// Keeps verdict and error word of the decoder's current frame. ValueError without one.
static void judge_frame(exchange_t *self, mp_obj_t decoder_in, dlt645_answer_t *answer) {
    const dlt645_decoder_t *decoder = mod_get_decoder(decoder_in);
    if (decoder->frame.address == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("no current frame"));
    }
    self->verdict = dlt645_judge(&self->request, &decoder->frame, answer);
    self->error = answer->error;
    self->error_size = answer->error_size;
}

// Exchange.take(decoder) -> int
//
// Judge the decoder's current frame, and take what it carries: COMPLETE, ASK (for the next part),
// AGAIN (not the answer; it may still come), GIVEN_UP (refused), SPOILED or NO_ROOM. `verdict`
// says more. ValueError without a current frame.
static mp_obj_t exchange_take(mp_obj_t self_in, mp_obj_t decoder_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    dlt645_answer_t answer;
    judge_frame(self, decoder_in, &answer);
    return MP_OBJ_NEW_SMALL_INT(
        dlt645_assembly_take(&self->assembly, &self->request, self->verdict, &answer));
}
static MP_DEFINE_CONST_FUN_OBJ_2(exchange_take_obj, exchange_take);

// Exchange.expect(edition, address, control, identifier=None) -> None
//
// Await the answer to a request that is no reading: from address (an A stands for any digit), to
// function control (0..1FH), and beginning with the identifier when one is given. ValueError for a
// bad address, edition or control. What request() would write is undefined until begin().
static mp_obj_t exchange_expect(size_t n_args, const mp_obj_t *args) {
    exchange_t *self = MP_OBJ_TO_PTR(args[0]);
    dlt645_request_t *request = &self->request;
    request->edition = mod_get_edition(args[1]);
    mod_get_address(args[2], request->address);
    mp_int_t control = mp_obj_get_int(args[3]);
    if (control < 0 || control > DLT645_FUNCTION) {
        mp_raise_ValueError(MP_ERROR_TEXT("control outside 0..31"));
    }
    request->control = (uint8_t)control;
    request->sequence = 0;
    request->identifier_size = 0;
    if (n_args > 4 && args[4] != mp_const_none) {
        set_identifier(request, mod_get_identifier(args[4]));
    }
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, 0);
    self->error = 0;
    self->error_size = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(exchange_expect_obj, 4, 5, exchange_expect);

// Exchange.judge(decoder) -> int
//
// What the decoder's current frame is to what is expected: ANSWER and all that may be instead; of
// an answer, data() is what stands behind the identifier. ValueError without a current frame, and
// for an answer longer than the size that this was made with.
static mp_obj_t exchange_judge(mp_obj_t self_in, mp_obj_t decoder_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    dlt645_answer_t answer;
    judge_frame(self, decoder_in, &answer);
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, 0);
    if (self->verdict == DLT645_ANSWER && answer.length > 0) {
        if (answer.length > self->size) {
            mp_raise_ValueError(MP_ERROR_TEXT("answer longer than size"));
        }
        memcpy(self->buffer, answer.payload, answer.length);
        self->assembly.length = answer.length;
    }
    return MP_OBJ_NEW_SMALL_INT(self->verdict);
}
static MP_DEFINE_CONST_FUN_OBJ_2(exchange_judge_obj, exchange_judge);

// Exchange.lost() -> None
//
// No answer came. The next request asks for the same part again.
static mp_obj_t exchange_lost(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    dlt645_assembly_lost(&self->assembly);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_lost_obj, exchange_lost);

// Exchange.values(into) -> int
//
// Put the complete item's values into the list, from its start; returns how many there are, or
// MISFIT, DAMAGED or MANY, a negative number, when the item is none.
static mp_obj_t exchange_values(mp_obj_t self_in, mp_obj_t into_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    size_t room;
    mp_obj_t *into;
    mp_obj_get_array(into_in, &room, &into);
    dlt645_value_t values[MOD_VALUES_MAX];
    int count = dlt645_values(&self->rule, self->buffer, self->assembly.length, values,
                              room < MOD_VALUES_MAX ? room : MOD_VALUES_MAX);
    for (int i = 0; i < count; i++) {
        into[i] = mod_value_to_obj(&values[i], self->buffer);
    }
    return MP_OBJ_NEW_SMALL_INT(count);
}
static MP_DEFINE_CONST_FUN_OBJ_2(exchange_values_obj, exchange_values);

// Exchange.data() -> bytes
//
// The bytes of the item that have come, without identifiers and SEQ.
static mp_obj_t exchange_data(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_bytes(self->buffer, self->assembly.length);
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_data_obj, exchange_data);

// Exchange.error_names() -> tuple of str
//
// What the bits of the error word mean; those without a meaning are not among them.
static mp_obj_t exchange_error_names(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    mp_obj_t names[16];
    size_t n = 0;
    for (unsigned bit = 0; bit < 16; bit++) {
        const char *name = NULL;
        if (self->error >> bit & 1) {
            name = dlt645_error_name(self->request.edition, self->request.control,
                                     self->error_size, bit);
        }
        if (name) {
            names[n++] = mp_obj_new_str(name, strlen(name));
        }
    }
    return mp_obj_new_tuple(n, names);
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_error_names_obj, exchange_error_names);

// Read-only attributes: verdict (on the last frame), error (the word of a refusal, as a number),
// error_size (its bytes, 0 without one), length (bytes of the item that have come), event_pending
// (the meter has an event to report).
static void exchange_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        // A store or a delete: left undone, which makes it an AttributeError.
        return;
    }
    const exchange_t *self = MP_OBJ_TO_PTR(self_in);
    if (attr == MP_QSTR_verdict) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->verdict);
    } else if (attr == MP_QSTR_error) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->error);
    } else if (attr == MP_QSTR_error_size) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->error_size);
    } else if (attr == MP_QSTR_length) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->assembly.length);
    } else if (attr == MP_QSTR_event_pending) {
        dest[0] = mp_obj_new_bool(self->assembly.event_pending);
    } else {
        // Go on to the methods.
        dest[1] = MP_OBJ_SENTINEL;
    }
}

#define EXCHANGE_METHODS                                                                          \
    {                                                                                             \
        {MP_ROM_QSTR(MP_QSTR_begin), MP_ROM_PTR(&exchange_begin_obj)},                            \
        {MP_ROM_QSTR(MP_QSTR_request), MP_ROM_PTR(&exchange_request_obj)},                        \
        {MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&exchange_take_obj)},                              \
        {MP_ROM_QSTR(MP_QSTR_expect), MP_ROM_PTR(&exchange_expect_obj)},                          \
        {MP_ROM_QSTR(MP_QSTR_judge), MP_ROM_PTR(&exchange_judge_obj)},                            \
        {MP_ROM_QSTR(MP_QSTR_lost), MP_ROM_PTR(&exchange_lost_obj)},                              \
        {MP_ROM_QSTR(MP_QSTR_values), MP_ROM_PTR(&exchange_values_obj)},                          \
        {MP_ROM_QSTR(MP_QSTR_data), MP_ROM_PTR(&exchange_data_obj)},                              \
        {MP_ROM_QSTR(MP_QSTR_error_names), MP_ROM_PTR(&exchange_error_names_obj)},                \
    }

#ifdef MICROPY_ENABLE_DYNRUNTIME

mp_obj_full_type_t mod_exchange_type;
mp_rom_map_elem_t exchange_methods_table[9];
static MP_DEFINE_CONST_DICT(exchange_methods, exchange_methods_table);

void mod_exchange_type_init(void) {
    const mp_rom_map_elem_t methods[] = EXCHANGE_METHODS;
    MP_STATIC_ASSERT(sizeof(methods) == sizeof(exchange_methods_table));
    memcpy(exchange_methods_table, methods, sizeof(methods));
    mod_exchange_type.base.type = &mp_type_type;
    mod_exchange_type.flags = MP_TYPE_FLAG_NONE;
    mod_exchange_type.name = MP_QSTR_Exchange;
    MP_OBJ_TYPE_SET_SLOT(&mod_exchange_type, make_new, exchange_make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(&mod_exchange_type, attr, exchange_attr, 1);
    MP_OBJ_TYPE_SET_SLOT(&mod_exchange_type, locals_dict, &exchange_methods, 2);
}

#else

static const mp_rom_map_elem_t exchange_methods_table[] = EXCHANGE_METHODS;
static MP_DEFINE_CONST_DICT(exchange_methods, exchange_methods_table);

MP_DEFINE_CONST_OBJ_TYPE(mod_exchange_type, MP_QSTR_Exchange, MP_TYPE_FLAG_NONE, make_new,
                         exchange_make_new, attr, exchange_attr, locals_dict, &exchange_methods);

#endif
