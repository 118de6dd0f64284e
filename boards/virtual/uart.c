// SPDX-License-Identifier: MIT
//
// CMSDK APB UART (DDI0479 4.4): no FIFO, so every byte is an interrupt, into or out of a ring.
//
// QEMU paces nothing and has no parity: the simulators at the other end pace the bytes. A byte
// that finds its ring full is lost and counted, as one that finds the register full is on a chip.

#include "py/mpconfig.h"

#include "py/runtime.h"
#include "shared/runtime/interrupt_char.h"

#include "cortex_m3.h"
#include "uart.h"
#include "machine_uart.h"

typedef struct {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t control;
    volatile uint32_t interrupts; // reads as status, writing 1 clears
    volatile uint32_t divider;
} uart_registers_t;

#define STATE_TX_FULL (1u << 0)
#define CONTROL_ON (0xf) // transmit and receive, and both interrupts
#define CONTROL_OFF                                                                               \
    (0x1) // a byte on its way out must be able to leave: nothing else frees TX_FULL
#define INTERRUPT_TX (1u << 0)
#define INTERRUPT_RX (1u << 1)
#define FASTEST_DIVIDER (16)
#define POLL_LIMIT (1000000) // some milliseconds

// One byte stays free, so that equal positions mean empty.
typedef struct {
    uint8_t *bytes;
    uint16_t size;
    volatile uint16_t in;
    volatile uint16_t out;
} ring_t;

typedef struct {
    uart_registers_t *registers;
    uint8_t interrupt; // number of the receive interrupt; that of transmission follows
    ring_t receive;
    ring_t transmit;
    uart_counters_t counters;
    volatile bool losing; // until what came before is read
    bool damaged;         // bytes were lost behind what was read
} uart_t;

#define UART(address, number, receive_size, transmit_size)                                        \
    {                                                                                             \
        .registers = (uart_registers_t *)(address),                                               \
        .interrupt = (number),                                                                    \
        .receive = {.bytes = (uint8_t[(receive_size) + 1]){0}, .size = (receive_size) + 1},       \
        .transmit = {.bytes = (uint8_t[(transmit_size) + 1]){0}, .size = (transmit_size) + 1},    \
    }

// RS485: more than the longest frame. Modem: PPP must queue the whole TCP window (lwipopts.h).
static uart_t uarts[UART_COUNT] = {
    UART(0x40004000, 0, 1024, 1024), UART(0x40005000, 2, 512, 512),
    UART(0x40006000, 4, 512, 512),   UART(0x40007000, 18, 4096, 8192),
    UART(0x40009000, 20, 512, 512),
};

// The compiler must not move the one across the other: an interrupt may come between them.
#define BYTES_BEFORE_POSITIONS() __asm volatile("" ::: "memory")

static size_t used(const ring_t *ring) {
    int count = ring->in - ring->out;
    return count < 0 ? count + ring->size : count;
}

static bool put(ring_t *ring, uint8_t byte) {
    uint16_t next = ring->in + 1 == ring->size ? 0 : ring->in + 1;
    if (next == ring->out) {
        return false;
    }
    ring->bytes[ring->in] = byte;
    BYTES_BEFORE_POSITIONS();
    ring->in = next;
    return true;
}

static uint8_t get(ring_t *ring) {
    uint8_t byte = ring->bytes[ring->out];
    BYTES_BEFORE_POSITIONS();
    ring->out = ring->out + 1 == ring->size ? 0 : ring->out + 1;
    return byte;
}

// --- Interrupts -------------------------------------------------------------------------------

static void received(uart_t *uart, uint8_t byte) {
    uart->counters.received++;
    if (uart == &uarts[0] && byte == mp_interrupt_char) {
        mp_sched_keyboard_interrupt();
    } else if (uart->losing || !put(&uart->receive, byte)) {
        uart->losing = true;
        uart->counters.overruns++;
    }
}

// Hand the transmitter the next byte if it can take one. Interrupts are off, or this is one.
static void transmit(uart_t *uart) {
    if (used(&uart->transmit) && !(uart->registers->state & STATE_TX_FULL)) {
        uart->registers->data = get(&uart->transmit);
    }
}

static void handle(uart_t *uart) {
    uint32_t pending = uart->registers->interrupts;
    uart->registers->interrupts = pending;
    if (pending & INTERRUPT_RX) {
        received(uart, uart->registers->data);
        machine_uart_received(uart - uarts);
    }
    if (pending & INTERRUPT_TX) {
        transmit(uart);
    }
}

void uart_irq_0(void) {
    handle(&uarts[0]);
}

void uart_irq_1(void) {
    handle(&uarts[1]);
}

void uart_irq_2(void) {
    handle(&uarts[2]);
}

void uart_irq_3(void) {
    handle(&uarts[3]);
}

void uart_irq_4(void) {
    handle(&uarts[4]);
}

// --- Interface --------------------------------------------------------------------------------

void uart_start(unsigned number) {
    uart_t *uart = &uarts[number];
    uart_stop(number);
    uart->registers->divider = FASTEST_DIVIDER;
    uart->registers->control = CONTROL_ON;
    NVIC_ISER0 = 3u << uart->interrupt;
}

void uart_stop(unsigned number) {
    uart_t *uart = &uarts[number];
    uart->registers->control = CONTROL_OFF;
    uint32_t state = disable_irq();
    uart->receive.out = uart->receive.in;
    uart->transmit.out = uart->transmit.in;
    uart->losing = uart->damaged = false;
    enable_irq(state);
}

size_t uart_receive_size(unsigned number) {
    return uarts[number].receive.size - 1;
}

size_t uart_transmit_size(unsigned number) {
    return uarts[number].transmit.size - 1;
}

size_t uart_read(unsigned number, uint8_t *buffer, size_t size) {
    uart_t *uart = &uarts[number];
    ring_t *ring = &uart->receive;
    size_t count = used(ring);
    if (count > size) {
        count = size;
    }
    for (size_t i = 0; i < count; i++) {
        buffer[i] = get(ring);
    }
    if (uart->losing && !used(ring)) {
        uart->damaged = true;
        uart->losing = false;
    }
    return count;
}

bool uart_damaged(unsigned number) {
    bool damaged = uarts[number].damaged;
    uarts[number].damaged = false;
    return damaged;
}

size_t uart_available(unsigned number) {
    return used(&uarts[number].receive);
}

size_t uart_write(unsigned number, const uint8_t *buffer, size_t size) {
    uart_t *uart = &uarts[number];
    size_t count = 0;
    while (count < size && put(&uart->transmit, buffer[count])) {
        count++;
    }
    uint32_t state = disable_irq();
    transmit(uart);
    enable_irq(state);
    return count;
}

size_t uart_room(unsigned number) {
    const ring_t *ring = &uarts[number].transmit;
    return ring->size - 1 - used(ring);
}

bool uart_sent(unsigned number) {
    const uart_t *uart = &uarts[number];
    return !used(&uart->transmit) && !(uart->registers->state & STATE_TX_FULL);
}

const uart_counters_t *uart_counters(unsigned number) {
    return &uarts[number].counters;
}

void uart_console_write_polled(char byte) {
    uart_registers_t *registers = uarts[0].registers;
    for (unsigned tries = 0; registers->state & STATE_TX_FULL; tries++) {
        if (tries == POLL_LIMIT) {
            return; // nobody reads
        }
    }
    registers->data = (uint8_t)byte;
}
