// SPDX-License-Identifier: MIT
//
// From reset to main(): the vector table, and what happens when the processor faults.

#include <stdbool.h>
#include <stddef.h>

#include "cortex_m3.h"
#include "reset.h"
#include "uart.h"

extern uint32_t _data_load, _data_start, _data_end, _bss_start, _bss_end, _stack_top;

int main(void);
void SysTick_Handler(void);

// --- Reset ------------------------------------------------------------------------------------

// Random after power on, so that the mark says whether the cause behind it means anything.
#define NOTE_MARK (0x52455345)
static struct {
    uint32_t mark;
    reset_cause_t cause;
} note __attribute__((section(".noinit")));

static reset_cause_t cause = RESET_POWER_ON;

reset_cause_t reset_cause(void) {
    return cause;
}

void reset_note_soft(void) {
    cause = RESET_SOFT;
}

void reset_now(reset_cause_t why) {
    note.mark = NOTE_MARK;
    note.cause = why;
    SCB_AIRCR = SCB_AIRCR_RESET;
    for (;;) {
    }
}

void Reset_Handler(void) {
    for (uint32_t *from = &_data_load, *to = &_data_start; to < &_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_bss_start; to < &_bss_end;) {
        *to++ = 0;
    }
    if (note.mark == NOTE_MARK) {
        cause = note.cause;
    }
    note.mark = 0;
    SCB_SHCSR |= SCB_SHCSR_FAULTS;
    main();
    reset_now(RESET_HARD);
}

// --- Faults -----------------------------------------------------------------------------------

static void print(const char *text) {
    while (*text) {
        uart_console_write_polled(*text++);
    }
}

static void print_register(const char *name, uint32_t value) {
    print(name);
    for (int shift = 28; shift >= 0; shift -= 4) {
        uart_console_write_polled("0123456789ABCDEF"[(value >> shift) & 0xf]);
    }
}

// The core has pushed r0-r3, r12, lr, pc and xPSR to `frame`, which is NULL when the stack has
// overflowed; `others` are r4-r11. Used by fault() in assembler.
__attribute__((used)) static void report(const uint32_t *frame, const uint32_t *others,
                                         uint32_t exception) {
    static const char *const names[] = {
        "exception", "reset", "watchdog", "hard fault", "memory fault", "bus fault", "usage fault",
    };
    print("\r\n*** ");
    print(names[exception < sizeof(names) / sizeof(names[0]) ? exception : 0]);
    if (frame) {
        print_register(" at ", frame[6]);
        print_register(", called from ", frame[5]);
        static const char *const frame_names[] = {
            "\r\nr0  ", "  r1  ", "  r2  ", "  r3  ", "  r12 ",
        };
        for (size_t i = 0; i < 5; i++) {
            print_register(frame_names[i], frame[i]);
        }
    } else {
        print(": the stack has overflowed");
    }
    static const char *const other_names[] = {
        "\r\nr4  ", "  r5  ", "  r6  ", "  r7  ", "\r\nr8  ", "  r9  ", "  r10 ", "  r11 ",
    };
    for (size_t i = 0; i < 8; i++) {
        print_register(other_names[i], others[i]);
    }
    if (frame) {
        print_register("\r\nsp  ", (uint32_t)(frame + 8));
        print_register("  xpsr ", frame[7]);
    }
    print_register("\r\ncfsr ", SCB_CFSR);
    print_register("  hfsr ", SCB_HFSR);
    print_register("  mmfar ", SCB_MMFAR);
    print_register("  bfar ", SCB_BFAR);
    print("\r\n*** reset\r\n");
    reset_now(exception == 2 ? RESET_WATCHDOG : RESET_FAULT);
}

// What the report runs on when there is nothing left of the stack.
__attribute__((used)) static uint64_t spare_stack[64];

// NMI is the watchdog's first time-out: the report says where the program hung. Should even that
// hang, the watchdog's second time-out resets the board.
__attribute__((naked)) static void fault(void) {
    __asm volatile("mov  r0, sp\n"
                   "ldr  r1, =_stack_bottom + 256\n" // room for the report itself
                   "cmp  r0, r1\n"
                   "bhs  1f\n"
                   "ldr  r1, =spare_stack + 512\n"
                   "mov  sp, r1\n"
                   "movs r0, #0\n"
                   "1:\n"
                   "push {r4-r11}\n"
                   "mov  r1, sp\n"
                   "mrs  r2, ipsr\n"
                   "bl   report\n");
}

// --- Vectors ----------------------------------------------------------------------------------

typedef void (*vector_t)(void);

__attribute__((section(".vectors"), used)) static const vector_t vectors[16 + 32] = {
    (vector_t)&_stack_top,
    Reset_Handler,
    fault, // NMI
    fault, // hard fault
    fault, // memory management
    fault, // bus
    fault, // usage
    [11] = fault,
    [12] = fault,
    [14] = fault,
    [15] = SysTick_Handler,
    // Receive and transmit interrupts of the UARTs.
    [16 + 0] = uart_irq_0,
    [16 + 1] = uart_irq_0,
    [16 + 2] = uart_irq_1,
    [16 + 3] = uart_irq_1,
    [16 + 4] = uart_irq_2,
    [16 + 5] = uart_irq_2,
    [16 + 18] = uart_irq_3,
    [16 + 19] = uart_irq_3,
    [16 + 20] = uart_irq_4,
    [16 + 21] = uart_irq_4,
};
