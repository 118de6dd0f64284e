// SPDX-License-Identifier: MIT
//
// What machine.UART is told of: IRQ_RX by the interrupt of every byte, IRQ_RXIDLE by a look at the
// receivers once a millisecond.

#ifndef VIRTUAL_MACHINE_UART_H
#define VIRTUAL_MACHINE_UART_H

void machine_uart_received(unsigned number); // from that UART's interrupt
void uart_idle_tick(void);                   // from the SysTick interrupt
void machine_uart_stop(void);                // at a soft reset

#endif
