/* delivery.c - gives pushes to the connections of those who get them, between replies, as many as a
 * turn has time for. */
#include "base/mutant.h"
#include "client/client.h"
#include "kv/glob.h"

enum {
    TURN_NS = 2 * 1000 * 1000,
    WOKEN_A_TURN = 512,       /* Connections that have something to send because of pushes. */
    MATCH_WORK_MAX = 1 << 20, /* For one pattern. */
    MATCH_WORK = 64,
    RECEIVER_WORK = 256,
};

/* What one turn has done. */
struct slice_of_turn {
    struct time_share share;
    uint32_t woken_count;
};

/* The newest push may have any size, but what is unread before it is limited. */
static bool reads_its_pushes(struct client *c)
{
    uint64_t unread_bytes = client_output_bytes(c);
    uint64_t bytes_max = c->clients->options.output_bytes_max;

    if (bytes_max > PUSH_UNREAD_BYTES_MAX) {
        bytes_max = PUSH_UNREAD_BYTES_MAX;
    }
    if (unread_bytes <= bytes_max || MUTANT(subscriber_need_not_read)) {
        return true;
    }
    c->clients->stats.closed_slow_count++;
    log_write(c->clients->log, LOG_WARN, "a client does not read its messages: closed",
              "client=%llu peer=%s unread_bytes=%llu", (unsigned long long)c->id, c->peer,
              (unsigned long long)unread_bytes);
    client_close(c, "it does not read its messages");
    return false;
}

static void give(struct client *c, struct slice form, struct slice_of_turn *turn)
{
    if (c->end != CLIENT_OPEN || !reads_its_pushes(c)) {
        return;
    }
    turn->woken_count += list_is_empty(&c->dirty_link) ? 1 : 0;
    buffer_append_slice(&c->out, form);
    client_make_dirty(c);
    client_note_output(c); /* It may end connections. */
}

static bool is_over(const struct slice_of_turn *turn)
{
    return (turn->share.is_over || turn->woken_count >= WOKEN_A_TURN) &&
           !MUTANT(pushes_without_end);
}

/* Goes on with the subscribers of the present topic. False: the turn's time is over. */
static bool give_to_topic(struct clients *clients, const struct push *push,
                          struct slice_of_turn *turn)
{
    struct pushes *p = &clients->pushes;
    struct subscription *s;

    while (!is_over(turn)) {
        const struct topic *topic = clients->topics.walk.topic;

        s = topics_walk_next(&clients->topics);
        if (s == NULL) {
            return true;
        }
        if (push->number > s->since) {
            struct client *c = container_of(s->subscriber, struct client, subscriber);
            struct slice form = pushes_form(p, c->version, topic, push);

            give(c, form, turn);
            time_share_use(&turn->share, RECEIVER_WORK + form.size);
        }
    }
    return false;
}

static bool is_matched(const struct topic *pattern, struct slice channel,
                       struct slice_of_turn *turn)
{
    uint64_t left = MATCH_WORK_MAX;
    bool is_match = glob_matches_within(pattern->name, channel, &left);

    time_share_use(&turn->share, MATCH_WORK + MATCH_WORK_MAX - left);
    return is_match;
}

/* Goes to the next pattern that matches. False: there is none. */
static bool find_pattern(struct clients *clients, const struct push *push,
                         struct slice_of_turn *turn)
{
    const struct topic *pattern;

    while (!push->is_sharded && (pattern = topics_walk_pattern(&clients->topics)) != NULL) {
        if (is_matched(pattern, push->channel, turn)) {
            pushes_forget_forms(&clients->pushes);
            topics_walk_to(&clients->topics, pattern);
            return true;
        }
        if (is_over(turn)) {
            return true; /* The walk goes on here. */
        }
    }
    return false;
}

static void begin(struct clients *clients, const struct push *push)
{
    enum topic_kind kind = push->is_sharded ? TOPIC_SHARD : TOPIC_CHANNEL;

    clients->pushes.has_begun = true;
    pushes_forget_forms(&clients->pushes);
    topics_walk_patterns(&clients->topics);
    topics_walk_to(&clients->topics, topics_find(&clients->topics, kind, push->channel));
}

/* Goes on with the first push. True: all have got it who do. */
static bool give_to_all(struct clients *clients, struct push *push, struct slice_of_turn *turn)
{
    if (!clients->pushes.has_begun) {
        begin(clients, push);
    }
    do {
        if (!give_to_topic(clients, push, turn)) {
            return false;
        }
    } while (find_pattern(clients, push, turn));
    return true;
}

void clients_deliver(struct clients *clients)
{
    struct pushes *p = &clients->pushes;
    struct slice_of_turn turn = {.woken_count = 0};
    struct push *push = pushes_first(p);

    if (push == NULL) {
        return;
    }
    time_share_begin(&turn.share, clients->io, clients->options.probe, TURN_NS);
    while (push != NULL && give_to_all(clients, push, &turn)) {
        pushes_drop_first(p);
        push = pushes_first(p);
    }
    if (push != NULL) {
        io_turn_soon(clients->io);
    } else {
        pushes_forget_forms(p);
    }
}
