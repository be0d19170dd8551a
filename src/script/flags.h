/* flags.h - what a script or function promises, or asks for: "no-writes", for one. All but that
 * one have no effect here, since memory is a hard limit, no node serves stale data, and all keys
 * are on each node. */
#ifndef RAKIT_SCRIPT_FLAGS_H
#define RAKIT_SCRIPT_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "resp/resp.h"

/* In the order in which Redis shows them. */
enum script_flag {
    SCRIPT_NO_WRITES = 1,
    SCRIPT_ALLOW_OOM = 2,
    SCRIPT_ALLOW_STALE = 4,
    SCRIPT_NO_CLUSTER = 8,
    SCRIPT_ALLOW_CROSS_SLOT = 16,
};

/* Adds the flag of that name; false if there is none. */
bool flags_add(struct slice name, uint32_t *flags);
void flags_reply(struct resp_writer *w, uint32_t flags);

#endif /* RAKIT_SCRIPT_FLAGS_H */
