/* events.c - /events: server-sent events for the dashboard.
 *
 *   node     the figures of this node (INFO), four times a second
 *   cluster  RAFT STATUS: all nodes as the leader sees them
 *   log      the newest committed entries, as RAFT LOG shows them
 *   slow     RAFT SLOW
 *
 * The first comes from this node alone, so it goes on while there is no leader. The others wait for
 * one, on a connection of their own. An event that failed is {"error": "..."}. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/door.h"
#include "http/json.h"
#include "http/routes.h"

enum {
    STREAMS_MAX = 16,
    TICK_MS = 250,
    SOON_MS = 10,     /* A leader answers that soon, as a rule. */
    CLUSTER_MS = 500, /* Between two questions of a kind. */
    SLOW_MS = 2000,
    ANSWER_MS = 5000,
    EVENT_MS = 10000, /* The browser must take an event within this time. */
    LOG_ROWS = 200,
};

enum question { ASK_NOTHING, ASK_CLUSTER, ASK_LOG, ASK_SLOW, QUESTIONS };

struct stream {
    struct exchange *e;
    struct node cluster; /* The second connection. */
    enum question asked;
    int64_t asked_ms[QUESTIONS];
    uint64_t shown_index; /* Of the newest entry that was sent. */
    uint64_t last_index;  /* Of the newest entry that this node knows to be committed. */
};

/* --- sending -------------------------------------------------------------------------------- */

static bool send_event(struct stream *s, const char *name, struct slice data)
{
    struct patience patience = exchange_patience(s->e, EVENT_MS);
    struct buffer event = {0};
    bool is_sent;

    buffer_printf(&event, "event: %s\ndata: ", name);
    buffer_append_slice(&event, data);
    buffer_append(&event, "\n\n", 2);
    is_sent = channel_send(s->e->channel, &patience, buffer_begin(&event), buffer_size(&event));
    buffer_deinit(&event);
    return is_sent;
}

static void put_error(struct buffer *out, struct slice reply)
{
    buffer_printf(out, "{\"error\":");
    json_put_bytes(out, slice_of(reply.data + 1, reply.size - 3));
    buffer_append(out, "}", 1);
}

/* --- this node ------------------------------------------------------------------------------ */

/* The lines of INFO as one object of texts. */
static void put_info(struct buffer *out, struct slice info)
{
    const char *end = info.data + info.size;
    const char *comma = "{";

    for (const char *at = info.data; at < end;) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = next == NULL ? end : next - 1; /* Before the CR. */
        const char *colon = line_end > at ? memchr(at, ':', (size_t)(line_end - at)) : NULL;

        if (colon != NULL && *at != '#') {
            buffer_printf(out, "%s", comma);
            json_put_bytes(out, slice_of(at, (size_t)(colon - at)));
            buffer_append(out, ":", 1);
            json_put_bytes(out, slice_of(colon + 1, (size_t)(line_end - colon - 1)));
            comma = ",";
        }
        at = next == NULL ? end : next + 1;
    }
    buffer_printf(out, "%s}", *comma == '{' ? "{" : "");
}

static uint64_t number_of(struct slice text)
{
    char digits[24] = "";

    memcpy(digits, text.data, text.size < sizeof digits ? text.size : sizeof digits - 1);
    return strtoull(digits, NULL, 10);
}

static bool send_node(struct stream *s)
{
    static const char question[] = "INFO server clients memory stats raft";
    struct patience patience = exchange_patience(s->e, ANSWER_MS);
    struct buffer data = {0};
    struct slice reply;
    bool is_sent;

    if (!node_send_line(&s->e->node, &patience, question) ||
        node_receive(&s->e->node, &patience, &reply) != NULL) {
        return false;
    }
    if (reply.data[0] == '-') {
        put_error(&data, reply);
    } else {
        put_info(&data, node_text(reply));
        s->last_index = number_of(node_info(node_text(reply), "raft_commit_index"));
    }
    is_sent = send_event(s, "node", buffer_slice(&data));
    buffer_deinit(&data);
    return is_sent;
}

/* --- the cluster ---------------------------------------------------------------------------- */

static bool is_due(const struct stream *s, enum question question, int64_t interval_ms)
{
    return patience_now_ms() - s->asked_ms[question] >= interval_ms;
}

static enum question choose(const struct stream *s)
{
    if (is_due(s, ASK_CLUSTER, CLUSTER_MS)) {
        return ASK_CLUSTER;
    }
    if (s->last_index > s->shown_index && is_due(s, ASK_LOG, CLUSTER_MS)) {
        return ASK_LOG;
    }
    return is_due(s, ASK_SLOW, SLOW_MS) ? ASK_SLOW : ASK_NOTHING;
}

