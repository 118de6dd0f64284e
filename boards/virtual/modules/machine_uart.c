// SPDX-License-Identifier: MIT
//
// machine.UART on uart.c; included by extmod/machine_uart.c (MICROPY_PY_MACHINE_UART_INCLUDEFILE).
//
// UART(1) and UART(2) are the RS485 lines, UART(3) is the modem, UART(4) the pulse inputs; UART(0)
// is the console and not to be had. baudrate, bits, parity and stop are remembered, not acted
// upon: QEMU paces nothing and has no parity. rxbuf and txbuf are checked against the rings of
// uart.c. timeout: milliseconds to wait for the first byte, and for room to write; 0 never waits.
// overruns(): how many received bytes were lost since reset because nobody read them in time;
// damaged(): whether there were any behind those that were read last.
// irq(): IRQ_RXIDLE is soft; IRQ_RX is hard, a call in the interrupt of every byte.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/stream.h"

#include "cortex_m3.h"
#include "uart.h"
#include "machine_uart.h"

#define IRQ_RXIDLE (1)
#define IRQ_RX (2)

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint8_t number;
    uint8_t bits;
    uint8_t stop;
    int8_t parity; // -1 none, 0 even, 1 odd
    bool started;
    uint32_t baudrate;
    uint32_t timeout;      // ms
    uint32_t timeout_char; // ms
    volatile uint16_t trigger;
    uint32_t seen; // bytes received when the last tick looked
    bool busy;     // bytes have come that the handler has not been told of
};

static machine_uart_obj_t machine_uarts[UART_COUNT];

MP_REGISTER_ROOT_POINTER(void *virtual_uart_irq[5]);
_Static_assert(UART_COUNT == 5, "one interrupt object for every UART");

#define IRQ_OF(self) (*(mp_irq_obj_t **)&MP_STATE_PORT(virtual_uart_irq)[(self)->number])

// Tells of bytes when a millisecond has passed without more of them, or when they fill half of the
// ring: whoever sends without a pause must not overrun it.
void uart_idle_tick(void) {
    for (unsigned number = 1; number < UART_COUNT; number++) {
        machine_uart_obj_t *self = &machine_uarts[number];
        if (self->trigger != IRQ_RXIDLE) {
            continue;
        }
        uint32_t received = uart_counters(number)->received;
        bool idle = received == self->seen;
        self->seen = received;
        self->busy = self->busy || !idle;
        bool due = idle || uart_available(number) > uart_receive_size(number) / 2;
        mp_irq_obj_t *irq = IRQ_OF(self);
        // When the scheduler's queue is full, the next tick tries again.
        if (self->busy && due && irq && mp_sched_schedule(irq->handler, irq->parent)) {
            self->busy = false;
        }
    }
}

void machine_uart_received(unsigned number) {
    machine_uart_obj_t *self = &machine_uarts[number];
    if (self->trigger == IRQ_RX) {
        mp_irq_handler(IRQ_OF(self));
    }
}

void machine_uart_stop(void) {
    for (unsigned number = 1; number < UART_COUNT; number++) {
        machine_uarts[number].trigger = 0;
        machine_uarts[number].started = false;
        IRQ_OF(&machine_uarts[number]) = NULL;
        uart_stop(number);
    }
}

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in,
                                  mp_print_kind_t kind) {
    (void)kind;
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, bits=%u, parity=%s, stop=%u, timeout=%u, ",
              self->number, (unsigned)self->baudrate, self->bits,
              self->parity < 0 ? "None"
              : self->parity   ? "1"
                               : "0",
              self->stop, (unsigned)self->timeout);
    mp_printf(print, "timeout_char=%u, rxbuf=%u, txbuf=%u)", (unsigned)self->timeout_char,
              (unsigned)uart_receive_size(self->number),
              (unsigned)uart_transmit_size(self->number));
}

static void check_size(const char *name, mp_int_t wanted, size_t most) {
    if (wanted > (mp_int_t)most) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s is %u at most"), name,
                          (unsigned)most);
    }
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args,
                                        const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum {
        ARG_baudrate,
        ARG_bits,
        ARG_parity,
        ARG_stop,
        ARG_timeout,
        ARG_timeout_char,
        ARG_rxbuf,
        ARG_txbuf
    };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 115200}},
        {MP_QSTR_bits, MP_ARG_INT, {.u_int = 8}},
        {MP_QSTR_parity, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_stop, MP_ARG_INT, {.u_int = 1}},
        {MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0}},
        {MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 2}},
        {MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 256}},
        {MP_QSTR_txbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 256}},
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, values);
    if (values[ARG_baudrate].u_int < 1 || values[ARG_bits].u_int < 5 ||
        values[ARG_bits].u_int > 8 || values[ARG_stop].u_int < 1 || values[ARG_stop].u_int > 2 ||
        values[ARG_timeout].u_int < 0 || values[ARG_timeout_char].u_int < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("bad UART setting"));
    }
    check_size("rxbuf", values[ARG_rxbuf].u_int, uart_receive_size(self->number));
    check_size("txbuf", values[ARG_txbuf].u_int, uart_transmit_size(self->number));
    mp_obj_t parity = values[ARG_parity].u_obj;
    mp_int_t odd = parity == mp_const_none ? -1 : mp_obj_get_int(parity);
    if (odd < -1 || odd > 1) {
        mp_raise_ValueError(MP_ERROR_TEXT("bad UART setting"));
    }
    self->parity = odd;
    self->baudrate = values[ARG_baudrate].u_int;
    self->bits = values[ARG_bits].u_int;
    self->stop = values[ARG_stop].u_int;
    self->timeout = values[ARG_timeout].u_int;
    self->timeout_char = values[ARG_timeout_char].u_int;
    if (!self->started) {
        uart_start(self->number);
        self->started = true;
    }
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                                         const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t number = mp_obj_get_int(args[0]);
    if (number < 1 || number >= UART_COUNT) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("UART(%d) doesn't exist"),
                          (int)number);
    }
    machine_uart_obj_t *self = &machine_uarts[number];
    self->base.type = type;
    self->number = number;
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    self->trigger = 0;
    self->started = false;
    IRQ_OF(self) = NULL;
    uart_stop(self->number);
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return uart_available(self->number);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return uart_sent(self->number);
}

