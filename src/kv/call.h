/* call.h - what handlers of data commands share. Private to kv. */
#ifndef RAKIT_KV_CALL_H
#define RAKIT_KV_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

/* What the header and the line ends of one value in a reply take at most. */
enum { REPLY_OVERHEAD_BYTES = 16 };

/* Replies that an answer would be larger than kv_limit_replies() allows. */
void call_refuse_size(struct command_call *call, const char *advice);

/* Reads argument `index` as a number, or replies that it is none. */
bool call_read_integer(struct command_call *call, uint32_t index, int64_t *ret_value);

/* For a command with many keys, which each wait for memory: hints at those from argument `index`
 * on, every `step`th, where the hints before have been used up. Call it before each. */
void call_expect_keys(const struct command_call *call, uint32_t index, uint32_t step);

/* The growth (see command_growth) of a command that makes the value of the key in argument 1
 * `size` bytes long, if it is shorter. */
uint64_t call_growth(const struct command_call *call, size_t size, uint64_t ahead);

/* Replies with the value of the key in argument 1, or null. */
void call_reply_value(struct command_call *call);

#endif /* RAKIT_KV_CALL_H */
