// SPDX-License-Identifier: MIT
//
// NOR flash kept in a file of the host, so that it survives QEMU's end, however that comes.
//
// Programming only clears bits, erasing sets a whole block to FFH. QEMU's option cut=<count> ends
// the power in the middle of flash operation number <count>, and tears that one: part of it is
// done, part is not, one byte or bit pattern is between the two.

#ifndef VIRTUAL_FLASH_H
#define VIRTUAL_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLASH_BLOCK_SIZE (4096u)
#define FLASH_BLOCKS (1024u) // 4 MiB

// Opens the file named by QEMU's option flash=<path> (default flash.nor), or makes it, blank.
// Returns NULL, or what is wrong.
const char *flash_open(void);

// What lies outside of the flash is refused: false. So is what the host cannot do.
bool flash_read(uint32_t at, void *buffer, size_t size);
bool flash_program(uint32_t at, const void *buffer, size_t size);
bool flash_erase(uint32_t block);

#endif