static mp_uint_t irq_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->trigger = trigger;
    return 0;
}

static mp_uint_t irq_info(mp_obj_t self_in, mp_uint_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (kind == MP_IRQ_INFO_TRIGGERS) {
        return self->trigger;
    }
    return IRQ_OF(self)->ishard ? IRQ_RX : IRQ_RXIDLE;
}

static const mp_irq_methods_t irq_methods = {
    .trigger = irq_trigger,
    .info = irq_info,
};

static mp_irq_obj_t *mp_machine_uart_irq(machine_uart_obj_t *self, bool any_args,
                                         mp_arg_val_t *args) {
    if (!IRQ_OF(self)) {
        IRQ_OF(self) = mp_irq_new(&irq_methods, MP_OBJ_FROM_PTR(self));
    }
    mp_irq_obj_t *irq = IRQ_OF(self);
    if (any_args) {
        mp_obj_t handler = args[MP_IRQ_ARG_INIT_handler].u_obj;
        mp_int_t trigger = args[MP_IRQ_ARG_INIT_trigger].u_int;
        if (handler != mp_const_none && !mp_obj_is_callable(handler)) {
            mp_raise_ValueError(MP_ERROR_TEXT("handler must be None or callable"));
        }
        bool hard = args[MP_IRQ_ARG_INIT_hard].u_bool;
        if (trigger & ~IRQ_RXIDLE && trigger != IRQ_RX) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("trigger 0x%04x unsupported"),
                              (unsigned)trigger);
        }
        if (hard != (trigger == IRQ_RX)) {
            mp_raise_ValueError(MP_ERROR_TEXT("IRQ_RX is hard, IRQ_RXIDLE is not"));
        }
        self->trigger = 0; // the handler is not to be called while it changes
        irq->handler = handler;
        irq->ishard = hard;
        self->seen = uart_counters(self->number)->received;
        self->busy = false;
        self->trigger = handler == mp_const_none ? 0 : trigger;
    }
    return irq;
}

// Waits until something has come, for at most `timeout` ms; returns whether it has.
static bool wait_to_read(machine_uart_obj_t *self, uint32_t timeout) {
    uint32_t start = mp_hal_ticks_ms();
    while (!uart_available(self->number)) {
        uint32_t elapsed = mp_hal_ticks_ms() - start;
        if (elapsed >= timeout) {
            return false;
        }
        mp_event_wait_ms(timeout - elapsed);
    }
    return true;
}

// Waits until there is room, for at most `timeout` ms; returns whether there is. It may be lwIP
// that writes, so nothing may be polled meanwhile that calls lwIP.
static bool wait_to_write(machine_uart_obj_t *self, uint32_t timeout) {
    uint32_t start = mp_hal_ticks_ms();
    while (!uart_room(self->number)) {
        if (mp_hal_ticks_ms() - start >= timeout) {
            return false;
        }
        wait_for_interrupt();
    }
    return true;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buffer, mp_uint_t size,
                                      int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t count = 0;
    uint32_t timeout = self->timeout;
    while (count < size && wait_to_read(self, timeout)) {
        count += uart_read(self->number, (uint8_t *)buffer + count, size - count);
        // With a time-out of 0 nothing is waited for, not even the next character.
        timeout = self->timeout ? self->timeout_char : 0;
    }
    if (size && !count) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buffer, mp_uint_t size,
                                       int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t count = 0;
    while (count < size && wait_to_write(self, self->timeout)) {
        count += uart_write(self->number, (const uint8_t *)buffer + count, size - count);
    }
    if (size && !count) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t argument,
                                       int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = 0;
        if ((argument & MP_STREAM_POLL_RD) && uart_available(self->number)) {
            ready |= MP_STREAM_POLL_RD;
        }
        if ((argument & MP_STREAM_POLL_WR) && uart_room(self->number)) {
            ready |= MP_STREAM_POLL_WR;
        }
        return ready;
    }
    if (request == MP_STREAM_FLUSH) {
        while (!uart_sent(self->number)) {
            mp_event_wait_ms(1);
        }
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static mp_obj_t machine_uart_overruns(mp_obj_t self_in) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(uart_counters(self->number)->overruns);
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_uart_overruns_obj, machine_uart_overruns);

static mp_obj_t machine_uart_damaged(mp_obj_t self_in) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_bool(uart_damaged(self->number));
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_uart_damaged_obj, machine_uart_damaged);

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS                                                   \
    {MP_ROM_QSTR(MP_QSTR_damaged), MP_ROM_PTR(&machine_uart_damaged_obj)},                        \
        {MP_ROM_QSTR(MP_QSTR_overruns), MP_ROM_PTR(&machine_uart_overruns_obj)},                  \
        {MP_ROM_QSTR(MP_QSTR_IRQ_RX), MP_ROM_INT(IRQ_RX)},                                        \
        {MP_ROM_QSTR(MP_QSTR_IRQ_RXIDLE), MP_ROM_INT(IRQ_RXIDLE)},
