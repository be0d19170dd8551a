#include "script/compile.h"

#include <lauxlib.h>

#include "base/check.h"
#include "base/mutant.h"
#include "resp/errors.h"
#include "script/engine.h"
#include "script/sandbox.h"
#include "script/shebang.h"

enum { SOURCE_BYTES = 4 }; /* Of source cost a step. */

static void begin(struct engine *e, struct slice source, uint64_t steps_max)
{
    int status;

    if (!MUTANT(script_state_left)) {
        images_take_pristine(&e->images, e->arena);
    }
    e->steps_max = steps_max;
    status = lua_cpcall(e->lua, sandbox_open_mentioned, &source);
    CHECK(status == 0); /* There is memory enough. */
}

/* --- scripts --------------------------------------------------------------------------------- */

static bool refuse_source(struct resp_writer *reply, const char *why)
{
    resp_errorf(reply, ERROR_SCRIPT_COMPILE, why == NULL ? "" : why);
    return false;
}

bool compile_script(struct engine *e, struct slice source, struct resp_writer *reply)
{
    size_t head_bytes = shebang_size(source);

    e->steps_max = SCRIPT_STEPS_MAX;
    if (images_take(&e->images, IMAGE_SCRIPT, source, e->arena)) {
        return true;
    }
    begin(e, source, SCRIPT_STEPS_MAX);
    if (source.size > 0 && source.data[0] == LUA_SIGNATURE[0] && !MUTANT(bytecode_taken)) {
        return refuse_source(reply, "compiled code is not taken: send the source");
    }
    engine_charge(source.size / SOURCE_BYTES);
    if (luaL_loadbuffer(e->lua, source.size == 0 ? "" : source.data + head_bytes,
                        source.size - head_bytes, "@user_script") != 0) {
        return refuse_source(reply, lua_tostring(e->lua, -1));
    }
    images_save(&e->images, IMAGE_SCRIPT, source, e->arena);
    return true;
}

/* --- libraries ------------------------------------------------------------------------------- */

/* Called with the compiled library: executes it, which registers its functions. */
static int load(lua_State *L)
{
    registration_begin(L);
    lua_call(L, 0, 0);
    registration_end(L);
    return 0;
}

/* Errors are strings, or tables that hold one. */
static bool refuse_load(lua_State *L, struct resp_writer *reply)
{
    struct buffer text = {0};

    if (engine_is_over()) {
        lua_settop(L, 0);
        buffer_printf(&text, "%s", ERROR_LIBRARY_STEPS);
    } else if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "err");
        buffer_printf(&text, "%s",
                      lua_isstring(L, -1) ? lua_tostring(L, -1) : ERROR_SCRIPT_RAISED_TABLE);
    } else {
        buffer_printf(&text, ERROR_SCRIPT_RAISED,
                      lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
    }
    buffer_append(&text, "", 1);
    resp_errorf(reply, ERROR_LIBRARY_LOAD, buffer_begin(&text));
    buffer_deinit(&text);
    return false;
}

/* The source begins behind the first line, with its end, so that lines have their numbers. */
static bool execute(struct engine *e, struct slice code, struct resp_writer *reply)
{
    size_t head_bytes = library_head_size(code);

    engine_charge(code.size / SOURCE_BYTES);
    lua_pushcfunction(e->lua, load);
    if (luaL_loadbuffer(e->lua, code.data + head_bytes, code.size - head_bytes, "@user_function") !=
        0) {
        resp_errorf(reply, ERROR_LIBRARY_COMPILE, lua_tostring(e->lua, -1));
        return false;
    }
    return lua_pcall(e->lua, 1, 0, 0) == 0 || refuse_load(e->lua, reply);
}

bool compile_new_library(struct engine *e, struct library *library, struct resp_writer *reply)
{
    bool is_loaded;

    begin(e, library->code, LIBRARY_STEPS_MAX);
    e->library = library;
    e->registered_bytes = 0;
    is_loaded = execute(e, library->code, reply);
    e->library = NULL;
    if (is_loaded) {
        images_save(&e->images, IMAGE_LIBRARY, library->code, e->arena);
    }
    e->steps_max = SCRIPT_STEPS_MAX;
    return is_loaded;
}

bool compile_library(struct engine *e, struct slice code, struct resp_writer *reply)
{
    struct library again = {.code = code};
    bool is_loaded;

    e->steps_max = SCRIPT_STEPS_MAX;
    if (images_take(&e->images, IMAGE_LIBRARY, code, e->arena)) {
        return true;
    }
    is_loaded = compile_new_library(e, &again, reply);
    library_deinit(&again);
    return is_loaded;
}
