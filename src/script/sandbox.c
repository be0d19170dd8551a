#include "script/sandbox.h"

#include <lauxlib.h>
#include <lua-bitop.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <string.h>

#include "base/mutant.h"
#include "script/engine.h"

#define KEY_GLOBALS "rakit.globals"
#define KEY_LOCKED  "rakit.locked"

enum { UNPACKED_MAX = 7900, SOURCE_BYTES = 4, PCALL_STEPS = 10, ERROR_STEPS = 150 };

void sandbox_push_globals(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, KEY_GLOBALS);
}

/* --- nothing can be changed ----------------------------------------------------------------- */

static int refuse_change(lua_State *L)
{
    return luaL_error(L, "Attempt to modify a readonly table");
}

static int refuse_global(lua_State *L)
{
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      lua_isstring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

/* Replaces the table on top of the stack by one that shows the same and can't be changed. */
static void protect(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_getfield(L, LUA_REGISTRYINDEX, KEY_LOCKED);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_replace(L, -2);
}

static bool is_protected(lua_State *L, int index)
{
    bool result = false;

    if (lua_getmetatable(L, index) != 0) {
        lua_pushliteral(L, "__newindex");
        lua_rawget(L, -2);
        result = lua_tocfunction(L, -1) == refuse_change;
        lua_pop(L, 2);
    }
    return result;
}

/* What getmetatable() shows of a protected table. */
static void make_locked(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, KEY_LOCKED);
}

/* --- functions of the base library ----------------------------------------------------------- */

static int base_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table expected");
    if (is_protected(L, 1)) {
        return refuse_change(L);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != 0) {
        return luaL_error(L, "cannot change a protected metatable");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int base_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    if (is_protected(L, 1)) {
        return refuse_change(L);
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/* No addresses: they are none of a script's business. */
static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_callmeta(L, 1, "__tostring") != 0) {
        return 1;
    }
    switch (lua_type(L, 1)) {
    case LUA_TNUMBER:
        lua_pushstring(L, lua_tostring(L, 1));
        break;
    case LUA_TSTRING:
        lua_pushvalue(L, 1);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
        break;
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    case LUA_TLIGHTUSERDATA:
        lua_pushliteral(L, "userdata: (nil)"); /* cjson.null is the only one. */
        break;
    default:
        lua_pushstring(L, luaL_typename(L, 1));
    }
    return 1;
}

/* As in Redis, the error of a command is a string for pcall(), and a table for redis.pcall(). */
static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    engine_spend(L, PCALL_STEPS);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);

    engine_charge(status != 0 ? ERROR_STEPS : 0);
    if (status != 0 && engine_is_over()) {
        return lua_error(L);
    }
    if (status != 0 && lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        if (lua_isstring(L, -1)) {
            lua_replace(L, -2);
        } else {
            lua_pop(L, 1);
        }
    }
    lua_pushboolean(L, status == 0);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/* The handler is called after the stack is unwound: Lua would call it before, with hooks off if the
 * error came from one, so that nothing could end it. */
static int base_xpcall(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    lua_insert(L, 1);

    engine_spend(L, PCALL_STEPS);
    int status = lua_pcall(L, 0, LUA_MULTRET, 0);

    engine_charge(status != 0 ? ERROR_STEPS : 0);
    if (status != 0 && engine_is_over()) {
        return lua_error(L);
    }
    if (status != 0) {
        lua_pushvalue(L, 1);
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 1, 0) != 0 && engine_is_over()) {
            return lua_error(L);
        }
    }
    lua_pushboolean(L, status == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int unpack_values(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to =
        lua_isnoneornil(L, 3) ? (lua_Integer)lua_objlen(L, 1) : luaL_checkinteger(L, 3);

    if (from > to) {
        return 0;
    }
    uint64_t span = (uint64_t)to - (uint64_t)from;

    if (span >= UNPACKED_MAX || !lua_checkstack(L, (int)span + 1)) {
        return luaL_error(L, "too many results to unpack");
    }
    engine_spend(L, span);
    for (lua_Integer i = from; i <= to; i++) {
        lua_rawgeti(L, 1, (int)i);
    }
    return (int)(to - from) + 1;
}

/* Compiled code could do anything. */
static int load_source(lua_State *L, const char *source, size_t size, const char *name)
{
    if (size > 0 && source[0] == LUA_SIGNATURE[0] && !MUTANT(bytecode_taken)) {
        lua_pushnil(L);
        lua_pushliteral(L, "compiled code is not taken: give the source");
        return 2;
    }
    engine_spend(L, size / SOURCE_BYTES);
    if (luaL_loadbuffer(L, source, size, name) == 0) {
        return 1;
    }
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L)
{
    size_t size = 0;
    const char *source = luaL_checklstring(L, 1, &size);

    return load_source(L, source, size, luaL_optstring(L, 2, source));
}

static int base_load(lua_State *L)
{
    const char *name = luaL_optstring(L, 2, "=(load)");
    luaL_Buffer source;
    size_t size = 0;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_buffinit(L, &source);
    for (;;) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) {
            break;
        }
        if (!lua_isstring(L, -1)) {
            return luaL_error(L, "reader function must return a string");
        }
        if (lua_objlen(L, -1) == 0) {
            break;
        }
        luaL_addvalue(&source);
    }
    lua_pop(L, 1);
    luaL_pushresult(&source);
    const char *text = lua_tolstring(L, -1, &size);

    return load_source(L, text, size, name);
}

