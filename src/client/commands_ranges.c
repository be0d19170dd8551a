/* commands_ranges.c - what client libraries ask of a stream besides XREAD, of the changes that this
 * node keeps: XRANGE, XREVRANGE, XLEN and XINFO. */
#include "client/changes.h"

#include "base/mutant.h"
#include "client/client.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

struct range {
    struct slice stream;
    uint32_t database;
    struct feed_id first, last; /* Both belong to it. */
    bool from_oldest;           /* It begins with what is kept, whatever that is. */
    int64_t count;
};

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static bool may_show(struct command_call *call, struct slice stream)
{
    const char *fault = changes_fault(call_clients(call));

    return !changes_is_stream(stream) ? refuse(call, ERROR_NO_STREAM)
           : fault != NULL            ? refuse(call, fault)
                                      : true;
}

static struct feed_id before(struct feed_id id)
{
    return id.order > 0   ? (struct feed_id){id.index, id.order - 1}
           : id.index > 0 ? (struct feed_id){id.index - 1, UINT32_MAX}
                          : id;
}

static struct feed_id behind(struct feed_id id)
{
    return id.order < UINT32_MAX ? (struct feed_id){id.index, id.order + 1}
                                 : (struct feed_id){id.index + 1, 0};
}

/* --- XRANGE and XREVRANGE ------------------------------------------------------------------- */

/* An id with "(" does not belong to the range itself. */
static bool read_bound(struct command_call *call, struct slice text, bool is_last,
                       struct feed_id *ret_id)
{
    bool is_outside = text.size > 1 && text.data[0] == '(';

    if (slice_is(text, "-") || slice_is(text, "+")) {
        *ret_id =
            text.data[0] == '-' ? (struct feed_id){0, 0} : (struct feed_id){UINT64_MAX, UINT32_MAX};
        return true;
    }
    if (is_outside) {
        text = slice_of(text.data + 1, text.size - 1);
    }
    if (!changes_read_id(text, is_last ? UINT32_MAX : 0, ret_id)) {
        return refuse(call, ERROR_STREAM_ID);
    }
    if (is_outside) {
        *ret_id = is_last ? before(*ret_id) : behind(*ret_id);
    }
    return true;
}

static bool read_range(struct command_call *call, uint32_t first_at, uint32_t last_at,
                       struct range *r)
{
    *r = (struct range){.stream = call->arguments[1],
                        .database = call_client(call)->database,
                        .from_oldest = slice_is(call->arguments[first_at], "-"),
                        .count = CHANGES_MAX};
    if (!read_bound(call, call->arguments[first_at], false, &r->first) ||
        !read_bound(call, call->arguments[last_at], true, &r->last)) {
        return false;
    }
    if (call->argument_count == 4) {
        return true;
    }
    if (call->argument_count != 6 || !slice_is(call->arguments[4], "COUNT")) {
        return refuse(call, ERROR_SYNTAX);
    }
    return decimal_read(call->arguments[5], &r->count) || refuse(call, ERROR_NOT_AN_INTEGER);
}

/* What is missing is never passed over in silence. */
static bool is_kept(struct command_call *call, const struct feed *feed, const struct range *r)
{
    if (r->from_oldest || feed_reaches(feed, before(r->first)) || MUTANT(range_gap_unsaid)) {
        return true;
    }
    resp_errorf(call->reply, ERROR_COMPACTED, (unsigned long long)feed->floor.index,
                (unsigned)feed->floor.order);
    return false;
}

static bool is_within(struct feed_id id, const struct range *r)
{
    return feed_compare(id, r->first) >= 0 && feed_compare(id, r->last) <= 0;
}

