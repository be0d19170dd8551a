/* condition.h - IFEQ, IFNE, IFDEQ, IFDNE: conditions on the present value of a key, compared as a
 * whole or by its digest. Private to kv. */
#ifndef RAKIT_KV_CONDITION_H
#define RAKIT_KV_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

enum { CONDITION_DIGEST_BYTES = 16 }; /* Hexadecimal digits. */

enum condition_kind {
    CONDITION_NONE,
    CONDITION_IFEQ,
    CONDITION_IFNE,
    CONDITION_IFDEQ,
    CONDITION_IFDNE,
};

struct condition {
    enum condition_kind kind;
    struct slice operand; /* A value, or a digest. */
};

/* Reads a condition at argument `i`. Returns how many arguments it has; 0: there is none, or
 * there was one already. */
uint32_t condition_read(const struct command_call *call, uint32_t i, struct condition *condition);
/* Replies an error and returns false if its digest is none. */
bool condition_check(struct command_call *call, const struct condition *condition);
/* `value` is NULL if there is no key: that equals nothing, and differs from everything. */
bool condition_holds(const struct condition *condition, const struct slice *value);

/* The digest of a value, as DIGEST replies it. */
void condition_write_digest(char to[CONDITION_DIGEST_BYTES], struct slice value);

#endif /* RAKIT_KV_CONDITION_H */
