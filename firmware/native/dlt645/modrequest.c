// SPDX-License-Identifier: MIT
//
// The binding of requests: what an Exchange asks for.

#include <string.h>

#include "modexchange.h"

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

// Meter after meter is asked for the same item: the tables are gone through for the first alone.
static void find_rule(exchange_t *self, uint32_t identifier) {
    dlt645_edition_t edition = self->request.edition;
    if (!self->rule_is_of_tables || self->rule_identifier != identifier ||
        self->rule_edition != edition) {
        dlt645_item(edition, identifier, &self->rule);
        self->rule_is_of_tables = true;
        self->rule_identifier = identifier;
        self->rule_edition = edition;
    }
}

// Exchange.begin(edition, address, identifier, form=None, extra=b"") -> None
//
// Begin to read an item. form, a tuple (kind, size, list), is for items that are not in the tables
// or are to be taken otherwise; without one, those are raw bytes. extra, up to 6 bytes, is what
// the request for the first part has behind the identifier. ValueError for a bad address, edition,
// form, identifier or extra.
static mp_obj_t exchange_begin(size_t n_args, const mp_obj_t *args) {
    exchange_t *self = MP_OBJ_TO_PTR(args[0]);
    dlt645_request_t *request = &self->request;
    request->edition = mod_get_edition(args[1]);
    mod_get_address(args[2], request->address);
    memcpy(self->address, request->address, sizeof(self->address));
    uint32_t identifier = mod_get_identifier(request->edition, args[3]);
    set_identifier(request, identifier);
    mp_buffer_info_t extra = {0};
    if (n_args > 5) {
        mod_get_bytes(args[5], &extra);
    }
    if (extra.len > MOD_EXTRA_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("extra longer than 6 bytes"));
    }
    self->extra_size = (uint8_t)extra.len;
    memcpy(self->extra, extra.len ? extra.buf : "", extra.len);
    if (n_args > 4 && args[4] != mp_const_none) {
        set_format(&self->rule, args[4]);
        self->rule_is_of_tables = false;
    } else {
        find_rule(self, identifier);
    }
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size,
                          dlt645_item_size(&self->rule));
    self->noisy = false;
    self->setbacks = 0;
    self->error = 0;
    self->error_size = 0;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_exchange_begin_obj, 4, 6, exchange_begin);

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
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_exchange_request_obj, 2, 3, exchange_request);

// Exchange.expect(edition, address, control, identifier=None) -> None
//
// Await the answer to a request that is no reading: from address (an A stands for any digit), to
// function control (0..1FH), and beginning with the identifier when one is given. ValueError for a
// bad address, edition, control or identifier. What request() would write is undefined until
// begin().
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
        set_identifier(request, mod_get_identifier(request->edition, args[4]));
    }
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, 0);
    self->error = 0;
    self->error_size = 0;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_exchange_expect_obj, 4, 5, exchange_expect);

// Exchange.lost() -> None
//
// No answer came, or a broken one. The next request asks for the same part again.
static mp_obj_t exchange_lost(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    self->noisy = self->noisy || mod_exchange_heard(self) == MOD_BROKEN;
    dlt645_assembly_lost(&self->assembly);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(mod_exchange_lost_obj, exchange_lost);
