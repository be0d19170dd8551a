/* wire_kind.h - the table of message kinds: number, name, who sends it and where, and its body.
 * A test compares it with docs/WIRE.md. A new kind needs a row and its fields in wire_kind.c,
 * and its number and struct in wire.h. */
#ifndef RAKIT_PEER_WIRE_KIND_H
#define RAKIT_PEER_WIRE_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "peer/wire.h"
#include "peer/wire_field.h"

/* Who may send it, and where. Sent otherwise, it ends the connection. */
enum wire_use {
    WIRE_BY_DIALER = 1,
    WIRE_BY_LISTENER = 2,
    WIRE_IN_GREETING = 4, /* Before the connection is welcomed; other kinds only after that. */
    WIRE_ON_CONTROL = 8,
    WIRE_ON_BULK = 16,
    WIRE_OF_GROUP = 32, /* Its frame names a group; for other kinds that is 0. */
};

struct wire_kind {
    enum wire_type type;
    const char *name;
    uint32_t uses;
    struct wire_fields fields;
    const char *rest_name; /* What may follow the fields; or NULL. */
    uint32_t rest_max;     /* In bytes. */
};

/* NULL if there is none. */
const struct wire_kind *wire_kind_of(uint8_t type);
/* All kinds, in the order of their numbers. */
uint32_t wire_kind_count(void);
const struct wire_kind *wire_kind_at(uint32_t i);

uint32_t wire_body_min(const struct wire_kind *kind);
uint32_t wire_body_max(const struct wire_kind *kind);

#endif /* RAKIT_PEER_WIRE_KIND_H */
