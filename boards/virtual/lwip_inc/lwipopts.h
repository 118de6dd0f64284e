// SPDX-License-Identifier: MIT
//
// lwIP's options: what upstream's ports use, but for a board with one PPP link and no Ethernet.
// The memory this takes is listed in docs/virtual-board.md.

#ifndef VIRTUAL_LWIPOPTS_H
#define VIRTUAL_LWIPOPTS_H

#include "network.h"

#define LWIP_RAND() network_random()

#define LWIP_IPV6 0

// TCP over a mobile network: what is under way in one round trip. Little comes down; what does
// must fit the modem UART's receive ring (uart.c), and what goes up its transmit ring.
#define MEM_SIZE (12000)
#define TCP_MSS (1360)
#define TCP_WND (2 * TCP_MSS)
#define TCP_SND_BUF (5 * TCP_MSS)
#define MEMP_NUM_TCP_SEG (32)
#define MEMP_NUM_TCP_PCB (5)
#define PBUF_POOL_SIZE (8)

// A dead link shows by itself: an echo request every 10 s, given up after 3 without an answer.
#define LCP_ECHOINTERVAL (10)
#define LCP_MAXECHOFAILS (3)

// Van Jacobson's header compression needs 2 KiB of state and suits telnet, not batches.
#define VJ_SUPPORT (0)

#include "extmod/lwip-include/lwipopts_common.h"

#undef LWIP_MDNS_RESPONDER
#define LWIP_MDNS_RESPONDER 0
#undef LWIP_DNS_SUPPORT_MDNS_QUERIES
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 0
#undef SYS_LIGHTWEIGHT_PROT
#define SYS_LIGHTWEIGHT_PROT 0

#endif
