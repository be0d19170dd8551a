/* key_filter.h - which commands are about a key. */
#ifndef RAKIT_INSPECT_KEY_FILTER_H
#define RAKIT_INSPECT_KEY_FILTER_H

#include "command/table.h"

/* Whether one of the command's keys matches the pattern, as in KEYS. A command without keys
 * (FLUSHALL) matches, because it concerns all keys. In an unknown command each argument may be a
 * key. False if the payload is not one of a command. */
bool key_filter_matches(const struct command_table *commands, struct slice pattern,
                        struct slice payload);

#endif /* RAKIT_INSPECT_KEY_FILTER_H */
