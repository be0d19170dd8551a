/* string.c - commands on whole values: GET, SET and related ones. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* --- SET -------------------------------------------------------------------------- */

enum set_expiry { EXPIRY_NONE, EXPIRY_EX, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT, EXPIRY_KEEPTTL };

struct set_options {
    bool only_new;      /* NX */
    bool only_existing; /* XX */
    bool wants_old;     /* GET */
    enum set_expiry expiry;
    struct slice expiry_text; /* The number after EX and similar options. */
};

static enum set_expiry expiry_named(struct slice word)
{
    static const struct {
        const char *name;
        enum set_expiry expiry;
    } names[] = {
        {"EX", EXPIRY_EX},     {"PX", EXPIRY_PX},           {"EXAT", EXPIRY_EXAT},
        {"PXAT", EXPIRY_PXAT}, {"KEEPTTL", EXPIRY_KEEPTTL},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is(word, names[i].name)) {
            return names[i].expiry;
        }
    }
    return EXPIRY_NONE;
}

/* Reads an expiry option at `i`; returns how many arguments it has, 0: refused. An option may be
 * repeated, as in Redis; two different ones may not be combined. */
static uint32_t read_expiry(const struct command_call *call, uint32_t i, struct set_options *o)
{
    enum set_expiry expiry = expiry_named(call->arguments[i]);

    if (expiry == EXPIRY_NONE || (o->expiry != EXPIRY_NONE && o->expiry != expiry)) {
        return 0;
    }
    o->expiry = expiry;
    if (expiry == EXPIRY_KEEPTTL) {
        return 1;
    }
    if (i + 1 == call->argument_count) {
        return 0;
    }
    o->expiry_text = call->arguments[i + 1];
    return 2;
}

static bool read_set_options(const struct command_call *call, struct set_options *o)
{
    uint32_t i = 3;

    while (i < call->argument_count) {
        struct slice word = call->arguments[i];
        uint32_t used = 1;

        if (slice_is(word, "NX") && !o->only_existing) {
            o->only_new = true;
        } else if (slice_is(word, "XX") && !o->only_new) {
            o->only_existing = true;
        } else if (slice_is(word, "GET")) {
            o->wants_old = true;
        } else {
            used = read_expiry(call, i, o);
        }
        if (used == 0) {
            return false;
        }
        i += used;
    }
    return true;
}

/* Keys do not expire yet. Refusing is better than keeping a key for ever that its writer
 * believes to be gone. KEEPTTL changes nothing, so it is accepted. */
static void refuse_expiry(struct command_call *call, const struct set_options *o)
{
    int64_t value = 0;

    if (!decimal_read(o->expiry_text, &value)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (value <= 0) {
        resp_error(call->reply, ERROR_EXPIRE_TIME);
    } else {
        resp_error(call->reply, ERROR_NO_EXPIRY);
    }
}

/* Reads the options, or replies an error. */
static bool take_set_options(struct command_call *call, struct set_options *ret_options)
{
    *ret_options = (struct set_options){0};
    if (!read_set_options(call, ret_options)) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    if (ret_options->expiry != EXPIRY_NONE && ret_options->expiry != EXPIRY_KEEPTTL) {
        refuse_expiry(call, ret_options);
        return false;
    }
    return true;
}

static bool check_set(struct command_call *call)
{
    struct set_options options;

    return take_set_options(call, &options);
}

static void set(struct command_call *call, struct slice key, struct slice value)
{
    kv_set(call->kv, key, value);
    call_changed(call, EVENT_STRING, "set", key);
}

static void set_command(struct command_call *call)
{
    struct set_options options;
    struct slice key = call->arguments[1];
    struct slice old;

    if (call->argument_count == 3) {
        set(call, key, call->arguments[2]);
        resp_ok(call->reply);
        return;
    }
    if (!take_set_options(call, &options)) {
        return;
    }

    bool is_there = kv_get(call->kv, key, &old);
    bool is_done = !(options.only_new && is_there) && !(options.only_existing && !is_there);

    /* The old value is freed when the new one is set, so the reply comes first. */
    if (options.wants_old) {
        if (!call_reply_value(call)) {
            return;
        }
    } else if (is_done) {
        resp_ok(call->reply);
    } else {
        resp_null(call->reply);
    }
    if (is_done) {
        set(call, key, call->arguments[2]);
    }
}

/* --- the others ------------------------------------------------------------------- */

static void get_command(struct command_call *call)
{
    call_reply_value(call);
}

static void setnx_command(struct command_call *call)
{
    struct slice old;
    bool is_there = kv_get(call->kv, call->arguments[1], &old);

    if (!is_there) {
        set(call, call->arguments[1], call->arguments[2]);
    }
    resp_integer(call->reply, is_there ? 0 : 1);
}

static void getset_command(struct command_call *call)
{
    if (call_reply_value(call)) {
        set(call, call->arguments[1], call->arguments[2]);
    }
}

static void getdel_command(struct command_call *call)
{
    if (call_reply_value(call) && kv_delete(call->kv, call->arguments[1])) {
        call_changed(call, EVENT_GENERIC, "del", call->arguments[1]);
    }
}

/* False if there is none, or something else. */
static bool get_string(const struct command_call *call, uint32_t index, struct slice *ret_value)
{
    struct kv_value value;

    if (!kv_find(call->kv, call->arguments[index], &value) || value.traits.type != VALUE_STRING) {
        return false;
    }
    *ret_value = value.bytes;
    return true;
}

static void mget_command(struct command_call *call)
{
    uint64_t bytes = 0;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        struct slice value = {NULL, 0};

        call_expect_keys(call, i, 1);
        (void)get_string(call, i, &value);
        bytes += value.size + REPLY_OVERHEAD_BYTES;
    }
    if (bytes > kv_reply_bytes_max(call->kv)) {
        call_refuse_size(call, "ask for fewer keys at once");
        return;
    }
    resp_array(call->reply, call->argument_count - 1);
    for (uint32_t i = 1; i < call->argument_count; i++) {
        struct slice value;

        call_expect_keys(call, i, 1);
        if (get_string(call, i, &value)) {
            resp_bulk(call->reply, value);
        } else {
            resp_null(call->reply);
        }
    }
}

