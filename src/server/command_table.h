/* command_table.h - the one table of all commands. */
#ifndef RAKIT_SERVER_COMMAND_TABLE_H
#define RAKIT_SERVER_COMMAND_TABLE_H

#include <stdint.h>

#include "kv/command.h"

/* The command of that name in any case of letters, or NULL. Constant time. */
const struct command *command_find(struct slice name);
uint32_t command_count(void);
const struct command *command_at(uint32_t i);

#endif /* RAKIT_SERVER_COMMAND_TABLE_H */
