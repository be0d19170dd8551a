/* once.c - see once.h, and at the end the row of ONCE.
 *
 * The value of a client: its newest number, then its records by rising number. A record is the
 * number, the index of its entry, the version of its reply (2 or 3; 0: not kept), then size and
 * bytes of a kept reply. All numbers are varints. */
#include "kv/once.h"

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mutant.h"
#include "base/varint.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* Replies must not be repeated to another user. A client of any but the default user has its name
 * padded to more bytes than a name may have, and the user's id behind that. */
struct client_key {
    char bytes[COMMAND_CLIENT_BYTES_MAX + 1 + sizeof(uint64_t)];
};

struct record {
    uint64_t number;
    struct once_reply reply; /* Version 0: not kept. */
};

static struct slice key_of(uint64_t user, struct slice client, struct client_key *room)
{
    if (user == 0 || MUTANT(once_shared_by_users)) {
        return client;
    }
    memset(room->bytes, 0, sizeof room->bytes);
    CHECK(client.size <= COMMAND_CLIENT_BYTES_MAX);
    memcpy(room->bytes, client.data, client.size);
    room->bytes[COMMAND_CLIENT_BYTES_MAX] = (char)client.size;
    put_u64(room->bytes + COMMAND_CLIENT_BYTES_MAX + 1, user);
    return slice_of(room->bytes, sizeof room->bytes);
}

/* --- records --------------------------------------------------------------------------- */

static uint64_t take_number(struct slice *rest)
{
    uint64_t number = 0;
    bool is_there = varint_read(rest, &number);

    CHECK(is_there);
    return number;
}

static struct record take_record(struct slice *rest)
{
    struct record r = {.number = take_number(rest)};

    r.reply.index = take_number(rest);
    r.reply.resp_version = (uint8_t)take_number(rest);
    if (r.reply.resp_version != 0) {
        size_t size = (size_t)take_number(rest);

        CHECK(size <= rest->size);
        r.reply.bytes = slice_of(rest->data, size);
        *rest = slice_of(rest->data + size, rest->size - size);
    }
    return r;
}

static void put_number(struct buffer *out, uint64_t number)
{
    char bytes[VARINT_BYTES_MAX];

    buffer_append(out, bytes, (size_t)(varint_write(bytes, number) - bytes));
}

static void put_record(struct buffer *out, const struct record *r)
{
    put_number(out, r->number);
    put_number(out, r->reply.index);
    put_number(out, r->reply.resp_version);
    if (r->reply.resp_version != 0) {
        put_number(out, r->reply.bytes.size);
        buffer_append_slice(out, r->reply.bytes);
    }
}

static bool is_remembered(uint64_t number, uint64_t newest)
{
    return newest < ONCE_NUMBERS || number > newest - ONCE_NUMBERS;
}

/* --- judging --------------------------------------------------------------------------- */

static bool has_room(const struct keyspace *k)
{
    return keyspace_count(k, KEYSPACE_SESSIONS) < ONCE_CLIENTS_MAX;
}

static enum once_verdict judge_new(const struct keyspace *k, const struct command_once *once)
{
    if (once->number != 1 && !MUTANT(once_expired_executes)) {
        return ONCE_UNKNOWN;
    }
    return has_room(k) ? ONCE_FIRST : ONCE_TOO_MANY;
}

enum once_verdict once_judge(struct keyspace *k, const struct command_once *once,
                             struct once_reply *ret_reply)
{
    struct client_key room;
    struct slice rest;

    MUTANT_DO(once_executes_twice, return ONCE_FIRST);
    if (!kv_get(keyspace_database(k, KEYSPACE_SESSIONS), key_of(once->user, once->client, &room),
                &rest)) {
        return judge_new(k, once);
    }
    if (!is_remembered(once->number, take_number(&rest)) && !MUTANT(once_old_executes)) {
        return ONCE_TOO_OLD;
    }
    while (rest.size > 0) {
        struct record r = take_record(&rest);

        if (r.number == once->number) {
            *ret_reply = r.reply;
            return r.reply.resp_version == 0 ? ONCE_REPLY_GONE : ONCE_AGAIN;
        }
    }
    return ONCE_FIRST;
}

/* --- keeping --------------------------------------------------------------------------- */

/* The records to be kept, the new one among them. */
struct records {
    uint32_t count;
    uint64_t bytes; /* Of their replies. */
    struct record all[ONCE_NUMBERS + 1];
};

static void add(struct records *to, const struct record *r)
{
    CHECK(to->count < ONCE_NUMBERS + 1);
    to->all[to->count++] = *r;
    to->bytes += r->reply.bytes.size;
}

static void collect(struct records *to, struct slice rest, uint64_t newest,
                    const struct record *added)
{
    bool is_added = false;

    while (rest.size > 0) {
        struct record r = take_record(&rest);

        if (!is_added && r.number > added->number) {
            add(to, added);
            is_added = true;
        }
        if (is_remembered(r.number, newest) && r.number != added->number) {
            add(to, &r);
        }
    }
    if (!is_added) {
        add(to, added);
    }
}