static bool ask(struct stream *s)
{
    struct patience patience = exchange_patience(s->e, ANSWER_MS);
    char line[64] = "RAFT STATUS";

    s->asked = choose(s);
    s->asked_ms[s->asked] = patience_now_ms();
    if (s->asked == ASK_SLOW) {
        snprintf(line, sizeof line, "RAFT SLOW");
    } else if (s->asked == ASK_LOG) {
        uint64_t oldest = s->last_index > LOG_ROWS ? s->last_index - LOG_ROWS : 0;

        s->shown_index = s->shown_index > oldest ? s->shown_index : oldest;
        snprintf(line, sizeof line, "RAFT LOG %llu %d", (unsigned long long)s->shown_index + 1,
                 LOG_ROWS);
    }
    return s->asked == ASK_NOTHING || node_send_line(&s->cluster, &patience, line);
}

/* Rows follow each other without a gap; the first may be later than the one asked for, if the log
 * begins later. */
static void note_rows(struct stream *s, struct slice reply)
{
    const char *row = reply.size > 4 ? memchr(reply.data, '\n', reply.size) : NULL;
    uint64_t count = number_of(slice_of(reply.data + 1, reply.size - 1));
    const char *index =
        row == NULL ? NULL : memchr(row, ':', (size_t)(reply.data + reply.size - row));

    if (reply.data[0] == '*' && count > 0 && index != NULL) {
        s->shown_index =
            number_of(slice_of(index + 1, (size_t)(reply.data + reply.size - index - 1))) + count -
            1;
    }
}

static bool send_answer(struct stream *s, struct slice reply)
{
    static const char *const names[] = {"", "cluster", "log", "slow"};
    struct buffer data = {0};
    bool is_sent;

    if (reply.data[0] == '-') {
        put_error(&data, reply);
    } else if (!json_put_reply(&data, reply)) {
        buffer_clear(&data);
        buffer_printf(&data, "{\"error\":\"the answer is not understood\"}");
    } else if (s->asked == ASK_LOG) {
        note_rows(s, reply);
    }
    is_sent = send_event(s, names[s->asked], buffer_slice(&data));
    buffer_deinit(&data);
    s->asked = ASK_NOTHING;
    return is_sent;
}

/* Sends what has been answered, and asks the next question, until it has to wait. */
static bool run_cluster(struct stream *s)
{
    for (int i = 0; i < QUESTIONS; i++) {
        struct patience now = exchange_patience(s->e, SOON_MS);
        struct patience patience = exchange_patience(s->e, ANSWER_MS);
        struct slice reply;

        if (s->asked == ASK_NOTHING && (!ask(s) || s->asked == ASK_NOTHING)) {
            return s->asked == ASK_NOTHING;
        }
        if (!patience_await(&now, s->cluster.fd, POLLIN)) {
            return true;
        }
        if (node_receive(&s->cluster, &patience, &reply) != NULL || !send_answer(s, reply)) {
            return false;
        }
    }
    return true;
}

/* --- streams -------------------------------------------------------------------------------- */

/* Until the next tick. False: the browser has gone, or the door ends. */
static bool wait_for_tick(struct stream *s)
{
    struct patience tick = exchange_patience(s->e, TICK_MS);
    struct patience now = exchange_patience(s->e, 0);

    return patience_pause(&tick) && !patience_await(&now, s->e->channel->fd, POLLIN);
}

static void run(struct stream *s)
{
    struct patience patience = exchange_patience(s->e, EVENT_MS);

    s->e->answer.status = 200;
    s->e->answer.type = "text/event-stream";
    s->e->answer.is_sent = true;
    if (!exchange_send_head(s->e, false) || s->e->request.method == REQUEST_HEAD ||
        !channel_send(s->e->channel, &patience, "retry: 1000\n\n", 13)) {
        return;
    }
    while (send_node(s) && run_cluster(s)) {
        budget_give_back(&s->e->share); /* What has been sent is not held any more. */
        if (!wait_for_tick(s)) {
            return;
        }
    }
}

void stream_events(struct exchange *e)
{
    struct stream s = {.e = e, .asked = ASK_NOTHING};
    struct patience patience = exchange_patience(e, ANSWER_MS);
    _Atomic uint32_t *streams = &e->door->counts.streams;

    if (atomic_fetch_add(streams, 1) >= STREAMS_MAX) {
        exchange_say(e, 503, "there are 16 dashboards already");
    } else if (exchange_open_node(e)) {
        if (node_open(&s.cluster, &e->door->options, e->peer, &e->credentials, &e->share,
                      &patience) == NODE_OPEN) {
            run(&s);
        } else {
            exchange_say(e, 503, "the node takes no more clients, or ends");
        }
        node_close(&s.cluster);
    }
    atomic_fetch_sub(streams, 1);
}
