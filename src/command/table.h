/* table.h - the one table of all commands. */
#ifndef RAKIT_COMMAND_TABLE_H
#define RAKIT_COMMAND_TABLE_H

#include <stdint.h>

#include "kv/command.h"

/* The command of that name in any case of letters, or NULL. Constant time. */
const struct command *command_find(struct slice name);
/* Whether there is such a database, and these arguments, the name first, are what the command
 * takes: by their number, their sizes, and its own check. Else writes the error to `reply`. It
 * looks at nothing else, so all nodes judge alike: of a client's command, of one that a peer
 * forwards, and of a log entry. */
bool command_judge(const struct command *command, uint32_t database, uint32_t argument_count,
                   const struct slice *arguments, struct resp_writer *reply);
uint32_t command_count(void);
const struct command *command_at(uint32_t i);

/* Where the name stands in the index behind command_find(): perfect for the names in
 * the table, with COMMAND_HASH_SEED. For the test that says what the index must be. */
enum { COMMAND_INDEX_SIZE = 256, COMMAND_HASH_SEED = 2438 };
uint32_t command_name_hash(struct slice name, uint32_t seed);

#endif /* RAKIT_COMMAND_TABLE_H */
