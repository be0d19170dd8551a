/* model_hash.c - see model_hash.h. A value is its fields, one behind the other: the sizes of name
 * and value, when it expires, name, value. Fields that have expired stay until a command changes
 * the hash, as in the server: until then the key exists. */
#include "sim/checks/model_hash.h"

#include "sim/checks/model_reply.h"

struct head {
    uint64_t expires_ms; /* 0: never. */
    uint32_t name_size;
    uint32_t value_size;
};

struct field {
    struct slice name;
    struct slice value;
    uint64_t expires_ms;
};

/* --- fields ------------------------------------------------------------------------------ */

static bool take_field(struct slice *rest, struct field *ret_field)
{
    struct head head;

    if (rest->size == 0) {
        return false;
    }
    memcpy(&head, rest->data, sizeof head);
    const char *text = rest->data + sizeof head;

    *ret_field = (struct field){.name = slice_of(text, head.name_size),
                                .value = slice_of(text + head.name_size, head.value_size),
                                .expires_ms = head.expires_ms};
    *rest = slice_of(text + head.name_size + head.value_size,
                     rest->size - sizeof head - head.name_size - head.value_size);
    return true;
}

static void put_field(struct buffer *to, const struct field *f)
{
    struct head head = {.expires_ms = f->expires_ms,
                        .name_size = (uint32_t)f->name.size,
                        .value_size = (uint32_t)f->value.size};

    buffer_append(to, &head, sizeof head);
    buffer_append_slice(to, f->name);
    buffer_append_slice(to, f->value);
}

static bool has_expired(const struct field *f, uint64_t now_ms)
{
    return f->expires_ms != 0 && now_ms > f->expires_ms;
}

/* The next field that has not expired. */
static bool take_live(struct slice *rest, uint64_t now_ms, struct field *ret_field)
{
    while (take_field(rest, ret_field)) {
        if (!has_expired(ret_field, now_ms)) {
            return true;
        }
    }
    return false;
}

/* A field without anything if there is no such one. */
static bool find_field(struct slice fields, uint64_t now_ms, struct slice name,
                       struct field *ret_field)
{
    while (take_live(&fields, now_ms, ret_field)) {
        if (slice_equal(ret_field->name, name)) {
            return true;
        }
    }
    *ret_field = (struct field){.expires_ms = 0};
    return false;
}

/* The fields of a hash; none, if there is no such key. False: it is a string. */
static bool fields_of(struct model_place at, struct slice name, struct slice *ret_fields)
{
    const struct model_version *v = model_find_live(at, name);

    *ret_fields = v == NULL ? slice_of("", 0) : slice_of(v->value, v->size);
    return v == NULL || v->is_hash;
}

/* --- changes ----------------------------------------------------------------------------- */

struct change {
    struct model_place to;
    struct slice name;
    struct buffer fields;
    uint64_t expires_ms;
    bool existed;
    bool is_changed;
};

/* Without what has expired. */
static void change_begin(struct change *c, struct model_place to, struct slice name,
                         struct slice fields)
{
    struct field f;

    *c = (struct change){.to = to,
                         .name = name,
                         .expires_ms = model_expiry(to, name),
                         .existed = model_find_live(to, name) != NULL};
    while (take_field(&fields, &f)) {
        if (has_expired(&f, to.now_ms)) {
            c->is_changed = true;
            to.table->expired_field_count++;
        } else {
            put_field(&c->fields, &f);
        }
    }
}

static bool change_find(const struct change *c, struct slice name, struct field *ret_field)
{
    return find_field(buffer_slice(&c->fields), c->to.now_ms, name, ret_field);
}

static bool change_delete(struct change *c, struct slice name)
{
    struct slice rest = buffer_slice(&c->fields);
    struct buffer others = {0};
    struct field f;
    bool is_found = false;

    while (take_field(&rest, &f)) {
        if (slice_equal(f.name, name)) {
            is_found = true;
        } else {
            put_field(&others, &f);
        }
    }
    buffer_deinit(&c->fields);
    c->fields = others;
    c->is_changed |= is_found;
    return is_found;
}

