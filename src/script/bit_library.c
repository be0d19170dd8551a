/* bit_library.c - mends the library `bit`: its tohex() writes beyond its buffer if it is asked for
 * -2^31 digits. */
#include <lauxlib.h>

#include "script/sandbox.h"

enum { DIGITS_MAX = 8 };

/* More digits than there are give them all; negative ones ask for capitals. */
static int tohex(lua_State *L)
{
    int count = lua_gettop(L);

    if (count >= 2) {
        lua_Number digits = luaL_checknumber(L, 2);

        if (!(digits > -DIGITS_MAX)) {
            digits = -DIGITS_MAX;
        }
        lua_pushnumber(L, digits > DIGITS_MAX ? DIGITS_MAX : digits);
        lua_replace(L, 2);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, 1);
    return 1;
}

void bit_library_open(lua_State *L)
{
    lua_getfield(L, -1, "tohex");
    lua_pushcclosure(L, tohex, 1);
    lua_setfield(L, -2, "tohex");
}
