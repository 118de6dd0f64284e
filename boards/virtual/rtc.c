// SPDX-License-Identifier: MIT

#include <stdlib.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "shared/timeutils/timeutils.h"

#include "rtc.h"
#include "semihosting.h"

static uint64_t set_ms;    // the wall clock when it was set,
static uint64_t set_at_ms; // and the uptime then
static uint32_t lapse = 1; // how many times as fast as time itself the clock runs,
static uint32_t since_s;   // since when, by the host's clock
static uint32_t first_s;   // what that said at boot; 0 once the clock is aligned

static uint32_t number_option(const char *name, uint32_t otherwise) {
    const char *option = host_option(name);
    uint32_t number = option ? strtoul(option, NULL, 10) : 0;
    return number ? number : otherwise;
}

static void set_from_host(uint32_t host_s) {
    rtc_set_ms((since_s + (uint64_t)(host_s - since_s) * lapse) * 1000);
}

void rtc_start(void) {
    first_s = host_time();
    lapse = number_option("lapse", 1);
    since_s = number_option("since", first_s);
    set_from_host(first_s);
}

void rtc_poll(void) {
    if (first_s) {
        uint32_t now_s = host_time();
        if (now_s != first_s) {
            first_s = 0;
            set_from_host(now_s);
        }
    }
}

uint64_t rtc_ms(void) {
    return set_ms + (virtual_uptime_ms() - set_at_ms) * lapse;
}

void rtc_set_ms(uint64_t ms) {
    set_ms = ms;
    set_at_ms = virtual_uptime_ms();
}

// --- machine.RTC: datetime() as on the other ports; the last element is microseconds ------------

typedef struct {
    mp_obj_base_t base;
} rtc_obj_t;

static const rtc_obj_t rtc_obj = {{&machine_rtc_type}};

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                             const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&rtc_obj);
}

static mp_int_t in_range(mp_obj_t value_in, mp_int_t low, mp_int_t high) {
    mp_int_t value = mp_obj_get_int(value_in);
    if (value < low || value > high) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such date or time"));
    }
    return value;
}

static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    timeutils_struct_time_t tm;
    if (n_args == 1) {
        uint64_t ms = rtc_ms();
        timeutils_seconds_since_2000_to_struct_time(ms / 1000 - TIMEUTILS_SECONDS_1970_TO_2000,
                                                    &tm);
        mp_obj_t items[8] = {
            MP_OBJ_NEW_SMALL_INT(tm.tm_year), MP_OBJ_NEW_SMALL_INT(tm.tm_mon),
            MP_OBJ_NEW_SMALL_INT(tm.tm_mday), MP_OBJ_NEW_SMALL_INT(tm.tm_wday),
            MP_OBJ_NEW_SMALL_INT(tm.tm_hour), MP_OBJ_NEW_SMALL_INT(tm.tm_min),
            MP_OBJ_NEW_SMALL_INT(tm.tm_sec),  MP_OBJ_NEW_SMALL_INT(ms % 1000 * 1000),
        };
        return mp_obj_new_tuple(8, items);
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[1], 8, &items);
    mp_int_t year = in_range(items[0], 2000, 2099);
    mp_int_t month = in_range(items[1], 1, 12);
    mp_int_t day = in_range(items[2], 1, timeutils_days_in_month(year, month));
    uint64_t seconds =
        timeutils_seconds_since_2000(year, month, day, in_range(items[4], 0, 23),
                                     in_range(items[5], 0, 59), in_range(items[6], 0, 59));
    mp_int_t ms = in_range(items[7], 0, 999999) / 1000;
    first_s = 0;
    rtc_set_ms((seconds + TIMEUTILS_SECONDS_1970_TO_2000) * 1000 + ms);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static const mp_rom_map_elem_t rtc_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj)},
};
static MP_DEFINE_CONST_DICT(rtc_locals, rtc_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(machine_rtc_type, MP_QSTR_RTC, MP_TYPE_FLAG_NONE, make_new, rtc_make_new,
                         locals_dict, &rtc_locals);
