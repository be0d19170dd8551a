/* result.h - values of Lua into replies, and replies into values, as Redis converts them. */
#ifndef RAKIT_SCRIPT_RESULT_H
#define RAKIT_SCRIPT_RESULT_H

#include <lua.h>

#include "resp/resp.h"

/* Writes the value on top of the stack as one reply. `script_version` is the protocol that the
 * script has chosen with redis.setresp(). Raises an error if it is nested too deeply, or too
 * large. */
void result_write(lua_State *L, struct resp_writer *w, int script_version);
/* Pushes the value of one reply, of the version that the script has chosen. */
void result_push(lua_State *L, struct slice reply);

#endif /* RAKIT_SCRIPT_RESULT_H */
