/* commands.c - EVAL, EVALSHA, their forms that only read, and SCRIPT. The others are writes: each
 * is one entry of the log, and runs on every node when that is applied. */
#include "script/commands.h"

#include "base/mutant.h"
#include "kv/subcommand.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "script/cache.h"
#include "script/compile.h"
#include "script/engine.h"
#include "script/run.h"
#include "script/sha1.h"
#include "script/shebang.h"

enum {
    SCRIPT_WORK = 4 * 1024, /* Of most scripts, for the share of a connection. */
    FIRST_KEY = 3,
};

/* --- arguments ------------------------------------------------------------------------------ */

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static bool read_key_count(struct command_call *call, uint32_t *ret_count)
{
    int64_t count = 0;

    if (!decimal_read(call->arguments[2], &count)) {
        return refuse(call, ERROR_NOT_AN_INTEGER);
    }
    if (count > (int64_t)call->argument_count - FIRST_KEY) {
        return refuse(call, ERROR_SCRIPT_MANY_KEYS);
    }
    if (count < 0) {
        return refuse(call, ERROR_SCRIPT_NEGATIVE_KEYS);
    }
    *ret_count = (uint32_t)count;
    return true;
}

static bool check_eval(struct command_call *call)
{
    uint32_t count;

    call->work = SCRIPT_WORK;
    if (call->arguments[1].size > SCRIPT_BODY_BYTES_MAX) {
        return refuse(call, ERROR_SCRIPT_TOO_LARGE);
    }
    return read_key_count(call, &count);
}

