#include "script/loader.h"

#include "base/mutant.h"
#include "kv/command.h"
#include "resp/errors.h"
#include "script/compile.h"
#include "script/engine.h"
#include "script/functions.h"

enum { SHOWN_BYTES = 128 };

static bool refuse_name(struct command_call *call, const char *format, struct slice name)
{
    resp_errorf(call->reply, format, (int)(name.size < SHOWN_BYTES ? name.size : SHOWN_BYTES),
                name.data);
    return false;
}

bool loader_has_room(struct command_call *call, struct keyspace *keyspace, uint64_t libraries,
                     uint64_t bytes)
{
    struct functions_totals t = functions_totals(keyspace);

    if ((t.libraries + libraries > FUNCTIONS_LIBRARIES_MAX ||
         t.bytes + bytes > FUNCTIONS_BYTES_MAX) &&
        !MUTANT(functions_without_limit)) {
        resp_errorf(call->reply, ERROR_FUNCTIONS_FULL, (int)FUNCTIONS_LIBRARIES_MAX,
                    (int)FUNCTIONS_BYTES_MAX);
        return false;
    }
    return true;
}

/* Executes it. What that takes counts for the whole entry. */
static bool execute(struct command_call *call, struct library *library)
{
    struct engine *e = engine_get();
    bool is_loaded = compile_new_library(e, library, call->reply);

    call->work += e->arena->steps * SCRIPT_STEP_WORK;
    call->steps += e->arena->steps;
    if (is_loaded && library->function_count == 0) {
        resp_error(call->reply, ERROR_LIBRARY_EMPTY);
        return false;
    }
    return is_loaded;
}

static bool fits(struct command_call *call, struct keyspace *keyspace, const struct library *new,
                 const struct library *old)
{
    struct slice name;
    uint64_t bytes = library_bytes(new);
    uint64_t old_bytes = old == NULL ? 0 : library_bytes(old);

    if (functions_collide(keyspace, new, NULL, &name)) {
        return refuse_name(call, ERROR_LIBRARY_FUNCTION_EXISTS, name);
    }
    return loader_has_room(call, keyspace, old == NULL, bytes > old_bytes ? bytes - old_bytes : 0);
}

bool loader_load(struct command_call *call, struct keyspace *keyspace, struct slice code,
                 bool replaces, struct library *ret)
{
    struct library old;
    bool exists;

    if (!library_read_head(code, ret, call->reply)) {
        return false;
    }
    exists = functions_find_library(keyspace, ret->name, &old);
    if (exists && !replaces) {
        return refuse_name(call, ERROR_LIBRARY_EXISTS, ret->name);
    }
    if (!execute(call, ret) || !fits(call, keyspace, ret, exists ? &old : NULL)) {
        MUTANT_DO(failed_load_stays, functions_put(keyspace, ret));
        return false;
    }
    functions_put(keyspace, ret);
    return true;
}
