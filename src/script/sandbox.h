/* sandbox.h - what a script can reach: the libraries of Lua without what would see the outside
 * world, addresses, or compiled code; with functions of our own for those whose cost could not be
 * counted; `redis`, cjson, cmsgpack, bit and struct. Globals and libraries can't be changed. */
#ifndef RAKIT_SCRIPT_SANDBOX_H
#define RAKIT_SCRIPT_SANDBOX_H

#include <lua.h>

#include "base/slice.h"

/* A function for lua_cpcall(). */
int sandbox_open(lua_State *L);
/* The same, with a struct slice, the source that will be compiled: opens the libraries that it
 * mentions. */
int sandbox_open_mentioned(lua_State *L);
/* Pushes the table that holds KEYS, ARGV and all other globals. */
void sandbox_push_globals(lua_State *L);
/* Replaces the table on top of the stack by one that shows the same, can't be changed, and raises
 * an error for what is not in it. */
void sandbox_close(lua_State *L);

/* Functions that replace, or are added to, those of the libraries. They are put into the table on
 * top of the stack. */
void bit_library_open(lua_State *L);
void string_library_open(lua_State *L);
void table_library_open(lua_State *L);
void math_library_open(lua_State *L);
void redis_library_open(lua_State *L);
/* That part of it which is there while a library of functions is loaded, too. */
void redis_library_open_basics(lua_State *L);
void struct_library_open(lua_State *L);
void msgpack_library_open(lua_State *L);

/* Loading a library of functions (script/registration.c): what comes in between sees no globals
 * but `redis`, with register_function(). */
void registration_open(lua_State *L);
void registration_begin(lua_State *L);
void registration_end(lua_State *L);
/* Pushes the function that was registered by that name, in lower case. */
void registration_push(lua_State *L, struct slice name);

#endif /* RAKIT_SCRIPT_SANDBOX_H */
