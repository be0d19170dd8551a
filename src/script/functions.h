/* functions.h - the libraries of functions that are stored: replicated state, in the database
 * KEYSPACE_FUNCTIONS, so that they are in snapshots and digests, and the same on all nodes. */
#ifndef RAKIT_SCRIPT_FUNCTIONS_H
#define RAKIT_SCRIPT_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "script/library.h"

struct keyspace;

enum {
    FUNCTIONS_LIBRARIES_MAX = 1024,
    FUNCTIONS_BYTES_MAX = 2 * 1024 * 1024, /* As library_bytes() counts them. */
};

struct functions_totals {
    uint64_t libraries;
    uint64_t functions;
    uint64_t bytes;
};

struct functions_totals functions_totals(struct keyspace *keyspace);

/* Where a function is. */
struct functions_place {
    struct slice name; /* As it was registered. */
    struct slice library;
    uint32_t flags;
};

/* What these return is borrowed until a change. Case does not matter for a function's name, but
 * for that of a library. False: there is none. */
bool functions_find(struct keyspace *keyspace, struct slice name, struct functions_place *ret);
bool functions_find_library(struct keyspace *keyspace, struct slice name, struct library *ret);
/* Puts the names of all libraries, struct slice, into `to`, sorted. */
void functions_list(struct keyspace *keyspace, struct buffer *to);

/* The first of its functions that another library has, unless `replaces` contains that one, too.
 * False: there is none. */
bool functions_collide(struct keyspace *keyspace, const struct library *library,
                       struct keyspace *replaces, struct slice *ret_name);
/* Stores it; a library of that name goes. It must not point into the keyspace. */
void functions_put(struct keyspace *keyspace, const struct library *library);
/* False: there is no such library. */
bool functions_remove(struct keyspace *keyspace, struct slice name);
void functions_clear(struct keyspace *keyspace);

#endif /* RAKIT_SCRIPT_FUNCTIONS_H */
