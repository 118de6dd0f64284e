// SPDX-License-Identifier: MIT
//
// The virtual board's main loop: file system (_boot.py), boot.py, main.py, then the prompt; a soft
// reset starts over.

#include <stdlib.h>

#include "py/compile.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/cstack.h"
#include "extmod/modnetwork.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"

#include "heap.h"
#include "network.h"
#include "reset.h"
#include "rtc.h"
#include "systick.h"
#include "uart.h"
#include "machine_uart.h"

extern uint8_t _stack_top, _stack_bottom;

static uint8_t heap[HEAP_SIZE] __attribute__((aligned(16)));

static void run_scripts(void) {
    pyexec_frozen_module("_boot.py", false);
    int result = pyexec_file_if_exists("boot.py");
    if (!(result & PYEXEC_FORCED_EXIT) && result != 0 &&
        pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        result = pyexec_file_if_exists("main.py");
    }
    if (result & PYEXEC_FORCED_EXIT) {
        return;
    }
    for (;;) {
        result =
            pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        if (result != 0) {
            return;
        }
    }
}

int main(void) {
    uart_start(0);
    systick_start();
    rtc_start();
    network_start();
    mp_cstack_init_with_top(&_stack_top, &_stack_top - &_stack_bottom);
    for (;;) {
        gc_init(heap, heap + sizeof(heap));
        mp_init();
        readline_init0();
        mod_network_init();

        run_scripts();

        mp_printf(MP_PYTHON_PRINTER, "MPY: soft reboot\n");
        network_stop();
        machine_uart_stop();
        mod_network_deinit();
        gc_sweep_all();
        mp_deinit();
        reset_note_soft();
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    mp_printf(&mp_plat_print, "uncaught exception %p\n", value);
    reset_now(RESET_FAULT);
}

// newlib's assert() and exit() end here.
void _exit(int status) {
    mp_printf(&mp_plat_print, "exit %d\n", status);
    reset_now(RESET_FAULT);
}