/* Returns whether it is a new one. */
static bool change_set(struct change *c, struct slice name, struct slice value, uint64_t expires_ms)
{
    struct buffer copy = {0};
    bool is_new;

    buffer_append_slice(&copy, value); /* It may be the old one. */
    is_new = !change_delete(c, name);
    put_field(&c->fields, &(struct field){name, buffer_slice(&copy), expires_ms});
    buffer_deinit(&copy);
    c->is_changed = true;
    return is_new;
}

static void change_end(struct change *c)
{
    if (buffer_size(&c->fields) > 0 && c->is_changed) {
        model_set_hash(c->to, c->name, buffer_slice(&c->fields), c->expires_ms);
    } else if (buffer_size(&c->fields) == 0 && c->existed) {
        model_delete(c->to, c->name);
    }
    buffer_deinit(&c->fields);
}

void model_hash_remove_expired(struct model_place to, struct slice name)
{
    struct slice fields;
    struct change c;

    if (fields_of(to, name, &fields)) {
        change_begin(&c, to, name, fields);
        change_end(&c);
    }
}

/* --- writes ------------------------------------------------------------------------------ */

static void write_hset(struct change *c, const struct slice *arguments, uint32_t count,
                       struct buffer *reply)
{
    int64_t added = 0;

    for (uint32_t i = 2; i + 1 < count; i += 2) {
        added += change_set(c, arguments[i], arguments[i + 1], 0);
    }
    say_integer(reply, added);
}

static void write_hsetnx(struct change *c, const struct slice *arguments, struct buffer *reply)
{
    struct field old;
    bool is_new = !change_find(c, arguments[2], &old);

    if (is_new) {
        change_set(c, arguments[2], arguments[3], 0);
    }
    say_integer(reply, is_new);
}

static void write_hdel(struct change *c, const struct slice *arguments, uint32_t count,
                       struct buffer *reply)
{
    int64_t deleted = 0;

    for (uint32_t i = 2; i < count; i++) {
        deleted += change_delete(c, arguments[i]);
    }
    say_integer(reply, deleted);
}

static void write_hincrby(struct change *c, const struct slice *arguments, struct buffer *reply)
{
    struct field old;
    int64_t number = 0;
    int64_t increment = 0;
    char text[24];

    if (change_find(c, arguments[2], &old) && !parse_integer(old.value, &number)) {
        say(reply, "-ERR hash value is not an integer\r\n");
    } else if (!parse_integer(arguments[3], &increment) ||
               __builtin_add_overflow(number, increment, &number)) {
        say(reply, "-ERR increment or decrement would overflow\r\n");
    } else {
        snprintf(text, sizeof text, "%" PRId64, number);
        change_set(c, arguments[2], slice_str(text), old.expires_ms);
        say_integer(reply, number);
    }
}

/* The first of the fields behind FIELDS and their number; 0: there are none. */
static uint32_t fields_at(const struct slice *arguments, uint32_t count)
{
    for (uint32_t i = 2; i + 2 < count; i++) {
        if (slice_is(arguments[i], "FIELDS")) {
            return i + 2;
        }
    }
    return 0;
}

static bool is_met(struct slice condition, uint64_t old_ms, uint64_t new_ms)
{
    if (slice_is(condition, "NX")) {
        return old_ms == 0;
    }
    if (slice_is(condition, "XX")) {
        return old_ms != 0;
    }
    if (slice_is(condition, "GT")) {
        return old_ms != 0 && new_ms > old_ms;
    }
    return !slice_is(condition, "LT") || old_ms == 0 || new_ms < old_ms;
}

