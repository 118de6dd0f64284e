// SPDX-License-Identifier: MIT
//
// What the codec and its binding call and an image has, but MicroPython's table of functions for
// native .mpy files has not.

#include <stdarg.h>
#include <string.h>

#include "py/dynruntime.h"

typedef struct {
    char *text;
    size_t length;
} message_t;

static void message_append(void *message_in, const char *text, size_t length) {
    message_t *message = message_in;
    message->text = m_realloc(message->text, message->length + length);
    memcpy(message->text + message->length, text, length);
    message->length += length;
}

void mp_raise_msg_varg(const mp_obj_type_t *type, mp_rom_error_text_t format, ...) {
    message_t message = {NULL, 0};
    mp_print_t print = {&message, message_append};
    va_list values;
    va_start(values, format);
    mp_vprintf(&print, format, values);
    va_end(values);
    mp_raise_type_arg(type, mp_obj_new_str(message.text, message.length));
}

void *memcpy(void *to, const void *from, size_t n) {
    return mp_fun_table.memmove_(to, from, n);
}

void *memmove(void *to, const void *from, size_t n) {
    return mp_fun_table.memmove_(to, from, n);
}

void *memset(void *to, int value, size_t n) {
    return mp_fun_table.memset_(to, value, n);
}

void *memchr(const void *bytes_in, int value, size_t n) {
    const uint8_t *bytes = bytes_in;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == (uint8_t)value) {
            return (void *)(bytes + i);
        }
    }
    return NULL;
}

int memcmp(const void *a_in, const void *b_in, size_t n) {
    const uint8_t *a = a_in;
    const uint8_t *b = b_in;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t n = 0;
    while (text[n]) {
        n++;
    }
    return n;
}
