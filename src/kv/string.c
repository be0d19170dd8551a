/* string.c - commands on whole values: GET, SET and related ones. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/condition.h"
#include "kv/kv.h"
#include "kv/lifetime.h"
#include "resp/errors.h"

/* --- SET -------------------------------------------------------------------------- */

struct set_options {
    bool only_new;      /* NX */
    bool only_existing; /* XX */
    bool wants_old;     /* GET */
    struct condition condition;
    struct lifetime lifetime;
};

static bool fit_together(const struct set_options *o)
{
    return o->only_new + o->only_existing + (o->condition.kind != CONDITION_NONE) <= 1;
}

static bool read_set_options(const struct command_call *call, struct set_options *o)
{
    uint32_t i = 3;

    while (i < call->argument_count) {
        struct slice word = call->arguments[i];
        uint32_t used = 1;

        if (slice_is(word, "NX")) {
            o->only_new = true;
        } else if (slice_is(word, "XX")) {
            o->only_existing = true;
        } else if (slice_is(word, "GET")) {
            o->wants_old = true;
        } else if ((used = condition_read(call, i, &o->condition)) == 0) {
            used = lifetime_read(call, i, LIFETIME_KEEPTTL, &o->lifetime);
        }
        if (used == 0 || !fit_together(o)) {
            return false;
        }
        i += used;
    }
    return true;
}

