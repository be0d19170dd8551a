/* bounds.c - memory is limited, and freed again: what a node holds for requests, for the newest
 * entries of its log, and for messages that wait for its disk. */
#include "kv/kv.h"
#include "replica/admin.h"
#include "replica/stages.h"
#include "replica/state.h"
#include "sim/cluster/cluster.h"

#define ULL(x) ((unsigned long long)(x))

enum {
    REQUEST_BYTES_MAX = 64 * 1024, /* The largest request of a user, with all its overhead. */
    TABLES_BYTES = 160 * 1024,     /* Of all databases without keys, which any command may
                                    * create. */
    HELD_MAX = 2048, /* Messages: ten times the most ever seen, with disks that stall. */
};

static uint64_t request_bytes(const struct replica *r)
{
    return r->requests.own_bytes + r->requests.forwarded_bytes;
}

/* With what is to be freed, but without what a snapshot takes meanwhile, which has a limit of its
 * own: snapshotter_is_behind(). */
static uint64_t count_data(struct keyspace *keyspace)
{
    uint64_t bytes = keyspace_cleared_bytes(keyspace);

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (keyspace_count(keyspace, i) > 0) {
            bytes += kv_memory_bytes(keyspace_database(keyspace, i));
        }
    }
    return bytes;
}

static void check_node(struct cluster *c, const struct node *n)
{
    const struct replica *r = n->server->replica;
    const struct server_config *config = &n->config;

    if (r->requests.own_bytes > config->in_flight_bytes_max / 2 + REQUEST_BYTES_MAX ||
        r->requests.forwarded_bytes > config->in_flight_bytes_max / 2 + REQUEST_BYTES_MAX) {
        verdict_broken(&c->verdict, "bounds",
                       "%s holds %llu bytes of its clients' requests and %llu of forwarded ones, "
                       "with a limit of %llu for both",
                       n->name, ULL(r->requests.own_bytes), ULL(r->requests.forwarded_bytes),
                       ULL(config->in_flight_bytes_max));
    }
    uint64_t dataset_bytes = count_data(r->keyspace);

    if (config->memory_bytes_max > 0 && dataset_bytes > config->memory_bytes_max + TABLES_BYTES) {
        verdict_broken(&c->verdict, "bounds", "%s holds %llu bytes of data, with a limit of %llu",
                       n->name, ULL(dataset_bytes), ULL(config->memory_bytes_max));
    }
    /* It takes more up to the limit; then all that waits, which is within the limit again, may
     * come at once. */
    uint64_t window_max =
        config->log_memory_bytes + 2 * config->in_flight_bytes_max + REQUEST_BYTES_MAX;

    if (raft_role(r->raft) == RAFT_LEADER && r->window.bytes > window_max) {
        verdict_broken(&c->verdict, "bounds",
                       "%s leads and holds %llu bytes of its log, with limits of %llu and %llu",
                       n->name, ULL(r->window.bytes), ULL(config->log_memory_bytes),
                       ULL(config->in_flight_bytes_max));
    }
    if (r->outbox.count > HELD_MAX) {
        verdict_broken(&c->verdict, "bounds", "%u messages of %s wait for its disk",
                       (unsigned)r->outbox.count, n->name);
    }
}

/* Whether a stage did not come before the one before it; 0: it has not come yet. */
static bool follows(uint64_t before_ns, uint64_t at_ns)
{
    return at_ns == 0 || (before_ns != 0 && before_ns <= at_ns);
}

static bool is_in_order(const struct stage_record *s)
{
    return s->received_ns <= s->proposed_ns && follows(s->proposed_ns, s->committed_ns) &&
           follows(s->committed_ns, s->applied_ns) && follows(s->applied_ns, s->answered_ns) &&
           (s->committed_ns == 0 || s->last_place == STAGES_NODES ||
            s->stored_ns[s->last_place] == s->committed_ns);
}

static bool is_late_somewhere(const struct stages *s, const struct stage_record *record)
{
    for (uint32_t i = 0; i < STAGES_NODES; i++) {
        if (record->answered_ns != 0 && s->nodes[i].id != 0 && record->stored_ns[i] == 0) {
            return true;
        }
    }
    return false;
}

/* The stages of a leader's newest entry whose answers were sent (I-207). */
static void check_stages(struct cluster *c, const struct node *n)
{
    const struct replica *r = n->server->replica;
    const struct stage_record *record = stages_find(r->stages, r->applied_index);

    if (raft_role(r->raft) != RAFT_LEADER || record == NULL) {
        return;
    }
    if (is_late_somewhere(r->stages, record)) {
        sometimes_reached(&c->sometimes, SOMETIMES_MEMBER_LATE);
    }
    if (!is_in_order(record)) {
        verdict_broken(&c->verdict, "stages", "%s shows wrong times for entries %llu to %llu",
                       n->name, ULL(record->first), ULL(record->last));
    }
}

void bounds_check(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].phase == NODE_UP) {
            check_node(c, &c->nodes[i]);
            check_stages(c, &c->nodes[i]);
        }
    }
}

/* A node that was not healed, and that a partition kept from joining, asks to be added again and
 * again. Its request is under way for as long as the leader tries to reach it. */
static bool somebody_joins(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (n->phase == NODE_UP && n->is_outside && !replica_has_log(n->server->replica)) {
            return true;
        }
    }
    return false;
}

/* Requests of administrators, and of nodes that join. */
static uint64_t count_admin(const struct replica *r)
{
    uint64_t count = admin_count(r);

    list_for_each(waiting, &r->requests.waiting)
    {
        count += request_is_admin(container_of(waiting, struct request, link)) ? 1 : 0;
    }
    for (uint64_t i = r->forwards.sent.first; i < r->forwards.sent.next; i++) {
        const struct request *request = pending_at(&r->forwards.sent, i);

        count += request != NULL && request_is_admin(request) ? 1 : 0;
    }
    return count;
}

static bool holds_something(const struct cluster *c, const struct node *n)
{
    const struct replica *r = n->server->replica;
    uint64_t joining_count = somebody_joins(c) ? count_admin(r) : 0;

    return r->requests.count > joining_count || r->outbox.count > 0 ||
           (joining_count == 0 && request_bytes(r) > 0);
}

static bool is_to_be_idle(const struct node *n)
{
    return n->phase == NODE_UP && !n->is_outside;
}

bool bounds_are_given_back(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (is_to_be_idle(&c->nodes[i]) && holds_something(c, &c->nodes[i])) {
            return false;
        }
    }
    return true;
}

void bounds_check_idle(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (!is_to_be_idle(n) || !holds_something(c, n)) {
            continue;
        }
        const struct replica *r = n->server->replica;

        verdict_broken(&c->verdict, "bounds",
                       "a minute after its users fell silent %s still holds %llu requests of "
                       "%llu bytes and %u messages",
                       n->name, ULL(r->requests.count), ULL(request_bytes(r)),
                       (unsigned)r->outbox.count);
    }
}
