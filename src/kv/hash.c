/* hash.c - commands that set, return and delete fields of a hash. */
#include "base/mutant.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/hash_change.h"
#include "kv/kv.h"
#include "resp/errors.h"

/* --- setting -------------------------------------------------------------------------------- */

enum { EXPIRED_FIELD_WORK = 64 };

static bool check_pairs(struct command_call *call, const char *name)
{
    if (call->argument_count % 2 != 0) {
        resp_errorf(call->reply, ERROR_ARITY, name);
        return false;
    }
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        if (!hash_check_size(call, i)) {
            return false;
        }
    }
    return true;
}

static bool check_hset(struct command_call *call)
{
    return check_pairs(call, "hset");
}

static bool check_hmset(struct command_call *call)
{
    return check_pairs(call, "hmset");
}

/* Returns whether it was done, and how many fields are new. */
static bool set_pairs(struct command_call *call, int64_t *ret_added)
{
    struct hash_change c;
    uint64_t bytes = 0;

    for (uint32_t i = 2; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    if (!hash_change_begin(&c, call, (call->argument_count - 2) / 2, bytes)) {
        return false;
    }
    *ret_added = 0;
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        struct hash_field old;

        *ret_added += hash_change_find(&c, call->arguments[i], &old) ? 0 : 1;
        hash_change_set(&c, call->arguments[i], call->arguments[i + 1], 0);
    }
    hash_change_end(&c, "hset");
    return true;
}

static void hset_command(struct command_call *call)
{
    int64_t added = 0;

    if (check_hset(call) && set_pairs(call, &added)) {
        resp_integer(call->reply, added);
    }
}

static void hmset_command(struct command_call *call)
{
    int64_t added = 0;

    if (check_hmset(call) && set_pairs(call, &added)) {
        resp_ok(call->reply);
    }
}

static bool check_hsetnx(struct command_call *call)
{
    return hash_check_size(call, 2);
}

static void hsetnx_command(struct command_call *call)
{
    struct slice name = call->arguments[2];
    struct slice value = call->arguments[3];
    struct hash_change c;
    struct hash_field old;

    if (!check_hsetnx(call) || !hash_change_begin(&c, call, 1, name.size + value.size)) {
        return;
    }

    bool is_there = hash_change_find(&c, name, &old);

    if (!is_there) {
        hash_change_set(&c, name, value, 0);
    }
    hash_change_end(&c, is_there ? NULL : "hset");
    resp_integer(call->reply, is_there ? 0 : 1);
}

static void hdel_command(struct command_call *call)
{
    struct hash_change c;
    int64_t deleted = 0;

    if (!hash_change_begin(&c, call, 0, 0)) {
        return;
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        deleted += hash_change_delete(&c, call->arguments[i]) ? 1 : 0;
    }
    hash_change_end(&c, deleted > 0 ? "hdel" : NULL);
    resp_integer(call->reply, deleted);
}

/* --- one field ------------------------------------------------------------------------------ */

static void reply_field(struct command_call *call, struct slice value, struct slice name)
{
    struct hash_field field;

    if (hash_value_find(value, name, hash_now_ms(call), &field)) {
        resp_bulk(call->reply, field.value);
    } else {
        resp_null(call->reply);
    }
}

static void hget_command(struct command_call *call)
{
    struct slice value;

    if (hash_read(call, &value)) {
        reply_field(call, value, call->arguments[2]);
    }
}

static void hmget_command(struct command_call *call)
{
    struct slice value;
    uint64_t bytes = 0;

    if (!hash_read(call, &value)) {
        return;
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        struct hash_field field = {.value = {NULL, 0}};

        (void)hash_value_find(value, call->arguments[i], hash_now_ms(call), &field);
        bytes += field.value.size + REPLY_OVERHEAD_BYTES;
    }
    if (bytes > kv_reply_bytes_max(call->kv)) {
        call_refuse_size(call, "ask for fewer fields at once");
        return;
    }
    resp_array(call->reply, call->argument_count - 2);
    for (uint32_t i = 2; i < call->argument_count; i++) {
        reply_field(call, value, call->arguments[i]);
    }
}

static void hexists_command(struct command_call *call)
{
    struct slice value;
    struct hash_field field;

    if (hash_read(call, &value)) {
        resp_integer(call->reply,
                     hash_value_find(value, call->arguments[2], hash_now_ms(call), &field) ? 1 : 0);
    }
}

static void hstrlen_command(struct command_call *call)
{
    struct slice value;
    struct hash_field field = {.value = {NULL, 0}};

    if (hash_read(call, &value)) {
        (void)hash_value_find(value, call->arguments[2], hash_now_ms(call), &field);
        resp_integer(call->reply, (int64_t)field.value.size);
    }
}

