// SPDX-License-Identifier: MIT
//
// The Python module `virtual`: what the virtual board has and MicroPython's `machine` does not.
//
// virtual.Flash(first, count): `count` blocks of 4 KiB of the flash from block `first` on, as a
// block device with MicroPython's extended protocol (ioctl 4, 5, 6; offsets in readblocks and
// writeblocks). Without an offset writeblocks erases first, as FAT needs it. ValueError for blocks
// that are not there, OSError when the host's file fails; the text says why.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "flash.h"

typedef struct {
    mp_obj_base_t base;
    uint32_t first;
    uint32_t count;
} flash_obj_t;

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                               const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    mp_int_t first = mp_obj_get_int(args[0]);
    mp_int_t count = mp_obj_get_int(args[1]);
    if (first < 0 || count < 1 || first >= (mp_int_t)FLASH_BLOCKS ||
        count > (mp_int_t)FLASH_BLOCKS - first) {
        mp_raise_ValueError(MP_ERROR_TEXT("flash has blocks 0 to 1023"));
    }
    const char *wrong = flash_open();
    if (wrong) {
        mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("%s"), wrong);
    }
    flash_obj_t *self = mp_obj_malloc(flash_obj_t, type);
    self->first = first;
    self->count = count;
    return MP_OBJ_FROM_PTR(self);
}

// Where in the whole flash. ValueError for what is not inside of these blocks, and, with an
// offset, not inside of the one block.
static uint32_t place(const flash_obj_t *self, mp_obj_t block_in, size_t size, mp_int_t offset) {
    mp_int_t block = mp_obj_get_int(block_in);
    size_t room = FLASH_BLOCK_SIZE;
    if (offset < 0) {
        offset = 0;
        room *= self->count - block;
    }
    if (block < 0 || block >= (mp_int_t)self->count || (size_t)offset + size > room) {
        mp_raise_ValueError(MP_ERROR_TEXT("outside of the flash"));
    }
    return (self->first + block) * FLASH_BLOCK_SIZE + offset;
}

static mp_int_t get_offset(size_t n_args, const mp_obj_t *args) {
    if (n_args < 4) {
        return -1;
    }
    mp_int_t offset = mp_obj_get_int(args[3]);
    if (offset < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("outside of the flash"));
    }
    return offset;
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    uint32_t at = place(self, args[1], buffer.len, get_offset(n_args, args));
    if (!flash_read(at, buffer.buf, buffer.len)) {
        mp_raise_OSError(MP_EIO);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    mp_int_t offset = get_offset(n_args, args);
    uint32_t at = place(self, args[1], buffer.len, offset);
    bool done = true;
    if (offset < 0) {
        if (buffer.len % FLASH_BLOCK_SIZE) {
            mp_raise_ValueError(MP_ERROR_TEXT("without an offset whole blocks are written"));
        }
        for (uint32_t block = 0; block < buffer.len / FLASH_BLOCK_SIZE; block++) {
            done = done && flash_erase(at / FLASH_BLOCK_SIZE + block);
        }
    }
    if (!done || !flash_program(at, buffer.buf, buffer.len)) {
        mp_raise_OSError(MP_EIO);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t operation, mp_obj_t argument) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(operation)) {
    case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
        return MP_OBJ_NEW_SMALL_INT(self->count);
    case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
        return MP_OBJ_NEW_SMALL_INT(FLASH_BLOCK_SIZE);
    case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
        if (!flash_erase(place(self, argument, FLASH_BLOCK_SIZE, 0) / FLASH_BLOCK_SIZE)) {
            mp_raise_OSError(MP_EIO);
        }
        break;
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj)},
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE, make_new,
                                flash_make_new, locals_dict, &flash_locals);

static const mp_rom_map_elem_t module_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_virtual)},
    {MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type)},
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t virtual_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&module_globals,
};

MP_REGISTER_MODULE(MP_QSTR_virtual, virtual_module);
