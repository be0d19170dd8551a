/* model_script.c - see model_script.h. */
#include "sim/checks/model_script.h"

#include "base/check.h"
#include "sim/checks/model_reply.h"
#include "sim/checks/model_state.h"

/* A script that is executed. */
struct run {
    struct model_place at;
    const char *name; /* That errors show, and where it is. */
    const char *source;
    const struct slice *keys;
    struct slice argument;
    struct buffer last; /* The reply of the command that it has called last. */
    struct buffer *reply;
    bool has_failed; /* It has raised an error. */
};

/* --- what scripts are made of ------------------------------------------------------------- */

static void raise_error(struct run *r)
{
    struct slice text = buffer_slice(&r->last);

    r->has_failed = true;
    buffer_append(r->reply, text.data, text.size - 2);
    buffer_printf(r->reply, " script: %s, on %s.\r\n", r->name, r->source);
}

/* redis.pcall(); whatever follows an error that was raised is not executed. */
static struct slice try(struct run *r, const struct slice *arguments, uint32_t count)
{
    buffer_clear(&r->last);
    if (!r->has_failed) {
        CHECK(model_read_in_one(r->at, arguments, count, &r->last) ||
              model_write_in_one(r->at, arguments, count, &r->last));
    }
    return buffer_slice(&r->last);
}

/* redis.call() */
static struct slice call(struct run *r, const char *name, struct slice key, struct slice argument)
{
    const struct slice arguments[] = {slice_str(name), key, argument};
    struct slice reply = try(r, arguments, argument.data == NULL ? 2 : 3);

    if (!r->has_failed && reply.data[0] == '-') {
        raise_error(r);
    }
    return reply;
}

static void answer(struct run *r, struct slice reply)
{
    if (!r->has_failed) {
        buffer_append_slice(r->reply, reply);
    }
}

static const struct slice nothing = {.data = NULL};

/* --- the scripts -------------------------------------------------------------------------- */

static void set_one(struct run *r)
{
    answer(r, call(r, "SET", r->keys[0], r->argument));
}

static void append_two(struct run *r)
{
    call(r, "APPEND", r->keys[0], r->argument);
    answer(r, call(r, "APPEND", r->keys[1], r->argument));
}

static void copy_one(struct run *r)
{
    struct slice old = {0};
    bool is_there = model_value(r->at, r->keys[0], &old);
    struct buffer value = {0};

    call(r, "GET", r->keys[0], nothing); /* It raises an error if the key is of another type. */
    if (!r->has_failed && !is_there) {
        say(r->reply, "$-1\r\n");
    } else if (!r->has_failed) {
        buffer_append_slice(&value, old);
        buffer_append_slice(&value, r->argument);
        call(r, "SET", r->keys[1], buffer_slice(&value));
        say_integer(r->reply, (int64_t)old.size);
    }
    buffer_deinit(&value);
}

/* The value ends with letters or "#1", so it is no number. */
static void fail_half_way(struct run *r)
{
    call(r, "SET", r->keys[0], r->argument);
    call(r, "INCR", r->keys[0], nothing);
}

static void catch_error(struct run *r)
{
    const struct slice incr[] = {slice_str("INCR"), r->keys[0]};
    struct buffer caught = {0};

    buffer_append_slice(&caught, try(r, incr, 2));
    call(r, "SET", r->keys[1], r->argument);
    answer(r, buffer_slice(&caught));
    buffer_deinit(&caught);
}

static void note_time(struct run *r)
{
    char seconds[24];
    char rest[8];
    struct buffer value = {0};

    snprintf(seconds, sizeof seconds, "%" PRIu64, r->at.now_us / 1000000);
    snprintf(rest, sizeof rest, "%u", (unsigned)(r->at.now_us % 1000000));
    buffer_printf(&value, "%s.%s", seconds, rest);
    buffer_append_slice(&value, r->argument);
    call(r, "SET", r->keys[0], buffer_slice(&value));
    say(r->reply, "*2\r\n");
    say_value(r->reply, true, slice_str(seconds));
    say_value(r->reply, true, slice_str(rest));
    buffer_deinit(&value);
}

static void let_expire(struct run *r)
{
    call(r, "SET", r->keys[0], r->argument);
    answer(r, call(r, "PEXPIRE", r->keys[0], slice_str("200")));
}

