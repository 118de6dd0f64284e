// SPDX-License-Identifier: MIT
//
// The binding of answers: dlt645.Exchange, whose requests are in modrequest.c. Editions,
// identifiers and values are those of modvalues.c.

#include <string.h>

#include "modexchange.h"

#define SETBACKS_MAX (2) // of an item in parts: the next one ends it

static uint32_t rejected(const dlt645_decoder_t *d) {
    return d->checksum_errors + d->end_errors + d->length_errors + d->truncated;
}

// Exchange(size, decoder, values=None). ValueError unless size is 1..4096 bytes, TypeError unless
// decoder is a Decoder and values a list.
static mp_obj_t exchange_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                                  const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 3, false);
    mp_int_t size = mp_obj_get_int(args[0]);
    if (size < 1 || size > 4096) {
        mp_raise_ValueError(MP_ERROR_TEXT("size outside 1..4096"));
    }
    mod_get_decoder(args[1]);
    mp_obj_t values = n_args > 2 ? args[2] : mp_const_none;
    if (values != mp_const_none && !mp_obj_is_type(values, &mp_type_list)) {
        mp_raise_TypeError(MP_ERROR_TEXT("list needed"));
    }
    exchange_t *self = mp_obj_malloc_var(exchange_t, buffer, uint8_t, (size_t)size, type);
    memset((uint8_t *)self + sizeof(mp_obj_base_t), 0, sizeof(*self) - sizeof(mp_obj_base_t));
    self->decoder = args[1];
    self->values = values;
    self->size = (size_t)size;
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, 0);
    return MP_OBJ_FROM_PTR(self);
}

// Keeps verdict and error word of a frame.
static void judge_frame(exchange_t *self, const dlt645_frame_t *frame, dlt645_answer_t *answer) {
    self->verdict = dlt645_judge(&self->request, frame, answer);
    self->error = answer->error;
    self->error_size = answer->error_size;
}

#define FEW_VALUES (100) // for which there is room on the stack

static int take_values(exchange_t *self, dlt645_value_t *values, mp_obj_t *into, size_t room) {
    int count = dlt645_values(&self->rule, self->buffer, self->assembly.length, values, room);
    for (int i = 0; i < count; i++) {
        into[i] = mod_value_to_obj(&values[i], self->buffer);
    }
    return count;
}

// Put the values of the complete item into the list; false when the item is none.
static bool give_values(exchange_t *self) {
    self->count = 0;
    if (self->values == mp_const_none) {
        return true;
    }
    size_t room;
    mp_obj_t *into;
    mp_obj_get_array(self->values, &room, &into);
    dlt645_value_t few[FEW_VALUES];
    int count = take_values(self, few, into, room < FEW_VALUES ? room : FEW_VALUES);
    if (count == DLT645_MANY && room > FEW_VALUES) {
        dlt645_value_t *many = m_new(dlt645_value_t, room);
        count = take_values(self, many, into, room);
        m_del(dlt645_value_t, many, room);
    }
    if (count >= 0) {
        self->count = (uint16_t)count;
    }
    return count >= 0;
}

// Whether the parts that have come are an item by themselves, whose values are then given. They
// are when nothing further comes and there is no sign of more: a meter with an event to report
// says by the same bit that more follows, and then refuses to give it. Items of any length never
// are, nor those whose last part left no room in its frame for one more value.
static bool settle(exchange_t *self) {
    const dlt645_rule_t *rule = &self->rule;
    dlt645_assembly_t *assembly = &self->assembly;
    bool any_length = rule->shape == DLT645_ANY || rule->shape == DLT645_LOAD_CURVE ||
                      (rule->shape == DLT645_REPEATED && rule->size == 0) ||
                      rule->shape == DLT645_ONE;
    size_t behind = self->request.identifier_size + 1U + rule->size;
    if (assembly->sequence == 0 || any_length || assembly->last + behind > DLT645_DATA_MAX ||
        !give_values(self)) {
        return false;
    }
    assembly->event_pending = true;
    return true;
}