/* --- all fields ----------------------------------------------------------------------------- */

static void hlen_command(struct command_call *call)
{
    struct slice value;

    if (hash_read(call, &value)) {
        uint64_t live = hash_value_count(value, hash_now_ms(call));

        call->work = EXPIRED_FIELD_WORK * (hash_value_count(value, 0) - live);
        resp_integer(call->reply, (int64_t)live);
    }
}

/* Whether the reply may have all fields; else an error is replied. */
static bool begin_all(struct command_call *call, struct slice *ret_value, uint64_t *ret_count)
{
    if (!hash_read(call, ret_value)) {
        return false;
    }
    *ret_count = hash_value_count(*ret_value, hash_now_ms(call));
    if (ret_value->size + 2 * REPLY_OVERHEAD_BYTES * *ret_count > kv_reply_bytes_max(call->kv)) {
        call_refuse_size(call, "use HSCAN, which gives the fields in steps");
        return false;
    }
    return true;
}

static void reply_all(struct command_call *call, struct slice value, bool names, bool values)
{
    struct hash_field field;
    size_t at = 0;

    while (hash_value_next(value, &at, hash_now_ms(call), &field)) {
        if (names) {
            resp_bulk(call->reply, field.name);
        }
        if (values) {
            resp_bulk(call->reply, field.value);
        }
    }
    call->work = value.size;
}

static void hgetall_command(struct command_call *call)
{
    struct slice value;
    uint64_t count;

    if (begin_all(call, &value, &count)) {
        resp_map(call->reply, count);
        reply_all(call, value, true, true);
    }
}

static void hkeys_command(struct command_call *call)
{
    struct slice value;
    uint64_t count;

    if (begin_all(call, &value, &count)) {
        resp_array(call->reply, count);
        reply_all(call, value, true, false);
    }
}

static void hvals_command(struct command_call *call)
{
    struct slice value;
    uint64_t count;

    if (begin_all(call, &value, &count)) {
        resp_array(call->reply, count);
        reply_all(call, value, false, true);
    }
}

/* --- rows ----------------------------------------------------------------------------------- */

/* clang-format off */
const struct command hash_commands[] = {
    {.name = "HDEL", .arity = -3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hdel_command, .group = "hash", .arguments = "key field [field ...]",
     .since = "2.0.0",
     .summary = "Deletes fields of a hash and counts those that existed."},
    {.name = "HEXISTS", .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hexists_command, .group = "hash", .arguments = "key field", .since = "2.0.0",
     .summary = "Returns whether a hash has a field."},
    {.name = "HGET", .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hget_command, .group = "hash", .arguments = "key field", .since = "2.0.0",
     .summary = "Returns the value of a field of a hash."},
    {.name = "HGETALL", .arity = 2, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = hgetall_command, .group = "hash", .arguments = "key", .since = "2.0.0",
     .summary = "Returns all fields of a hash with their values."},
    {.name = "HKEYS", .arity = 2, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = hkeys_command, .group = "hash", .arguments = "key", .since = "2.0.0",
     .summary = "Returns the names of all fields of a hash."},
    {.name = "HLEN", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hlen_command, .group = "hash", .arguments = "key", .since = "2.0.0",
     .summary = "Counts the fields of a hash."},
    {.name = "HMGET", .arity = -3, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hmget_command, .group = "hash", .arguments = "key field [field ...]",
     .since = "2.0.0",
     .summary = "Returns the values of several fields of a hash."},
    {.name = "HMSET", .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hmset_command, .check = check_hmset, .growth = hash_growth,
     .group = "hash", .arguments = "key field value [field value ...]", .since = "2.0.0",
     .summary = "Sets fields of a hash: HSET does the same, and counts those that are new."},
    {.name = "HSET", .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hset_command, .check = check_hset, .growth = hash_growth,
     .group = "hash", .arguments = "key field value [field value ...]", .since = "2.0.0",
     .summary = "Sets fields of a hash and counts those that are new."},
    {.name = "HSETNX", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hsetnx_command, .check = check_hsetnx, .growth = hash_growth,
     .group = "hash", .arguments = "key field value", .since = "2.0.0",
     .summary = "Sets a field of a hash if it does not exist."},
    {.name = "HSTRLEN", .arity = 3, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hstrlen_command, .group = "hash", .arguments = "key field", .since = "3.2.0",
     .summary = "Returns the length of the value of a field of a hash."},
    {.name = "HVALS", .arity = 2, .flags = COMMAND_READ, COMMAND_ONE_KEY,
     .handler = hvals_command, .group = "hash", .arguments = "key", .since = "2.0.0",
     .summary = "Returns the values of all fields of a hash."},
    {.name = NULL},
};
/* clang-format on */