static void put_range(struct command_call *call, const struct feed *feed, const struct range *r,
                      bool is_reverse)
{
    const struct feed_record *at =
        is_reverse ? feed_last_until(feed, r->last) : feed_first_behind(feed, before(r->first));
    struct buffer changes = {0};
    struct resp_writer writer = {.out = &changes, .version = call->reply->version};
    int64_t count = 0;

    while (at != NULL && count < r->count && count < CHANGES_MAX &&
           buffer_size(&changes) < CHANGES_BYTES_MAX) {
        struct feed_change change = feed_show(at);

        if (!is_within(change.id, r)) {
            break;
        }
        if (changes_has(r->stream, r->database, &change)) {
            changes_put(&writer, &change);
            count++;
        }
        at = is_reverse ? feed_previous(feed, at) : feed_next(feed, at);
    }
    resp_array(call->reply, (uint64_t)count);
    buffer_append_slice(call->reply->out, buffer_slice(&changes));
    buffer_deinit(&changes);
}

static void show_range(struct command_call *call, bool is_reverse)
{
    const struct feed *feed = replica_feed(call_clients(call)->replica);
    struct range r;

    if (!read_range(call, is_reverse ? 3 : 2, is_reverse ? 2 : 3, &r) ||
        !may_show(call, r.stream) || !is_kept(call, feed, &r)) {
        return;
    }
    if (r.count <= 0) {
        resp_null_array(call->reply);
    } else {
        put_range(call, feed, &r, is_reverse);
    }
}

void xrange_command(struct command_call *call)
{
    show_range(call, false);
}

void xrevrange_command(struct command_call *call)
{
    show_range(call, true);
}

/* --- XLEN and XINFO ------------------------------------------------------------------------- */

struct extent {
    uint64_t count;
    struct feed_change first, last; /* If there are any. */
};

static struct extent measure(const struct command_call *call, struct slice stream)
{
    const struct feed *feed = replica_feed(call_clients(call)->replica);
    uint32_t database = call_client(call)->database;
    struct extent e = {.count = 0};

    for (const struct feed_record *r = feed_first_behind(feed, feed->floor); r != NULL;
         r = feed_next(feed, r)) {
        struct feed_change change = feed_show(r);

        if (changes_has(stream, database, &change)) {
            e.first = e.count == 0 ? change : e.first;
            e.last = change;
            e.count++;
        }
    }
    return e;
}

void xlen_command(struct command_call *call)
{
    if (may_show(call, call->arguments[1])) {
        resp_integer(call->reply, (int64_t)measure(call, call->arguments[1]).count);
    }
}

static void put_entry(struct resp_writer *w, const char *name, const struct extent *e,
                      const struct feed_change *change)
{
    resp_bulk_text(w, name);
    if (e->count == 0) {
        resp_null(w);
    } else {
        changes_put(w, change);
    }
}

static void xinfo_stream(struct command_call *call)
{
    const struct feed *feed = replica_feed(call_clients(call)->replica);
    struct resp_writer *w = call->reply;
    struct extent e;

    if (!may_show(call, call->arguments[2])) {
        return;
    }
    e = measure(call, call->arguments[2]);
    resp_map(w, 6);
    resp_bulk_text(w, "length");
    resp_integer(w, (int64_t)e.count);
    resp_bulk_text(w, "last-generated-id");
    changes_put_id(w, feed_newest(feed));
    resp_bulk_text(w, "max-deleted-entry-id");
    changes_put_id(w, feed->floor);
    resp_bulk_text(w, "groups");
    resp_integer(w, 0);
    put_entry(w, "first-entry", &e, &e.first);
    put_entry(w, "last-entry", &e, &e.last);
}

static void xinfo_groups(struct command_call *call)
{
    if (may_show(call, call->arguments[2])) {
        resp_array(call->reply, 0);
    }
}

const struct subcommand xinfo_subcommands[] = {
    {"GROUPS", 3, xinfo_groups, "stream", "There are none: each reader remembers its id."},
    {"STREAM", 3, xinfo_stream, "stream", "Its length, and its first and last change."},
    {NULL, 0, NULL, NULL, NULL},
};
