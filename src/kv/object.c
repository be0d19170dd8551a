/* object.c - commands that explain a value: OBJECT, MEMORY. Their replies follow from the value
 * alone, so they are the same on every node, and scripts may use them. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/hash_value.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/subcommand.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum {
    EMBSTR_BYTES_MAX = 44, /* Redis's, and so are these. */
    LISTPACK_FIELDS_MAX = 128,
    LISTPACK_FIELD_BYTES_MAX = 64,
};

/* Finds the key in argument 2, or replies null. */
static bool find_key(struct command_call *call, struct kv_value *ret_value)
{
    if (!kv_find(call->kv, call->arguments[2], ret_value)) {
        resp_null(call->reply);
        return false;
    }
    return true;
}

/* --- OBJECT ------------------------------------------------------------------------------ */

static const char *encoding_of_hash(struct slice hash)
{
    struct hash_field field;
    size_t at = 0;

    for (int count = 0; hash_value_next(hash, &at, 0, &field); count++) {
        if (count == LISTPACK_FIELDS_MAX || field.name.size > LISTPACK_FIELD_BYTES_MAX ||
            field.value.size > LISTPACK_FIELD_BYTES_MAX) {
            return "hashtable";
        }
    }
    return hash_value_expires_ms(hash) == 0 ? "listpack" : "listpackex";
}

/* As Redis would store such a value, if it were set as a whole. */
static const char *encoding_of(const struct kv_value *value)
{
    size_t size = value->bytes.size;
    int64_t number;

    if (value->traits.type == VALUE_HASH) {
        return encoding_of_hash(value->bytes);
    }
    if (decimal_read(value->bytes, &number)) {
        return "int";
    }
    return size <= EMBSTR_BYTES_MAX ? "embstr" : "raw";
}

static void object_encoding(struct command_call *call)
{
    struct kv_value value;

    if (find_key(call, &value)) {
        resp_bulk_text(call->reply, encoding_of(&value));
    }
}

static void object_refcount(struct command_call *call)
{
    struct kv_value value;

    if (find_key(call, &value)) {
        resp_integer(call->reply, 1);
    }
}

/* Reads do not change the state, so nobody knows when a key was read. */
static void object_idletime(struct command_call *call)
{
    struct kv_value value;

    if (find_key(call, &value)) {
        resp_integer(call->reply, 0);
    }
}

static void object_freq(struct command_call *call)
{
    struct kv_value value;

    if (find_key(call, &value)) {
        resp_error(call->reply, ERROR_NO_FREQUENCY);
    }
}

static const struct subcommand object_subcommands[] = {
    {"ENCODING", 3, object_encoding, "key",
     "Returns how Redis would store the value: int, embstr, raw, listpack or hashtable."},
    {"FREQ", 3, object_freq, "key", "Refused: uses of keys are not counted."},
    {"IDLETIME", 3, object_idletime, "key", "Returns 0: uses of keys are not noted."},
    {"REFCOUNT", 3, object_refcount, "key", "Returns 1: no two keys share a value."},
    {.name = NULL},
};

/* --- MEMORY ------------------------------------------------------------------------------ */

static bool read_samples(struct command_call *call)
{
    for (uint32_t i = 3; i < call->argument_count; i += 2) {
        int64_t samples = 0;

        if (!slice_is(call->arguments[i], "SAMPLES") || i + 1 == call->argument_count) {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
        if (!call_read_integer(call, i + 1, &samples)) {
            return false;
        }
        if (samples < 0) {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void memory_usage(struct command_call *call)
{
    struct kv_value value;

    if (read_samples(call) && find_key(call, &value)) {
        resp_integer(call->reply, (int64_t)kv_plain_bytes(call->arguments[2].size, &value));
    }
}

/* What this node as a whole uses is in INFO memory. */
static void memory_doctor(struct command_call *call)
{
    resp_bulkf(call->reply,
               "The data takes %llu bytes here. INFO memory shows the limit of a node, and "
               "RAFT STATUS which nodes are full.",
               (unsigned long long)keyspace_memory_bytes(call->keyspace));
}

static void memory_stats(struct command_call *call)
{
    uint64_t count = keyspace_count_all(call->keyspace);
    uint64_t bytes = keyspace_item_bytes(call->keyspace);

    resp_map(call->reply, 4);
    resp_bulk_text(call->reply, "total.allocated");
    resp_integer(call->reply, (int64_t)keyspace_memory_bytes(call->keyspace));
    resp_bulk_text(call->reply, "dataset.bytes");
    resp_integer(call->reply, (int64_t)bytes);
    resp_bulk_text(call->reply, "keys.count");
    resp_integer(call->reply, (int64_t)count);
    resp_bulk_text(call->reply, "keys.bytes-per-key");
    resp_integer(call->reply, count == 0 ? 0 : (int64_t)(bytes / count));
}

static void memory_malloc_stats(struct command_call *call)
{
    resp_bulk_text(call->reply, "Stats not supported for the current allocator");
}

/* What can be given back to the system is given back anyway. */
static void memory_purge(struct command_call *call)
{
    resp_ok(call->reply);
}

static const struct subcommand memory_subcommands[] = {
    {"DOCTOR", 2, memory_doctor, "", "Says where the use of memory is shown."},
    {"MALLOC-STATS", 2, memory_malloc_stats, "", "Nothing: the allocator has none."},
    {"PURGE", 2, memory_purge, "", "Without effect: memory is given back by itself."},
    {"STATS", 2, memory_stats, "", "How much memory the data takes."},
    {"USAGE", -3, memory_usage, "key [SAMPLES count]",
     "Returns how many bytes a key takes with its value, if that was set as a whole."},
    {.name = NULL},
};

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command object_commands[] = {
    {.name = "MEMORY", .arity = -2, .flags = COMMAND_READ | COMMAND_VARIES, .first_key = 2,
     .last_key = 2,
     .key_step = 1, .handler = subcommand_run, .check = subcommand_check,
     .subcommands = memory_subcommands,
     .group = "server", .arguments = "USAGE | STATS | DOCTOR | MALLOC-STATS | PURGE | HELP",
     .integers = "count",
     .since = "4.0.0",
     .summary = "Shows how much memory a key takes."},
    {.name = "OBJECT", .arity = -2, .flags = COMMAND_READ, .first_key = 2, .last_key = 2,
     .key_step = 1, .handler = subcommand_run, .check = subcommand_check,
     .subcommands = object_subcommands,
     .group = "generic",
     .arguments = "ENCODING | FREQ | IDLETIME | REFCOUNT key", .since = "2.2.3",
     .summary = "Shows how a value is stored."},
    {.name = NULL},
};
/* clang-format on */
