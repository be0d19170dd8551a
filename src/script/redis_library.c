/* redis_library.c - `redis` in scripts: commands, and what Redis has beside them. */
#include <lauxlib.h>
#include <stdio.h>

#include "base/mutant.h"
#include "command/execute.h"
#include "command/table.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "script/engine.h"
#include "script/result.h"
#include "script/run.h"
#include "script/sandbox.h"
#include "script/sha1.h"

enum {
    ARGUMENTS_MAX = 8000,
    CALL_STEPS = 50, /* Of any command. */
    ARGUMENT_STEPS = 4,
    REPLY_BYTES = 64, /* Of a reply cost a step. */
    WORK_SHARE = 8,   /* Of command_call.work cost a step. */
    NUMBER_BYTES = 32,
    ITEM_BYTES = 64, /* Of memory, besides the arguments. */
    HASHED_BYTES = 8,
};

static int fail_with(lua_State *L, const char *text, bool raises)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, text);
    lua_setfield(L, -2, "err");
    return raises ? lua_error(L) : 1;
}

/* --- arguments ------------------------------------------------------------------------------ */

/* With all digits that it takes to read the same number again. */
static void write_number(lua_State *L, int index)
{
    char text[NUMBER_BYTES];
    lua_Number number = lua_tonumber(L, index);
    size_t size;

    if (number == (lua_Number)(int)number && number != 0) {
        size = decimal_write(text, (int)number);
    } else {
        size = (size_t)snprintf(text, sizeof text, "%.17g", number);
    }
    lua_pushlstring(L, text, size);
    lua_replace(L, index);
}

/* NULL, or what is wrong with them. */
static const char *read_arguments(lua_State *L, struct slice *arguments, int count)
{
    if (count == 0) {
        return ERROR_SCRIPT_NO_ARGUMENTS;
    }
    if (count > ARGUMENTS_MAX) {
        return ERROR_SCRIPT_ARGUMENTS;
    }
    for (int i = 1; i <= count; i++) {
        size_t size = 0;

        if (lua_type(L, i) == LUA_TNUMBER) {
            write_number(L, i);
        } else if (lua_type(L, i) != LUA_TSTRING) {
            return ERROR_SCRIPT_ARGUMENTS;
        }
        const char *text = lua_tolstring(L, i, &size);

        arguments[i - 1] = slice_of(text, size);
    }
    return NULL;
}

/* --- commands that are about the run itself -------------------------------------------------- */

static void select_database(struct engine *e, const struct slice *arguments,
                            struct resp_writer *reply)
{
    int64_t number = 0;

    if (!decimal_read(arguments[1], &number)) {
        resp_error(reply, ERROR_NOT_AN_INTEGER);
    } else if (number < 0 || number >= KEYSPACE_DATABASES) {
        resp_error(reply, ERROR_NO_DATABASE);
    } else {
        e->database = (uint32_t)number;
        resp_ok(reply);
    }
}

static void reply_time(const struct engine *e, struct resp_writer *reply)
{
    uint64_t time_us = e->run->call->time_us;

    resp_array(reply, 2);
    resp_bulkf(reply, "%llu", (unsigned long long)(time_us / 1000000));
    resp_bulkf(reply, "%llu", (unsigned long long)(time_us % 1000000));
}

/* Whether the user of the script may execute it; if not, writes the error. */
static bool is_admitted(const struct engine *e, const struct slice *arguments, uint32_t count,
                        struct resp_writer *reply)
{
    const struct command_call *call = e->run->call;
    const struct command *command = command_find(call->commands, arguments[0]);

    return call->guard == NULL || command == NULL ||
           call->guard->admits(call->guard, true, command, count, arguments, reply);
}

static bool is_own(const struct slice *arguments, uint32_t count)
{
    struct slice name = arguments[0];

    return (count == 2 && (slice_is(name, "SELECT") || slice_is(name, "ECHO"))) ||
           (count == 1 && slice_is(name, "TIME")) || (count <= 2 && slice_is(name, "PING"));
}

/* Commands that a connection's node answers, and that have a meaning in a script. */
static bool run_own(struct engine *e, const struct slice *arguments, uint32_t count,
                    struct resp_writer *reply)
{
    if (!is_own(arguments, count)) {
        return false;
    }
    if (!is_admitted(e, arguments, count, reply)) {
        return true;
    }
    if (count == 2 && slice_is(arguments[0], "SELECT")) {
        select_database(e, arguments, reply);
    } else if (count == 1 && slice_is(arguments[0], "TIME")) {
        reply_time(e, reply);
    } else if (count == 1 && slice_is(arguments[0], "PING")) {
        resp_simple(reply, "PONG");
    } else {
        resp_bulk(reply, arguments[1]);
    }
    return true;
}