static int64_t expire_one(struct change *c, struct slice name, struct slice condition,
                          uint64_t at_ms)
{
    struct field f;

    if (!change_find(c, name, &f)) {
        return -2;
    }
    if (!is_met(condition, f.expires_ms, at_ms)) {
        return 0;
    }
    if (at_ms <= c->to.now_ms) {
        change_delete(c, name);
        return 2;
    }
    change_set(c, name, f.value, at_ms);
    return 1;
}

/* HPEXPIRE key ms [NX | XX | GT | LT] FIELDS number field... */
static void write_hpexpire(struct change *c, const struct slice *arguments, uint32_t count,
                           uint32_t first, struct buffer *reply)
{
    int64_t ms = 0;

    (void)parse_integer(arguments[2], &ms);
    buffer_printf(reply, "*%u\r\n", count - first);
    for (uint32_t i = first; i < count; i++) {
        say_integer(reply, expire_one(c, arguments[i], arguments[3], c->to.now_ms + (uint64_t)ms));
    }
}

/* HPERSIST key FIELDS number field... */
static void write_hpersist(struct change *c, const struct slice *arguments, uint32_t count,
                           uint32_t first, struct buffer *reply)
{
    struct field f;

    buffer_printf(reply, "*%u\r\n", count - first);
    for (uint32_t i = first; i < count; i++) {
        bool is_there = change_find(c, arguments[i], &f);

        if (is_there && f.expires_ms != 0) {
            change_set(c, arguments[i], f.value, 0);
        }
        say_integer(reply, !is_there ? -2 : f.expires_ms == 0 ? -1 : 1);
    }
}

/* HGETDEL key FIELDS number field... */
static void write_hgetdel(struct change *c, const struct slice *arguments, uint32_t count,
                          uint32_t first, struct buffer *reply)
{
    struct field f;

    buffer_printf(reply, "*%u\r\n", count - first);
    for (uint32_t i = first; i < count; i++) {
        bool is_there = change_find(c, arguments[i], &f);

        say_value(reply, is_there, f.value);
    }
    for (uint32_t i = first; i < count; i++) {
        change_delete(c, arguments[i]);
    }
}

/* HSETEX key [FXX] PX ms FIELDS number field value... */
static void write_hsetex(struct change *c, const struct slice *arguments, uint32_t count,
                         uint32_t first, struct buffer *reply)
{
    bool only_existing = slice_is(arguments[2], "FXX");
    bool is_set = true;
    int64_t ms = 0;
    struct field f;

    (void)parse_integer(arguments[first - 3], &ms);
    for (uint32_t i = first; i + 1 < count; i += 2) {
        is_set = is_set && (!only_existing || change_find(c, arguments[i], &f));
    }
    for (uint32_t i = first; is_set && i + 1 < count; i += 2) {
        change_set(c, arguments[i], arguments[i + 1], c->to.now_ms + (uint64_t)ms);
    }
    say_integer(reply, is_set);
}

static bool write_fields(struct change *c, const struct slice *arguments, uint32_t count,
                         struct buffer *reply)
{
    uint32_t first = fields_at(arguments, count);
    struct slice name = arguments[0];

    if (slice_is(name, "HSET") && count >= 4) {
        write_hset(c, arguments, count, reply);
    } else if (slice_is(name, "HSETNX") && count == 4) {
        write_hsetnx(c, arguments, reply);
    } else if (slice_is(name, "HDEL") && count >= 3) {
        write_hdel(c, arguments, count, reply);
    } else if (slice_is(name, "HINCRBY") && count == 4) {
        write_hincrby(c, arguments, reply);
    } else if (slice_is(name, "HPEXPIRE") && first >= 5) {
        write_hpexpire(c, arguments, count, first, reply);
    } else if (slice_is(name, "HPERSIST") && first > 0) {
        write_hpersist(c, arguments, count, first, reply);
    } else if (slice_is(name, "HGETDEL") && first > 0) {
        write_hgetdel(c, arguments, count, first, reply);
    } else {
        bool is_hsetex = slice_is(name, "HSETEX") && first >= 6;

        if (is_hsetex) {
            write_hsetex(c, arguments, count, first, reply);
        }
        return is_hsetex;
    }
    return true;
}