// Take what a frame carries. True when it is an answer, with how far that has brought us.
static bool take_frame(exchange_t *self, const dlt645_frame_t *frame,
                       dlt645_progress_t *progress) {
    dlt645_answer_t answer;
    judge_frame(self, frame, &answer);
    size_t length = self->assembly.length;
    bool in_parts = self->assembly.sequence != 0;
    *progress = dlt645_assembly_take(&self->assembly, &self->request, self->verdict, &answer);
    switch (*progress) {
    case DLT645_COMPLETE:
        if (give_values(self)) {
            return true;
        }
        break;
    case DLT645_ASK:
        // The part of before, repeated: that may go on for ever, too.
        if (self->assembly.length > length || self->setbacks++ < SETBACKS_MAX) {
            return true;
        }
        break;
    case DLT645_GIVEN_UP:
        if (settle(self)) {
            self->error = 0;
            self->error_size = 0;
            *progress = DLT645_COMPLETE;
        }
        return true;
    case DLT645_AGAIN:
        if (self->verdict != DLT645_ECHO) {
            self->heard = self->verdict == DLT645_BAD_LENGTH ? MOD_BROKEN : MOD_OTHERS;
        }
        return false;
    default:
        break;
    }
    // No such item: it has to be read from its first part on. What may still come in answer to a
    // later one must not be taken for that.
    self->heard = MOD_BROKEN;
    dlt645_assembly_begin(&self->assembly, self->buffer, self->size, self->assembly.expected);
    memcpy(self->request.address, self->address, sizeof(self->address));
    dlt645_assembly_request(&self->assembly, &self->request);
    // A good first part makes up for what failed before: without an end to it, such an item would
    // be asked for for ever.
    *progress = DLT645_SPOILED;
    return in_parts && self->setbacks++ >= SETBACKS_MAX;
}

// Look through the decoder's frames, of which it has found one or not. The first answer's
// progress, which is never above 0; or the bytes that must still come, and they are above it.
static mp_int_t look(exchange_t *self, dlt645_decoder_t *decoder, bool found) {
    for (; found; found = dlt645_decoder_next(decoder)) {
        dlt645_progress_t progress;
        if (take_frame(self, &decoder->frame, &progress)) {
            if (progress == DLT645_ASK) {
                self->noisy = self->noisy || dlt645_decoder_noisy(decoder);
            }
            return MOD_RESULT(progress);
        }
    }
    return (mp_int_t)dlt645_decoder_needed(decoder);
}

// Exchange.listen() -> None
//
// A request has been sent: forget what was received before.
static mp_obj_t exchange_listen(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    dlt645_decoder_t *decoder = mod_get_decoder(self->decoder);
    dlt645_decoder_reset(decoder);
    self->rejected = rejected(decoder);
    self->heard = MOD_NOTHING;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_listen_obj, exchange_listen);

// Exchange.receive(chunk, count) -> int
//
// Take in the first count bytes of what has arrived. Above 0: no answer yet, and so many bytes
// must come before there can be one. Else it is an answer: COMPLETE, ASK (for the next part),
// GIVEN_UP (refused) or SPOILED (an item in parts that is none, for the third time); what stands
// behind it is dropped. ValueError for a count the chunk has not.
static mp_obj_t exchange_receive(mp_obj_t self_in, mp_obj_t chunk_in, mp_obj_t count_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t chunk;
    mod_get_bytes(chunk_in, &chunk);
    mp_int_t left = mp_obj_get_int(count_in);
    if (left < 0 || (size_t)left > chunk.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("count outside the buffer"));
    }
    dlt645_decoder_t *decoder = mod_get_decoder(self->decoder);
    const uint8_t *bytes = chunk.buf;
    mp_int_t result;
    do {
        size_t taken = dlt645_decoder_feed(decoder, bytes, (size_t)left);
        bytes += taken;
        left -= (mp_int_t)taken;
        result = look(self, decoder, dlt645_decoder_next(decoder));
    } while (left > 0 && result > 0);
    return MP_OBJ_NEW_SMALL_INT(result);
}
static MP_DEFINE_CONST_FUN_OBJ_3(exchange_receive_obj, exchange_receive);

