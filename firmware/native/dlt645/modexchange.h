// SPDX-License-Identifier: MIT
//
// An Exchange, for the two files that make it.

#ifndef MODEXCHANGE_H
#define MODEXCHANGE_H

#include "moddlt645.h"

#define MOD_EXTRA_MAX (6) // of load records: count and time

// class dlt645.Exchange(size, decoder, values=None): asks for one item of one meter after the
// other, and finds it in what the decoder gets. size is the bytes of the longest item; values a
// list, made once, for what is in it. Nothing is taken from the heap once it is made but text,
// numbers that are no small integers, exceptions, and 16 bytes for each value for which the list
// has room while an item of more than 100 is taken apart.
//
//     exchange.begin(2007, "123456789012", 0x00010000)
//     size = exchange.request(buffer)                  ... send buffer[:size]
//     exchange.listen()
//     result = exchange.receive(chunk, count)          for whatever arrives
//     if result > 0: so many bytes must still come; on silence: result = exchange.cut()
//     if result == ASK: exchange.request(buffer) again, send it, and listen()
//     if result == COMPLETE: values[:exchange.count]
//     if result == SPOILED: asked for in parts again and again, and never a whole item
//
// Other requests are the caller's to encode(): expect() and judge() are for their answers.
typedef struct {
    mp_obj_base_t base;
    mp_obj_t decoder;
    mp_obj_t values;
    dlt645_request_t request;
    uint8_t address[DLT645_ADDRESS_SIZE]; // asked for the first part; later ones go to its meter
    dlt645_rule_t rule;
    uint32_t rule_identifier; // the item of the tables that it is for
    dlt645_edition_t rule_edition;
    bool rule_is_of_tables;
    dlt645_assembly_t assembly;
    dlt645_verdict_t verdict;
    mod_heard_t heard;
    bool noisy;        // what came before the last answer
    uint32_t rejected; // by the decoder, before it listens
    uint16_t count;    // of values
    uint16_t error;
    uint8_t error_size;
    uint8_t setbacks; // times that an item in parts was begun again, or a part came again
    uint8_t extra_size;
    uint8_t extra[MOD_EXTRA_MAX];
    size_t size;
    uint8_t buffer[];
} exchange_t;

// What came since listen() that was no answer.
mod_heard_t mod_exchange_heard(const exchange_t *self);

// Its methods in modrequest.c.
extern const mp_obj_fun_builtin_var_t mod_exchange_begin_obj;
extern const mp_obj_fun_builtin_var_t mod_exchange_request_obj;
extern const mp_obj_fun_builtin_var_t mod_exchange_expect_obj;
extern const mp_obj_fun_builtin_fixed_t mod_exchange_lost_obj;

#endif // MODEXCHANGE_H
