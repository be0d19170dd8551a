/* copy.c - commands that give a value another key: RENAME, RENAMENX, COPY. */
#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/item.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/kv_private.h"
#include "resp/errors.h"

/* --- RENAME ------------------------------------------------------------------------------ */

/* Returns whether the key has the other name now, or had it before; an error is replied. */
static bool rename_key(struct command_call *call, bool only_new, bool *ret_is_done)
{
    struct slice from = call->arguments[1];
    struct slice to = call->arguments[2];
    struct slice value;
    bool is_same = slice_equal(from, to);

    if (!kv_get(call->kv, from, &value)) {
        resp_error(call->reply, ERROR_NO_SUCH_KEY);
        return false;
    }
    *ret_is_done = !only_new || !(is_same || kv_get(call->kv, to, &value));
    if (*ret_is_done && !is_same) {
        kv_rename(call->kv, from, to);
        call_changed(call, EVENT_GENERIC, "rename_from", from);
        call_changed(call, EVENT_GENERIC, "rename_to", to);
    }
    return true;
}

static void rename_command(struct command_call *call)
{
    bool is_done;

    if (rename_key(call, false, &is_done)) {
        resp_ok(call->reply);
    }
}

static void renamenx_command(struct command_call *call)
{
    bool is_done;

    if (rename_key(call, true, &is_done)) {
        resp_integer(call->reply, is_done ? 1 : 0);
    }
}

/* --- COPY -------------------------------------------------------------------------------- */

enum {
    COPY_ARGUMENTS_MAX = 8,
    HEADER_BYTES = 32, /* More than an item's. */
};

struct copy_options {
    uint32_t database; /* Where the copy goes. */
    bool replaces;
};

/* Replies an error if it returns false. The growth of a command with more arguments is not known
 * (replica/memory.c). */
static bool read_copy(struct command_call *call, struct copy_options *ret_options)
{
    *ret_options = (struct copy_options){.database = call->database};
    if (call->argument_count > COPY_ARGUMENTS_MAX) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    for (uint32_t i = 3; i < call->argument_count; i++) {
        struct slice word = call->arguments[i];

        if (slice_is(word, "REPLACE")) {
            ret_options->replaces = true;
        } else if (slice_is(word, "DB") && i + 1 < call->argument_count) {
            if (!kv_read_database(call, ++i, &ret_options->database)) {
                return false;
            }
        } else {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
    }
    if (ret_options->database == call->database &&
        slice_equal(call->arguments[1], call->arguments[2])) {
        resp_error(call->reply, ERROR_SAME_OBJECT);
        return false;
    }
    return true;
}

static bool check_copy(struct command_call *call)
{
    struct copy_options options;

    call->work = CALL_VALUE_BYTES_MAX; /* The value may be that large. */
    return read_copy(call, &options);
}

/* The commands before it may give the key any other value. */
static uint64_t copy_growth(const struct command_call *call, uint64_t ahead)
{
    size_t other_bytes = HEADER_BYTES + call->arguments[2].size;
    struct slice value = {NULL, 0};

    (void)kv_get(call->kv, call->arguments[1], &value);
    if (ahead == 1) { /* A script asks at the moment of the call, and subtracts the size. */
        return value.size > CALL_VALUE_BYTES_MAX
                   ? 0
                   : value.size + heap_bytes(value.size + other_bytes);
    }
    if (ahead > 0) {
        return heap_bytes(CALL_VALUE_BYTES_MAX + other_bytes);
    }
    return value.size > CALL_VALUE_BYTES_MAX ? 0 : heap_bytes(value.size + other_bytes);
}

static void copy_command(struct command_call *call)
{
    struct copy_options options;
    struct slice value;
    struct slice to = call->arguments[2];

    if (!read_copy(call, &options)) {
        return;
    }

    struct kv *other = keyspace_database(call->keyspace, options.database);
    struct slice old;

    if (!kv_get(call->kv, call->arguments[1], &value) ||
        (!options.replaces && kv_get(other, to, &old))) {
        resp_integer(call->reply, 0);
        return;
    }
    if (!call_value_fits(call, value.size)) {
        return;
    }
    kv_copy(call->kv, call->arguments[1], other, to);
    keyspace_report(call->keyspace, options.database, EVENT_GENERIC, "copy_to", to);
    resp_integer(call->reply, 1);
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command copy_commands[] = {
    {.name = "COPY", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM,
     .first_key = 1, .last_key = 2, .key_step = 1, .handler = copy_command, .check = check_copy,
     .growth = copy_growth, .group = "generic",
     .arguments = "source destination [DB destination-db] [REPLACE]",
     .integers = "destination-db", .since = "6.2.0",
     .summary = "Copies a value of up to 64 MB, with its type and expiry, to another key, unless "
                "that exists. REPLACE: even then. DB: in another database."},
    {.name = "RENAME", .arity = 3, .flags = COMMAND_WRITE, COMMAND_KEYS,
     .handler = rename_command, .group = "generic", .arguments = "key newkey", .since = "1.0.0",
     .summary = "Gives a value another key, and replaces the value there. Its expiry stays."},
    {.name = "RENAMENX", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_KEYS,
     .handler = renamenx_command, .group = "generic", .arguments = "key newkey", .since = "1.0.0",
     .summary = "Gives a value another key, unless that exists."},
    {.name = NULL},
};
/* clang-format on */
