/* commands_changes.c - the changes of keys, as a stream that a client reads on where it was, on
 * any node: XREAD, RAFT FEED and RAFT SCAN. (XRANGE and others: commands_ranges.c) */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/changes.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/waits.h"
#include "command/table.h"
#include "kv/kv.h"
#include "replica/feed.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum {
    STREAM_BYTES_MAX = 64 * 1024,
    SCANNED_KEYS_MAX = 1000 * 1000, /* By RAFT SCAN. */
    SCANNED_BYTES_MAX = 64 * 1024 * 1024,
};

#define STREAM "rakit:changes:"

/* An XREAD. */
struct changes_wait {
    struct wait wait;
    struct client *client;
    struct feed_id after;  /* The last one that the client has seen. */
    struct feed_id looked; /* Up to here nothing was for it. */
    uint64_t count;
    uint32_t database;
    size_t stream_size; /* Its name follows. */
    char stream[];
};

static struct changes_wait *changes_of(struct wait *w)
{
    return container_of(w, struct changes_wait, wait);
}

static struct slice stream_of(const struct changes_wait *w)
{
    return slice_of(w->stream, w->stream_size);
}

bool changes_is_stream(struct slice name)
{
    return name.size >= sizeof STREAM - 1 && name.size <= STREAM_BYTES_MAX &&
           memcmp(name.data, STREAM, sizeof STREAM - 1) == 0;
}

/* All keys of a database may be others: that concerns each prefix. */
bool changes_has(struct slice stream, uint32_t database, const struct feed_change *change)
{
    size_t size = stream.size - (sizeof STREAM - 1);
    const char *prefix = stream.data + sizeof STREAM - 1;

    return change->database == database &&
           (change->key.size >= size
                ? memcmp(change->key.data, prefix, size) == 0
                : change->key.size == 0 && strcmp(change->event, "replaced") == 0);
}

/* --- one reply ------------------------------------------------------------------------------- */

void changes_put_id(struct resp_writer *w, struct feed_id id)
{
    resp_bulkf(w, "%llu-%u", (unsigned long long)id.index, (unsigned)id.order);
}

void changes_put(struct resp_writer *w, const struct feed_change *change)
{
    resp_array(w, 2);
    changes_put_id(w, change->id);
    resp_array(w, change->type == NULL ? 4 : 6);
    resp_bulk_text(w, "key");
    resp_bulk(w, change->key);
    resp_bulk_text(w, "event");
    resp_bulk_text(w, change->event);
    if (change->has_value) {
        resp_bulk_text(w, "value");
        resp_bulk(w, change->value);
    } else if (change->type != NULL) {
        resp_bulk_text(w, "type");
        resp_bulk_text(w, change->type);
    }
}

/* Writes the changes that the client wants to `out`; returns how many. */
static uint64_t collect(const struct changes_wait *w, const struct feed *feed, int version,
                        struct buffer *out)
{
    struct resp_writer writer = {.out = out, .version = version};
    uint64_t count = 0;

    for (const struct feed_record *r = feed_first_behind(feed, w->looked);
         r != NULL && count < w->count && buffer_size(out) < CHANGES_BYTES_MAX;
         r = feed_next(feed, r)) {
        struct feed_change change = feed_show(r);

        if (changes_has(stream_of(w), w->database, &change)) {
            changes_put(&writer, &change);
            count++;
        }
    }
    return count;
}

static void put_stream(const struct changes_wait *w, struct resp_writer *to, uint64_t count,
                       const struct buffer *changes)
{
    if (to->version >= 3) {
        resp_map(to, 1);
    } else {
        resp_array(to, 1);
        resp_array(to, 2);
    }
    resp_bulk(to, stream_of(w));
    resp_array(to, count);
    buffer_append_slice(to->out, buffer_slice(changes));
}

const char *changes_fault(const struct clients *c)
{
    return !feed_is_on(replica_feed(c->replica)) ? ERROR_NO_FEED
           : replica_is_isolated(c->replica)     ? ERROR_ISOLATED
                                                 : NULL;
}

static bool is_compacted(const struct changes_wait *w, const struct feed *feed)
{
    return !feed_reaches(feed, w->looked) && !MUTANT(feed_gap_unsaid);
}

