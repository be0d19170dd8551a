/* generic.c - commands on keys whatever their values are. */
#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

void kv_command_del(struct command_call *call)
{
    int64_t deleted = 0;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        call_expect_keys(call, i, 1);
        deleted += kv_delete(call->kv, call->arguments[i]) ? 1 : 0;
    }
    resp_integer(call->reply, deleted);
}

/* A key named twice counts twice. */
void kv_command_exists(struct command_call *call)
{
    struct slice value;
    int64_t found = 0;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        call_expect_keys(call, i, 1);
        found += kv_get(call->kv, call->arguments[i], &value) ? 1 : 0;
    }
    resp_integer(call->reply, found);
}

void kv_command_type(struct command_call *call)
{
    struct slice value;

    resp_simple(call->reply, kv_get(call->kv, call->arguments[1], &value) ? "string" : "none");
}

void kv_command_dbsize(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)kv_count(call->kv));
}

bool kv_check_flushall(struct command_call *call)
{
    bool is_valid = call->argument_count == 1 ||
                    (call->argument_count == 2 && (slice_is(call->arguments[1], "SYNC") ||
                                                   slice_is(call->arguments[1], "ASYNC")));

    if (!is_valid) {
        resp_error(call->reply, REPLY_SYNTAX_ERROR);
    }
    return is_valid;
}

/* Memory is freed lazily in either case: ASYNC and SYNC differ in nothing else. */
void kv_command_flushall(struct command_call *call)
{
    if (kv_check_flushall(call)) {
        keyspace_clear(call->keyspace);
        resp_ok(call->reply);
    }
}

void kv_command_flushdb(struct command_call *call)
{
    if (kv_check_flushall(call)) {
        MUTANT_DO(flushdb_clears_all, keyspace_clear(call->keyspace));
        kv_clear(call->kv);
        resp_ok(call->reply);
    }
}
