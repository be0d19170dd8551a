/* execute.h - executes a command within another one: in a transaction or a script. */
#ifndef RAKIT_COMMAND_EXECUTE_H
#define RAKIT_COMMAND_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

struct command_inner {
    uint32_t database;
    uint32_t argument_count;
    const struct slice *arguments; /* [0] is the name. */
    bool only_reads;               /* A command that writes is refused. */
    bool in_script;                /* Otherwise it is in a transaction. */
};

/* The command, if it may be executed within another one: a data command whose arguments are
 * right. Otherwise NULL, and the error was written. It uses nothing else, so all nodes decide
 * alike. */
const struct command *command_inner_find(const struct command_table *table,
                                         const struct command_inner *inner,
                                         struct resp_writer *reply);
/* The same, and executes it as part of `outer`, whose user must be admitted. Writes exactly one
 * reply. Returns whether that is not an error of command_inner_find(). */
bool command_execute_inner(struct command_call *outer, const struct command_inner *inner,
                           struct resp_writer *reply);

#endif /* RAKIT_COMMAND_EXECUTE_H */
