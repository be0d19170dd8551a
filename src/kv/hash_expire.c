/* hash_expire.c - fields that expire: HEXPIRE and its relatives, HTTL and its, HPERSIST, HGETEX,
 * HSETEX, HGETDEL. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/hash_change.h"
#include "kv/kv.h"
#include "kv/lifetime.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* What commands reply for a field. */
enum { NO_FIELD = -2, NO_EXPIRY = -1, NOT_MET = 0, DONE = 1, DELETED = 2 };

/* --- FIELDS numfields field ... --------------------------------------------------------------- */

/* The arguments from `first` on, `step` for each field. */
struct fields {
    uint32_t first, step;
};

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

/* Reads the word and the number at argument `at`, or replies an error. */
static bool read_fields(struct command_call *call, uint32_t at, uint32_t step,
                        const char *bad_number, struct fields *ret_fields)
{
    int64_t count = 0;

    if (at + 1 >= call->argument_count || !slice_is(call->arguments[at], "FIELDS")) {
        return refuse(call, ERROR_NO_FIELDS);
    }
    if (!decimal_read(call->arguments[at + 1], &count) || count < 1) {
        return refuse(call, bad_number);
    }
    *ret_fields = (struct fields){at + 2, step};
    if ((uint64_t)count > call->argument_count ||
        (uint64_t)count * step != call->argument_count - ret_fields->first) {
        return refuse(call, ERROR_NUMFIELDS_DIFFERS);
    }
    return true;
}

static uint32_t count_fields(const struct command_call *call, const struct fields *f)
{
    return (call->argument_count - f->first) / f->step;
}

/* --- HEXPIRE -------------------------------------------------------------------------------- */

enum hexpire_condition { ALWAYS, IF_NONE, IF_SOME, IF_LATER, IF_EARLIER };

struct hexpire {
    int64_t ms; /* Since the epoch, or from now on. */
    enum hexpire_condition condition;
    struct fields fields;
};

static enum hexpire_condition condition_named(struct slice word)
{
    return slice_is(word, "NX")   ? IF_NONE
           : slice_is(word, "XX") ? IF_SOME
           : slice_is(word, "GT") ? IF_LATER
           : slice_is(word, "LT") ? IF_EARLIER
                                  : ALWAYS;
}

static bool read_hexpire(struct command_call *call, bool is_seconds, struct hexpire *ret)
{
    int64_t unit_ms = is_seconds ? 1000 : 1;
    int64_t number = 0;

    if (!call_read_integer(call, 2, &number)) {
        return false;
    }
    if (number < 0) {
        return refuse(call, ERROR_EXPIRE_NEGATIVE);
    }
    if (number > (int64_t)EXPIRES_MS_MAX / unit_ms) {
        call_refuse_expire_time(call);
        return false;
    }
    ret->ms = number * unit_ms;
    ret->condition = condition_named(call->arguments[3]);
    return read_fields(call, ret->condition == ALWAYS ? 3 : 4, 1, ERROR_NUMFIELDS, &ret->fields);
}

static bool check_seconds(struct command_call *call)
{
    struct hexpire e;

    return read_hexpire(call, true, &e);
}

static bool check_milliseconds(struct command_call *call)
{
    struct hexpire e;

    return read_hexpire(call, false, &e);
}

static bool is_met(enum hexpire_condition condition, uint64_t old_ms, uint64_t new_ms)
{
    switch (condition) {
    case IF_NONE:
        return old_ms == 0;
    case IF_SOME:
        return old_ms != 0;
    case IF_LATER: /* A field that never expires does so later than any other. */
        return old_ms != 0 && new_ms > old_ms;
    case IF_EARLIER:
        return old_ms == 0 || new_ms < old_ms;
    case ALWAYS:
        break;
    }
    return true;
}

