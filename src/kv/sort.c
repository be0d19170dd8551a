/* sort.c - SORT and SORT_RO. They sort lists, sets and sorted sets, which do not exist yet: so
 * the key has nothing to sort, or holds another type. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/errors.h"

struct sort_options {
    bool stores;
    uint32_t destination; /* The argument with the key to store in. */
};

static bool read_limits(struct command_call *call, uint32_t i)
{
    int64_t limit = 0;

    return call_read_integer(call, i, &limit) && call_read_integer(call, i + 1, &limit);
}

/* The number of arguments of the option at `i`; 0 if an error was replied. */
static uint32_t take_option(struct command_call *call, uint32_t i, bool may_store,
                            struct sort_options *o)
{
    struct slice word = call->arguments[i];
    uint32_t left = call->argument_count - i - 1;

    if (slice_is(word, "ASC") || slice_is(word, "DESC") || slice_is(word, "ALPHA")) {
        return 1;
    }
    if (slice_is(word, "LIMIT") && left >= 2) {
        return read_limits(call, i + 1) ? 3 : 0;
    }
    if (slice_is(word, "STORE") && may_store && left >= 1) {
        o->stores = true;
        o->destination = i + 1;
        return 2;
    }
    if ((slice_is(word, "BY") || slice_is(word, "GET")) && left >= 1) {
        return 2;
    }
    resp_error(call->reply, ERROR_SYNTAX);
    return 0;
}

static bool read_sort(struct command_call *call, bool may_store, struct sort_options *ret_options)
{
    uint32_t used;

    *ret_options = (struct sort_options){0};
    for (uint32_t i = 2; i < call->argument_count; i += used) {
        used = take_option(call, i, may_store, ret_options);
        if (used == 0) {
            return false;
        }
    }
    return true;
}

static bool check_sort(struct command_call *call)
{
    struct sort_options options;

    return read_sort(call, true, &options);
}

static bool check_sort_ro(struct command_call *call)
{
    struct sort_options options;

    return read_sort(call, false, &options);
}

/* What was stored is replaced by nothing. */
static void store_nothing(struct command_call *call, struct slice key)
{
    if (kv_delete(call->kv, key)) {
        call_changed(call, EVENT_GENERIC, "del", key);
    }
    resp_integer(call->reply, 0);
}

static void sort(struct command_call *call, bool may_store)
{
    struct sort_options options;
    struct slice value;

    if (!read_sort(call, may_store, &options)) {
        return;
    }
    if (kv_get(call->kv, call->arguments[1], &value)) {
        resp_error(call->reply, ERROR_WRONG_TYPE);
    } else if (options.stores) {
        store_nothing(call, call->arguments[options.destination]);
    } else {
        resp_array(call->reply, 0);
    }
}

static void sort_command(struct command_call *call)
{
    sort(call, true);
}

static void sort_ro_command(struct command_call *call)
{
    sort(call, false);
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command sort_commands[] = {
    {.name = "SORT", .arity = -2, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = sort_command, .check = check_sort, .group = "generic",
     .arguments = "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern "
                  "...]] [ASC | DESC] [ALPHA] [STORE destination]",
     .integers = "offset count", .since = "1.0.0",
     .summary = "Sorts the elements of a list or a set: there are none yet, so it returns none."},
    {.name = "SORT_RO", .arity = -2, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = sort_ro_command, .check = check_sort_ro, .group = "generic",
     .arguments = "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern "
                  "...]] [ASC | DESC] [ALPHA]",
     .integers = "offset count", .since = "7.0.0",
     .summary = "Sorts the elements of a list or a set without storing them."},
    {.name = NULL},
};
/* clang-format on */
