/* sentinel_events.c - what subscribers at the Sentinel door hear, in a Sentinel's words: another
 * leader (+switch-master, then +slave for each other node), and nodes that go out of reach or come
 * back (+sdown, -sdown). A leader that is lost is not reported: the next one is. */
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "kv/event.h"
#include "raft/raft.h"
#include "replica/replica.h"

static const uint64_t LOOK_NS = 100 * 1000 * 1000;

enum { TEXT_BYTES = 1200 };

static void publish(struct clients *c, const char *channel, const char *text)
{
    struct channel_message message = {.channel = slice_str(channel), .payload = slice_str(text)};

    if (c->topics.count[TOPIC_CHANNEL] + c->topics.count[TOPIC_PATTERN] > 0) {
        pushes_add_message(&c->pushes, &message);
    }
}

/* "slave <host>:<port> <host> <port> @ <name> <master's host> <its port>" */
static void publish_replica(struct clients *c, const char *channel, const struct io_address *node)
{
    const struct io_address *master = &c->shown.master;
    char text[TEXT_BYTES];

    snprintf(text, sizeof text, "slave %s:%u %s %u @ %s %s %u", node->host, (unsigned)node->port,
             node->host, (unsigned)node->port, sentinel_name(c), master->host,
             (unsigned)master->port);
    publish(c, channel, text);
}

static void publish_switch(struct clients *c, const struct io_address *from,
                           const struct io_address *to)
{
    char text[TEXT_BYTES];

    snprintf(text, sizeof text, "%s %s %u %s %u", sentinel_name(c), from->host,
             (unsigned)from->port, to->host, (unsigned)to->port);
    publish(c, "+switch-master", text);
}

static bool is_same(const struct io_address *a, const struct io_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void look_at_master(struct clients *c, const struct membership *m)
{
    raft_id leader = raft_leader(replica_raft(c->replica));
    const struct member_address *address = membership_address(m, leader);
    struct io_address former = c->shown.master;

    if (address == NULL || is_same(&address->client, &former) || MUTANT(switch_unreported)) {
        return;
    }
    c->shown.master = address->client;
    if (former.port == 0) {
        return; /* The first one since the start: nobody was shown another one. */
    }
    publish_switch(c, &former, &address->client);
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        if (m->addresses[i].id != leader) {
            publish_replica(c, "+slave", &m->addresses[i].client);
        }
    }
}

/* Whether it was out of reach when it was last looked at. */
static bool was_lost(const struct shown_to_sentinels *shown, raft_id id)
{
    for (uint32_t i = 0; i < shown->lost_count; i++) {
        if (shown->lost[i] == id) {
            return true;
        }
    }
    return false;
}

static void look_at_nodes(struct clients *c, const struct membership *m)
{
    raft_id self = raft_self(replica_raft(c->replica));
    raft_id leader = raft_leader(replica_raft(c->replica));
    struct shown_to_sentinels before = c->shown;

    c->shown.looked_ns = io_now_ns(c->io);
    c->shown.lost_count = 0;
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        raft_id id = m->addresses[i].id;
        bool is_lost = id != self && id != leader && !replica_reaches(c->replica, id);

        if (is_lost) {
            c->shown.lost[c->shown.lost_count++] = id;
        }
        if (is_lost != was_lost(&before, id)) {
            publish_replica(c, is_lost ? "+sdown" : "-sdown", &m->addresses[i].client);
        }
    }
}

void sentinel_look(struct clients *c)
{
    const struct membership *m = replica_membership(c->replica);

    if (!c->options.is_sentinel || m == NULL || !replica_is_serving(c->replica)) {
        return;
    }
    look_at_master(c, m);
    if (io_now_ns(c->io) - c->shown.looked_ns >= LOOK_NS && c->shown.master.port != 0) {
        look_at_nodes(c, m);
    }
}
