#include "script/engine.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "script/arena.h"
#include "script/sandbox.h"

enum {
    COUNT_STEPS = 1000,   /* Instructions between two looks. */
    CALL_STEPS = 10,      /* Of calling a function. */
    ALLOCATED_BYTES = 32, /* Of memory cost a step. */
    COMPARED_BYTES = 16,  /* Of strings cost a step. */
    COMPARED_AT_ONCE = 64,
};

#define TEXT_OVER "the script took too many steps"

static struct engine the_engine; /* The addresses of its arena can't be had twice. */

/* --- what it costs ------------------------------------------------------------------------ */

bool engine_is_over(void)
{
    return the_engine.arena->steps > the_engine.steps_max && !MUTANT(script_without_limit);
}

static void on_hook(lua_State *L, lua_Debug *at)
{
    engine_spend(L, at->event == LUA_HOOKCOUNT ? COUNT_STEPS : CALL_STEPS);
}

void engine_charge(uint64_t steps)
{
    uint64_t before = the_engine.arena->steps;
    uint64_t most = UINT64_MAX / 2 - before;

    the_engine.arena->steps = before + (steps < most ? steps : most);
    if (the_engine.arena->steps > the_engine.steps_max && before <= the_engine.steps_max &&
        the_engine.lua != NULL && !MUTANT(script_without_limit)) {
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
        engine_charge(the_engine.steps_max + 1);
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

/* --- the engine ------------------------------------------------------------------------------ */

static int panic(lua_State *L)
{
    (void)L;
    check_failed("no error of Lua outside of any protected call", __FILE__, __LINE__);
}

struct engine *engine_get(void)
{
    struct engine *e = &the_engine;

    if (e->arena != NULL) {
        return e;
    }
    e->arena = arena_open();
    e->steps_max = SCRIPT_STEPS_MAX;
    e->lua = lua_newstate(allocate, e->arena);
    CHECK(e->lua != NULL);
    lua_atpanic(e->lua, panic);
    CHECK(lua_cpcall(e->lua, sandbox_open, NULL) == 0);
    lua_gc(e->lua, LUA_GCCOLLECT, 0);
    lua_pushcfunction(e->lua, run_prepared);
    lua_sethook(e->lua, on_hook, LUA_MASKCOUNT | LUA_MASKCALL, COUNT_STEPS);
    e->arena->steps = 0;
    images_save_pristine(&e->images, e->arena);
    return e;
}