static void reply_changes(struct wait *wait, const struct clients *c, struct resp_writer *to)
{
    const struct changes_wait *w = changes_of(wait);
    const struct feed *feed = replica_feed(c->replica);
    struct buffer changes = {0};
    const char *fault = changes_fault(c);
    uint64_t count = 0;
    const struct slice arguments[] = {slice_str("XREAD"), slice_str("STREAMS"), stream_of(w),
                                      slice_str("$")};
    struct command_call call = {.command = command_find(c->options.commands, arguments[0]),
                                .argument_count = 4,
                                .arguments = arguments,
                                .reply = to};

    if (!rights_admit_call(w->client, &call)) {
        return; /* They may have changed meanwhile. */
    }
    if (fault != NULL) {
        resp_error(to, fault);
    } else if (is_compacted(w, feed)) {
        resp_errorf(to, ERROR_COMPACTED, (unsigned long long)feed->floor.index,
                    (unsigned)feed->floor.order);
    } else {
        count = collect(w, feed, to->version, &changes);
        if (count == 0) {
            resp_null_array(to);
        } else {
            put_stream(w, to, count, &changes);
        }
    }
    buffer_deinit(&changes);
}

/* --- waiting --------------------------------------------------------------------------------- */

static bool has_changes(struct changes_wait *w, const struct feed *feed)
{
    for (const struct feed_record *r = feed_first_behind(feed, w->looked); r != NULL;
         r = feed_next(feed, r)) {
        struct feed_change change = feed_show(r);

        if (changes_has(stream_of(w), w->database, &change)) {
            return true;
        }
        w->looked = change.id;
    }
    return false;
}

static bool is_over(struct wait *wait, const struct clients *c)
{
    struct changes_wait *w = changes_of(wait);
    const struct feed *feed = replica_feed(c->replica);

    return changes_fault(c) != NULL || is_compacted(w, feed) || has_changes(w, feed);
}

/* --- XREAD ----------------------------------------------------------------------------------- */

struct xread {
    int64_t count;
    int64_t block_ms; /* -1: not at all. */
    struct slice stream;
    struct slice id;
};

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static bool read_streams(struct command_call *call, uint32_t at, struct xread *x)
{
    if (call->argument_count - at != 2) {
        return refuse(call, call->argument_count <= at || (call->argument_count - at) % 2 != 0
                                ? ERROR_UNBALANCED_STREAMS
                                : ERROR_ONE_STREAM);
    }
    x->stream = call->arguments[at];
    x->id = call->arguments[at + 1];
    if (!changes_is_stream(x->stream)) {
        return refuse(call, ERROR_NO_STREAM);
    }
    return true;
}

static bool read_xread(struct command_call *call, struct xread *x)
{
    uint32_t at = 1;

    *x = (struct xread){.count = CHANGES_MAX, .block_ms = -1};
    for (; at + 1 < call->argument_count; at += 2) {
        if (slice_is(call->arguments[at], "STREAMS")) {
            return read_streams(call, at + 1, x);
        }
        if (slice_is(call->arguments[at], "COUNT")) {
            if (!decimal_read(call->arguments[at + 1], &x->count)) {
                return refuse(call, ERROR_NOT_AN_INTEGER);
            }
        } else if (slice_is(call->arguments[at], "BLOCK")) {
            if (!wait_read_timeout(call, at + 1, &x->block_ms)) {
                return false;
            }
        } else {
            break;
        }
    }
    return refuse(call, ERROR_SYNTAX);
}

bool changes_read_id(struct slice text, uint32_t default_order, struct feed_id *ret_id)
{
    const char *dash = text.size == 0 ? NULL : memchr(text.data, '-', text.size);
    size_t size = dash == NULL ? text.size : (size_t)(dash - text.data);
    int64_t index = 0;
    int64_t order = default_order;

    if (!decimal_read(slice_of(text.data, size), &index) || index < 0 ||
        (dash != NULL && (!decimal_read(slice_of(dash + 1, text.size - size - 1), &order) ||
                          order < 0 || order > UINT32_MAX))) {
        return false;
    }
    *ret_id = (struct feed_id){(uint64_t)index, (uint32_t)order};
    return true;
}

/* "$" is the newest. */
static bool read_id(const struct command_call *call, struct slice text, struct feed_id *ret_id)
{
    if (slice_is(text, "$")) {
        *ret_id = (struct feed_id){replica_applied_index(call_clients(call)->replica), UINT32_MAX};
        return true;
    }
    return changes_read_id(text, 0, ret_id);
}

static void xread_command(struct command_call *call)
{
    struct xread x;
    struct feed_id id;

    if (!read_xread(call, &x)) {
        return;
    }
    if (!read_id(call, x.id, &id)) {
        resp_error(call->reply, ERROR_STREAM_ID);
        return;
    }

    struct changes_wait *w = memory_take_zeroed(1, sizeof *w + x.stream.size);

    w->wait.is_over = is_over;
    w->wait.reply = reply_changes;
    w->wait.holds_client = true;
    w->wait.deadline_ns = x.block_ms < 0 ? 0 : wait_deadline_ns(call_clients(call), x.block_ms);
    w->client = call_client(call);
    w->after = id;
    w->looked = id;
    w->count = x.count < 1 || x.count > CHANGES_MAX ? CHANGES_MAX : (uint64_t)x.count;
    w->database = call_client(call)->database;
    w->stream_size = x.stream.size;
    memcpy(w->stream, x.stream.data, x.stream.size);
    wait_begin_take(call, &w->wait);
}

