/* commands.h - the data commands: each file has its handlers and, at its end, their rows. They
 * run on every node, and use only the keyspace and their arguments. docs/CONTRIBUTING.md shows
 * how to add one. */
#ifndef RAKIT_KV_COMMANDS_H
#define RAKIT_KV_COMMANDS_H

#include "kv/command.h"

/* Each table ends with a nameless row. */
extern const struct command string_commands[];
extern const struct command msetex_commands[];
extern const struct command increment_commands[];
extern const struct command range_commands[];
extern const struct command bit_commands[];
extern const struct command number_commands[];
extern const struct command once_commands[];
extern const struct command generic_commands[];
extern const struct command expire_commands[];
extern const struct command copy_commands[];
extern const struct command compare_commands[];
extern const struct command dump_commands[];
extern const struct command object_commands[];
extern const struct command sort_commands[];
extern const struct command databases_commands[];
extern const struct command scan_commands[];
extern const struct command hash_commands[];
extern const struct command hash_expire_commands[];
extern const struct command hash_number_commands[];
extern const struct command hash_scan_commands[];
extern const struct command lcs_commands[];
extern const struct command publish_commands[];

/* All of these tables, up to NULL. */
extern const struct command *const kv_command_tables[];

/* Reads argument `index` as the number of a database, or replies an error. */
bool kv_read_database(struct command_call *call, uint32_t index, uint32_t *ret_database);

#endif /* RAKIT_KV_COMMANDS_H */
