#include "script/engine.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/errors.h"
#include "script/arena.h"
#include "script/result.h"
#include "script/sandbox.h"
#include "script/shebang.h"

enum {
    COUNT_STEPS = 1000,   /* Instructions between two looks. */
    CALL_STEPS = 10,      /* Of calling a function. */
    ALLOCATED_BYTES = 32, /* Of memory cost a step. */
    SOURCE_BYTES = 4,     /* Of source cost a step. */
    COMPARED_BYTES = 16,  /* Of strings cost a step. */
    COMPARED_AT_ONCE = 64,
    IMAGE_MAX = 512 * 1024, /* Of a compiled script that is kept. */
    SCRATCH_KEEP_BYTES = 64 * 1024,
    RANDOM_SEED = 0x330e, /* As POSIX has it for srand48(0). */
};

#define TEXT_OVER "the script took too many steps"

static struct engine the_engine; /* The addresses of its arena can't be had twice. */

/* --- what it costs ------------------------------------------------------------------------ */

bool engine_is_over(void)
{
    return the_engine.arena->steps > SCRIPT_STEPS_MAX && !MUTANT(script_without_limit);
}

static void on_hook(lua_State *L, lua_Debug *at)
{
    engine_spend(L, at->event == LUA_HOOKCOUNT ? COUNT_STEPS : CALL_STEPS);
}

void engine_charge(uint64_t steps)
{
    bool was_over = engine_is_over();

    if (steps > UINT64_MAX / 2 - the_engine.arena->steps) {
        steps = UINT64_MAX / 2 - the_engine.arena->steps;
    }
    the_engine.arena->steps += steps;
    if (!was_over && engine_is_over() && the_engine.lua != NULL) {
        /* No pcall() helps: each further instruction raises the error again. */
        lua_sethook(the_engine.lua, on_hook, LUA_MASKCOUNT, 1);
    }
}

void engine_spend(lua_State *L, uint64_t steps)
{
    engine_charge(steps);
    if (engine_is_over()) {
        luaL_error(L, TEXT_OVER);
    }
}

static void *allocate(void *arena, void *memory, size_t old_size, size_t size)
{
    if (size > old_size) {
        engine_charge(size / ALLOCATED_BYTES);
    }
    return arena_resize(arena, memory, old_size, size);
}

int script_strcoll(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] == b[i] && a[i] != '\0') {
        i++;
    }
    engine_charge(1 + i / COMPARED_BYTES);
    return (unsigned char)a[i] - (unsigned char)b[i];
}

/* One instruction of Lua can read or compare megabytes. What it copies is counted when memory is
 * taken for it. */
double script_strtod(const char *text, char **end)
{
    double number = strtod(text, end);

    engine_charge((uint64_t)(*end - text) / COMPARED_BYTES);
    return number;
}

int script_memcmp(const void *a, const void *b, size_t size)
{
    engine_charge(size / COMPARED_AT_ONCE);
    return memcmp(a, b, size);
}

/* --- memory of cjson ---------------------------------------------------------------------- */

struct sized {
    size_t size;
    size_t unused; /* So that what follows is aligned. */
};

static struct sized *head_of(void *memory)
{
    return (struct sized *)memory - 1;
}

void *script_realloc(void *memory, size_t size)
{
    size_t old_size = memory == NULL ? 0 : head_of(memory)->size;
    size_t whole = size + sizeof(struct sized);
    struct sized *other =
        allocate(the_engine.arena, memory == NULL ? NULL : head_of(memory), old_size, whole);

    if (other == NULL) {
        /* cjson believes already that its buffer has grown: the run ends, whatever pcall() says. */
        engine_charge(SCRIPT_STEPS_MAX + 1);
        luaL_error(the_engine.lua, "not enough memory"); /* Never returns. */
        abort();
    }
    other->size = whole;
    return other + 1;
}

void *script_malloc(size_t size)
{
    return script_realloc(NULL, size);
}

void script_free(void *memory)
{
    if (memory != NULL) {
        allocate(the_engine.arena, head_of(memory), head_of(memory)->size, 0);
    }
}

/* --- images of the arena ------------------------------------------------------------------ */

static void save(struct engine *e, struct compiled *to, const char *sha)
{
    free(to->bytes);
    to->size = e->arena->used;
    to->bytes = memory_copy(e->arena, to->size);
    memcpy(to->sha, sha, sizeof to->sha);
}

static void restore(struct engine *e, const struct compiled *from)
{
    memcpy(e->arena, from->bytes, from->size);
}

static const struct compiled *find(const struct engine *e, const char *sha)
{
    for (uint32_t i = 0; i < COMPILED_MAX; i++) {
        if (e->compiled[i].bytes != NULL &&
            memcmp(e->compiled[i].sha, sha, sizeof e->compiled[i].sha) == 0) {
            return &e->compiled[i];
        }
    }
    return NULL;
}

