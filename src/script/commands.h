/* commands.h - EVAL and its relatives, SCRIPT. */
#ifndef RAKIT_SCRIPT_COMMANDS_H
#define RAKIT_SCRIPT_COMMANDS_H

#include "kv/command.h"

/* Ends with a nameless row. */
extern const struct command script_commands[];

/* By how much any of them may enlarge the data. */
uint64_t script_growth(const struct command_call *call, uint64_t ahead);

#endif /* RAKIT_SCRIPT_COMMANDS_H */
