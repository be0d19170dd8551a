/* loader.h - FUNCTION LOAD: from the source of a library to what is stored. */
#ifndef RAKIT_SCRIPT_LOADER_H
#define RAKIT_SCRIPT_LOADER_H

#include <stdbool.h>

#include "script/library.h"

struct command_call;
struct keyspace;

/* Loads the library and stores it in `keyspace`; `replaces`: even if there is one of that name.
 * Then `ret` has its name, until library_deinit(), which must follow in any case. False: nothing
 * has changed, and the error was replied. */
bool loader_load(struct command_call *call, struct keyspace *keyspace, struct slice code,
                 bool replaces, struct library *ret);
/* Whether so much more has room, or replies the error. */
bool loader_has_room(struct command_call *call, struct keyspace *keyspace, uint64_t libraries,
                     uint64_t bytes);

#endif /* RAKIT_SCRIPT_LOADER_H */
