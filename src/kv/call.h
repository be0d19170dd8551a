/* call.h - what handlers of data commands share. Private to kv. */
#ifndef RAKIT_KV_CALL_H
#define RAKIT_KV_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "kv/event.h"
#include "kv/traits.h"

/* The most that the header and the line ends of one value take in a reply. */
enum { REPLY_OVERHEAD_BYTES = 16 };

/* The largest value for commands that copy, encode or decode one as a whole (ADR 10). */
enum { CALL_VALUE_BYTES_MAX = 64 * 1024 * 1024 };

/* Whether such a command takes a value of that size, or replies an error. */
bool call_value_fits(struct command_call *call, uint64_t size);

/* Replies that the answer would exceed kv_limit_replies(). */
void call_refuse_size(struct command_call *call, const char *advice);

/* Reads argument `index` as a number, or replies an error. */
bool call_read_integer(struct command_call *call, uint32_t index, int64_t *ret_value);

/* For a command with many keys: prefetches those from argument `index` on, every `step`th, once
 * the keys prefetched before are used up. Call it before each key. */
void call_expect_keys(const struct command_call *call, uint32_t index, uint32_t step);

/* The growth (see command_growth) of a command that makes the value of the key in argument 1
 * `size` bytes long, if it is shorter. */
uint64_t call_growth(const struct command_call *call, size_t size, uint64_t ahead);

/* Looks up the key in an argument, whose value must be of that type. False, with an error
 * replied, if it is of another one. No such key: true, and `*ret_exists` is false. */
bool call_find(struct command_call *call, uint32_t index, enum value_type type,
               struct slice *ret_value, bool *ret_exists);
/* The same for a string: without a key it is empty. */
bool call_find_string(struct command_call *call, uint32_t index, struct slice *ret_value);
/* Replies the value of the key in argument 1, or null; an error, if it is no string. Returns
 * whether it replied no error. */
bool call_reply_value(struct command_call *call);

/* Reports that a key of the call's database was changed, after the change. */
void call_changed(const struct command_call *call, enum event_class class, const char *name,
                  struct slice key);
/* The keys of a database may all be others. */
void call_replaced(const struct command_call *call, uint32_t database);

/* Reports a message; returns how many get it on this node. */
uint64_t call_published(const struct command_call *call, const struct channel_message *message);

#endif /* RAKIT_KV_CALL_H */