/* Sets the instant of a field; one that has passed deletes it. */
static int expire_field(struct hash_change *c, struct slice name, enum hexpire_condition condition,
                        uint64_t at_ms)
{
    struct hash_field field;

    if (!hash_change_find(c, name, &field)) {
        return NO_FIELD;
    }
    if (!is_met(condition, field.expires_ms, at_ms)) {
        return NOT_MET;
    }
    if (at_ms <= c->now_ms) {
        hash_change_delete(c, name);
        return DELETED;
    }
    hash_change_set_expiry(c, &field, at_ms);
    return DONE;
}

static const char *event_of(bool any_done, bool any_deleted)
{
    return any_deleted ? "hdel" : any_done ? "hexpire" : NULL;
}

/* How many bytes fields may take that get an instant: each may be moved. */
static uint64_t bytes_of(const struct command_call *call, const struct fields *f)
{
    struct kv_value value;
    uint64_t bytes = 0;

    if (!kv_find(call->kv, call->arguments[1], &value) || value.traits.type != VALUE_HASH) {
        return 0;
    }
    for (uint32_t i = f->first; i < call->argument_count; i += f->step) {
        struct hash_field field;

        if (hash_value_find(value.bytes, call->arguments[i], hash_now_ms(call), &field)) {
            bytes += field.name.size + field.value.size;
        }
    }
    return bytes;
}

static void expire_fields(struct command_call *call, const struct hexpire *e, uint64_t at_ms)
{
    struct hash_change c;
    uint32_t count = count_fields(call, &e->fields);
    bool any_done = false;
    bool any_deleted = false;

    if (!hash_change_begin(&c, call, count, bytes_of(call, &e->fields))) {
        return;
    }
    resp_array(call->reply, count);
    for (uint32_t i = e->fields.first; i < call->argument_count; i++) {
        int done = expire_field(&c, call->arguments[i], e->condition, at_ms);

        any_done |= done == DONE;
        any_deleted |= done == DELETED;
        resp_integer(call->reply, done);
    }
    hash_change_end(&c, event_of(any_done, any_deleted));
}

static void hexpire(struct command_call *call, bool is_seconds, bool is_absolute)
{
    struct hexpire e = {.ms = 0};

    if (!read_hexpire(call, is_seconds, &e)) {
        return;
    }

    uint64_t at_ms = (uint64_t)e.ms + (is_absolute ? 0 : hash_now_ms(call));

    if (at_ms > EXPIRES_MS_MAX) {
        call_refuse_expire_time(call);
    } else {
        expire_fields(call, &e, at_ms);
    }
}

static void hexpire_command(struct command_call *call)
{
    hexpire(call, true, false);
}

static void hpexpire_command(struct command_call *call)
{
    hexpire(call, false, false);
}

static void hexpireat_command(struct command_call *call)
{
    hexpire(call, true, true);
}

static void hpexpireat_command(struct command_call *call)
{
    hexpire(call, false, true);
}

/* --- HTTL, HPERSIST ------------------------------------------------------------------------- */

static bool read_named(struct command_call *call, struct fields *ret_fields)
{
    return read_fields(call, 2, 1, ERROR_NUMBER_OF_FIELDS, ret_fields);
}

static bool check_named(struct command_call *call)
{
    struct fields f;

    return read_named(call, &f);
}

static void reply_times(struct command_call *call, uint64_t from_ms, bool is_seconds)
{
    struct fields f;
    struct slice value;

    if (!read_named(call, &f) || !hash_read(call, &value)) {
        return;
    }
    resp_array(call->reply, count_fields(call, &f));
    for (uint32_t i = f.first; i < call->argument_count; i++) {
        struct hash_field field;

        if (!hash_value_find(value, call->arguments[i], hash_now_ms(call), &field)) {
            resp_integer(call->reply, NO_FIELD);
        } else if (field.expires_ms == 0) {
            resp_integer(call->reply, NO_EXPIRY);
        } else {
            uint64_t ms = field.expires_ms > from_ms ? field.expires_ms - from_ms : 0;

            resp_integer(call->reply, (int64_t)(is_seconds ? (ms + 999) / 1000 : ms));
        }
    }
}