bool model_hash_write(struct model_place to, const struct slice *arguments, uint32_t count,
                      struct buffer *reply)
{
    struct slice fields;
    struct change c;
    bool is_known;

    if (arguments[0].size == 0 || (arguments[0].data[0] | 32) != 'h') {
        return false;
    }
    if (!fields_of(to, arguments[1], &fields)) {
        say(reply, WRONG_TYPE);
        return true;
    }
    change_begin(&c, to, arguments[1], fields);
    is_known = write_fields(&c, arguments, count, reply);
    if (is_known) {
        change_end(&c);
    } else {
        buffer_deinit(&c.fields);
    }
    return is_known;
}

/* --- reads ------------------------------------------------------------------------------- */

static void read_all(struct slice fields, uint64_t now_ms, bool counts, struct buffer *reply)
{
    struct buffer pairs = {0};
    int64_t number = 0;
    struct field f;

    for (; take_live(&fields, now_ms, &f); number++) {
        say_value(&pairs, true, f.name);
        say_value(&pairs, true, f.value);
    }
    if (counts) {
        say_integer(reply, number);
    } else {
        buffer_printf(reply, "*%" PRId64 "\r\n", 2 * number);
        buffer_append_slice(reply, buffer_slice(&pairs));
    }
    buffer_deinit(&pairs);
}

static void read_some(struct slice fields, uint64_t now_ms, const struct slice *names,
                      uint32_t count, bool times, struct buffer *reply)
{
    struct field f;

    for (uint32_t i = 0; i < count; i++) {
        bool is_there = find_field(fields, now_ms, names[i], &f);

        if (!times) {
            say_value(reply, is_there, f.value);
        } else {
            say_integer(reply, !is_there ? -2 : f.expires_ms == 0 ? -1 : (int64_t)f.expires_ms);
        }
    }
}

static bool read_fields(struct model_place at, const struct slice *arguments, uint32_t count,
                        struct slice fields, struct buffer *reply)
{
    struct slice name = arguments[0];
    uint32_t first = fields_at(arguments, count);
    struct field f;

    if ((slice_is(name, "HGETALL") || slice_is(name, "HLEN")) && count == 2) {
        read_all(fields, at.now_ms, slice_is(name, "HLEN"), reply);
    } else if (slice_is(name, "HGET") && count == 3) {
        read_some(fields, at.now_ms, arguments + 2, 1, false, reply);
    } else if (slice_is(name, "HMGET") && count >= 3) {
        buffer_printf(reply, "*%u\r\n", count - 2);
        read_some(fields, at.now_ms, arguments + 2, count - 2, false, reply);
    } else if (slice_is(name, "HEXISTS") && count == 3) {
        say_integer(reply, find_field(fields, at.now_ms, arguments[2], &f));
    } else if (slice_is(name, "HSTRLEN") && count == 3) {
        bool is_there = find_field(fields, at.now_ms, arguments[2], &f);

        say_integer(reply, is_there ? (int64_t)f.value.size : 0);
    } else if (slice_is(name, "HPEXPIRETIME") && first > 0) {
        buffer_printf(reply, "*%u\r\n", count - first);
        read_some(fields, at.now_ms, arguments + first, count - first, true, reply);
    } else {
        return false;
    }
    return true;
}

static bool is_read(struct slice name)
{
    static const char *const names[] = {"HGETALL", "HLEN",    "HGET",        "HMGET",
                                        "HEXISTS", "HSTRLEN", "HPEXPIRETIME"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool model_hash_read(struct model_place at, const struct slice *arguments, uint32_t count,
                     struct buffer *reply)
{
    struct slice fields;

    if (!is_read(arguments[0]) || count < 2) {
        return false;
    }
    if (!fields_of(at, arguments[1], &fields)) {
        say(reply, WRONG_TYPE);
        return true;
    }
    return read_fields(at, arguments, count, fields, reply);
}
