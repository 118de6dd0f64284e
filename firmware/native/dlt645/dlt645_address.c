// SPDX-License-Identifier: MIT
//
// Addresses: as text, in wire order, and which answers which.

#include "dlt645.h"

#define WILDCARD_NIBBLE (0xa)

static int nibble_from_text(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c == 'A' || c == 'a') {
        return WILDCARD_NIBBLE;
    }
    return -1;
}

bool dlt645_address_from_text(uint8_t wire[DLT645_ADDRESS_SIZE], const char *text, size_t length) {
    if (length != DLT645_ADDRESS_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        int high = nibble_from_text(text[2 * i]);
        int low = nibble_from_text(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        wire[DLT645_ADDRESS_SIZE - 1 - i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void dlt645_address_to_text(char text[DLT645_ADDRESS_DIGITS],
                            const uint8_t wire[DLT645_ADDRESS_SIZE]) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        uint8_t pair = wire[DLT645_ADDRESS_SIZE - 1 - i];
        text[2 * i] = digits[pair >> 4];
        text[2 * i + 1] = digits[pair & 0xf];
    }
}

bool dlt645_address_matches(const uint8_t wire[DLT645_ADDRESS_SIZE],
                            const uint8_t asked[DLT645_ADDRESS_SIZE]) {
    for (size_t i = 0; i < DLT645_ADDRESS_SIZE; i++) {
        unsigned differ = wire[i] ^ asked[i];
        if ((differ & 0xf0 && asked[i] >> 4 != WILDCARD_NIBBLE) ||
            (differ & 0x0f && (asked[i] & 0xf) != WILDCARD_NIBBLE)) {
            return false;
        }
    }
    return true;
}
