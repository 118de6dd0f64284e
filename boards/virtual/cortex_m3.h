// SPDX-License-Identifier: MIT
//
// What the port uses of the Cortex-M3 core and of the mps2-an385's peripherals.
// Sources: Armv7-M Architecture Reference Manual (DDI0403) B3; Cortex-M System Design Kit TRM
// (DDI0479) 4.3 to 4.5; Application Note AN385.

#ifndef VIRTUAL_CORTEX_M3_H
#define VIRTUAL_CORTEX_M3_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_HZ (25000000)

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REGISTER(0xe000e010)
#define SYST_CSR_ON (0x7) // processor clock, interrupt, enable
#define SYST_RVR REGISTER(0xe000e014)
#define SYST_CVR REGISTER(0xe000e018)

// The first half of the dual timer: counts down, one for every cycle of the clock.
#define TIMER_LOAD REGISTER(0x40002000)
#define TIMER_VALUE REGISTER(0x40002004)
#define TIMER_CONTROL REGISTER(0x40002008)
#define TIMER_CONTROL_ON (0x82) // enable, free-running, 32 bits, no interrupt

#define NVIC_ISER0 REGISTER(0xe000e100)

#define SCB_AIRCR REGISTER(0xe000ed0c)
#define SCB_AIRCR_RESET (0x05fa0004) // key, SYSRESETREQ
#define SCB_SHCSR REGISTER(0xe000ed24)
#define SCB_SHCSR_FAULTS (0x7u << 16) // memory management, bus and usage fault handlers on
#define SCB_CFSR REGISTER(0xe000ed28)
#define SCB_HFSR REGISTER(0xe000ed2c)
#define SCB_MMFAR REGISTER(0xe000ed34)
#define SCB_BFAR REGISTER(0xe000ed38)

// Interrupts off; returns what enable_irq() needs to go back to the state before.
static inline uint32_t disable_irq(void) {
    uint32_t state;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(state)::"memory");
    return state;
}

static inline void enable_irq(uint32_t state) {
    __asm volatile("msr primask, %0" ::"r"(state) : "memory");
}

// Whether this runs in an interrupt or a fault handler.
static inline bool in_interrupt(void) {
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    return number != 0;
}

static inline void wait_for_interrupt(void) {
    __asm volatile("wfi" ::: "memory");
}

#endif
