#include "script/run.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/errors.h"
#include "script/compile.h"
#include "script/engine.h"
#include "script/result.h"
#include "script/sandbox.h"

enum {
    SCRATCH_KEEP_BYTES = 64 * 1024,
    RANDOM_SEED = 0x330e, /* As POSIX has it for srand48(0). */
};

/* --- what becomes of errors ------------------------------------------------------------------ */

/* Notes where the error was raised, and makes a table of it, as Redis does. */
static int on_error(lua_State *L)
{
    struct engine *e = engine_get();
    lua_Debug at;

    e->error_line = -1;
    for (int level = 1; level <= 2 && lua_getstack(L, level, &at) != 0; level++) {
        lua_getinfo(L, "Sl", &at);
        if (*at.what != 'C' || level == 2) {
            e->error_line = at.currentline;
            snprintf(e->error_source, sizeof e->error_source, "%s", at.source);
            break;
        }
    }
    if (lua_istable(L, 1)) {
        return 1;
    }
    lua_newtable(L);
    if (lua_isstring(L, 1)) {
        lua_pushfstring(L, ERROR_SCRIPT_RAISED, lua_tostring(L, 1));
    } else {
        lua_pushfstring(L, ERROR_SCRIPT_RAISED_VALUE, luaL_typename(L, 1));
    }
    lua_setfield(L, -2, "err");
    return 1;
}

static void push_list(lua_State *L, const struct slice *items, uint32_t count)
{
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushlstring(L, items[i].size == 0 ? "" : items[i].data, items[i].size);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void write_error(struct engine *e, lua_State *L)
{
    struct resp_writer w = {&e->out, e->run->call->reply->version};
    struct buffer text = {0};

    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
    }
    buffer_printf(&text, "%s",
                  lua_isstring(L, -1) ? lua_tostring(L, -1) : ERROR_SCRIPT_RAISED_TABLE);
    if (e->error_line >= 0) {
        buffer_printf(&text, " script: %.*s, on %s:%d.", (int)e->run->name.size, e->run->name.data,
                      e->error_source, e->error_line);
    }
    buffer_append(&text, "", 1);
    resp_error(&w, buffer_begin(&text));
    buffer_deinit(&text);
}

/* Puts what is to be called above on_error(), with its arguments. Returns how many these are. */
static int push_call(lua_State *L, const struct script_run *run)
{
    if (run->function.size > 0) {
        lua_pushcfunction(L, on_error);
        registration_push(L, run->function);
        push_list(L, run->keys, run->key_count);
        push_list(L, run->arguments, run->argument_count);
        return 2;
    }
    sandbox_push_globals(L);
    push_list(L, run->keys, run->key_count);
    lua_setfield(L, -2, "KEYS");
    push_list(L, run->arguments, run->argument_count);
    lua_setfield(L, -2, "ARGV");
    lua_pop(L, 1);
    lua_pushcfunction(L, on_error);
    lua_insert(L, 1);
    return 0;
}

/* Called with the compiled script, or nothing for a function. Errors that it raises itself, for
 * lack of memory or since the script took too long, are run_script()'s. */
int run_prepared(lua_State *L)
{
    struct engine *e = engine_get();
    const struct script_run *run = e->run;
    int status = lua_pcall(L, push_call(L, run), 1, 1);

    if (status == LUA_ERRMEM) {
        return lua_error(L);
    }
    if (status != 0) {
        engine_spend(L, 1);
        write_error(e, L);
    } else {
        struct resp_writer w = {&e->out, run->call->reply->version};

        result_write(L, &w, e->resp_version);
    }
    return 0;
}

static void begin(struct engine *e, const struct script_run *run)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < run->call->argument_count; i++) {
        bytes += run->call->arguments[i].size;
    }
    e->run = run;
    e->database = run->call->database;
    e->resp_version = 2;
    e->random = MUTANT(script_state_left) ? e->random : RANDOM_SEED;
    e->growth_left = run_growth_bytes(bytes);
    e->error_line = -1;
    buffer_clear(&e->out);
}

static const char *reason(const lua_State *L)
{
    (void)L;
    return engine_is_over() ? ERROR_SCRIPT_STEPS : ERROR_SCRIPT_MEMORY;
}

static bool prepare(struct engine *e, const struct script_run *run)
{
    return run->function.size > 0 ? compile_library(e, run->source, run->call->reply)
                                  : compile_script(e, run->source, run->call->reply);
}

bool run_script(const struct script_run *run)
{
    struct engine *e = engine_get();
    struct command_call *call = run->call;

    begin(e, run);
    if (!prepare(e, run)) {
        return false;
    }

    uint64_t reply_bytes_max = kv_reply_bytes_max(call->kv);

    engine_charge(call->steps);
    keyspace_limit_replies(call->keyspace, SCRIPT_REPLY_BYTES_MAX); /* The same on all nodes. */
    if (lua_pcall(e->lua, run->function.size > 0 ? 0 : 1, 0, 0) != 0) {
        const char *text = lua_tostring(e->lua, -1);
        bool is_known = engine_is_over() || text == NULL || strstr(text, "not enough memory");

        buffer_clear(&e->out);
        resp_error(&(struct resp_writer){&e->out, 2}, is_known ? reason(e->lua) : text);
    }
    buffer_append_slice(call->reply->out, buffer_slice(&e->out));
    buffer_trim(&e->out, SCRATCH_KEEP_BYTES);
    buffer_trim(&e->packed, SCRATCH_KEEP_BYTES);
    buffer_trim(&e->inner, SCRATCH_KEEP_BYTES);
    keyspace_limit_replies(call->keyspace, reply_bytes_max);
    call->work += (e->arena->steps - call->steps) * SCRIPT_STEP_WORK;
    call->steps = e->arena->steps;
    e->run = NULL;
    return true;
}

uint64_t run_growth_bytes(uint64_t argument_bytes)
{
    return SCRIPT_GROWTH_BYTES + SCRIPT_GROWTH_SHARE * argument_bytes;
}