/* The oldest replies make room for newer ones; that they were executed stays known. */
static void limit_bytes(struct records *r)
{
    for (uint32_t i = 0; i < r->count && r->bytes > ONCE_CLIENT_BYTES_MAX; i++) {
        r->bytes -= r->all[i].reply.bytes.size;
        r->all[i].reply = (struct once_reply){.index = r->all[i].reply.index};
    }
}

/* A client that once asked to be remembered for longer still is. */
static struct traits traits_for(const struct keyspace *k, uint32_t keep_s, struct traits before)
{
    uint64_t expires_ms = keyspace_now_ms(k) + (uint64_t)keep_s * 1000;

    before.expires_ms = expires_ms > before.expires_ms ? expires_ms : before.expires_ms;
    return before;
}

static bool find(struct keyspace *k, struct slice client, struct kv_value *ret_value)
{
    *ret_value = (struct kv_value){.bytes = slice_of("", 0)};
    return kv_find(keyspace_database(k, KEYSPACE_SESSIONS), client, ret_value);
}

void once_keep(struct keyspace *k, const struct command_once *once, uint64_t index,
               struct slice reply)
{
    struct records records = {0};
    struct record added = {.number = once->number, .reply = {.index = index}};
    struct client_key room;
    struct slice key = key_of(once->user, once->client, &room);
    struct kv_value value;
    struct buffer out = {0};
    uint64_t newest = find(k, key, &value) ? take_number(&value.bytes) : 0;

    newest = once->number > newest ? once->number : newest;
    if (reply.size <= ONCE_REPLY_BYTES_MAX) {
        added.reply.bytes = reply;
        added.reply.resp_version = once->resp_version;
    }
    collect(&records, value.bytes, newest, &added);
    limit_bytes(&records);
    put_number(&out, newest);
    for (uint32_t i = 0; i < records.count; i++) {
        put_record(&out, &records.all[i]);
    }
    MUTANT_DO(once_forgets, buffer_clear(&out); put_number(&out, newest));
    kv_put(keyspace_database(k, KEYSPACE_SESSIONS), key, traits_for(k, once->keep_s, value.traits),
           buffer_slice(&out));
    buffer_deinit(&out);
}

uint64_t once_open(struct keyspace *k, uint64_t user, struct slice client, uint32_t keep_s)
{
    struct client_key room;
    struct slice key = key_of(user, client, &room);
    struct kv_value value;
    struct buffer out = {0};
    uint64_t newest = 1;

    if (find(k, key, &value)) {
        struct slice rest = value.bytes;

        newest = take_number(&rest);
        buffer_append_slice(&out, value.bytes);
    } else if (has_room(k)) {
        put_number(&out, newest);
        put_record(&out, &(struct record){.number = newest});
    } else {
        return 0;
    }
    kv_put(keyspace_database(k, KEYSPACE_SESSIONS), key, traits_for(k, keep_s, value.traits),
           buffer_slice(&out));
    buffer_deinit(&out);
    return newest + 1;
}

/* --- ONCE -------------------------------------------------------------------------------- */

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

/* ONCE client OPEN [KEEP seconds]; whatever else ONCE is for is not here: the command that it
 * wraps is logged in its place. */
static bool read_open(struct command_call *call, uint32_t *ret_keep_s)
{
    int64_t keep_s = ONCE_KEEP_S;

    if (call->arguments[1].size == 0 || call->arguments[1].size > COMMAND_CLIENT_BYTES_MAX) {
        return refuse(call, ERROR_ONCE_CLIENT);
    }
    if (!slice_is(call->arguments[2], "OPEN") ||
        (call->argument_count != 3 &&
         (call->argument_count != 5 || !slice_is(call->arguments[3], "KEEP")))) {
        return refuse(call, ERROR_ONCE_SYNTAX);
    }
    if (call->argument_count == 5 &&
        (!decimal_read(call->arguments[4], &keep_s) || keep_s < 1 || keep_s > COMMAND_KEEP_S_MAX)) {
        return refuse(call, ERROR_ONCE_KEEP);
    }
    *ret_keep_s = (uint32_t)keep_s;
    return true;
}

static bool check_once(struct command_call *call)
{
    uint32_t keep_s;

    return read_open(call, &keep_s);
}

static void once_command(struct command_call *call)
{
    uint32_t keep_s;

    if (!read_open(call, &keep_s)) {
        return;
    }

    uint64_t next = once_open(call->keyspace, call->user, call->arguments[1], keep_s);

    if (next == 0) {
        resp_error(call->reply, ERROR_ONCE_TOO_MANY);
    } else {
        resp_integer(call->reply, (int64_t)next);
    }
}

/* clang-format off */
const struct command once_commands[] = {
    {.name = "ONCE", .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_OUTERMOST,
     .handler = once_command, .check = check_once, .group = "connection", .since = "0.1.0",
     .arguments = "client number [[KEEP seconds] command [arg ...]]",
     .integers = "number seconds",
     .summary = "Executes a command that writes once, however often it is sent with this number, "
                "and returns its first reply. ONCE client OPEN returns the next number."},
    {.name = NULL},
};
/* clang-format on */