// Exchange.cut() -> int
//
// No frame reaches across this moment: the line has been silent for longer than a frame allows
// (500 ms), or a character came damaged. As receive(), for what a false start has hidden.
static mp_obj_t exchange_cut(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    dlt645_decoder_t *decoder = mod_get_decoder(self->decoder);
    return MP_OBJ_NEW_SMALL_INT(look(self, decoder, dlt645_decoder_timeout(decoder)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_cut_obj, exchange_cut);

// Exchange.settle() -> bool
//
// The next part has not come, nor anything else: whether what has come is a whole item, which then
// is as after COMPLETE. Never so when nothing has come, or the tables do not tell.
static mp_obj_t exchange_settle(mp_obj_t self_in) {
    return mp_obj_new_bool(settle(MP_OBJ_TO_PTR(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_settle_obj, exchange_settle);

// Exchange.judge() -> int
//
// What the decoder's current frame is to what is expected: ANSWER and all that may be instead; of
// an answer, data() is what stands behind the identifier. ValueError without a current frame, and
// for an answer longer than the size that this was made with.
static mp_obj_t exchange_judge(mp_obj_t self_in) {
    exchange_t *self = MP_OBJ_TO_PTR(self_in);
    const dlt645_frame_t *frame = &mod_get_decoder(self->decoder)->frame;
    if (frame->address == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("no current frame"));
    }
    dlt645_answer_t answer;
    judge_frame(self, frame, &answer);
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
static MP_DEFINE_CONST_FUN_OBJ_1(exchange_judge_obj, exchange_judge);

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

mod_heard_t mod_exchange_heard(const exchange_t *self) {
    bool false_start = rejected(mod_get_decoder(self->decoder)) != self->rejected;
    return self->heard == MOD_NOTHING && false_start ? MOD_BROKEN : self->heard;
}

// Of the last answer the decoder still has the bytes: looked at only by who wants to know.
static bool noisy(const exchange_t *self) {
    return self->noisy || dlt645_decoder_noisy(mod_get_decoder(self->decoder));
}

// Read-only attributes: count (values of the complete item), verdict (on the last frame), heard
// (what came since listen() that was no answer, the last of it: NOTHING, but perhaps our echo;
// OTHERS' answers, or to another question; BROKEN frames), noisy (since begin() something came
// damaged: wake-up bytes of an answer, or what was lost()), error (the word of a refusal, as a
// number), error_size (its bytes, 0 without one), length (bytes of the item that have come),
// event_pending (the meter has an event to report).
static void exchange_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        // A store or a delete: left undone, which makes it an AttributeError.
        return;
    }
    const exchange_t *self = MP_OBJ_TO_PTR(self_in);
    if (attr == MP_QSTR_count) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->count);
    } else if (attr == MP_QSTR_heard) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(mod_exchange_heard(self));
    } else if (attr == MP_QSTR_noisy) {
        dest[0] = mp_obj_new_bool(noisy(self));
    } else if (attr == MP_QSTR_verdict) {
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
        {MP_ROM_QSTR(MP_QSTR_begin), MP_ROM_PTR(&mod_exchange_begin_obj)},                        \
        {MP_ROM_QSTR(MP_QSTR_request), MP_ROM_PTR(&mod_exchange_request_obj)},                    \
        {MP_ROM_QSTR(MP_QSTR_listen), MP_ROM_PTR(&exchange_listen_obj)},                          \
        {MP_ROM_QSTR(MP_QSTR_receive), MP_ROM_PTR(&exchange_receive_obj)},                        \
        {MP_ROM_QSTR(MP_QSTR_cut), MP_ROM_PTR(&exchange_cut_obj)},                                \
        {MP_ROM_QSTR(MP_QSTR_settle), MP_ROM_PTR(&exchange_settle_obj)},                          \
        {MP_ROM_QSTR(MP_QSTR_expect), MP_ROM_PTR(&mod_exchange_expect_obj)},                      \
        {MP_ROM_QSTR(MP_QSTR_judge), MP_ROM_PTR(&exchange_judge_obj)},                            \
        {MP_ROM_QSTR(MP_QSTR_lost), MP_ROM_PTR(&mod_exchange_lost_obj)},                          \
        {MP_ROM_QSTR(MP_QSTR_data), MP_ROM_PTR(&exchange_data_obj)},                              \
        {MP_ROM_QSTR(MP_QSTR_error_names), MP_ROM_PTR(&exchange_error_names_obj)},                \
    }

#ifdef MICROPY_ENABLE_DYNRUNTIME

mp_obj_full_type_t mod_exchange_type;
mp_rom_map_elem_t exchange_methods_table[11];
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