/* --- putting it together ------------------------------------------------------------------ */

static const luaL_Reg base_functions[] = {
    {"setmetatable", base_setmetatable},
    {"rawset", base_rawset},
    {"tostring", base_tostring},
    {"pcall", base_pcall},
    {"xpcall", base_xpcall},
    {"unpack", unpack_values},
    {"loadstring", base_loadstring},
    {"load", base_load},
    {NULL, NULL},
};

static const char *const removed[] = {"dofile",   "loadfile", "print",   "collectgarbage", "gcinfo",
                                      "newproxy", "getfenv",  "setfenv", "coroutine"};

static void open_library(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_setglobal(L, name);
}

/* The table of a library, which it makes if there is none. */
static void extend(lua_State *L, const char *name, void (*open)(lua_State *L))
{
    lua_pushstring(L, name);
    lua_rawget(L, LUA_GLOBALSINDEX);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    open(L);
    lua_setglobal(L, name);
}

static void open_libraries(lua_State *L)
{
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "");
    lua_call(L, 1, 0);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    extend(L, LUA_TABLIBNAME, table_library_open);
    extend(L, LUA_STRLIBNAME, string_library_open);
    extend(L, "redis", redis_library_open);
}

static void protect_library(lua_State *L, const char *name)
{
    lua_getglobal(L, name);
    protect(L);
    lua_setglobal(L, name);
}

/* --- libraries that are opened when they are used --------------------------------------------- */

/* Each run begins with a copy of what is open (script/images.h), so fewer are open then: those that
 * the source mentions. Any other one is opened when it is first looked up. */
static const struct late {
    const char *name;
    lua_CFunction open; /* NULL: all of it is ours. */
    void (*extend)(lua_State *L);
} late_libraries[] = {
    {LUA_MATHLIBNAME, luaopen_math, math_library_open},
    {"bit", luaopen_bit, bit_library_open},
    {"cjson", luaopen_cjson, NULL},
    {"struct", NULL, struct_library_open},
    {"cmsgpack", NULL, msgpack_library_open},
};

enum { LATE_COUNT = sizeof late_libraries / sizeof late_libraries[0] };

static void open_late(lua_State *L, const struct late *library)
{
    if (library->open != NULL) {
        open_library(L, library->name, library->open);
    }
    if (library->extend != NULL) {
        extend(L, library->name, library->extend);
    }
    protect_library(L, library->name);
}

static int open_named(lua_State *L)
{
    open_late(L, lua_touserdata(L, 1));
    return 0;
}

/* Called with a struct late: opens it, though globals can't be changed otherwise. */
static int open_into_globals(lua_State *L)
{
    const struct late *library = lua_touserdata(L, 1);
    int status;

    lua_pushvalue(L, LUA_GLOBALSINDEX);
    sandbox_push_globals(L);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_pushcfunction(L, open_named);
    lua_pushlightuserdata(L, (void *)(uintptr_t)library);
    status = lua_pcall(L, 1, 0, 0);
    lua_pushvalue(L, 2);
    lua_replace(L, LUA_GLOBALSINDEX);
    return status == 0 ? 0 : lua_error(L);
}

/* What globals have that are not there: a library, or an error. */
static int missing_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";

    for (uint32_t i = 0; i < LATE_COUNT; i++) {
        if (strcmp(name, late_libraries[i].name) == 0) {
            lua_pushcfunction(L, open_into_globals);
            lua_pushlightuserdata(L, (void *)(uintptr_t)&late_libraries[i]);
            lua_call(L, 1, 0);
            lua_pushvalue(L, 2);
            lua_rawget(L, 1);
            return 1;
        }
    }
    return refuse_global(L);
}

int sandbox_open_mentioned(lua_State *L)
{
    const struct slice *source = lua_touserdata(L, 1);

    for (uint32_t i = 0; i < LATE_COUNT; i++) {
        const char *name = late_libraries[i].name;

        if (source->size > 0 && memmem(source->data, source->size, name, strlen(name)) != NULL) {
            lua_pushcfunction(L, open_into_globals);
            lua_pushlightuserdata(L, (void *)(uintptr_t)&late_libraries[i]);
            lua_call(L, 1, 0);
        }
    }
    return 0;
}

/* --- closing ---------------------------------------------------------------------------------- */

/* Of the table on top of the stack. */
static void set_missing(lua_State *L, lua_CFunction function)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void sandbox_close(lua_State *L)
{
    set_missing(L, refuse_global);
    protect(L);
}

/* Behind the protected table of globals is the real one, and behind that an error. */
static void protect_globals(lua_State *L)
{
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, KEY_GLOBALS);
    set_missing(L, missing_global);
    lua_pushvalue(L, -1);
    protect(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "_G");
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_pop(L, 1);
}

int sandbox_open(lua_State *L)
{
    static const char *const libraries[] = {"table", "string", "redis"};

    make_locked(L);
    open_libraries(L);
    luaL_register(L, "_G", base_functions);
    lua_pop(L, 1);
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        protect_library(L, libraries[i]);
    }
    registration_open(L);
    protect_globals(L);
    return 0;
}