/* MSET and MSETNX: keys and values come in pairs. */
static bool has_pairs(struct command_call *call, const char *name)
{
    if (call->argument_count % 2 == 0) {
        resp_errorf(call->reply, ERROR_ARITY, name);
        return false;
    }
    return true;
}

static bool check_mset(struct command_call *call)
{
    return has_pairs(call, "mset");
}

static bool check_msetnx(struct command_call *call)
{
    return has_pairs(call, "msetnx");
}

static void set_pairs(struct command_call *call, bool is_cold)
{
    for (uint32_t i = 1; i < call->argument_count; i += 2) {
        if (is_cold) {
            call_expect_keys(call, i, 2);
        }
        set(call, call->arguments[i], call->arguments[i + 1]);
    }
}

static void mset_command(struct command_call *call)
{
    if (check_mset(call)) {
        set_pairs(call, true);
        resp_ok(call->reply);
    }
}

static void msetnx_command(struct command_call *call)
{
    struct slice value;

    if (!check_msetnx(call)) {
        return;
    }
    for (uint32_t i = 1; i < call->argument_count; i += 2) {
        call_expect_keys(call, i, 2);
        if (kv_get(call->kv, call->arguments[i], &value)) {
            resp_integer(call->reply, 0);
            return;
        }
    }
    set_pairs(call, false); /* All of them have just been looked up. */
    resp_integer(call->reply, 1);
}

static void strlen_command(struct command_call *call)
{
    struct slice value;

    if (call_find_string(call, 1, &value)) {
        resp_integer(call->reply, (int64_t)value.size);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command string_commands[] = {
    {.name = "GET", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = get_command, .group = "string", .arguments = "key", .since = "1.0.0",
     .summary = "Returns a value."},
    {.name = "GETDEL", .arity = 2, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = getdel_command, .group = "string", .arguments = "key", .since = "6.2.0",
     .summary = "Returns a value and deletes its key."},
    {.name = "GETSET", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = getset_command, .group = "string", .arguments = "key value",
     .since = "1.0.0",
     .summary = "Sets a value and returns the previous one."},
    {.name = "MGET", .arity = -2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_KEYS,
     .handler = mget_command, .group = "string", .arguments = "key [key ...]", .since = "1.0.0",
     .summary = "Returns several values."},
    {.name = "MSET", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM,
     COMMAND_KEYS_AND_VALUES, .handler = mset_command, .check = check_mset, .group = "string",
     .arguments = "key value [key value ...]", .since = "1.0.1",
     .summary = "Sets several values at once."},
    {.name = "MSETNX", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM,
     COMMAND_KEYS_AND_VALUES, .handler = msetnx_command, .check = check_msetnx, .group = "string",
     .arguments = "key value [key value ...]", .since = "1.0.1",
     .summary = "Sets several values if none of the keys exists."},
    {.name = "SET", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = set_command, .check = check_set, .ignored_option = "KEEPTTL", .group = "string",
     .arguments = "key value [NX | XX] [GET] [KEEPTTL]", .since = "1.0.0",
     .summary = "Sets a value. NX: only of a new key. XX: only of an existing one. GET: "
                "returns the previous value. KEEPTTL: accepted; no key has a time to live."},
    {.name = "SETNX", .arity = 3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = setnx_command, .group = "string", .arguments = "key value",
     .since = "1.0.0",
     .summary = "Sets a value if the key does not exist."},
    {.name = "STRLEN", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = strlen_command, .group = "string", .arguments = "key", .since = "2.2.0",
     .summary = "Returns the length of a value."},
    {.name = "STRLN", .arity = 2, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = strlen_command, .group = "string", .arguments = "key", .since = "0.1.0",
     .summary = "Returns the length of a value: the same as STRLEN."},
    {.name = NULL},
};
/* clang-format on */
