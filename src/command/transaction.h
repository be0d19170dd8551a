/* transaction.h - several commands in one log entry: all of them are executed, one after the
 * other with nothing in between, or none. Whether keys that a client watches are still what it
 * saw is decided where the entry is executed, on all nodes alike (ADR 35).
 *
 * Clients send MULTI, WATCH and EXEC; client/transaction.c makes these commands of them. Their
 * arguments: the name; a mode and the watched keys (struct watched, one after the other); then
 * for each command its payload (kv/codec.h), which names its database. */
#ifndef RAKIT_COMMAND_TRANSACTION_H
#define RAKIT_COMMAND_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kv/command.h"
#include "kv/kv.h"

enum transaction_mode {
    /* If no watched key has changed: executes all, and replies their replies as an array.
     * Otherwise it executes none, and replies null. */
    TRANSACTION_IF_UNCHANGED = 1,
    /* Executes its one command in any case. Behind the reply stands a byte: whether a watched
     * key had changed by then, or has because of it. */
    TRANSACTION_AND_COMPARE = 2,
    /* Replies the versions of the watched keys, as a string. */
    TRANSACTION_VERSIONS = 3,
};

enum {
    TRANSACTION_FIRST = 2,
    TRANSACTION_WATCHED_MAX = 1024,
    TRANSACTION_WATCHED_BYTES_MAX = 16 * 1024 * 1024, /* Of the values; they are read each time. */
    TRANSACTION_VERSION_BYTES = 12,
    /* The byte behind a reply; a reply ends with a line end. */
    TRANSACTION_CHANGED = '!',
    TRANSACTION_UNCHANGED = '=',
};

struct watched {
    uint32_t database;
    struct slice key;
    struct kv_version version;
};

void watched_append(struct buffer *to, const struct watched *w);
/* Takes one off the front of *rest; its key is borrowed. False if there is none. */
bool watched_take(struct slice *rest, struct watched *ret_watched);
/* The same for a version in a reply to TRANSACTION_VERSIONS. */
bool watched_take_version(struct slice *rest, struct kv_version *ret_version);

/* Whether this is the name of one of them: the payloads of its commands are its arguments from
 * TRANSACTION_FIRST on. */
bool transaction_is(struct slice name);
/* The command for a transaction whose commands all read, or may take memory. */
const struct command *transaction_command(bool only_reads, bool may_grow);

extern const struct command transaction_commands[];

#endif /* RAKIT_COMMAND_TRANSACTION_H */
