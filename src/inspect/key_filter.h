/* key_filter.h - which commands are about a key. */
#ifndef RAKIT_INSPECT_KEY_FILTER_H
#define RAKIT_INSPECT_KEY_FILTER_H

#include "command/table.h"

/* Whether one of its keys matches the pattern, as KEYS has them; also a command without any keys
 * (FLUSHALL), which is about all. Of an unknown command each argument may be a key. False if the
 * payload is not one of a command. */
bool key_filter_matches(const struct command_table *commands, struct slice pattern,
                        struct slice payload);

#endif /* RAKIT_INSPECT_KEY_FILTER_H */
