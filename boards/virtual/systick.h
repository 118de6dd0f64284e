// SPDX-License-Identifier: MIT

#ifndef VIRTUAL_SYSTICK_H
#define VIRTUAL_SYSTICK_H

void systick_start(void); // from now on the ticks count

#endif
