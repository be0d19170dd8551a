/* call.h - what handlers of data commands share. Private to kv. */
#ifndef RAKIT_KV_CALL_H
#define RAKIT_KV_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

/* The most that the header and the line ends of one value take in a reply. */
enum { REPLY_OVERHEAD_BYTES = 16 };

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

/* Replies the value of the key in argument 1, or null. */
void call_reply_value(struct command_call *call);

#endif /* RAKIT_KV_CALL_H */
