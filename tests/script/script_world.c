#include "script_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kv/commands.h"
#include "kv/keyspace.h"
#include "script/commands.h"
#include "script/function_commands.h"

int up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->keyspace = keyspace_new(1);
    w->version = 2;
    for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
        command_table_add(&w->table, kv_command_tables[i]);
    }
    command_table_add(&w->table, script_commands);
    command_table_add(&w->table, function_commands);
    *state = w;
    return 0;
}

int down(void **state)
{
    struct world *w = *state;

    buffer_deinit(&w->out);
    keyspace_free(w->keyspace);
    free(w);
    return 0;
}

const char *run(struct world *w, uint32_t count, const struct slice *arguments)
{
    struct resp_writer reply = {&w->out, w->version};
    const struct command *command = command_find(&w->table, arguments[0]);
    struct command_call call = {.command = command,
                                .argument_count = count,
                                .arguments = arguments,
                                .reply = &reply,
                                .kv = keyspace_database(w->keyspace, 0),
                                .keyspace = w->keyspace,
                                .time_us = 1234567890123456,
                                .commands = &w->table,
                                .steps = w->steps_before,
                                .level = 1};

    buffer_clear(&w->out);
    assert_non_null(command);
    if (command_judge(command, 0, count, arguments, &reply)) {
        call.work = 0;
        command->handler(&call);
    }
    w->work = call.work;
    w->steps = call.steps;
    buffer_append(&w->out, "", 1);
    return buffer_begin(&w->out);
}

const char *eval(struct world *w, const char *script)
{
    const struct slice arguments[] = {slice_str("EVAL"), slice_str(script), slice_str("0")};

    return run(w, 3, arguments);
}

const char *call(struct world *w, uint32_t count, const char *const *words)
{
    struct slice arguments[8];

    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = slice_str(words[i]);
    }
    return run(w, count, arguments);
}
