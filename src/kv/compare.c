/* compare.c - commands that compare the value of a key with what its writer expects: DELEX and
 * DIGEST of Redis, DELIFEQ of Valkey. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/condition.h"
#include "kv/kv.h"
#include "resp/errors.h"

static void delete_if(struct command_call *call, const struct condition *condition)
{
    struct slice key = call->arguments[1];
    struct slice value;
    bool exists;
    bool is_deleted;

    if (condition->kind == CONDITION_NONE) {
        is_deleted = kv_delete(call->kv, key);
    } else {
        if (!call_find(call, 1, VALUE_STRING, &value, &exists)) {
            return;
        }
        is_deleted = exists && condition_holds(condition, &value) && kv_delete(call->kv, key);
    }
    if (is_deleted) {
        call_changed(call, EVENT_GENERIC, "del", key);
    }
    resp_integer(call->reply, is_deleted ? 1 : 0);
}

/* Replies an error if it returns false. */
static bool read_delex(struct command_call *call, struct condition *ret_condition)
{
    *ret_condition = (struct condition){CONDITION_NONE, {NULL, 0}};
    if (call->argument_count == 2) {
        return true;
    }
    if (call->argument_count != 4) {
        resp_errorf(call->reply, ERROR_ARITY, "delex");
        return false;
    }
    if (condition_read(call, 2, ret_condition) == 0) {
        resp_error(call->reply, ERROR_CONDITION);
        return false;
    }
    return condition_check(call, ret_condition);
}

static bool check_delex(struct command_call *call)
{
    struct condition condition;

    return read_delex(call, &condition);
}

static void delex_command(struct command_call *call)
{
    struct condition condition;

    if (read_delex(call, &condition)) {
        delete_if(call, &condition);
    }
}

static void delifeq_command(struct command_call *call)
{
    struct condition condition = {CONDITION_IFEQ, call->arguments[2]};

    delete_if(call, &condition);
}

static void digest_command(struct command_call *call)
{
    char digest[CONDITION_DIGEST_BYTES];
    struct slice value;
    bool exists;

    if (!call_find(call, 1, VALUE_STRING, &value, &exists)) {
        return;
    }
    if (!exists) {
        resp_null(call->reply);
        return;
    }
    condition_write_digest(digest, value);
    call->work = value.size;
    resp_bulk(call->reply, slice_of(digest, sizeof digest));
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command compare_commands[] = {
    {.name = "DELEX", .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = delex_command, .check = check_delex, .group = "string",
     .arguments = "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest "
                  "| IFDNE ifdne-digest]",
     .since = "8.4.0",
     .summary = "Deletes a key if its value is what is expected. IFDEQ, IFDNE: by its digest."},
    {.name = "DELIFEQ", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = delifeq_command, .group = "string", .arguments = "key value", .since = "9.0.0",
     .summary = "Deletes a key if it has that value: the same as DELEX IFEQ, as in Valkey."},
    {.name = "DIGEST", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = digest_command, .group = "string", .arguments = "key", .since = "8.4.0",
     .summary = "Returns the XXH3 digest of a value, 16 hexadecimal digits, for SET and DELEX."},
    {.name = NULL},
};
/* clang-format on */