/* --- RAFT FEED and RAFT SCAN ----------------------------------------------------------------- */

static struct feed_id applied_id(const struct clients *c)
{
    return (struct feed_id){replica_applied_index(c->replica), UINT32_MAX};
}

void raft_feed_command(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    const struct feed *feed = replica_feed(c->replica);

    if (changes_fault(c) != NULL) {
        resp_error(call->reply, changes_fault(c));
        return;
    }
    resp_map(call->reply, 3);
    resp_bulk_text(call->reply, "from");
    changes_put_id(call->reply, feed->floor);
    resp_bulk_text(call->reply, "applied");
    changes_put_id(call->reply, applied_id(c));
    resp_bulk_text(call->reply, "bytes");
    resp_integer(call->reply, (int64_t)feed->capacity);
}

struct scan {
    struct slice prefix;
    struct buffer out;
    int version;
    uint64_t count;
};

static void scan_one(void *context, struct slice key, const struct kv_value *value)
{
    struct scan *s = context;
    struct resp_writer w = {.out = &s->out, .version = s->version};

    if (key.size < s->prefix.size || memcmp(key.data, s->prefix.data, s->prefix.size) != 0 ||
        buffer_size(&s->out) > SCANNED_BYTES_MAX) {
        return;
    }
    s->count++;
    resp_bulk(&w, key);
    if (value->traits.type == VALUE_STRING && value->bytes.size <= FEED_VALUE_BYTES_MAX) {
        resp_bulk(&w, value->bytes);
    } else {
        resp_null(&w);
    }
}

/* Nothing is applied meanwhile, so it is the state at one index. */
void raft_scan_command(struct command_call *call)
{
    struct clients *c = call_clients(call);
    struct keyspace *keyspace = replica_keyspace(c->replica);
    uint32_t database = call_client(call)->database;
    struct scan s = {.prefix = call->arguments[2], .version = call->reply->version};

    if (changes_fault(c) != NULL) {
        resp_error(call->reply, changes_fault(c));
        return;
    }
    if (keyspace_count(keyspace, database) <= SCANNED_KEYS_MAX) {
        (void)kv_scan(keyspace_database(keyspace, database), 0, UINT64_MAX, scan_one, &s);
    }
    if (keyspace_count(keyspace, database) > SCANNED_KEYS_MAX ||
        buffer_size(&s.out) > SCANNED_BYTES_MAX) {
        resp_error(call->reply, ERROR_SCAN_TOO_LARGE);
    } else {
        resp_array(call->reply, 2);
        changes_put_id(call->reply, applied_id(c));
        resp_array(call->reply, 2 * s.count);
        buffer_append_slice(call->reply->out, buffer_slice(&s.out));
    }
    buffer_deinit(&s.out);
}

/* --- rows ------------------------------------------------------------------------------------ */

/* clang-format off */
const struct command changes_commands[] = {
    {.name = "XREAD", .arity = -4, .flags = COMMAND_LOCAL | COMMAND_ASYNC,
     .handler = xread_command, .group = "stream", .since = "5.0.0",
     .integers = "count milliseconds",
     .arguments = "[COUNT count] [BLOCK milliseconds] STREAMS stream id",
     .summary = "Changes of keys with a prefix, behind an id: the stream rakit:changes:<prefix>."},
    {.name = "XRANGE", .arity = -4, .flags = COMMAND_LOCAL,
     .handler = xrange_command, .group = "stream", .since = "5.0.0", .integers = "count",
     .arguments = "stream start end [COUNT count]",
     .summary = "Changes of keys with a prefix, with ids from start to end, oldest first."},
    {.name = "XREVRANGE", .arity = -4, .flags = COMMAND_LOCAL,
     .handler = xrevrange_command, .group = "stream", .since = "5.0.0", .integers = "count",
     .arguments = "stream end start [COUNT count]",
     .summary = "The same, newest first."},
    {.name = "XLEN", .arity = 2, .flags = COMMAND_LOCAL,
     .handler = xlen_command, .group = "stream", .since = "5.0.0", .arguments = "stream",
     .summary = "Counts the changes of keys with a prefix that this node keeps."},
    {.name = "XINFO", .arity = -2, .flags = COMMAND_LOCAL,
     .handler = subcommand_run, .subcommands = xinfo_subcommands, .group = "stream",
     .since = "5.0.0", .arguments = "HELP | GROUPS stream | STREAM stream",
     .summary = "Describes what this node keeps of a stream of changes."},
    {.name = NULL},
};
/* clang-format on */
