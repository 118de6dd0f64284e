// SPDX-License-Identifier: MIT
//
// The board's five UARTs, interrupt-driven both ways: nothing here ever waits.
//
//   0  console        1, 2  RS485 lines       3  modem        4  pulse inputs

#ifndef VIRTUAL_UART_H
#define VIRTUAL_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_COUNT (5)

typedef struct {
    volatile uint32_t received; // bytes since start, also those that were lost
    volatile uint32_t overruns; // bytes lost because nobody read the ones before
} uart_counters_t;

void uart_start(unsigned number);
void uart_stop(unsigned number);

// Bytes that the rings hold at most.
size_t uart_receive_size(unsigned number);
size_t uart_transmit_size(unsigned number);

// Take up to `size` bytes that have arrived; returns how many. Once one was lost so are all that
// come until the others are taken: bytes that followed each other on the line do so here.
size_t uart_read(unsigned number, uint8_t *buffer, size_t size);
size_t uart_available(unsigned number);

// Whether bytes were lost behind those that uart_read has given; forgets it.
bool uart_damaged(unsigned number);

// Queue up to `size` bytes for sending; returns how many there was room for.
size_t uart_write(unsigned number, const uint8_t *buffer, size_t size);
size_t uart_room(unsigned number);

// Whether the last byte has gone out.
bool uart_sent(unsigned number);

const uart_counters_t *uart_counters(unsigned number);

// Write to the console without interrupts and rings: for faults.
void uart_console_write_polled(char byte);

// Interrupt handlers.
void uart_irq_0(void);
void uart_irq_1(void);
void uart_irq_2(void);
void uart_irq_3(void);
void uart_irq_4(void);

#endif