static void httl_command(struct command_call *call)
{
    reply_times(call, call->time_us / 1000, true);
}

static void hpttl_command(struct command_call *call)
{
    reply_times(call, call->time_us / 1000, false);
}

static void hexpiretime_command(struct command_call *call)
{
    reply_times(call, 0, true);
}

static void hpexpiretime_command(struct command_call *call)
{
    reply_times(call, 0, false);
}

static void hpersist_command(struct command_call *call)
{
    struct fields f;
    struct hash_change c;
    bool any_done = false;

    /* A field without its time is another entry, which needs room. */
    if (!read_named(call, &f) ||
        !hash_change_begin(&c, call, count_fields(call, &f), bytes_of(call, &f))) {
        return;
    }
    resp_array(call->reply, count_fields(call, &f));
    for (uint32_t i = f.first; i < call->argument_count; i++) {
        struct hash_field field;

        if (!hash_change_find(&c, call->arguments[i], &field)) {
            resp_integer(call->reply, NO_FIELD);
        } else if (field.expires_ms == 0) {
            resp_integer(call->reply, NO_EXPIRY);
        } else {
            hash_change_set_expiry(&c, &field, 0);
            any_done = true;
            resp_integer(call->reply, DONE);
        }
    }
    hash_change_end(&c, any_done ? "hpersist" : NULL);
}

/* --- HGETDEL, HGETEX ------------------------------------------------------------------------ */

/* Replies the values of the fields; false: an error was replied. */
static bool reply_values(struct command_call *call, const struct fields *f)
{
    struct slice value;

    if (!hash_read(call, &value)) {
        return false;
    }
    resp_array(call->reply, count_fields(call, f));
    for (uint32_t i = f->first; i < call->argument_count; i++) {
        struct hash_field field;

        if (hash_value_find(value, call->arguments[i], hash_now_ms(call), &field)) {
            resp_bulk(call->reply, field.value);
        } else {
            resp_null(call->reply);
        }
    }
    return true;
}

static void hgetdel_command(struct command_call *call)
{
    struct fields f;
    struct hash_change c;
    bool any = false;

    if (!read_named(call, &f) || !reply_values(call, &f) || !hash_change_begin(&c, call, 0, 0)) {
        return;
    }
    for (uint32_t i = f.first; i < call->argument_count; i++) {
        any |= hash_change_delete(&c, call->arguments[i]);
    }
    hash_change_end(&c, any ? "hdel" : NULL);
}

/* HGETEX and HSETEX: options, then the fields. */
struct options {
    bool only_new, only_existing; /* FNX, FXX */
    struct lifetime lifetime;
    struct fields fields;
};

static bool read_options(struct command_call *call, enum lifetime_kind other, uint32_t step,
                         struct options *ret_options)
{
    uint32_t i = 2;
    uint32_t used = 1;

    *ret_options = (struct options){.lifetime = {.kind = LIFETIME_NONE}};
    for (; i < call->argument_count && !slice_is(call->arguments[i], "FIELDS"); i += used) {
        bool is_new = step == 2 && slice_is(call->arguments[i], "FNX");
        bool is_existing = step == 2 && slice_is(call->arguments[i], "FXX");

        ret_options->only_new |= is_new;
        ret_options->only_existing |= is_existing;
        used = is_new || is_existing ? 1 : lifetime_read(call, i, other, &ret_options->lifetime);
        if (used == 0 || (ret_options->only_new && ret_options->only_existing)) {
            return refuse(call, ERROR_SYNTAX);
        }
    }
    return read_fields(call, i, step, ERROR_NUMBER_OF_FIELDS, &ret_options->fields) &&
           lifetime_check(call, &ret_options->lifetime);
}

static bool check_hgetex(struct command_call *call)
{
    struct options o;

    return read_options(call, LIFETIME_PERSIST, 1, &o);
}

