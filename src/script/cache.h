/* cache.h - the scripts that EVALSHA finds, by their SHA-1: replicated state, in the database
 * KEYSPACE_SCRIPTS. What SCRIPT LOAD has stored stays until SCRIPT FLUSH, and is limited; of what
 * EVAL has stored, the oldest goes if there is no room. */
#ifndef RAKIT_SCRIPT_CACHE_H
#define RAKIT_SCRIPT_CACHE_H

#include <stdbool.h>

#include "base/slice.h"

struct keyspace;

enum {
    CACHE_EVALUATED_MAX = 1024,
    CACHE_EVALUATED_BYTES_MAX = 4 * 1024 * 1024,
    CACHE_LOADED_MAX = 4096,
    CACHE_LOADED_BYTES_MAX = 16 * 1024 * 1024,
};

/* `sha` has 40 digits in lower case, here and below. The body is borrowed until a change. */
bool cache_find(struct keyspace *keyspace, const char *sha, struct slice *ret_body);
/* EVAL has executed it. */
void cache_note(struct keyspace *keyspace, const char *sha, struct slice body);
/* False: there is no room, and nothing has changed. */
bool cache_load(struct keyspace *keyspace, const char *sha, struct slice body);
void cache_flush(struct keyspace *keyspace);

#endif /* RAKIT_SCRIPT_CACHE_H */
