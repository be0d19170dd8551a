/* function_commands.c - FCALL, FCALL_RO, and FUNCTION, whose subcommands are reads or writes. */
#include "script/function_commands.h"

#include "base/check.h"
#include "base/mutant.h"
#include "kv/glob.h"
#include "kv/keyspace.h"
#include "kv/subcommand.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "script/commands.h"
#include "script/flags.h"
#include "script/functions.h"
#include "script/loader.h"
#include "script/run.h"

enum {
    FUNCTION_WORK = 4 * 1024, /* Of most of them, for the share of a connection. */
    FIRST_KEY = 3,
    SHOWN_BYTES = 128,
    MATCH_BYTES_MAX = 32 * 1024 * 1024, /* Of pattern and names that FUNCTION LIST compares. */
};

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static bool refuse_word(struct command_call *call, const char *format, struct slice word)
{
    resp_errorf(call->reply, format, (int)(word.size < SHOWN_BYTES ? word.size : SHOWN_BYTES),
                word.size == 0 ? "" : word.data);
    return false;
}

/* --- FCALL ----------------------------------------------------------------------------------- */

static bool check_fcall(struct command_call *call)
{
    call->work = FUNCTION_WORK;
    return true;
}

static bool read_key_count(struct command_call *call, uint32_t *ret_count)
{
    int64_t count = 0;

    if (!decimal_read(call->arguments[2], &count)) {
        return refuse(call, ERROR_FUNCTION_KEYS);
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

static void run(struct command_call *call, const struct functions_place *place, uint32_t key_count,
                bool is_read)
{
    const struct slice *keys = call->arguments + FIRST_KEY;
    struct buffer lower = {0};
    struct library library;

    if (!functions_find_library(call->keyspace, place->library, &library)) {
        resp_error(call->reply, ERROR_FUNCTION_NOT_FOUND);
        return;
    }
    library_append_lower(&lower, place->name);

    struct script_run script = {.call = call,
                                .source = library.code,
                                .function = buffer_slice(&lower),
                                .name = place->name,
                                .keys = keys,
                                .key_count = key_count,
                                .arguments = keys + key_count,
                                .argument_count = call->argument_count - FIRST_KEY - key_count,
                                .only_reads = is_read || (place->flags & SCRIPT_NO_WRITES) != 0};

    run_script(&script);
    buffer_deinit(&lower);
}

static void call_function(struct command_call *call, bool is_read)
{
    struct functions_place place;
    uint32_t key_count = 0;

    if (!functions_find(call->keyspace, call->arguments[1], &place)) {
        resp_error(call->reply, ERROR_FUNCTION_NOT_FOUND);
        return;
    }
    if (!read_key_count(call, &key_count)) {
        return;
    }
    if (is_read && (place.flags & SCRIPT_NO_WRITES) == 0 && !MUTANT(fcall_ro_runs_any)) {
        resp_error(call->reply, ERROR_SCRIPT_WRITES);
        return;
    }
    run(call, &place, key_count, is_read);
}

static void fcall_command(struct command_call *call)
{
    call_function(call, false);
}

static void fcall_ro_command(struct command_call *call)
{
    call_function(call, true);
}

/* --- FUNCTION LOAD, DELETE, FLUSH ----------------------------------------------------------- */

static bool read_load_options(struct command_call *call, bool *ret_replaces)
{
    *ret_replaces = false;
    for (uint32_t i = 2; i + 1 < call->argument_count; i++) {
        if (!slice_is(call->arguments[i], "REPLACE")) {
            return refuse_word(call, ERROR_FUNCTION_OPTION, call->arguments[i]);
        }
        *ret_replaces = true;
    }
    return true;
}

static bool check_load(struct command_call *call)
{
    bool replaces;

    call->work += FUNCTION_LOAD_WORK * (uint64_t)call->arguments[call->argument_count - 1].size;
    return read_load_options(call, &replaces) &&
           (call->arguments[call->argument_count - 1].size <= LIBRARY_CODE_BYTES_MAX ||
            refuse(call, ERROR_SCRIPT_TOO_LARGE));
}

static void function_load(struct command_call *call)
{
    struct library library = {.function_count = 0};
    bool replaces;

    if (read_load_options(call, &replaces) &&
        loader_load(call, call->keyspace, call->arguments[call->argument_count - 1], replaces,
                    &library)) {
        resp_bulk(call->reply, library.name);
    }
    library_deinit(&library);
}

static uint64_t load_growth(const struct command_call *call, uint64_t ahead)
{
    bool restores = slice_is(call->arguments[1], "RESTORE");

    (void)ahead;
    return restores ? 2 * (uint64_t)FUNCTIONS_BYTES_MAX
                    : 2 * (uint64_t)LIBRARY_FUNCTIONS_BYTES_MAX +
                          call->arguments[call->argument_count - 1].size;
}

static void function_delete(struct command_call *call)
{
    if (functions_remove(call->keyspace, call->arguments[2])) {
        resp_ok(call->reply);
    } else {
        resp_error(call->reply, ERROR_LIBRARY_NOT_FOUND);
    }
}

bool function_refuse_count(struct command_call *call)
{
    return refuse_word(call, ERROR_FUNCTION_COUNT, call->arguments[1]);
}

static bool check_flush(struct command_call *call)
{
    if (call->argument_count > 3) {
        return function_refuse_count(call);
    }
    return call->argument_count == 2 || slice_is(call->arguments[2], "SYNC") ||
           slice_is(call->arguments[2], "ASYNC") || refuse(call, ERROR_FUNCTION_FLUSH);
}

static void function_flush(struct command_call *call)
{
    functions_clear(call->keyspace);
    resp_ok(call->reply);
}

/* --- FUNCTION LIST, STATS, KILL -------------------------------------------------------------- */

struct listing {
    struct slice pattern; /* In lower case. */
    bool has_pattern;
    bool with_code;
};

/* `pattern` is room for one. */
static bool read_listing(struct command_call *call, struct listing *ret, struct buffer *pattern)
{
    *ret = (struct listing){.has_pattern = false};
    for (uint32_t i = 2; i < call->argument_count; i++) {
        if (!ret->with_code && slice_is(call->arguments[i], "WITHCODE")) {
            ret->with_code = true;
        } else if (!ret->has_pattern && slice_is(call->arguments[i], "LIBRARYNAME")) {
            if (i + 1 == call->argument_count) {
                return refuse(call, ERROR_FUNCTION_PATTERN);
            }
            library_append_lower(pattern, call->arguments[++i]);
            ret->pattern = buffer_slice(pattern);
            ret->has_pattern = true;
        } else {
            return refuse_word(call, ERROR_FUNCTION_ARGUMENT, call->arguments[i]);
        }
    }
    return true;
}

static bool check_list(struct command_call *call)
{
    struct buffer pattern = {0};
    struct listing listing;
    bool is_right = read_listing(call, &listing, &pattern);

    buffer_deinit(&pattern);
    return is_right;
}

static void reply_function(struct resp_writer *w, const struct library_function *function)
{
    resp_map(w, 3);
    resp_bulk_text(w, "name");
    resp_bulk(w, function->name);
    resp_bulk_text(w, "description");
    if (function->has_description) {
        resp_bulk(w, function->description);
    } else {
        resp_null(w);
    }
    resp_bulk_text(w, "flags");
    flags_reply(w, function->flags);
}

static void reply_library(struct resp_writer *w, const struct library *library, bool with_code)
{
    struct slice rest = library->functions;
    struct library_function function;

    resp_map(w, with_code ? 4 : 3);
    resp_bulk_text(w, "library_name");
    resp_bulk(w, library->name);
    resp_bulk_text(w, "engine");
    resp_bulk_text(w, "LUA");
    resp_bulk_text(w, "functions");
    resp_array(w, library->function_count);
    while (library_take_function(&rest, &function)) {
        reply_function(w, &function);
    }
    if (with_code) {
        resp_bulk_text(w, "library_code");
        resp_bulk(w, library->code);
    }
}

/* Keeps the names that match. False: there is too much to compare. */
static bool filter(const struct listing *listing, struct buffer *names)
{
    struct slice *all = (struct slice *)(void *)buffer_begin(names);
    size_t count = buffer_size(names) / sizeof *all;
    uint64_t left = MATCH_BYTES_MAX;
    size_t kept = 0;
    struct buffer lower = {0};

    CHECK(count == 0 || all != NULL);
    for (size_t i = 0; i < count && left > 0; i++) {
        buffer_clear(&lower);
        library_append_lower(&lower, all[i]);
        if (glob_matches_within(listing->pattern, buffer_slice(&lower), &left)) {
            all[kept++] = all[i];
        }
    }
    names->end -= (count - kept) * sizeof *all;
    buffer_deinit(&lower);
    return left > 0;
}

static void reply_list(struct command_call *call, const struct listing *listing)
{
    struct buffer names = {0};

    functions_list(call->keyspace, &names);
    call->work += buffer_size(&names);
    if (listing->has_pattern && !filter(listing, &names)) {
        resp_error(call->reply, ERROR_PATTERN_TOO_LONG);
        buffer_deinit(&names);
        return;
    }

    const struct slice *all = (const struct slice *)(const void *)buffer_begin(&names);
    size_t count = buffer_size(&names) / sizeof *all;
    struct library library;

    CHECK(count == 0 || all != NULL);
    resp_array(call->reply, count);
    for (size_t i = 0; i < count; i++) {
        functions_find_library(call->keyspace, all[i], &library);
        reply_library(call->reply, &library, listing->with_code);
    }
    buffer_deinit(&names);
}

static void function_list(struct command_call *call)
{
    struct buffer pattern = {0};
    struct listing listing;

    if (read_listing(call, &listing, &pattern)) {
        reply_list(call, &listing);
    }
    buffer_deinit(&pattern);
}

/* No function runs while another command is executed. */
static void function_stats(struct command_call *call)
{
    struct functions_totals t = functions_totals(call->keyspace);

    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "running_script");
    resp_null(call->reply);
    resp_bulk_text(call->reply, "engines");
    resp_map(call->reply, 1);
    resp_bulk_text(call->reply, "LUA");
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "libraries_count");
    resp_integer(call->reply, (int64_t)t.libraries);
    resp_bulk_text(call->reply, "functions_count");
    resp_integer(call->reply, (int64_t)t.functions);
}

