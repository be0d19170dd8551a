/* lifetime.h - options of commands that say how long a key lives: EX, PX, EXAT, PXAT, KEEPTTL,
 * PERSIST. Relative times count from the log time of the call. Private to kv. */
#ifndef RAKIT_KV_LIFETIME_H
#define RAKIT_KV_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

enum lifetime_kind {
    LIFETIME_NONE,
    LIFETIME_EX,
    LIFETIME_PX,
    LIFETIME_EXAT,
    LIFETIME_PXAT,
    LIFETIME_KEEPTTL,
    LIFETIME_PERSIST,
};

struct lifetime {
    enum lifetime_kind kind;
    struct slice number; /* Of the first four. */
};

/* Whether it is one of the four that have a number. */
bool lifetime_is_set(const struct lifetime *l);
/* Whether it names an instant, which may have passed already. */
bool lifetime_is_absolute(const struct lifetime *l);

/* Reads an option at argument `i`, one with a number or `other`; returns how many arguments it
 * has, 0: refused. An option may be repeated, as in Redis; different ones may not be combined. */
uint32_t lifetime_read(const struct command_call *call, uint32_t i, enum lifetime_kind other,
                       struct lifetime *l);

/* Replies an error and returns false if the number is wrong at any time. */
bool lifetime_check(struct command_call *call, const struct lifetime *l);
/* The same, and works out when the key expires: 0, never, if there is no number. */
bool lifetime_expiry(struct command_call *call, const struct lifetime *l, uint64_t *ret_expires_ms);

/* The log time of the call. */
static inline int64_t call_now_ms(const struct command_call *call)
{
    return (int64_t)(call->time_us / 1000);
}

/* The instant as a trait: what is later than any that can be stored counts as the last one. */
uint64_t lifetime_trait(int64_t at_ms);

/* Replies that the time is none. */
void call_refuse_expire_time(struct command_call *call);

#endif /* RAKIT_KV_LIFETIME_H */
