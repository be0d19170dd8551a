/* codec.h - the payload of a log entry with a command: the number of its database, the number
 * under which its client wants it executed once, if it has one, its user, unless that is the
 * default one, and the arguments, of which the first is the command's name.
 *
 *   format (1 byte, 3), flags (1 byte: 1 ONCE follows; 2 then also: its reply is in RESP3; 4 the
 *   user follows), database (1 byte),
 *   with ONCE: size and bytes of the client's name, the number, and for how many seconds it is
 *   remembered (not 0),
 *   the user's id (not 0), if it follows,
 *   argument count, then for each argument its size and bytes
 *
 * Numbers, counts and sizes are varints: 7 bits per byte, lowest first, the top bit set on
 * all but the last, no longer than needed. Equal commands have equal payloads. */
#ifndef RAKIT_KV_CODEC_H
#define RAKIT_KV_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    COMMAND_ARGUMENTS_MAX = 1024 * 1024,
    COMMAND_DATABASE_AT = 2, /* In a payload. */
    COMMAND_CLIENT_BYTES_MAX = 128,
    COMMAND_KEEP_S_MAX = 7 * 24 * 3600,
};

/* For a command that is executed at most once, however often it is in the log (kv/once.h). */
struct command_once {
    struct slice client;  /* Borrowed; empty: it is no such command. */
    uint64_t number;      /* Of the command, among those of that client; not 0. */
    uint32_t keep_s;      /* How long it is remembered, up to COMMAND_KEEP_S_MAX. */
    uint64_t user;        /* Whose command it is: each user has names of clients of its own. */
    uint8_t resp_version; /* Of the reply, 2 or 3: all nodes make the same one. */
};

/* What precedes the arguments. */
struct command_head {
    struct command_once once;
    uint64_t user; /* The id of the user whose command it is: see users/users.h. */
    uint32_t argument_count;
    uint8_t database;
};

size_t command_payload_size(const struct command_head *head, const struct slice *arguments);
/* `to` has room for command_payload_size() bytes; the count is at least 1 and at most
 * COMMAND_ARGUMENTS_MAX. */
void command_payload_write(char *to, const struct command_head *head,
                           const struct slice *arguments);

/* False if `payload` does not begin like one. The returned count does not exceed the bytes of
 * the payload; the database is not checked. */
bool command_payload_head(struct slice payload, struct command_head *ret_head);
/* Reads the arguments, which borrow from `payload`. False, with `arguments` undefined, if
 * `payload` is not exactly what command_payload_write() makes, or has more than `arguments_max`
 * arguments. */
bool command_payload_read(struct slice payload, struct slice *arguments, uint32_t arguments_max,
                          uint32_t *ret_argument_count);

/* The first argument after the name, usually a key, borrowed; empty if there is none. Only for
 * hints: if it is not a payload, any part of it may be returned. */
struct slice command_payload_first(struct slice payload, uint8_t *ret_database);

#endif /* RAKIT_KV_CODEC_H */