/* --- commands ------------------------------------------------------------------------------- */

/* The most that the command may add to the data, by arguments and sizes alone, which are the
 * same on all nodes; the memory that an item takes is not. */
static uint64_t growth_of(struct engine *e, const struct command *command,
                          const struct command_inner *inner)
{
    struct command_call call = *e->run->call;
    uint64_t bytes = (uint64_t)inner->argument_count * ITEM_BYTES;
    struct slice value = {NULL, 0};

    for (uint32_t i = 0; i < inner->argument_count; i++) {
        bytes += inner->arguments[i].size;
    }
    if (command->growth != NULL && inner->argument_count > 2) {
        call.command = command;
        call.argument_count = inner->argument_count;
        call.arguments = inner->arguments;
        call.database = inner->database;
        call.kv = keyspace_database(call.keyspace, inner->database);
        kv_get(call.kv, inner->arguments[1], &value);
        uint64_t most = command->growth(&call, 1);

        bytes += most > value.size ? most - value.size : 0;
    }
    return bytes;
}

/* Whether it may be called from a script, and does not enlarge the data too much. */
static bool may_call(struct engine *e, const struct command_inner *inner, struct resp_writer *reply)
{
    const struct command *command = command_find(e->run->call->commands, inner->arguments[0]);

    if (command == NULL) {
        return true;
    }
    if ((command->flags & (COMMAND_NO_SCRIPT | COMMAND_VARIES)) != 0 &&
        !MUTANT(varying_reply_in_script)) {
        resp_error(reply, ERROR_NOT_INNER);
        return false;
    }
    if ((command->flags & COMMAND_DENY_OOM) == 0 && !slice_is(inner->arguments[0], "RENAME") &&
        !slice_is(inner->arguments[0], "RENAMENX")) {
        return true;
    }
    uint64_t bytes = growth_of(e, command, inner);

    if (bytes > e->growth_left && !MUTANT(script_grows_freely)) {
        resp_error(reply, ERROR_SCRIPT_GROWTH);
        return false;
    }
    e->growth_left -= bytes < e->growth_left ? bytes : e->growth_left;
    return true;
}

static bool is_arity_error(struct slice reply)
{
    static const char text[] = "-ERR wrong number of arguments for '";

    return reply.size >= sizeof text - 1 && memcmp(reply.data, text, sizeof text - 1) == 0;
}

static void execute(struct engine *e, const struct command_inner *inner, struct resp_writer *reply)
{
    struct command_call *outer = e->run->call;
    uint64_t work = outer->work;

    buffer_clear(reply->out);
    if (run_own(e, inner->arguments, inner->argument_count, reply) || !may_call(e, inner, reply)) {
        return;
    }
    if (!command_execute_inner(outer, inner, reply) && is_arity_error(buffer_slice(reply->out))) {
        buffer_clear(reply->out);
        resp_error(reply, ERROR_SCRIPT_ARITY);
    }
    engine_charge((outer->work - work) / WORK_SHARE);
}

static int call_command(lua_State *L, bool raises)
{
    static struct slice arguments[ARGUMENTS_MAX];
    struct engine *e = engine_get();
    int count = lua_gettop(L);
    const char *fault = read_arguments(L, arguments, count);

    if (fault != NULL) {
        return fail_with(L, fault, raises);
    }
    uint64_t bytes = 0;

    for (int i = 0; i < count; i++) {
        bytes += arguments[i].size;
    }
    struct command_inner inner = {.database = e->database,
                                  .argument_count = (uint32_t)count,
                                  .arguments = arguments,
                                  .only_reads = e->run->only_reads,
                                  .in_script = true};
    struct resp_writer reply = {&e->inner, e->resp_version};

    engine_spend(L, CALL_STEPS + (uint64_t)count * ARGUMENT_STEPS + bytes / REPLY_BYTES);
    execute(e, &inner, &reply);
    engine_spend(L, buffer_size(&e->inner) / REPLY_BYTES);
    result_push(L, buffer_slice(&e->inner));

    struct slice text = buffer_slice(&e->inner);
    bool is_error = text.data != NULL && text.data[0] == '-';

    return raises && is_error ? lua_error(L) : 1;
}

static int redis_call(lua_State *L)
{
    return call_command(L, true);
}

static int redis_pcall(lua_State *L)
{
    return call_command(L, false);
}

/* --- the rest ------------------------------------------------------------------------------- */

static int make_reply(lua_State *L, const char *field)
{
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
        return fail_with(L, ERROR_SCRIPT_TYPES, false);
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, field);
    return 1;
}