static bool check_kill(struct command_call *call)
{
    return refuse(call, ERROR_NOT_BUSY);
}

static void function_kill(struct command_call *call)
{
    (void)check_kill(call);
}

/* --- FUNCTION -------------------------------------------------------------------------------- */

static const struct subcommand function_subcommands[] = {
    {"DELETE", 3, function_delete, "library-name", "Deletes a library and its functions."},
    {"DUMP", 2, function_dump, "", "Returns all libraries in Redis's format, for RESTORE."},
    {"FLUSH", -2, function_flush, "[ASYNC | SYNC]", "Deletes all libraries."},
    {"KILL", 2, function_kill, "", "Refused: a function ends by itself."},
    {"LIST", -2, function_list, "[LIBRARYNAME library-name-pattern] [WITHCODE]",
     "Shows libraries and their functions."},
    {"LOAD", -3, function_load, "[REPLACE] function-code", "Stores a library of functions."},
    {"RESTORE", -3, function_restore, "serialized-value [FLUSH | APPEND | REPLACE]",
     "Stores the libraries that DUMP returned."},
    {"STATS", 2, function_stats, "", "Counts libraries and functions."},
    {NULL, 0, NULL, NULL, NULL},
};

/* Of each subcommand what is checked, and how it is treated. */
enum treatment { GROWS, WRITES, READS };

