// SPDX-License-Identifier: MIT
//
// lwIP without threads: everything happens in the main program, between two bytecodes.

#ifndef VIRTUAL_NETWORK_H
#define VIRTUAL_NETWORK_H

#include <stdint.h>

void network_start(void); // once after reset: lwIP cannot start twice
void network_poll(void);
void network_stop(void); // at a soft reset, before the objects that hold the links go
uint32_t network_random(void);

#endif
