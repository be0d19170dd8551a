/* sandbox.h - what a script can reach: the libraries of Lua without what would see the outside
 * world, addresses, or compiled code; with functions of our own for those whose cost could not be
 * counted; `redis`, cjson, cmsgpack, bit and struct. Globals and libraries can't be changed. */
#ifndef RAKIT_SCRIPT_SANDBOX_H
#define RAKIT_SCRIPT_SANDBOX_H

#include <lua.h>

/* A function for lua_cpcall(). */
int sandbox_open(lua_State *L);
/* Pushes the table that holds KEYS, ARGV and all other globals. */
void sandbox_push_globals(lua_State *L);

/* Functions that replace, or are added to, those of the libraries. They are put into the table on
 * top of the stack. */
void bit_library_open(lua_State *L);
void string_library_open(lua_State *L);
void table_library_open(lua_State *L);
void math_library_open(lua_State *L);
void redis_library_open(lua_State *L);
void struct_library_open(lua_State *L);
void msgpack_library_open(lua_State *L);

#endif /* RAKIT_SCRIPT_SANDBOX_H */