static void set_field(struct run *r)
{
    const struct slice hset[] = {slice_str("HSET"), r->keys[0], slice_str("f1"), r->argument};

    if (try(r, hset, 4).data[0] == '-') {
        raise_error(r);
    }
    answer(r, call(r, "HLEN", r->keys[0], nothing));
}

static void read_two(struct run *r)
{
    struct buffer first = {0};
    struct slice second;

    buffer_append_slice(&first, call(r, "GET", r->keys[0], nothing));
    second = call(r, "STRLEN", r->keys[1], nothing);
    answer(r, slice_str("*2\r\n"));
    answer(r, buffer_slice(&first));
    answer(r, second);
    buffer_deinit(&first);
}

static void run_forever(struct run *r)
{
    call(r, "SET", r->keys[0], r->argument);
    say(r->reply, "-ERR the script took too many steps and was ended, on all nodes at the same "
                  "one; what it has written before stays. Let it do its work in several calls\r\n");
}

struct row {
    struct model_script script;
    void (*run)(struct run *r);
};

/* clang-format off */
static const struct row rows[MODEL_SCRIPTS] = {
    {{"return redis.call('SET', KEYS[1], ARGV[1])",
      "d8f2fad9f8e86a53d2a6ebd960b33c4972cacc37", 1, false, false},
     set_one},
    {{"redis.call('APPEND', KEYS[1], ARGV[1]) return redis.call('APPEND', "
     "KEYS[2], ARGV[1])",
      "6c0aee42e615c51b74d9f85aecc9c14244aa13be", 2, false, false},
     append_two},
    {{"local v = redis.call('GET', KEYS[1]) if not v then return false end "
     "redis.call('SET', KEYS[2], v .. ARGV[1]) return #v",
      "33830d1f96a5d760e0ef5c1493da89d8ab490936", 2, false, false},
     copy_one},
    {{"redis.call('SET', KEYS[1], ARGV[1]) redis.call('INCR', KEYS[1]) return"
     " 1",
      "5e8724ec30af9b3adf5e640b4eb90de147e5c486", 1, false, false},
     fail_half_way},
    {{"local r = redis.pcall('INCR', KEYS[1]) redis.call('SET', KEYS[2], "
     "ARGV[1]) return r",
      "428cb0259b3aed9843f08970a748f13fe217a427", 2, false, false},
     catch_error},
    {{"local t = redis.call('TIME') redis.call('SET', KEYS[1], t[1] .. '.' .."
     " t[2] .. ARGV[1]) return t",
      "71f229cdf0c490c9ab8a212ebae18e22d2d9338c", 1, false, false},
     note_time},
    {{"redis.call('SET', KEYS[1], ARGV[1]) return redis.call('PEXPIRE', "
     "KEYS[1], 200)",
      "2e560fe9ae7aa2bc1c8b1e4840918c942dc1c743", 1, false, false},
     let_expire},
    {{"redis.call('HSET', KEYS[1], 'f1', ARGV[1]) return redis.call('HLEN', "
     "KEYS[1])",
      "5d37a8f21cd188528c3bc65f224941f923076a10", 1, false, false},
     set_field},
    {{"return {redis.call('GET', KEYS[1]), redis.call('STRLEN', KEYS[2])}",
      "94bad5f9ae0221c80d8e886c4c29be6b74044829", 2, true, false},
     read_two},
    {{"redis.call('SET', KEYS[1], ARGV[1]) while true do end",
      "1c7959a1d7f0e3ce64759b8e9427837ca1a7cbc1", 1, false, true},
     run_forever},
};
/* clang-format on */

const struct model_script *model_script_at(uint32_t number)
{
    CHECK(number < MODEL_SCRIPTS);
    return &rows[number].script;
}

/* --- EVAL and its relatives --------------------------------------------------------------- */

/* MODEL_SCRIPTS: there is no such script. */
static uint32_t script_with(struct slice text, bool is_sha)
{
    uint32_t i = 0;

    while (i < MODEL_SCRIPTS &&
           !slice_equal(text, slice_str(is_sha ? rows[i].script.sha : rows[i].script.body))) {
        i++;
    }
    return i;
}

