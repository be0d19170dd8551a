/* function_dump.c - FUNCTION DUMP and RESTORE: all libraries in Redis's format (kv/rdb.h), each as
 * a type and its source. Restored ones are loaded into a keyspace of their own first, so that
 * either all of them get into the other one, or none. */
#include "base/check.h"
#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/rdb.h"
#include "resp/errors.h"
#include "script/function_commands.h"
#include "script/functions.h"
#include "script/loader.h"

enum {
    SHOWN_BYTES = 128,
    RESTORE_STEPS_MAX = 2 * 1000 * 1000, /* For the largest dump. */
};

/* --- DUMP ------------------------------------------------------------------------------------ */

void function_dump(struct command_call *call)
{
    struct buffer names = {0};
    struct buffer dump = {0};
    struct library library;

    functions_list(call->keyspace, &names);

    const struct slice *all = (const struct slice *)(const void *)buffer_begin(&names);
    size_t count = buffer_size(&names) / sizeof *all;

    CHECK(count == 0 || all != NULL);
    for (size_t i = 0; i < count; i++) {
        functions_find_library(call->keyspace, all[i], &library);
        rdb_write_type(&dump, RDB_FUNCTION);
        rdb_write_string(&dump, library.code);
    }
    rdb_write_footer(&dump, RDB_VERSION);
    call->work += 2 * buffer_size(&dump);
    resp_bulk(call->reply, buffer_slice(&dump));
    buffer_deinit(&names);
    buffer_deinit(&dump);
}

/* --- reading a dump --------------------------------------------------------------------------- */

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static bool refuse_name(struct command_call *call, const char *format, struct slice name)
{
    resp_errorf(call->reply, format, (int)(name.size < SHOWN_BYTES ? name.size : SHOWN_BYTES),
                name.data);
    return false;
}

static bool append_text(struct slice *rest, struct buffer *to)
{
    struct buffer scratch = {0};
    struct slice text;
    bool is_right = rdb_take_string(rest, LIBRARY_CODE_BYTES_MAX, &scratch, &text);

    if (is_right) {
        buffer_append_slice(to, text);
    }
    buffer_deinit(&scratch);
    return is_right;
}

/* Name, engine, perhaps a description, which is left out, and the source without its first line.
 * NULL, or which of them is malformed. */
static const char *take_early(struct slice *rest, struct buffer *to)
{
    struct buffer name = {0};
    struct buffer unused = {0};
    uint64_t has_description = 0;
    const char *fault = NULL;

    buffer_printf(to, "#!");
    if (!append_text(rest, &name)) {
        fault = "library name";
    } else if (!append_text(rest, to)) {
        fault = "engine name";
    } else if (!rdb_take_size(rest, &has_description)) {
        fault = "library description indicator";
    } else if (has_description != 0 && !append_text(rest, &unused)) {
        fault = "library description";
    }
    buffer_printf(to, " name=");
    buffer_append_slice(to, buffer_slice(&name));
    buffer_printf(to, "\n");
    if (fault == NULL && !append_text(rest, to)) {
        fault = "library blob";
    }
    buffer_deinit(&name);
    buffer_deinit(&unused);
    return fault;
}

/* The next library's source; false: it is malformed, and the error was replied. */
static bool take_source(struct command_call *call, struct slice *rest, struct buffer *to)
{
    uint8_t type = 0;
    const char *fault;

    buffer_clear(to);
    if (!rdb_take_type(rest, &type) || (type != RDB_FUNCTION && type != RDB_FUNCTION_EARLY)) {
        return refuse(call, ERROR_FUNCTION_TYPE);
    }
    if (type == RDB_FUNCTION) {
        return append_text(rest, to) || refuse(call, ERROR_FUNCTION_PAYLOAD);
    }
    fault = take_early(rest, to);
    if (fault != NULL) {
        resp_errorf(call->reply, ERROR_FUNCTION_PART, fault);
    }
    return fault == NULL;
}

