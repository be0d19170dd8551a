/* registration.c - redis.register_function(), which is there only while a library is loaded. Then
 * the globals are others: `redis` alone, with little in it. */
#include <lauxlib.h>

#include "resp/errors.h"
#include "script/engine.h"
#include "script/flags.h"
#include "script/library.h"
#include "script/sandbox.h"

#define KEY_FUNCTIONS "rakit.functions" /* By their names in lower case. */
#define KEY_LOADING   "rakit.loading"   /* The globals meanwhile. */

/* Where arguments are on the stack. */
enum { FIRST = 1, CALLBACK, NAME, DESCRIPTION, ARGUMENTS_END = DESCRIPTION };

/* --- globals --------------------------------------------------------------------------------- */

/* What globals are looked up in becomes the table on top of the stack, which is taken. */
static void replace_globals(lua_State *L)
{
    lua_getmetatable(L, LUA_GLOBALSINDEX);
    lua_pushliteral(L, "__index");
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

void registration_begin(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, KEY_LOADING);
    replace_globals(L);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, KEY_FUNCTIONS);
}

void registration_end(lua_State *L)
{
    sandbox_push_globals(L);
    replace_globals(L);
}

void registration_push(lua_State *L, struct slice name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, KEY_FUNCTIONS);
    lua_pushlstring(L, name.data, name.size);
    lua_rawget(L, -2);
    lua_replace(L, -2);
}

/* --- arguments ------------------------------------------------------------------------------- */

static struct slice text_at(lua_State *L, int index)
{
    size_t size = 0;
    const char *text = lua_tolstring(L, index, &size);

    return slice_of(text, size);
}

static int refuse(lua_State *L, const char *error)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, error);
    lua_setfield(L, -2, "err");
    return lua_error(L);
}

/* Reads the table on top of the stack. */
static void read_flags(lua_State *L, uint32_t *flags)
{
    if (!lua_istable(L, -1)) {
        refuse(L, ERROR_REGISTER_FLAGS);
    }
    for (int i = 1;; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            return;
        }
        if (!lua_isstring(L, -1) || !flags_add(text_at(L, -1), flags)) {
            refuse(L, ERROR_REGISTER_FLAG);
        }
        lua_pop(L, 1);
    }
}

/* Puts the value on top of the stack, which is taken, in its place. */
static void keep(lua_State *L, int place, bool fits, const char *error)
{
    if (!fits) {
        refuse(L, error);
    }
    lua_replace(L, place);
}

/* One pair of the table of named arguments: takes the value, and leaves the key. */
static void read_named(lua_State *L, uint32_t *flags)
{
    if (!lua_isstring(L, -2)) {
        refuse(L, ERROR_REGISTER_KEY);
    }
    lua_pushvalue(L, -2); /* lua_next() needs the key as it is. */

    struct slice key = text_at(L, -1);

    lua_insert(L, -2);
    if (slice_is(key, "function_name")) {
        keep(L, NAME, lua_isstring(L, -1), ERROR_REGISTER_FUNCTION_NAME);
    } else if (slice_is(key, "description")) {
        keep(L, DESCRIPTION, lua_isstring(L, -1), ERROR_REGISTER_DESCRIPTION);
    } else if (slice_is(key, "callback")) {
        keep(L, CALLBACK, lua_isfunction(L, -1), ERROR_REGISTER_CALLBACK);
    } else if (slice_is(key, "flags")) {
        read_flags(L, flags);
        lua_pop(L, 1);
    } else {
        refuse(L, ERROR_REGISTER_UNKNOWN);
    }
    lua_pop(L, 1);
}

static void read_table(lua_State *L, uint32_t *flags)
{
    if (!lua_istable(L, FIRST)) {
        refuse(L, ERROR_REGISTER_TABLE);
    }
    lua_settop(L, ARGUMENTS_END);
    lua_pushnil(L);
    while (lua_next(L, FIRST) != 0) {
        read_named(L, flags);
    }
    if (lua_isnil(L, NAME)) {
        refuse(L, ERROR_REGISTER_NO_NAME);
    }
    if (lua_isnil(L, CALLBACK)) {
        refuse(L, ERROR_REGISTER_NO_CALLBACK);
    }
}

static void read_pair(lua_State *L)
{
    if (!lua_isstring(L, FIRST)) {
        refuse(L, ERROR_REGISTER_NAME);
    }
    if (!lua_isfunction(L, CALLBACK)) {
        refuse(L, ERROR_REGISTER_FUNCTION);
    }
    lua_settop(L, ARGUMENTS_END);
    lua_pushvalue(L, FIRST);
    lua_replace(L, NAME);
}

/* --- registering ----------------------------------------------------------------------------- */

static void push_lower(lua_State *L, struct slice name)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        luaL_addchar(&b, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    luaL_pushresult(&b);
}

/* Redis takes names that differ in case alone, and ends when the library is deleted. */
static void put_callback(lua_State *L, struct slice name)
{
    lua_getfield(L, LUA_REGISTRYINDEX, KEY_FUNCTIONS);
    push_lower(L, name);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (!lua_isnil(L, -1)) {
        refuse(L, ERROR_REGISTER_TWICE);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, CALLBACK);
    lua_rawset(L, -3);
}

static int register_function(lua_State *L)
{
    struct engine *e = engine_get();
    struct library_function function = {.flags = 0};
    int count = lua_gettop(L);

    if (e->library == NULL) {
        return refuse(L, ERROR_REGISTER_LATE);
    }
    if (count < 1 || count > 2) {
        return refuse(L, ERROR_REGISTER_COUNT);
    }
    if (count == 1) {
        read_table(L, &function.flags);
    } else {
        read_pair(L);
    }
    function.name = text_at(L, NAME);
    function.has_description = !lua_isnil(L, DESCRIPTION);
    function.description = text_at(L, DESCRIPTION);
    e->registered_bytes += LIBRARY_FUNCTION_BYTES + function.name.size + function.description.size;
    if (e->registered_bytes > LIBRARY_FUNCTIONS_BYTES_MAX) {
        return refuse(L, ERROR_REGISTER_BYTES);
    }
    if (!library_is_name(function.name)) {
        return refuse(L, ERROR_LIBRARY_NAME);
    }
    put_callback(L, function.name);
    library_add_function(e->library, &function);
    return 0;
}

void registration_open(lua_State *L)
{
    lua_newtable(L);
    redis_library_open_basics(L);
    lua_pushcfunction(L, register_function);
    lua_setfield(L, -2, "register_function");
    sandbox_close(L);
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "redis");
    sandbox_close(L);
    lua_setfield(L, LUA_REGISTRYINDEX, KEY_LOADING);
}