static const struct {
    const char *name;
    enum treatment treatment;
    command_check *check;
} treated[] = {
    {"LOAD", GROWS, check_load}, {"RESTORE", GROWS, function_check_restore},
    {"DELETE", WRITES, NULL},    {"FLUSH", WRITES, check_flush},
    {"LIST", READS, check_list}, {"KILL", READS, check_kill},
    {"DUMP", READS, NULL},       {"STATS", READS, NULL},
};

enum { TREATED_COUNT = sizeof treated / sizeof treated[0] };

static bool check_function(struct command_call *call)
{
    call->work = FUNCTION_WORK;
    if (!subcommand_check(call)) {
        return false;
    }
    for (uint32_t i = 0; i < TREATED_COUNT; i++) {
        if (slice_is(call->arguments[1], treated[i].name) && treated[i].check != NULL) {
            return treated[i].check(call);
        }
    }
    return true;
}

static void function_command(struct command_call *call)
{
    if (check_function(call)) {
        subcommand_run(call);
    }
}

static const struct command *choose_function(uint32_t argument_count,
                                             const struct slice *arguments);

/* clang-format off */
#define FUNCTION_ROW(flags_, growth_)                                                              \
    {.name = function_name, .arity = -2, .flags = (flags_) | COMMAND_NO_SCRIPT,                    \
     .handler = function_command, .check = check_function, .growth = (growth_),                    \
     .group = "scripting", .since = "7.0.0",                                                       \
     .arguments = "LOAD [REPLACE] function-code | DELETE library-name | FLUSH [ASYNC | SYNC] | "   \
                  "LIST [LIBRARYNAME library-name-pattern] [WITHCODE] | DUMP | RESTORE "           \
                  "serialized-value [FLUSH | APPEND | REPLACE] | STATS | KILL",                    \
     .summary = "Stores libraries of functions, and shows them.",                                  \
     .subcommands = function_subcommands, .choose = choose_function}