static bool load_all(struct command_call *call, struct slice dump, struct keyspace *to)
{
    uint64_t steps_before = call->steps;
    struct buffer source = {0};
    bool is_loaded = true;

    while (is_loaded && dump.size > 0) {
        struct library library = {.function_count = 0};

        is_loaded = (call->steps - steps_before <= RESTORE_STEPS_MAX ||
                     refuse(call, ERROR_FUNCTION_STEPS)) &&
                    take_source(call, &dump, &source) &&
                    loader_load(call, to, buffer_slice(&source), false, &library);
        library_deinit(&library);
    }
    buffer_deinit(&source);
    return is_loaded;
}

/* --- RESTORE --------------------------------------------------------------------------------- */

enum policy { APPENDS, REPLACES, FLUSHES };

static bool read_policy(struct command_call *call, enum policy *ret)
{
    static const char *const names[] = {
        [APPENDS] = "APPEND", [REPLACES] = "REPLACE", [FLUSHES] = "FLUSH"};

    *ret = APPENDS;
    if (call->argument_count == 3) {
        return true;
    }
    for (enum policy p = APPENDS; p <= FLUSHES; p++) {
        if (slice_is(call->arguments[3], names[p])) {
            *ret = p;
            return true;
        }
    }
    return refuse(call, ERROR_FUNCTION_POLICY);
}

bool function_check_restore(struct command_call *call)
{
    enum policy policy;

    if (call->argument_count > 4) {
        return function_refuse_count(call);
    }
    call->work += FUNCTION_LOAD_WORK * (uint64_t)call->arguments[2].size;
    return read_policy(call, &policy);
}

/* Whether all of `from` may be put into the keyspace. */
static bool may_join(struct command_call *call, struct keyspace *from, const struct slice *names,
                     size_t count, enum policy policy)
{
    struct functions_totals t = functions_totals(from);
    bool replaces = policy == REPLACES;
    struct library library;
    struct library old;
    struct slice name;

    for (size_t i = 0; i < count; i++) {
        if (functions_find_library(call->keyspace, names[i], &old)) {
            if (!replaces) {
                return refuse_name(call, ERROR_LIBRARY_IS_THERE, names[i]);
            }
            t.libraries--;
            t.bytes -= library_bytes(&old) < t.bytes ? library_bytes(&old) : t.bytes;
        }
    }
    for (size_t i = 0; i < count; i++) {
        functions_find_library(from, names[i], &library);
        if (functions_collide(call->keyspace, &library, replaces ? from : NULL, &name)) {
            return refuse_name(call, ERROR_LIBRARY_FUNCTION_EXISTS, name);
        }
    }
    return loader_has_room(call, call->keyspace, t.libraries, t.bytes);
}

static bool join(struct command_call *call, struct keyspace *from, enum policy policy)
{
    struct buffer list = {0};
    struct library library;
    bool may;

    functions_list(from, &list);

    const struct slice *names = (const struct slice *)(const void *)buffer_begin(&list);
    size_t count = buffer_size(&list) / sizeof *names;

    CHECK(count == 0 || names != NULL);
    may = policy == FLUSHES || may_join(call, from, names, count, policy);
    if (may && policy == FLUSHES) {
        functions_clear(call->keyspace);
    }
    for (size_t i = 0; i < count && may; i++) {
        functions_find_library(from, names[i], &library);
        functions_put(call->keyspace, &library);
    }
    buffer_deinit(&list);
    return may;
}

void function_restore(struct command_call *call)
{
    struct slice dump = call->arguments[2];
    struct keyspace *staged;
    enum policy policy;

    if (!read_policy(call, &policy)) {
        return;
    }
    if (!rdb_take_footer(&dump)) {
        resp_error(call->reply, ERROR_DUMP_FOOTER);
        return;
    }
    staged = keyspace_new(0);
    if ((load_all(call, dump, staged) || MUTANT(restore_in_parts)) && join(call, staged, policy)) {
        resp_ok(call->reply);
    }
    keyspace_free(staged);
}
