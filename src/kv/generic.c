/* generic.c - commands on keys of any value. */
#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/errors.h"

static void del_command(struct command_call *call)
{
    int64_t deleted = 0;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        call_expect_keys(call, i, 1);
        if (kv_delete(call->kv, call->arguments[i])) {
            deleted++;
            call_changed(call, EVENT_GENERIC, "del", call->arguments[i]);
        }
    }
    resp_integer(call->reply, deleted);
}

/* A key named twice counts twice. */
static void exists_command(struct command_call *call)
{
    struct slice value;
    int64_t found = 0;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        call_expect_keys(call, i, 1);
        found += kv_get(call->kv, call->arguments[i], &value) ? 1 : 0;
    }
    resp_integer(call->reply, found);
}

static void type_command(struct command_call *call)
{
    struct kv_value value;

    resp_simple(call->reply, kv_find(call->kv, call->arguments[1], &value)
                                 ? value_type_name(value.traits.type)
                                 : "none");
}

static void dbsize_command(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)kv_count(call->kv));
}

static bool check_flushall(struct command_call *call)
{
    bool is_valid = call->argument_count == 1 ||
                    (call->argument_count == 2 && (slice_is(call->arguments[1], "SYNC") ||
                                                   slice_is(call->arguments[1], "ASYNC")));

    if (!is_valid) {
        resp_error(call->reply, ERROR_SYNTAX);
    }
    return is_valid;
}

/* Memory is always freed lazily, which is the only difference between ASYNC and SYNC. */
static void flushall_command(struct command_call *call)
{
    if (check_flushall(call)) {
        keyspace_clear(call->keyspace);
        for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
            call_replaced(call, i);
        }
        resp_ok(call->reply);
    }
}

static void flushdb_command(struct command_call *call)
{
    if (check_flushall(call)) {
        MUTANT_DO(flushdb_clears_all, keyspace_clear(call->keyspace));
        kv_clear(call->kv);
        call_replaced(call, call->database);
        resp_ok(call->reply);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command generic_commands[] = {
    {.name = "DBSIZE", .arity = 1, .flags = COMMAND_READ | COMMAND_FAST, .handler = dbsize_command,
     .group = "server", .arguments = "", .since = "1.0.0",
     .summary = "Counts the keys of this database."},
    {.name = "DEL", .arity = -2, .flags = COMMAND_WRITE, COMMAND_KEYS, .handler = del_command,
     .group = "generic", .arguments = "key [key ...]", .since = "1.0.0",
     .summary = "Deletes keys and counts those that existed."},
    {.name = "EXISTS", .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_KEYS,
     .handler = exists_command, .group = "generic", .arguments = "key [key ...]", .since = "1.0.0",
     .summary = "Counts the keys that exist."},
    {.name = "FLUSHALL", .arity = -1, .flags = COMMAND_WRITE, .handler = flushall_command,
     .check = check_flushall, .group = "server", .arguments = "[ASYNC | SYNC]", .since = "1.0.0",
     .summary = "Deletes all keys of all databases."},
    {.name = "FLUSHDB", .arity = -1, .flags = COMMAND_WRITE, .handler = flushdb_command,
     .check = check_flushall, .group = "server", .arguments = "[ASYNC | SYNC]", .since = "1.0.0",
     .summary = "Deletes all keys of this database."},
    {.name = "TOUCH", .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_KEYS,
     .handler = exists_command, .group = "generic", .arguments = "key [key ...]", .since = "3.2.1",
     .summary = "Counts the keys that exist."},
    {.name = "TYPE", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = type_command, .group = "generic", .arguments = "key", .since = "1.0.0",
     .summary = "Returns the type of a value."},
    {.name = "UNLINK", .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_KEYS,
     .handler = del_command, .group = "generic", .arguments = "key [key ...]", .since = "4.0.0",
     .summary = "Deletes keys: the same as DEL."},
    {.name = NULL},
};
/* clang-format on */