static const char function_name[] = "FUNCTION"; /* One, by which calls are counted. */

static const struct command function_rows[] = {
    [GROWS] = FUNCTION_ROW(COMMAND_WRITE | COMMAND_DENY_OOM, load_growth),
    [WRITES] = FUNCTION_ROW(COMMAND_WRITE, NULL),
    [READS] = FUNCTION_ROW(COMMAND_READ, NULL),
};

const struct command function_commands[] = {
    {.name = "FCALL", .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS,
     COMMAND_COUNTED_KEYS, .handler = fcall_command, .check = check_fcall, .growth = script_growth,
     .group = "scripting", .arguments = "function numkeys [key [key ...]] [arg [arg ...]]",
     .integers = "numkeys", .since = "7.0.0",
     .summary = "Calls a function of a library, on every node, as one entry."},
    {.name = "FCALL_RO", .arity = -3,
     .flags = COMMAND_READ | COMMAND_NO_SCRIPT | COMMAND_MAY_LACK_KEYS, COMMAND_COUNTED_KEYS,
     .handler = fcall_ro_command, .check = check_fcall,
     .group = "scripting", .arguments = "function numkeys [key [key ...]] [arg [arg ...]]",
     .integers = "numkeys", .since = "7.0.0",
     .summary = "Calls a function that only reads."},
    FUNCTION_ROW(COMMAND_WRITE | COMMAND_DENY_OOM, load_growth),
    {.name = NULL},
};
/* clang-format on */

static const struct command *choose_function(uint32_t argument_count, const struct slice *arguments)
{
    enum treatment treatment = READS; /* HELP, and what does not exist. */

    for (uint32_t i = 0; i < TREATED_COUNT && argument_count > 1; i++) {
        if (slice_is(arguments[1], treated[i].name)) {
            treatment = treated[i].treatment;
        }
    }
    return &function_rows[treatment];
}
