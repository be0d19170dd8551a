/* commands.h - the table of all commands of a node. */
#ifndef RAKIT_SERVER_COMMANDS_H
#define RAKIT_SERVER_COMMANDS_H

struct command_table; /* command/table.h */

/* The table must be empty. */
void commands_add_all(struct command_table *t);

#endif /* RAKIT_SERVER_COMMANDS_H */