static int panic(lua_State *L)
{
    (void)L;
    check_failed("no error of Lua outside of any protected call", __FILE__, __LINE__);
}

static int run_compiled(lua_State *L);

struct engine *engine_get(void)
{
    static const char no_sha[40] = {0};
    struct engine *e = &the_engine;

    if (e->arena != NULL) {
        return e;
    }
    e->arena = arena_open();
    e->lua = lua_newstate(allocate, e->arena);
    CHECK(e->lua != NULL);
    lua_atpanic(e->lua, panic);
    CHECK(lua_cpcall(e->lua, sandbox_open, NULL) == 0);
    lua_gc(e->lua, LUA_GCCOLLECT, 0);
    lua_pushcfunction(e->lua, run_compiled);
    lua_sethook(e->lua, on_hook, LUA_MASKCOUNT | LUA_MASKCALL, COUNT_STEPS);
    e->arena->steps = 0;
    save(e, &e->pristine, no_sha);
    return e;
}

/* --- compiling ---------------------------------------------------------------------------- */

static void refuse_source(struct resp_writer *reply, const char *why)
{
    resp_errorf(reply, ERROR_SCRIPT_COMPILE, why == NULL ? "" : why);
}

/* Afterwards the function is on the stack, above run_compiled(). */
static bool load(struct engine *e, const char *sha, struct slice body, struct resp_writer *reply)
{
    const struct compiled *known = find(e, sha);
    size_t head_bytes = shebang_size(body);

    if (known != NULL) {
        restore(e, known);
        return true;
    }
    if (!MUTANT(script_state_left)) {
        restore(e, &e->pristine);
    }
    if (body.size > 0 && body.data[0] == LUA_SIGNATURE[0] && !MUTANT(bytecode_taken)) {
        refuse_source(reply, "compiled code is not taken: send the source");
        return false;
    }
    engine_charge(body.size / SOURCE_BYTES);
    if (luaL_loadbuffer(e->lua, body.size == 0 ? "" : body.data + head_bytes,
                        body.size - head_bytes, "@user_script") != 0) {
        refuse_source(reply, lua_tostring(e->lua, -1));
        return false;
    }
    if (e->arena->used <= IMAGE_MAX) {
        save(e, &e->compiled[e->compiled_next++ % COMPILED_MAX], sha);
    }
    return true;
}

bool engine_compile(const char *sha, struct slice body, struct resp_writer *reply)
{
    return load(engine_get(), sha, body, reply);
}

/* --- running ------------------------------------------------------------------------------ */

/* Notes where the error was raised, and makes a table of it, as Redis does. */
static int on_error(lua_State *L)
{
    struct engine *e = &the_engine;
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

static void push_list(lua_State *L, const char *name, const struct slice *items, uint32_t count)
{
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushlstring(L, items[i].size == 0 ? "" : items[i].data, items[i].size);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, name);
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
        buffer_printf(&text, " script: %.40s, on %s:%d.", e->run->sha, e->error_source,
                      e->error_line);
    }
    buffer_append(&text, "", 1);
    resp_error(&w, buffer_begin(&text));
    buffer_deinit(&text);
}

/* Called with the compiled function. Errors that it raises itself, for lack of memory or since
 * the script took too long, are engine_run()'s. */
static int run_compiled(lua_State *L)
{
    struct engine *e = &the_engine;
    const struct script_run *run = e->run;

    sandbox_push_globals(L);
    push_list(L, "KEYS", run->keys, run->key_count);
    push_list(L, "ARGV", run->arguments, run->argument_count);
    lua_pop(L, 1);
    lua_pushcfunction(L, on_error);
    lua_insert(L, 1);

    int status = lua_pcall(L, 0, 1, 1);

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
    e->growth_left = engine_growth_bytes(bytes);
    e->error_line = -1;
    buffer_clear(&e->out);
}

static const char *reason(const lua_State *L)
{
    (void)L;
    return engine_is_over() ? ERROR_SCRIPT_STEPS : ERROR_SCRIPT_MEMORY;
}

bool engine_run(const struct script_run *run)
{
    struct engine *e = engine_get();
    struct command_call *call = run->call;

    begin(e, run);
    if (!load(e, run->sha, run->body, call->reply)) {
        return false;
    }

    uint64_t reply_bytes_max = kv_reply_bytes_max(call->kv);

    engine_charge(call->steps);
    keyspace_limit_replies(call->keyspace, SCRIPT_REPLY_BYTES_MAX); /* The same on all nodes. */
    if (lua_pcall(e->lua, 1, 0, 0) != 0) {
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

uint64_t engine_growth_bytes(uint64_t argument_bytes)
{
    return SCRIPT_GROWTH_BYTES + SCRIPT_GROWTH_SHARE * argument_bytes;
}
