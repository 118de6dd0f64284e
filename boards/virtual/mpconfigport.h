// SPDX-License-Identifier: MIT
//
// What of MicroPython the virtual board has: the feature level of the real boards.

#include <stdint.h>

#include "cortex_m3.h"

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Core
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ENABLE_FINALISER (1)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (256)
#define MICROPY_STACK_CHECK_MARGIN (1024)
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_WARNINGS (1)
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_EMIT_THUMB (1)
#define MICROPY_EMIT_INLINE_THUMB (1)
#define MICROPY_EMIT_THUMB_ARMV7M (1)
#define MICROPY_MAKE_POINTER_CALLABLE(pointer) ((void *)((mp_uint_t)(pointer) | 1))
#define MICROPY_TRACKED_ALLOC (1) // mbedTLS needs it
#define MICROPY_ENABLE_SOURCE_LINE (1)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_HELPER_REPL (1)
#define MICROPY_REPL_AUTO_INDENT (1)
#define MICROPY_KBD_EXCEPTION (1)

// sys, os, time, select
#define MICROPY_PY_SYS_PLATFORM "virtual"
#define MICROPY_PY_SYS_STDIO_BUFFER (1)
#define MICROPY_PY_OS_DUPTERM (1)
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_SYNC (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "modules/os.c"
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "modules/time.c"
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (network_random())
uint32_t network_random(void);

// Files
#define MICROPY_READER_VFS (1)
#define MICROPY_VFS (1)

// machine
#define MICROPY_PY_MACHINE (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE "modules/machine.c"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_PULSE (0)
#define MICROPY_PY_MACHINE_UART (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "modules/machine_uart.c"
#define MICROPY_PY_MACHINE_UART_IRQ (1)
#define MICROPY_PY_MACHINE_WDT (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "modules/machine_wdt.c"

// Network: PPP is the only interface
#define MICROPY_PY_NETWORK (1)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "concentrator"
#define MICROPY_PY_NETWORK_PPP_LWIP (1)
#define MICROPY_PY_LWIP_PPP (1)
#define MICROPY_PY_LWIP_SOCK_RAW (0)
#define MICROPY_PORT_NETWORK_INTERFACES                                                           \
    {MP_ROM_QSTR(MP_QSTR_PPP), MP_ROM_PTR(&mp_network_ppp_lwip_type)},
extern const struct _mp_obj_type_t mp_network_ppp_lwip_type;

// What goes on whatever the program does, while it waits and between two bytecodes: lwIP's timers,
// the start of the clock
void virtual_poll(void);
#define MICROPY_INTERNAL_EVENT_HOOK virtual_poll()
#define MICROPY_INTERNAL_WFE(timeout_ms) wait_for_interrupt()
#define MICROPY_VM_HOOK_COUNT (32)
#define MICROPY_VM_HOOK_INIT static unsigned vm_hook_divisor = MICROPY_VM_HOOK_COUNT;
#define MICROPY_VM_HOOK_POLL                                                                      \
    if (--vm_hook_divisor == 0) {                                                                 \
        vm_hook_divisor = MICROPY_VM_HOOK_COUNT;                                                  \
        virtual_poll();                                                                           \
    }
#define MICROPY_VM_HOOK_LOOP MICROPY_VM_HOOK_POLL
#define MICROPY_VM_HOOK_RETURN MICROPY_VM_HOOK_POLL

#define MICROPY_BEGIN_ATOMIC_SECTION() disable_irq()
#define MICROPY_END_ATOMIC_SECTION(state) enable_irq(state)

// The machine
#define MICROPY_HW_BOARD_NAME "virtual board (mps2-an385)"
#define MICROPY_HW_MCU_NAME "Cortex-M3"
#define MP_SSIZE_MAX (0x7fffffff)
#define MP_STATE_PORT MP_STATE_VM
#define MP_NEED_LOG2 (1)
#define UINT_FMT "%lu"
#define INT_FMT "%ld"
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;
#include <alloca.h>
