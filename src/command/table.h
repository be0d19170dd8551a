/* table.h - all commands of a node. The rooms export the rows of theirs, and server/ puts them
 * together at the start; whoever looks one up sees no handlers but through its row. */
#ifndef RAKIT_COMMAND_TABLE_H
#define RAKIT_COMMAND_TABLE_H

#include <stdint.h>

#include "kv/command.h"

enum { COMMANDS_MAX = 256, COMMAND_PLACES = 1024 };

/* Empty where it is zero. */
struct command_table {
    uint32_t count;
    const struct command *rows[COMMANDS_MAX]; /* By name. */
    const struct command *places[COMMAND_PLACES];
};

/* Adds rows, up to a nameless one. Each name is a new one. They are borrowed. */
void command_table_add(struct command_table *t, const struct command *rows);
/* The command of that name in any case of letters, or NULL. Constant time. */
const struct command *command_find(const struct command_table *t, struct slice name);
/* Whether there is such a database, and these arguments, the name first, are what the command
 * takes: by their number, their sizes, and its own check. Else writes the error to `reply`. It
 * looks at nothing else, so all nodes judge alike: of a client's command, of one that a peer
 * forwards, and of a log entry. */
bool command_judge(const struct command *command, uint32_t database, uint32_t argument_count,
                   const struct slice *arguments, struct resp_writer *reply);

#endif /* RAKIT_COMMAND_TABLE_H */
