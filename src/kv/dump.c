/* dump.c - DUMP and RESTORE: a value as bytes, in Redis's format, and back. */
#include "base/buffer.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/digest.h"
#include "kv/dump_hash.h"
#include "kv/hash_value.h"
#include "kv/item.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/rdb.h"
#include "kv/value_edit.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* --- DUMP -------------------------------------------------------------------------------- */

static void dump_command(struct command_call *call)
{
    struct buffer dump = {0};
    struct kv_value value;

    if (!kv_find(call->kv, call->arguments[1], &value)) {
        resp_null(call->reply);
        return;
    }
    if (!call_value_fits(call, value.bytes.size)) {
        return;
    }
    if (value.traits.type == VALUE_HASH) {
        dump_hash_write(&dump, value.bytes, keyspace_now_ms(call->keyspace));
    } else {
        rdb_write_type(&dump, RDB_STRING);
        rdb_write_string(&dump, value.bytes);
        rdb_write_footer(&dump, RDB_VERSION);
    }
    resp_bulk(call->reply, buffer_slice(&dump));
    buffer_deinit(&dump);
}

/* --- options of RESTORE ------------------------------------------------------------------ */

/* The growth of a command with more arguments is not known (replica/memory.c). */
enum {
    RESTORE_ARGUMENTS_MAX = 12,
    HASH_SHARE = 96, /* A hash takes at most so many times its dump, even if that is packed. */
};

struct restore_options {
    bool replaces;
    bool is_absolute;   /* The time to live is an instant. */
    bool has_idle_time; /* Both are checked, and change nothing. */
    bool has_frequency;
};

/* Reads a number from 0 to `max`, or replies an error. */
static bool read_number(struct command_call *call, uint32_t i, int64_t max, const char *error)
{
    int64_t number = 0;

    if (!call_read_integer(call, i, &number)) {
        return false;
    }
    if (number < 0 || number > max) {
        resp_error(call->reply, error);
        return false;
    }
    return true;
}

/* The number of arguments of the option at `i`; 0 if an error was replied. */
static uint32_t take_option(struct command_call *call, uint32_t i, struct restore_options *o)
{
    struct slice word = call->arguments[i];
    bool has_value = i + 1 < call->argument_count;

    if (slice_is(word, "REPLACE")) {
        o->replaces = true;
        return 1;
    }
    if (slice_is(word, "ABSTTL")) {
        o->is_absolute = true;
        return 1;
    }
    if (slice_is(word, "IDLETIME") && has_value && !o->has_frequency) {
        o->has_idle_time = true;
        return read_number(call, i + 1, INT64_MAX, ERROR_RESTORE_IDLETIME) ? 2 : 0;
    }
    if (slice_is(word, "FREQ") && has_value && !o->has_idle_time) {
        o->has_frequency = true;
        return read_number(call, i + 1, UINT8_MAX, ERROR_RESTORE_FREQ) ? 2 : 0;
    }
    resp_error(call->reply, ERROR_SYNTAX);
    return 0;
}

static bool read_options(struct command_call *call, struct restore_options *ret_options)
{
    uint32_t used;

    *ret_options = (struct restore_options){0};
    if (call->argument_count > RESTORE_ARGUMENTS_MAX) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    for (uint32_t i = 4; i < call->argument_count; i += used) {
        used = take_option(call, i, ret_options);
        if (used == 0) {
            return false;
        }
    }
    return true;
}

/* In Redis's order, a key that exists is refused before other arguments are looked at. */
static bool check_restore(struct command_call *call)
{
    struct restore_options options;

    call->work = 2 * (uint64_t)call->arguments[3].size; /* Its checksum. */
    return read_options(call, &options);
}

/* --- RESTORE ----------------------------------------------------------------------------- */

/* A dump that is packed gives a value of more bytes than it has itself. A hash takes more than
 * its fields, and may be packed field by field. */
static uint64_t restore_growth(const struct command_call *call, uint64_t ahead)
{
    struct slice dump = call->arguments[3];
    uint64_t size;
    uint8_t type;

    (void)ahead;
    if (!rdb_take_type(&dump, &type)) {
        return 0;
    }
    if (dump_hash_is_type(type)) {
        size = HASH_SHARE * (uint64_t)dump.size;
        return heap_bytes(size < 2 * CALL_VALUE_BYTES_MAX ? size : 2 * CALL_VALUE_BYTES_MAX);
    }
    size = rdb_string_size(dump);
    return size > CALL_VALUE_BYTES_MAX ? 0 : heap_bytes(size);
}

