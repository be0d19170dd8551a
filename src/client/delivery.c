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
    TIDY_KEYS = 2000,
};

/* What one turn has done. */
struct slice_of_turn {
    struct time_share share;
    uint32_t woken_count;
};

static bool is_over(const struct slice_of_turn *turn)
{
    return (turn->share.is_over || turn->woken_count >= WOKEN_A_TURN) &&
           !MUTANT(pushes_without_end);
}

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

/* Behind the replies that are there, of which some may wait for earlier ones. */
static struct buffer *behind_replies(struct client *c)
{
    struct buffer *out = &c->out;

    for (struct reply_slot *slot = c->first_slot; slot != NULL; slot = slot->next) {
        if (slot->is_answered && !MUTANT(invalidation_overtakes)) {
            out = &slot->out;
        }
    }
    return out;
}

static void give(struct client *c, enum push_kind kind, struct slice form,
                 struct slice_of_turn *turn)
{
    struct buffer *out;

    if (c->end != CLIENT_OPEN || !reads_its_pushes(c)) {
        return;
    }
    turn->woken_count += list_is_empty(&c->dirty_link) ? 1 : 0;
    out = kind == PUSH_MESSAGE ? &c->out : behind_replies(c);
    buffer_append_slice(out, form);
    c->held_bytes += out == &c->out ? 0 : form.size;
    client_make_dirty(c);
    client_note_output(c); /* It may end connections. */
}

/* The connection that gets its invalidations has gone. */
static void report_broken(struct client *c, struct slice_of_turn *turn)
{
    struct buffer text = {0};
    struct resp_writer w = {.out = &text, .version = c->version};

    c->tracker.is_broken = true;
    if (c->version >= 3) {
        resp_push(&w, 2);
        resp_bulk_text(&w, "tracking-redir-broken");
        resp_integer(&w, (int64_t)c->tracker.redirect);
        give(c, PUSH_MESSAGE, buffer_slice(&text), turn);
    }
    buffer_deinit(&text);
}

static void invalidate(struct client *c, const struct push *push, struct slice_of_turn *turn)
{
    struct client *to = c;
    struct slice form;

    time_share_use(&turn->share, RECEIVER_WORK + push->channel.size);
    if (c->tracker.redirect != 0) {
        to = clients_find(c->clients, c->tracker.redirect);
    }
    if (to == NULL) {
        report_broken(c, turn);
    } else if (to->version >= 3 || (to != c && audience_has(to))) {
        form = pushes_form(&c->clients->pushes, to->version, NULL, push);
        give(to, push->kind, form, turn);
    }
}

/* Goes on with those that have read the key. False: the turn's time is over. */
static bool give_to_readers(struct clients *clients, const struct push *push,
                            struct slice_of_turn *turn)
{
    struct pushes *p = &clients->pushes;
    uint64_t id;

    while (push->kind == PUSH_INVALIDATION && p->next_id < push->payload.size / sizeof id) {
        struct client *c;

        if (is_over(turn)) {
            return false;
        }
        memcpy(&id, push->payload.data + p->next_id * sizeof id, sizeof id);
        p->next_id++;
        c = clients_find(clients, id);
        if (c != NULL && c->tracker.is_on) {
            invalidate(c, push, turn);
        }
    }
    return true;
}

/* Goes to the next prefix of the key. False: there is none. */
static bool find_prefix(struct clients *clients, const struct push *push)
{
    struct pushes *p = &clients->pushes;

    while (p->next_size <= TOPIC_PREFIX_BYTES_MAX && p->next_size <= push->channel.size) {
        struct slice prefix = slice_of(push->channel.data, p->next_size++);

        topics_walk_to(&clients->topics, topics_find(&clients->topics, TOPIC_PREFIX, prefix));
        if (clients->topics.walk.topic != NULL) {
            return true;
        }
    }
    return false;
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
            struct slice form;

            if (push->kind != PUSH_MESSAGE) {
                invalidate(c, push, turn);
                continue;
            }
            form = pushes_form(p, c->version, topic, push);
            give(c, PUSH_MESSAGE, form, turn);
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
    clients->pushes.next_id = 0;
    clients->pushes.next_size = 0;
    pushes_forget_forms(&clients->pushes);
    topics_walk_patterns(&clients->topics);
    if (push->kind == PUSH_INVALIDATION) {
        topics_walk_to(&clients->topics, NULL);
        return;
    }
    kind = push->kind == PUSH_FLUSH ? TOPIC_TRACKERS : kind;
    topics_walk_to(&clients->topics, topics_find(&clients->topics, kind, push->channel));
}

/* Goes to the next topic of the push. False: there is none. */
static bool find_topic(struct clients *clients, const struct push *push, struct slice_of_turn *turn)
{
    switch (push->kind) {
    case PUSH_MESSAGE:
        return find_pattern(clients, push, turn);
    case PUSH_INVALIDATION:
        return find_prefix(clients, push);
    case PUSH_FLUSH:
        break;
    }
    return false;
}

/* Goes on with the first push. True: all have got it who do. */
static bool give_to_all(struct clients *clients, struct push *push, struct slice_of_turn *turn)
{
    if (!clients->pushes.has_begun) {
        begin(clients, push);
    }
    if (!give_to_readers(clients, push, turn)) {
        return false;
    }
    do {
        if (!give_to_topic(clients, push, turn)) {
            return false;
        }
    } while (find_topic(clients, push, turn));
    return true;
}

void clients_deliver(struct clients *clients)
{
    struct pushes *p = &clients->pushes;
    struct slice_of_turn turn = {.woken_count = 0};
    struct push *push = pushes_first(p);

    clients->count_left = CLIENTS_COUNT_WORK;
    if (tracking_tidy(&clients->tracking, TIDY_KEYS)) {
        io_turn_soon(clients->io);
    }
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