/* A text of one word gets a code before it; a hyphen in front is left out. */
static int redis_error_reply(lua_State *L)
{
    if (lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, 1);

        text += *text == '-';
        lua_pushfstring(L, strchr(text, ' ') == NULL ? ERROR_SCRIPT_RAISED : "%s", text);
        lua_replace(L, 1);
    }
    return make_reply(L, "err");
}

static int redis_status_reply(lua_State *L)
{
    return make_reply(L, "ok");
}

static int redis_sha1hex(lua_State *L)
{
    char digits[SHA1_DIGITS];
    size_t size = 0;

    if (lua_gettop(L) != 1) {
        return fail_with(L, ERROR_SCRIPT_COUNT, true);
    }
    const char *text = lua_tolstring(L, 1, &size);

    engine_spend(L, size / HASHED_BYTES);
    sha1_digits(slice_of(text == NULL ? "" : text, text == NULL ? 0 : size), digits);
    lua_pushlstring(L, digits, sizeof digits);
    return 1;
}

/* Each node would log it, again after each restart: it is checked, and goes nowhere. */
static int redis_log(lua_State *L)
{
    if (lua_gettop(L) < 2) {
        return fail_with(L, ERROR_SCRIPT_LOG_COUNT, true);
    }
    if (!lua_isnumber(L, 1)) {
        return fail_with(L, ERROR_SCRIPT_LOG_LEVEL, true);
    }
    lua_Integer level = lua_tointeger(L, 1);

    return level < 0 || level > 3 ? fail_with(L, ERROR_SCRIPT_LOG_RANGE, true) : 0;
}

static int redis_setresp(lua_State *L)
{
    if (lua_gettop(L) != 1) {
        return fail_with(L, ERROR_SCRIPT_RESP_COUNT, true);
    }
    lua_Integer version = lua_tointeger(L, 1);

    if (version != 2 && version != 3) {
        return fail_with(L, ERROR_SCRIPT_RESP, true);
    }
    engine_get()->resp_version = (int)version;
    return 0;
}

static int redis_acl_check_cmd(lua_State *L)
{
    static struct slice arguments[ARGUMENTS_MAX];
    struct engine *e = engine_get();
    int count = lua_gettop(L);
    const char *fault = read_arguments(L, arguments, count);
    struct resp_writer reply = {&e->inner, e->resp_version};

    if (fault != NULL) {
        return fail_with(L, fault, true);
    }
    if (command_find_public(e->run->call->commands, arguments[0]) == NULL) {
        return fail_with(L, ERROR_SCRIPT_CHECKED, true);
    }
    engine_spend(L, CALL_STEPS + (uint64_t)count * ARGUMENT_STEPS);
    buffer_clear(&e->inner);
    lua_pushboolean(L, is_admitted(e, arguments, (uint32_t)count, &reply));
    return 1;
}

static int give_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int give_false(lua_State *L)
{
    lua_pushboolean(L, 0);
    return 1;
}

static int give_nothing(lua_State *L)
{
    (void)L;
    return 0;
}

static const struct number {
    const char *name;
    int value;
} basic_numbers[] = {
    {"LOG_DEBUG", 0},
    {"LOG_VERBOSE", 1},
    {"LOG_NOTICE", 2},
    {"LOG_WARNING", 3},
    {"REDIS_VERSION_NUM", REDIS_VERSION_NUM},
    {NULL, 0},
};

static void put_numbers(lua_State *L, const struct number *numbers)
{
    for (size_t i = 0; numbers[i].name != NULL; i++) {
        lua_pushinteger(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
}

void redis_library_open_basics(lua_State *L)
{
    lua_pushcfunction(L, redis_log);
    lua_setfield(L, -2, "log");
    put_numbers(L, basic_numbers);
    lua_pushliteral(L, REDIS_VERSION);
    lua_setfield(L, -2, "REDIS_VERSION");
}

void redis_library_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"call", redis_call},
        {"pcall", redis_pcall},
        {"error_reply", redis_error_reply},
        {"status_reply", redis_status_reply},
        {"sha1hex", redis_sha1hex},
        {"setresp", redis_setresp},
        {"replicate_commands", give_true},
        {"acl_check_cmd", redis_acl_check_cmd},
        {"set_repl", give_nothing},
        {"breakpoint", give_false},
        {"debug", give_nothing},
        {NULL, NULL},
    };
    static const struct number numbers[] = {
        {"REPL_NONE", 0},    {"REPL_AOF", 1}, {"REPL_SLAVE", 2},
        {"REPL_REPLICA", 2}, {"REPL_ALL", 3}, {NULL, 0},
    };

    luaL_register(L, NULL, functions);
    redis_library_open_basics(L);
    put_numbers(L, numbers);
}
