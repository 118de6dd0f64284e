// SPDX-License-Identifier: MIT
//
// The port's part of `os`; included by extmod/modos.c (MICROPY_PY_OS_INCLUDEFILE).

#include "entropy.h"

static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t bytes;
    vstr_init_len(&bytes, count);
    entropy_fill(bytes.buf, bytes.len);
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