/* EVAL script numkeys key... argument, or FCALL */
static bool run_as(struct model_place at, uint32_t number, const char *function,
                   const struct slice *arguments, uint32_t count, struct buffer *reply)
{
    const struct row *row = &rows[number];
    struct run r = {.at = at,
                    .name = function == NULL ? row->script.sha : function,
                    .source = function == NULL ? "@user_script:1" : "@user_function:2",
                    .keys = arguments + 3,
                    .reply = reply};

    if (count != 4 + row->script.key_count) {
        return false;
    }
    r.argument = arguments[count - 1];
    row->run(&r);
    buffer_deinit(&r.last);
    return true;
}

static bool run_script(struct model_place at, uint32_t number, const struct slice *arguments,
                       uint32_t count, struct buffer *reply)
{
    return run_as(at, number, NULL, arguments, count, reply);
}

static bool write_script(struct model *m, const struct slice *arguments, uint32_t count,
                         struct buffer *reply)
{
    uint32_t number = count == 3 ? script_with(arguments[2], false) : MODEL_SCRIPTS;

    if (count == 2 && slice_is(arguments[1], "FLUSH")) {
        m->known_scripts = 0;
        say(reply, "+OK\r\n");
        return true;
    }
    if (number == MODEL_SCRIPTS || !slice_is(arguments[1], "LOAD")) {
        return false;
    }
    m->known_scripts |= 1u << number;
    say_value(reply, true, slice_str(rows[number].script.sha));
    return true;
}

/* --- functions ---------------------------------------------------------------------------- */

void model_library_write(struct buffer *to)
{
    buffer_printf(to, "#!lua name=all\n");
    for (uint32_t i = 0; i < MODEL_SCRIPTS; i++) {
        if (!rows[i].script.is_endless) {
            buffer_printf(to, "redis.register_function('f%u', function(KEYS, ARGV) %s end) ", i,
                          rows[i].script.body);
        }
    }
}

static bool write_library(struct model *m, const struct slice *arguments, uint32_t count,
                          struct buffer *reply)
{
    if (count == 2 && slice_is(arguments[1], "FLUSH")) {
        m->has_library = false;
        say(reply, "+OK\r\n");
        return true;
    }
    if (count != 4 || !slice_is(arguments[1], "LOAD")) {
        return false;
    }
    m->has_library = true;
    say_value(reply, true, slice_str("all"));
    return true;
}

static bool call_function(const struct model *m, struct model_place to,
                          const struct slice *arguments, uint32_t count, struct buffer *reply)
{
    char name[8];

    for (uint32_t i = 0; i < MODEL_SCRIPTS && count > 1; i++) {
        snprintf(name, sizeof name, "f%u", i);
        if (slice_is(arguments[1], name) && m->has_library) {
            return run_as(to, i, name, arguments, count, reply);
        }
    }
    say(reply, "-ERR Function not found\r\n");
    return true;
}

bool model_script_write(struct model *m, struct model_place to, const struct slice *arguments,
                        uint32_t count, struct buffer *reply)
{
    bool is_sha = slice_is(arguments[0], "EVALSHA");
    uint32_t number = count > 1 ? script_with(arguments[1], is_sha) : MODEL_SCRIPTS;

    if (slice_is(arguments[0], "SCRIPT")) {
        return write_script(m, arguments, count, reply);
    }
    if (slice_is(arguments[0], "FUNCTION")) {
        return write_library(m, arguments, count, reply);
    }
    if (slice_is(arguments[0], "FCALL")) {
        return call_function(m, to, arguments, count, reply);
    }
    if (number == MODEL_SCRIPTS || !(is_sha || slice_is(arguments[0], "EVAL"))) {
        return false;
    }
    if (is_sha && (m->known_scripts >> number & 1) == 0) {
        say(reply, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
        return true;
    }
    m->known_scripts |= 1u << number;
    return run_script(to, number, arguments, count, reply);
}

bool model_script_read(struct model_place at, const struct slice *arguments, uint32_t count,
                       struct buffer *reply)
{
    uint32_t number = count > 1 ? script_with(arguments[1], false) : MODEL_SCRIPTS;

    return slice_is(arguments[0], "EVAL_RO") && number < MODEL_SCRIPTS &&
           rows[number].script.only_reads && run_script(at, number, arguments, count, reply);
}
