// SPDX-License-Identifier: MIT
//
// machine.UART's IRQ_RXIDLE, found by watching the receivers once a millisecond.

#ifndef VIRTUAL_UART_IDLE_H
#define VIRTUAL_UART_IDLE_H

void uart_idle_tick(void);    // from the SysTick interrupt
void machine_uart_stop(void); // at a soft reset

#endif
