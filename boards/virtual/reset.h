// SPDX-License-Identifier: MIT
//
// Why the board was reset, and resetting it.

#ifndef VIRTUAL_RESET_H
#define VIRTUAL_RESET_H

// The values of machine.reset_cause().
typedef enum {
    RESET_POWER_ON = 1,
    RESET_HARD,
    RESET_WATCHDOG,
    RESET_SOFT,
    RESET_FAULT,
} reset_cause_t;

reset_cause_t reset_cause(void);
void reset_note_soft(void);
__attribute__((noreturn)) void reset_now(reset_cause_t cause);

#endif
