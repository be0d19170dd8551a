#include "command/execute.h"

#include "base/mutant.h"
#include "command/table.h"
#include "kv/keyspace.h"
#include "resp/errors.h"

static const struct command *refuse(struct resp_writer *reply, const char *error)
{
    resp_error(reply, error);
    return NULL;
}

const struct command *command_inner_find(const struct command_table *table,
                                         const struct command_inner *inner,
                                         struct resp_writer *reply)
{
    const struct command *command = command_for(command_find(table, inner->arguments[0]),
                                                inner->argument_count, inner->arguments);

    if (command == NULL) {
        return refuse(reply, ERROR_UNKNOWN_INNER);
    }
    if (((command->flags & (COMMAND_READ | COMMAND_WRITE)) == 0 && command->inner == NULL) ||
        (command->flags & COMMAND_OUTERMOST) != 0) {
        return refuse(reply, ERROR_NOT_INNER);
    }
    if (inner->only_reads && (command->flags & COMMAND_WRITE) != 0 && !MUTANT(inner_read_writes)) {
        return refuse(reply, ERROR_WRITE_AS_READ);
    }
    return command_judge(command, inner->database, inner->argument_count, inner->arguments, reply)
               ? command
               : NULL;
}

bool command_execute_inner(struct command_call *outer, const struct command_inner *inner,
                           struct resp_writer *reply)
{
    const struct command *command = command_inner_find(outer->commands, inner, reply);
    struct command_call call = *outer;

    if (command == NULL) {
        return false;
    }
    if (command->since_level > outer->level) {
        resp_errorf(reply, ERROR_LEVEL, command->name, (unsigned)command->since_level,
                    (unsigned)outer->level, "", "");
        return false;
    }
    if (outer->guard != NULL && !MUTANT(inner_not_admitted) &&
        !outer->guard->admits(outer->guard, inner->in_script, command, inner->argument_count,
                              inner->arguments, reply)) {
        return true;
    }
    if ((command->flags & COMMAND_VARIES) != 0 && outer->is_kept && !MUTANT(varying_reply_kept)) {
        resp_error(reply, ERROR_NOT_INNER);
        return false;
    }
    call.command = command;
    call.argument_count = inner->argument_count;
    call.arguments = inner->arguments;
    call.reply = reply;
    call.database = inner->database;
    call.kv = keyspace_database(outer->keyspace, inner->database);
    call.work = 0;
    (command->inner != NULL ? command->inner : command->handler)(&call);
    outer->work += call.work;
    outer->steps = call.steps;
    return true;
}
