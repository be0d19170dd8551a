/* codec.h - the payload of a log entry that carries a command: the number of the
 * database it is meant for, the session of a client that it belongs to, if any, and the
 * arguments as they came in, the name first.
 *
 *   format (1 byte, 3), flags (1 byte: 1 a session follows, no other), database (1 byte),
 *   with a session: its id (not 0) and the number of the command in it,
 *   argument count, then for each argument its size and bytes
 *
 * Ids, numbers, counts and sizes are varints: 7 bits a byte, lowest first, the top bit set
 * on all but the last, no longer than needed. Equal commands have equal payloads. */
#ifndef RAKIT_KV_CODEC_H
#define RAKIT_KV_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    COMMAND_ARGUMENTS_MAX = 1024 * 1024,
    COMMAND_DATABASE_AT = 2, /* In a payload. */
};

/* What stands before the arguments. */
struct command_head {
    uint64_t session; /* Of the client that sent it; 0: it belongs to none. */
    uint64_t number;  /* Of the command in that session; without one it is not written. */
    uint32_t argument_count;
    uint8_t database;
};

size_t command_payload_size(const struct command_head *head, const struct slice *arguments);
/* `to` has room for command_payload_size() bytes; the count is at least 1 and at
 * most COMMAND_ARGUMENTS_MAX. */
void command_payload_write(char *to, const struct command_head *head,
                           const struct slice *arguments);

/* False if `payload` does not begin like one. A count that comes back is not more than the
 * payload has bytes; the database may be any. */
bool command_payload_head(struct slice payload, struct command_head *ret_head);
/* Reads the arguments, which borrow from `payload`. False, with nothing to be relied
 * on in `arguments`, where `payload` is not exactly what command_payload_write()
 * makes or has more than `arguments_max` of them. */
bool command_payload_read(struct slice payload, struct slice *arguments, uint32_t arguments_max,
                          uint32_t *ret_argument_count);

/* The first argument behind the name, mostly a key, borrowed; empty where there is none.
 * For hints only: of what is not a payload, it may be anything within it. */
struct slice command_payload_first(struct slice payload, uint8_t *ret_database);

#endif /* RAKIT_KV_CODEC_H */