static void change_times(struct hash_change *c, const struct options *o, uint64_t at_ms)
{
    struct command_call *call = c->call;
    bool persists = o->lifetime.kind == LIFETIME_PERSIST;
    bool any_done = false;
    bool any_deleted = false;

    for (uint32_t i = o->fields.first; i < call->argument_count; i++) {
        struct hash_field field;

        if (persists && hash_change_find(c, call->arguments[i], &field)) {
            any_done |= field.expires_ms != 0;
            hash_change_set_expiry(c, &field, 0);
        } else if (!persists) {
            int done = expire_field(c, call->arguments[i], ALWAYS, at_ms);

            any_done |= done == DONE;
            any_deleted |= done == DELETED;
        }
    }
    hash_change_end(c, persists ? (any_done ? "hpersist" : NULL) : event_of(any_done, any_deleted));
}

static void hgetex_command(struct command_call *call)
{
    struct options o;
    struct hash_change c;
    uint64_t at_ms = 0;

    if (!read_options(call, LIFETIME_PERSIST, 1, &o) ||
        !lifetime_expiry(call, &o.lifetime, &at_ms)) {
        return;
    }
    if (o.lifetime.kind == LIFETIME_NONE) {
        reply_values(call, &o.fields);
        return;
    }
    /* The reply is the old values; they may move when the change begins. */
    if (hash_change_begin(&c, call, count_fields(call, &o.fields), bytes_of(call, &o.fields))) {
        resp_array(call->reply, count_fields(call, &o.fields));
        for (uint32_t i = o.fields.first; i < call->argument_count; i++) {
            struct hash_field field;

            if (hash_change_find(&c, call->arguments[i], &field)) {
                resp_bulk(call->reply, field.value);
            } else {
                resp_null(call->reply);
            }
        }
        change_times(&c, &o, at_ms);
    }
}

/* --- HSETEX --------------------------------------------------------------------------------- */

static bool check_hsetex(struct command_call *call)
{
    struct options o;

    if (!read_options(call, LIFETIME_KEEPTTL, 2, &o)) {
        return false;
    }
    for (uint32_t i = o.fields.first; i < call->argument_count; i += 2) {
        if (!hash_check_size(call, i)) {
            return false;
        }
    }
    return true;
}

static bool may_set(const struct hash_change *c, const struct options *o)
{
    for (uint32_t i = o->fields.first; i < c->call->argument_count; i += 2) {
        struct hash_field field;
        bool exists = hash_change_find(c, c->call->arguments[i], &field);

        if ((exists && o->only_new) || (!exists && o->only_existing)) {
            return false;
        }
    }
    return true;
}

static void set_fields(struct hash_change *c, const struct options *o, uint64_t at_ms)
{
    struct command_call *call = c->call;
    bool has_passed = lifetime_is_set(&o->lifetime) && at_ms <= c->now_ms;

    for (uint32_t i = o->fields.first; i < call->argument_count; i += 2) {
        struct hash_field old = {.expires_ms = 0};
        bool keeps =
            o->lifetime.kind == LIFETIME_KEEPTTL && hash_change_find(c, call->arguments[i], &old);

        if (has_passed) {
            hash_change_delete(c, call->arguments[i]);
        } else {
            hash_change_set(c, call->arguments[i], call->arguments[i + 1],
                            keeps ? old.expires_ms : at_ms);
        }
    }
    hash_change_end(c, has_passed ? "hdel" : "hset");
    if (!has_passed && at_ms != 0) {
        call_changed(call, EVENT_HASH, "hexpire", c->key);
    }
}

static void hsetex_command(struct command_call *call)
{
    struct options o;
    struct hash_change c;
    uint64_t at_ms = 0;
    uint64_t bytes = 0;

    if (!check_hsetex(call) || !read_options(call, LIFETIME_KEEPTTL, 2, &o) ||
        !lifetime_expiry(call, &o.lifetime, &at_ms)) {
        return;
    }
    for (uint32_t i = o.fields.first; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }
    if (!hash_change_begin(&c, call, count_fields(call, &o.fields), bytes)) {
        return;
    }

    bool is_set = may_set(&c, &o);

    if (is_set) {
        set_fields(&c, &o, at_ms);
    } else {
        hash_change_end(&c, NULL);
    }
    resp_integer(call->reply, is_set ? 1 : 0);
}