uint64_t script_growth(const struct command_call *call, uint64_t ahead)
{
    uint64_t bytes = 0;

    (void)ahead;
    for (uint32_t i = 0; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    return run_growth_bytes(bytes);
}

/* --- running ------------------------------------------------------------------------------ */

static bool run(struct command_call *call, const char *sha, struct slice body, bool is_read)
{
    struct shebang shebang;
    uint32_t key_count = 0;

    if (!read_key_count(call, &key_count) || !shebang_read(body, &shebang, call->reply)) {
        return false;
    }
    if (is_read && shebang.is_there && !shebang.no_writes) {
        return refuse(call, ERROR_SCRIPT_WRITES);
    }
    const struct slice *keys = call->arguments + FIRST_KEY;
    struct script_run script = {.call = call,
                                .source = body,
                                .name = slice_of(sha, SHA1_DIGITS),
                                .keys = keys,
                                .key_count = key_count,
                                .arguments = keys + key_count,
                                .argument_count = call->argument_count - FIRST_KEY - key_count,
                                .only_reads = is_read || shebang.no_writes};

    return run_script(&script);
}

static void eval_command(struct command_call *call)
{
    char sha[SHA1_DIGITS];

    images_sha(&engine_get()->images, call->arguments[1], sha);
    if (run(call, sha, call->arguments[1], false)) {
        cache_note(call->keyspace, sha, call->arguments[1]);
    }
}

/* A read changes no state, so the script is not stored. */
static void eval_ro_command(struct command_call *call)
{
    char sha[SHA1_DIGITS];

    images_sha(&engine_get()->images, call->arguments[1], sha);
    run(call, sha, call->arguments[1], true);
}

/* Its digits in lower case; false if it is no SHA-1. */
static bool read_sha(struct slice text, char *ret_sha)
{
    for (size_t i = 0; i < SHA1_DIGITS && text.size == SHA1_DIGITS; i++) {
        char c = text.data[i];

        ret_sha[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return text.size == SHA1_DIGITS;
}

static void run_stored(struct command_call *call, bool is_read)
{
    char sha[SHA1_DIGITS];
    struct slice body;

    if (read_sha(call->arguments[1], sha) && cache_find(call->keyspace, sha, &body)) {
        run(call, sha, body, is_read);
    } else {
        resp_error(call->reply, ERROR_NO_SCRIPT);
    }
}

static void evalsha_command(struct command_call *call)
{
    run_stored(call, false);
}

static void evalsha_ro_command(struct command_call *call)
{
    run_stored(call, true);
}

/* --- SCRIPT --------------------------------------------------------------------------------- */

static void script_load(struct command_call *call)
{
    struct slice body = call->arguments[2];
    struct shebang shebang;
    char sha[SHA1_DIGITS];

    sha1_digits(body, sha);
    if (!shebang_read(body, &shebang, call->reply) ||
        !compile_script(engine_get(), body, call->reply)) {
        return;
    }
    if (cache_load(call->keyspace, sha, body)) {
        resp_bulk(call->reply, slice_of(sha, sizeof sha));
    } else {
        resp_error(call->reply, ERROR_SCRIPTS_FULL);
    }
}

static void script_exists(struct command_call *call)
{
    resp_array(call->reply, call->argument_count - 2);
    for (uint32_t i = 2; i < call->argument_count; i++) {
        char sha[SHA1_DIGITS];
        struct slice body;
        bool exists = read_sha(call->arguments[i], sha) && cache_find(call->keyspace, sha, &body);

        resp_integer(call->reply, exists ? 1 : 0);
    }
}

static void script_flush(struct command_call *call)
{
    cache_flush(call->keyspace);
    resp_ok(call->reply);
}

static void script_kill(struct command_call *call)
{
    resp_error(call->reply, ERROR_NOT_BUSY);
}

static const struct subcommand script_subcommands[] = {
    {"EXISTS", -3, script_exists, "sha1 [sha1 ...]", "Shows which scripts are stored."},
    {"FLUSH", -2, script_flush, "[ASYNC | SYNC]", "Forgets all scripts."},
    {"KILL", 2, script_kill, "", "Refused: a script ends by itself."},
    {"LOAD", 3, script_load, "script", "Stores a script and returns its SHA-1."},
    {NULL, 0, NULL, NULL, NULL},
};

static bool check_script(struct command_call *call)
{
    if (slice_is(call->arguments[1], "LOAD") && call->argument_count == 3 &&
        call->arguments[2].size > SCRIPT_BODY_BYTES_MAX) {
        return refuse(call, ERROR_SCRIPT_TOO_LARGE);
    }
    if (slice_is(call->arguments[1], "FLUSH") && call->argument_count > 2 &&
        (call->argument_count > 3 ||
         !(slice_is(call->arguments[2], "SYNC") || slice_is(call->arguments[2], "ASYNC")))) {
        return refuse(call, ERROR_SCRIPT_FLUSH);
    }
    return !slice_is(call->arguments[1], "KILL") || refuse(call, ERROR_NOT_BUSY);
}

static void script_command(struct command_call *call)
{
    if (check_script(call)) {
        subcommand_run(call);
    }
}

/* --- rows ----------------------------------------------------------------------------------- */

/* clang-format off */
const struct command script_commands[] = {
    {.name = "EVAL", .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS,
     COMMAND_COUNTED_KEYS, .handler = eval_command, .check = check_eval,
     .growth = script_growth, .group = "scripting",
     .arguments = "script numkeys [key [key ...]] [arg [arg ...]]", .integers = "numkeys",
     .since = "2.6.0", .summary = "Executes a script in Lua, on every node, as one entry."},
    {.name = "EVALSHA", .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS,
     COMMAND_COUNTED_KEYS, .handler = evalsha_command, .check = check_eval,
     .growth = script_growth, .group = "scripting",
     .arguments = "sha1 numkeys [key [key ...]] [arg [arg ...]]", .integers = "numkeys",
     .since = "2.6.0", .summary = "Executes a script that is stored."},
    {.name = "EVALSHA_RO", .arity = -3,
     .flags = COMMAND_READ | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS, COMMAND_COUNTED_KEYS,
     .handler = evalsha_ro_command, .check = check_eval, .group = "scripting",
     .arguments = "sha1 numkeys [key [key ...]] [arg [arg ...]]", .integers = "numkeys",
     .since = "7.0.0", .summary = "Executes a script that is stored, and only reads."},
    {.name = "EVAL_RO", .arity = -3,
     .flags = COMMAND_READ | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS, COMMAND_COUNTED_KEYS,
     .handler = eval_ro_command, .check = check_eval, .group = "scripting",
     .arguments = "script numkeys [key [key ...]] [arg [arg ...]]", .integers = "numkeys",
     .since = "7.0.0", .summary = "Executes a script that only reads."},
    {.name = "SCRIPT", .arity = -2, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_NO_SCRIPT,
     .handler = script_command, .check = check_script, .group = "scripting",
     .arguments = "LOAD script | EXISTS sha1 [sha1 ...] | FLUSH [ASYNC | SYNC] | KILL",
     .since = "2.6.0", .summary = "Stores scripts, and forgets them.",
     .subcommands = script_subcommands},
    {.name = NULL},
};
/* clang-format on */
