// SPDX-License-Identifier: MIT
//
// The port's part of `time`; included by extmod/modtime.c (MICROPY_PY_TIME_INCLUDEFILE). The epoch
// is 2000-01-01, as on STM32 and ESP32.

#include "shared/timeutils/timeutils.h"

#include "rtc.h"

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_uint(rtc_ms() / 1000 - TIMEUTILS_SECONDS_1970_TO_2000);
}

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(rtc_ms() / 1000 - TIMEUTILS_SECONDS_1970_TO_2000,
                                                 &tm);
    mp_obj_t items[8] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year), MP_OBJ_NEW_SMALL_INT(tm.tm_mon),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mday), MP_OBJ_NEW_SMALL_INT(tm.tm_hour),
        MP_OBJ_NEW_SMALL_INT(tm.tm_min),  MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday), MP_OBJ_NEW_SMALL_INT(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, items);
}