/* Reads the options, or replies an error. */
static bool take_set_options(struct command_call *call, struct set_options *ret_options)
{
    *ret_options = (struct set_options){0};
    if (!read_set_options(call, ret_options)) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    return condition_check(call, &ret_options->condition) &&
           lifetime_check(call, &ret_options->lifetime);
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

/* With a lifetime, the key expires then. */
static void set_until(struct command_call *call, const struct lifetime *lifetime,
                      struct slice value, uint64_t expires_ms)
{
    kv_put(call->kv, call->arguments[1], (struct traits){.expires_ms = expires_ms}, value);
    call_changed(call, EVENT_STRING, "set", call->arguments[1]);
    if (lifetime_is_set(lifetime)) {
        call_changed(call, EVENT_GENERIC, "expire", call->arguments[1]);
    }
}

/* Whether it matters what was there before. */
static bool depend_on_old(const struct set_options *o)
{
    return o->only_new || o->only_existing || o->wants_old || o->condition.kind != CONDITION_NONE ||
           o->lifetime.kind == LIFETIME_KEEPTTL;
}

static void set_with_options(struct command_call *call, const struct set_options *o,
                             uint64_t expires_ms)
{
    struct kv_value old = {.traits = {0}};
    bool is_there = kv_find(call->kv, call->arguments[1], &old);
    bool is_done = !(o->only_new && is_there) && !(o->only_existing && !is_there) &&
                   condition_holds(&o->condition, is_there ? &old.bytes : NULL);

    if (o->condition.kind != CONDITION_NONE && old.traits.type != VALUE_STRING) {
        resp_error(call->reply, ERROR_WRONG_TYPE);
        return;
    }
    /* The old value is freed when the new one is set, so the reply comes first. */
    if (o->wants_old) {
        if (!call_reply_value(call)) {
            return;
        }
    } else if (is_done) {
        resp_ok(call->reply);
    } else {
        resp_null(call->reply);
    }
    if (o->lifetime.kind == LIFETIME_KEEPTTL) {
        expires_ms = old.traits.expires_ms;
    }
    if (is_done) {
        set_until(call, &o->lifetime, call->arguments[2], expires_ms);
    }
}

static void set_command(struct command_call *call)
{
    struct set_options options;
    uint64_t expires_ms = 0;

    if (call->argument_count == 3) {
        set(call, call->arguments[1], call->arguments[2]);
        resp_ok(call->reply);
    } else if (take_set_options(call, &options) &&
               lifetime_expiry(call, &options.lifetime, &expires_ms)) {
        if (depend_on_old(&options)) {
            set_with_options(call, &options, expires_ms);
        } else {
            set_until(call, &options.lifetime, call->arguments[2], expires_ms);
            resp_ok(call->reply);
        }
    }
}

/* --- SETEX, PSETEX ---------------------------------------------------------------------- */

static bool check_setex(struct command_call *call)
{
    struct lifetime lifetime = {LIFETIME_EX, call->arguments[2]};

    return lifetime_check(call, &lifetime);
}

static bool check_psetex(struct command_call *call)
{
    struct lifetime lifetime = {LIFETIME_PX, call->arguments[2]};

    return lifetime_check(call, &lifetime);
}

static void set_for(struct command_call *call, enum lifetime_kind kind)
{
    struct lifetime lifetime = {kind, call->arguments[2]};
    uint64_t expires_ms = 0;

    if (lifetime_expiry(call, &lifetime, &expires_ms)) {
        set_until(call, &lifetime, call->arguments[3], expires_ms);
        resp_ok(call->reply);
    }
}

static void setex_command(struct command_call *call)
{
    set_for(call, LIFETIME_EX);
}

static void psetex_command(struct command_call *call)
{
    set_for(call, LIFETIME_PX);
}

/* --- GETEX ------------------------------------------------------------------------------ */

static bool read_getex(struct command_call *call, struct lifetime *ret_lifetime)
{
    uint32_t used = 0;

    *ret_lifetime = (struct lifetime){.kind = LIFETIME_NONE};
    for (uint32_t i = 2; i < call->argument_count; i += used) {
        used = lifetime_read(call, i, LIFETIME_PERSIST, ret_lifetime);
        if (used == 0) {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* As in Redis, a wrong number matters only if the key exists. */
static bool check_getex(struct command_call *call)
{
    struct lifetime lifetime;

    return read_getex(call, &lifetime);
}

static void change_expiry(struct command_call *call, const struct lifetime *lifetime,
                          uint64_t expires_ms)
{
    struct slice key = call->arguments[1];
    bool has_passed = lifetime_is_absolute(lifetime) && expires_ms <= (uint64_t)call_now_ms(call);

    if (has_passed) {
        kv_delete(call->kv, key);
        call_changed(call, EVENT_GENERIC, "del", key);
    } else {
        kv_set_expiry(call->kv, key, expires_ms);
        call_changed(call, EVENT_GENERIC, expires_ms == 0 ? "persist" : "expire", key);
    }
}

static void getex_command(struct command_call *call)
{
    struct lifetime lifetime;
    struct slice value;
    struct kv_value found;
    uint64_t expires_ms = 0;
    bool exists;

    if (!read_getex(call, &lifetime) || !call_find(call, 1, VALUE_STRING, &value, &exists)) {
        return;
    }
    if (!kv_find(call->kv, call->arguments[1], &found)) {
        resp_null(call->reply);
        return;
    }
    if (!lifetime_expiry(call, &lifetime, &expires_ms)) {
        return;
    }
    resp_bulk(call->reply, found.bytes);
    if (lifetime_is_set(&lifetime) ||
        (lifetime.kind == LIFETIME_PERSIST && found.traits.expires_ms != 0)) {
        change_expiry(call, &lifetime, expires_ms);
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
    {.name = "GETEX", .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = getex_command, .check = check_getex, .group = "string",
     .arguments = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
                  "PXAT unix-time-milliseconds | PERSIST]",
     .integers = "seconds milliseconds", .since = "6.2.0",
     .summary = "Returns a value, and sets when its key expires. PERSIST: never."},
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
    {.name = "PSETEX", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = psetex_command, .check = check_psetex, .group = "string",
     .arguments = "key milliseconds value", .integers = "milliseconds", .since = "2.6.0",
     .summary = "Sets a value whose key expires in so many milliseconds."},
    {.name = "SET", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = set_command, .check = check_set, .group = "string",
     .arguments = "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest "
                  "| IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | "
                  "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .integers = "seconds milliseconds", .since = "1.0.0",
     .summary = "Sets a value. NX: only of a new key. XX: only of an existing one. GET: "
                "returns the previous value. EX, PX: the key expires then; EXAT, PXAT: at that "
                "instant. KEEPTTL: it expires when it would have before."},
    {.name = "SETEX", .arity = 4, .flags = COMMAND_WRITE | COMMAND_DENY_OOM, COMMAND_ONE_KEY,
     .handler = setex_command, .check = check_setex, .group = "string",
     .arguments = "key seconds value", .integers = "seconds", .since = "2.0.0",
     .summary = "Sets a value whose key expires in so many seconds."},
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
