/* once.h - commands that are executed at most once, however often they are in the log: those
 * that a client has sent again because it did not see the reply. For each client the keyspace
 * remembers the newest numbers, and their replies (KEYSPACE_SESSIONS). So it is replicated, in
 * snapshots and digests, and ends by log time.
 *
 * A client's first number is 1. A number that is higher than all before, or that is missing among
 * the last ONCE_NUMBERS ones, was certainly not executed. About older ones nothing is known any
 * more, and neither about a client that is not remembered: they are not executed, unless the
 * number is 1, which begins. */
#ifndef RAKIT_KV_ONCE_H
#define RAKIT_KV_ONCE_H

#include <stdint.h>

#include "kv/codec.h"

struct keyspace;

/* All nodes must have the same: they decide what is executed. */
enum {
    ONCE_NUMBERS = 64,            /* Remembered of a client: the newest ones. */
    ONCE_REPLY_BYTES_MAX = 1024,  /* Longer replies are not kept, */
    ONCE_CLIENT_BYTES_MAX = 4096, /* and of all a client's only the newest. */
    ONCE_CLIENTS_MAX = 65536,
    ONCE_KEEP_S = 24 * 3600, /* Unless the client says otherwise. */
};

enum once_verdict {
    ONCE_FIRST,      /* Not executed before: once_keep() must follow. */
    ONCE_AGAIN,      /* Executed before, with that reply, */
    ONCE_REPLY_GONE, /* Executed before; its reply was too large to be kept. */
    ONCE_TOO_OLD,    /* Nothing is known about that number any more. */
    ONCE_UNKNOWN,    /* Nothing is known about that client. */
    ONCE_TOO_MANY,   /* No more clients can be remembered. */
};

struct once_reply {
    struct slice bytes; /* Borrowed until the keyspace changes. */
    uint64_t index;     /* Of the entry by which it was executed. */
    uint8_t resp_version;
};

enum once_verdict once_judge(struct keyspace *keyspace, const struct command_once *once,
                             struct once_reply *ret_reply);
/* It was executed now, as that entry, with that reply, which must not point into the keyspace. */
void once_keep(struct keyspace *keyspace, const struct command_once *once, uint64_t index,
               struct slice reply);
/* Remembers the client of that user from now on, if it is not known yet, and returns its next
 * number: at least 2, so that none is taken for the first one of a client that is not remembered.
 * 0: too many. */
uint64_t once_open(struct keyspace *keyspace, uint64_t user, struct slice client, uint32_t keep_s);

#endif /* RAKIT_KV_ONCE_H */