/* --- rows ----------------------------------------------------------------------------------- */

#define EXPIRE_ROW                                                                                 \
    .arity = -6, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST, COMMAND_ONE_KEY,        \
    .growth = hash_growth, .group = "hash", .since = "7.4.0"
#define TIME_ROW                                                                                   \
    .arity = -5, .flags = COMMAND_READ | COMMAND_FAST, COMMAND_ONE_KEY, .check = check_named,      \
    .group = "hash", .arguments = "key FIELDS numfields field [field ...]",                        \
    .integers = "numfields", .since = "7.4.0"

/* clang-format off */
const struct command hash_expire_commands[] = {
    {.name = "HEXPIRE", EXPIRE_ROW, .handler = hexpire_command, .check = check_seconds,
     .arguments = "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .integers = "seconds numfields",
     .summary = "Lets fields of a hash expire after some seconds."},
    {.name = "HEXPIREAT", EXPIRE_ROW, .handler = hexpireat_command, .check = check_seconds,
     .arguments = "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .integers = "numfields",
     .summary = "Lets fields of a hash expire at an instant, in seconds."},
    {.name = "HEXPIRETIME", TIME_ROW, .handler = hexpiretime_command,
     .summary = "Returns when fields of a hash expire, in seconds since the Unix epoch."},
    {.name = "HGETDEL", .arity = -5, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hgetdel_command, .check = check_named, .group = "hash",
     .arguments = "key FIELDS numfields field [field ...]", .integers = "numfields",
     .since = "8.0.0",
     .summary = "Returns the values of fields of a hash and deletes the fields."},
    {.name = "HGETEX", .arity = -5, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hgetex_command, .check = check_hgetex, .growth = hash_growth,
     .group = "hash",
     .arguments = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
                  "unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
     .integers = "seconds milliseconds numfields", .since = "8.0.0",
     .summary = "Returns the values of fields of a hash and changes when they expire."},
    {.name = "HPERSIST", .arity = -5, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = hpersist_command, .check = check_named, .group = "hash",
     .arguments = "key FIELDS numfields field [field ...]", .integers = "numfields",
     .since = "7.4.0",
     .summary = "Lets fields of a hash never expire."},
    {.name = "HPEXPIRE", EXPIRE_ROW, .handler = hpexpire_command, .check = check_milliseconds,
     .arguments = "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
     .integers = "milliseconds numfields",
     .summary = "Lets fields of a hash expire after some milliseconds."},
    {.name = "HPEXPIREAT", EXPIRE_ROW, .handler = hpexpireat_command, .check = check_milliseconds,
     .arguments = "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field "
                  "[field ...]",
     .integers = "numfields",
     .summary = "Lets fields of a hash expire at an instant, in milliseconds."},
    {.name = "HPEXPIRETIME", TIME_ROW, .handler = hpexpiretime_command,
     .summary = "Returns when fields of a hash expire, in milliseconds since the Unix epoch."},
    {.name = "HPTTL", TIME_ROW, .handler = hpttl_command,
     .summary = "Returns in how many milliseconds fields of a hash expire."},
    {.name = "HSETEX", .arity = -6, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_FAST,
     COMMAND_ONE_KEY, .handler = hsetex_command, .check = check_hsetex, .growth = hash_growth,
     .group = "hash",
     .arguments = "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
                  "unix-time-milliseconds | KEEPTTL] FIELDS numfields field value "
                  "[field value ...]",
     .integers = "seconds milliseconds numfields", .since = "8.0.0",
     .summary = "Sets fields of a hash that expire. FNX: only if none of them exists. FXX: only "
                "if all do."},
    {.name = "HTTL", TIME_ROW, .handler = httl_command,
     .summary = "Returns in how many seconds fields of a hash expire."},
    {.name = NULL},
};
/* clang-format on */
