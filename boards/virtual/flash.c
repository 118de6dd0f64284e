// SPDX-License-Identifier: MIT

#include <stdlib.h>
#include <string.h>

#include "flash.h"
#include "semihosting.h"

#define SIZE (FLASH_BLOCKS * FLASH_BLOCK_SIZE)

static int file = -1;
static uint32_t operations; // since boot
static uint32_t cut;        // the one that power fails in; 0: none
static uint8_t work[FLASH_BLOCK_SIZE];

static const char *open_file(void) {
    const char *option = host_option("cut");
    cut = option ? strtoul(option, NULL, 10) : 0;
    const char *path = host_option("flash");
    if (!path) {
        path = "flash.nor";
    }
    file = host_open(path, HOST_UPDATE);
    if (file == -1) {
        file = host_open(path, HOST_CREATE);
        if (file == -1) {
            return "flash file cannot be made; see QEMU's option flash=";
        }
        memset(work, 0xff, sizeof(work));
        for (uint32_t at = 0; at < SIZE; at += sizeof(work)) {
            if (!host_write(file, at, work, sizeof(work))) {
                return "flash file cannot be written";
            }
        }
    }
    return host_size(file) == (int32_t)SIZE ? NULL : "flash file has another size than 4 MiB";
}

const char *flash_open(void) {
    if (file != -1) {
        return NULL;
    }
    const char *wrong = open_file();
    if (wrong && file != -1) {
        host_close(file);
        file = -1;
    }
    return wrong;
}

static bool inside(uint32_t at, size_t size) {
    return file != -1 && at <= SIZE && size <= SIZE - at;
}

// Whether power fails in this operation. How far it comes is random, the same for every run.
static bool cut_now(size_t size, size_t *done) {
    operations++;
    if (operations != cut) {
        return false;
    }
    *done = (operations * 2654435761u >> 7) % (size + 1);
    return true;
}

bool flash_read(uint32_t at, void *buffer, size_t size) {
    return inside(at, size) && host_read(file, at, buffer, size);
}

bool flash_program(uint32_t at, const void *buffer, size_t size) {
    if (!inside(at, size)) {
        return false;
    }
    const uint8_t *data = buffer;
    while (size) {
        size_t part = size < sizeof(work) ? size : sizeof(work);
        if (!host_read(file, at, work, part)) {
            return false;
        }
        size_t done = part;
        bool last = cut_now(part, &done);
        for (size_t i = 0; i < done; i++) {
            work[i] &= data[i];
        }
        if (done < part) {
            work[done] &= data[done] | 0x55; // every other bit has not got there
        }
        if (!host_write(file, at, work, part)) {
            return false;
        }
        if (last) {
            host_exit();
        }
        at += part;
        data += part;
        size -= part;
    }
    return true;
}

bool flash_erase(uint32_t block) {
    if (!inside(block * FLASH_BLOCK_SIZE, FLASH_BLOCK_SIZE) ||
        !host_read(file, block * FLASH_BLOCK_SIZE, work, FLASH_BLOCK_SIZE)) {
        return false;
    }
    size_t done = FLASH_BLOCK_SIZE;
    bool last = cut_now(FLASH_BLOCK_SIZE, &done);
    memset(work, 0xff, done);
    for (size_t i = done; i < FLASH_BLOCK_SIZE; i++) {
        work[i] |= (uint8_t)(i * 2654435761u >> 16); // some cells are erased already
    }
    if (!host_write(file, block * FLASH_BLOCK_SIZE, work, FLASH_BLOCK_SIZE)) {
        return false;
    }
    if (last) {
        host_exit();
    }
    return true;
}
