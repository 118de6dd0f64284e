// SPDX-License-Identifier: MIT

#include "py/mphal.h"

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "netif/ppp/ppp_impl.h"

#include "entropy.h"
#include "network.h"
#include "reset.h"

void network_start(void) {
    lwip_init();
}

static ppp_pcb *any_ppp(void) {
    for (struct netif *netif = netif_list; netif; netif = netif->next) {
        if (netif->name[0] == 'p' && netif->name[1] == 'p') {
            return netif->state;
        }
    }
    return NULL;
}

// network.PPP's finaliser closes a link too, but one that is still negotiating or already ending
// lwIP closes in its own time, after the memory of the object is gone. link_terminated() is what
// lwIP itself does for a lost carrier, which it accepts only from links that are up.
void network_stop(void) {
    for (ppp_pcb *ppp = any_ppp(); ppp; ppp = any_ppp()) {
        ppp_close(ppp, 1); // frees it, if it is not in use
        if (ppp == any_ppp()) {
            link_terminated(ppp); // tells the object, which frees it
        }
        if (ppp == any_ppp()) {
            reset_now(RESET_HARD); // whoever holds on to it would corrupt the next program
        }
    }
}

void network_poll(void) {
    sys_check_timeouts();
}

uint32_t network_random(void) {
    uint32_t value;
    entropy_fill(&value, sizeof(value));
    return value;
}

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}
