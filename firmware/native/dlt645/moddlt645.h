// SPDX-License-Identifier: MIT
//
// What the parts of the binding share.

#ifndef MODDLT645_H
#define MODDLT645_H

#ifdef MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
// A name has no number before the .mpy is loaded, so that no table of names is constant.
#define MP_ROM_QSTR(name) MP_OBJ_NEW_QSTR(name)
#define NAMED_CONST const
#else
#include "py/obj.h"
#include "py/runtime.h"
#define NAMED_CONST static const
#endif

#include "dlt645_values.h"

// ValueError unless the str is 12 digits, A or a being a wildcard; TypeError unless it is a str.
void mod_get_address(mp_obj_t text_in, uint8_t wire[DLT645_ADDRESS_SIZE]);

// TypeError for what has no bytes, and for str, whose bytes nobody means.
void mod_get_bytes(mp_obj_t bytes_in, mp_buffer_info_t *bytes);

// The 12 digits of an address, a new str; A..F for nibbles that are none.
mp_obj_t mod_address_to_str(const uint8_t *wire);

// The decoder in a Decoder; TypeError for anything else.
dlt645_decoder_t *mod_get_decoder(mp_obj_t decoder_in);

// ValueError unless it is 2007 or 1997.
dlt645_edition_t mod_get_edition(mp_obj_t edition_in);

// An identifier as a number; ValueError for one that has more bytes than the edition's.
uint32_t mod_get_identifier(dlt645_edition_t edition, mp_obj_t identifier_in);

// An int, a str, bytes or None for a value of the item with these data.
mp_obj_t mod_value_to_obj(const dlt645_value_t *value, const uint8_t *data);

// What an exchange hears that is no answer.
typedef enum {
    MOD_NOTHING,
    MOD_OTHERS,
    MOD_BROKEN,
} mod_heard_t;

// What an answer brings is told by numbers that cannot be taken for one of bytes.
#define MOD_RESULT(progress) (-(mp_int_t)(progress))

// What the module has of the other files.
#ifdef MICROPY_ENABLE_DYNRUNTIME
extern mp_obj_full_type_t mod_decoder_type;
extern mp_obj_full_type_t mod_exchange_type;
void mod_decoder_type_init(void);
void mod_exchange_type_init(void);
#else
extern const mp_obj_type_t mod_decoder_type;
extern const mp_obj_type_t mod_exchange_type;
#endif
extern const mp_obj_fun_builtin_var_t mod_item_obj;
extern const mp_obj_fun_builtin_fixed_t mod_values_obj;

#endif // MODDLT645_H
