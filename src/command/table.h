/* table.h - all commands of a node. Each room exports its rows, and server/ assembles the table
 * at the start. Handlers are called only through the rows. */
#ifndef RAKIT_COMMAND_TABLE_H
#define RAKIT_COMMAND_TABLE_H

#include <stdint.h>

#include "kv/command.h"

enum { COMMANDS_MAX = 256, COMMAND_PLACES = 1024 };

/* Empty if it is zeroed. */
struct command_table {
    uint32_t count;
    const struct command *rows[COMMANDS_MAX]; /* By name. */
    const struct command *places[COMMAND_PLACES];
};

/* Adds rows, up to a nameless one. They are borrowed. No name may be in the table already. */
void command_table_add(struct command_table *t, const struct command *rows);
/* Adds the row of that name from another table, if it is there. */
void command_table_share(struct command_table *t, const struct command_table *from,
                         const char *name);
/* The command of that name, ignoring case, or NULL. Constant time. */
const struct command *command_find(const struct command_table *t, struct slice name);
/* The same among those that clients may send. */
const struct command *command_find_public(const struct command_table *t, struct slice name);
/* The row that counts for such arguments: that of the subcommand, if its command treats it
 * differently (command.choose); otherwise `command`, which may be NULL. */
const struct command *command_for(const struct command *command, uint32_t argument_count,
                                  const struct slice *arguments);
/* Whether there is such a database, and the command accepts these arguments, of which the first
 * is its name: by their number, their sizes, and its own check. If not, writes the error to
 * `reply`. It uses nothing else, so all nodes judge alike: a client's command, a forwarded one,
 * and a log entry. */
bool command_judge(const struct command *command, uint32_t database, uint32_t argument_count,
                   const struct slice *arguments, struct resp_writer *reply);
/* The positions of the first and of the last key in such a call; false if it has none. */
bool command_key_range(const struct command *command, uint32_t argument_count,
                       const struct slice *arguments, uint32_t *ret_first, uint32_t *ret_last);

#endif /* RAKIT_COMMAND_TABLE_H */