/* When it expires; 0: never. */
static bool read_expiry(struct command_call *call, bool is_absolute, int64_t *ret_at_ms)
{
    int64_t now_ms = (int64_t)(call->time_us / 1000);
    int64_t ttl_ms = 0;

    if (!call_read_integer(call, 2, &ttl_ms)) {
        return false;
    }
    if (ttl_ms < 0) {
        resp_error(call->reply, ERROR_RESTORE_TTL);
        return false;
    }
    *ret_at_ms = ttl_ms;
    if (ttl_ms > 0 && !is_absolute) {
        *ret_at_ms = ttl_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ttl_ms;
    }
    return true;
}

/* What a dump gives. */
struct restored {
    uint8_t type; /* enum value_type. */
    struct slice value;
    struct buffer scratch;
    struct memory_edit hash;
};

static bool unpack_hash(const struct command_call *call, struct slice dump, uint8_t type,
                        struct restored *r)
{
    uint32_t seed = (uint32_t)digest_mix(call->index ^ call->time_us << 20);
    bool is_right = dump_hash_read(dump, type, call->time_us / 1000, seed, &r->hash.edit);

    r->type = VALUE_HASH;
    r->value = value_edit_slice(&r->hash.edit);
    return is_right;
}

/* Replies an error if it returns false. */
static bool unpack(struct command_call *call, struct restored *r)
{
    struct slice dump = call->arguments[3];
    uint8_t type;

    if (!rdb_take_footer(&dump)) {
        resp_error(call->reply, ERROR_DUMP_FOOTER);
        return false;
    }

    bool is_right = rdb_take_type(&dump, &type) &&
                    (dump_hash_is_type(type) ? unpack_hash(call, dump, type, r)
                                             : type == RDB_STRING &&
                                                   rdb_take_string(&dump, CALL_VALUE_BYTES_MAX,
                                                                   &r->scratch, &r->value) &&
                                                   dump.size == 0);

    if (!is_right) {
        resp_error(call->reply, ERROR_DUMP_FORMAT);
    }
    return is_right;
}

static void put_restored(struct command_call *call, const struct restored *r, int64_t at_ms)
{
    struct slice key = call->arguments[1];
    uint64_t expires_ms = at_ms > (int64_t)EXPIRES_MS_MAX ? EXPIRES_MS_MAX : (uint64_t)at_ms;

    bool is_gone = at_ms > 0 && at_ms <= (int64_t)(call->time_us / 1000);

    if (is_gone || (r->type == VALUE_HASH && hash_value_count(r->value, 0) == 0)) {
        /* As if it had been there, and expired. */
        if (kv_delete(call->kv, key)) {
            call_changed(call, EVENT_GENERIC, "del", key);
        }
        return;
    }
    kv_put(call->kv, key, (struct traits){r->type, expires_ms}, r->value);
    call_changed(call, EVENT_GENERIC, "restore", key);
}

static void restore_command(struct command_call *call)
{
    struct restore_options options;
    struct restored restored = {.type = VALUE_STRING};
    struct slice old;
    int64_t at_ms = 0;

    if (!read_options(call, &options)) {
        return;
    }
    if (!options.replaces && kv_get(call->kv, call->arguments[1], &old)) {
        resp_error(call->reply, ERROR_BUSY_KEY);
        return;
    }
    memory_edit_init(&restored.hash, hash_value_none());
    if (read_expiry(call, options.is_absolute, &at_ms) && unpack(call, &restored)) {
        put_restored(call, &restored, at_ms);
        resp_ok(call->reply);
    }
    buffer_deinit(&restored.scratch);
    memory_edit_deinit(&restored.hash);
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command dump_commands[] = {
    {.name = "DUMP", .arity = 2, .flags = COMMAND_READ, COMMAND_ONE_KEY, .handler = dump_command,
     .group = "generic", .arguments = "key", .since = "2.6.0",
     .summary = "Returns a value of up to 64 MB in Redis's format, for RESTORE."},
    {.name = "RESTORE", .arity = -4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = restore_command, .check = check_restore, .growth = restore_growth,
     .group = "generic",
     .arguments = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] "
                  "[FREQ frequency]",
     .integers = "ttl seconds frequency", .since = "2.6.0",
     .summary = "Sets a value from what DUMP returned, to expire in ttl milliseconds; 0: never. "
                "ABSTTL: at that instant."},
    {.name = NULL},
};
/* clang-format on */
