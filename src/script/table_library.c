/* table_library.c - the functions of tables whose time depends on more than what they return. */
#include <lauxlib.h>

#include "script/engine.h"
#include "script/sandbox.h"

enum { COMPARE_STEPS = 4, MOVED_STEPS = 8, LENGTH_MAX = 1 << 24 };

/* Calls the library's own function, which is the upvalue. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int table_concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    lua_Integer to =
        lua_isnoneornil(L, 4) ? (lua_Integer)lua_objlen(L, 1) : luaL_checkinteger(L, 4);

    /* It ends with an error behind the last element. */
    uint64_t span = to > from ? (uint64_t)to - (uint64_t)from : 0;
    uint64_t found = 0;

    for (bool goes_on = true; found < span && goes_on; found++) {
        lua_rawgeti(L, 1, (int)((uint64_t)from + found));
        goes_on = !lua_isnil(L, -1);
        lua_pop(L, 1);
        engine_spend(L, 1);
    }
    return call_original(L);
}

/* Elements behind the place are moved, one by one. */
static int table_shift(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer length = (lua_Integer)lua_objlen(L, 1);
    lua_Integer at = lua_isnumber(L, 2) ? lua_tointeger(L, 2) : length;

    if (at < -LENGTH_MAX || at > LENGTH_MAX) {
        return luaL_error(L, "position out of bounds");
    }
    engine_spend(L, at < length ? (uint64_t)(length - at) / MOVED_STEPS + 1 : 1);
    return call_original(L);
}

static int table_walk(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    engine_spend(L, lua_objlen(L, 1));
    return call_original(L);
}

/* --- sort: a heap ------------------------------------------------------------------------- */

static bool is_less(lua_State *L, int a, int b)
{
    bool result;

    engine_spend(L, COMPARE_STEPS);
    if (lua_isnil(L, 2)) {
        return lua_lessthan(L, a, b) != 0;
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a < 0 ? a - 1 : a);
    lua_pushvalue(L, b < 0 ? b - 2 : b);
    lua_call(L, 2, 1);
    result = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return result;
}

/* The element on top of the stack goes down from `root` to its place, among the first `count`. */
static void sink(lua_State *L, int root, int count)
{
    while (2 * root <= count) {
        int child = 2 * root;

        lua_rawgeti(L, 1, child);
        if (child < count) {
            lua_rawgeti(L, 1, child + 1);
            if (is_less(L, -2, -1)) {
                lua_replace(L, -2);
                child++;
            } else {
                lua_pop(L, 1);
            }
        }
        if (!is_less(L, -2, -1)) {
            lua_pop(L, 1);
            break;
        }
        lua_rawseti(L, 1, root);
        root = child;
    }
    lua_rawseti(L, 1, root);
}

static int table_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int count = (int)lua_objlen(L, 1);

    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TFUNCTION);
    }
    lua_settop(L, 2);
    for (int i = count / 2; i >= 1; i--) {
        lua_rawgeti(L, 1, i);
        sink(L, i, count);
    }
    for (int i = count; i > 1; i--) {
        lua_rawgeti(L, 1, i);
        lua_rawgeti(L, 1, 1);
        lua_rawseti(L, 1, i);
        sink(L, 1, i - 1);
    }
    return 0;
}

/* --- rows ----------------------------------------------------------------------------------- */

static void wrap(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void table_library_open(lua_State *L)
{
    wrap(L, "concat", table_concat);
    wrap(L, "insert", table_shift);
    wrap(L, "remove", table_shift);
    wrap(L, "maxn", table_walk);
    wrap(L, "foreach", table_walk);
    wrap(L, "foreachi", table_walk);
    lua_pushcfunction(L, table_sort);
    lua_setfield(L, -2, "sort");
}
