/* commands.h - EVAL and its relatives, SCRIPT. */
#ifndef RAKIT_SCRIPT_COMMANDS_H
#define RAKIT_SCRIPT_COMMANDS_H

#include "kv/command.h"

/* Ends with a nameless row. */
extern const struct command script_commands[];

#endif /* RAKIT_SCRIPT_COMMANDS_H */
