/* disk.c - collects the state of the members' disks, and carries out the decisions of
 * disk_policy.h. */
#include "replica/state.h"

#include "base/mutant.h"

/* A large entry from the leader may have found no room though an ordinary segment would. */
static bool is_full(const struct replica *r)
{
    uint64_t unstored_bytes = r->disk_policy.unstored_bytes;

    return store_is_full(r->store) ||
           (unstored_bytes > 0 && !store_has_room(r->store, STORE_FOR_FOLLOWERS, unstored_bytes));
}

static enum wire_disk own_disk(const struct replica *r)
{
    if (!is_full(r)) {
        return WIRE_DISK_ROOM;
    }
    if (!store_has_room(r->store, STORE_FOR_FOLLOWERS, r->disk_policy.unstored_bytes) ||
        !store_has_room(r->store, STORE_FOR_RELIEF, 1)) {
        return WIRE_DISK_SPENT;
    }
    return store_has_room(r->store, STORE_FOR_CLIENTS, 1) ? WIRE_DISK_FULL : WIRE_DISK_LOW;
}

/* An upper bound for what the next snapshot will take: the state with all that is in the log. */
void disk_reserve(struct replica *r)
{
    uint64_t bytes =
        keyspace_item_bytes(r->keyspace) + log_window_bytes_after(&r->window, r->applied_index);

    store_set_state_bytes(r->store, bytes);
}

/* What a voter last reported about its disk; if nothing, that it has room. */
static enum wire_disk disk_of(const struct replica *r, raft_id id)
{
    const struct peer *peer = peers_find(r->peers, id);

    return peer == NULL ? WIRE_DISK_ROOM : peer->disk;
}

static struct disk_view view(const struct replica *r, raft_id id)
{
    struct raft_progress p;

    if (id == raft_self(r->raft)) { /* Its room is known exactly. */
        return (struct disk_view){.is_heard = true,
                                  .disk = r->disk_policy.is_full ? WIRE_DISK_FULL : WIRE_DISK_ROOM,
                                  .match_index = raft_last_index(r->raft)};
    }
    if (!raft_progress_of(r->raft, id, &p) || !replica_hears(r, &p)) {
        return (struct disk_view){.is_heard = false};
    }
    return (struct disk_view){
        .is_heard = true, .disk = disk_of(r, id), .match_index = p.match_index};
}

/* Of all members, in the order of the configuration. */
static const struct raft_configuration *look_around(const struct replica *r,
                                                    struct disk_view *views)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    for (uint32_t i = 0; i < c->member_count; i++) {
        views[i] = view(r, c->members[i].id);
    }
    return c;
}

enum disk_outlook disk_outlook(const struct replica *r)
{
    struct disk_view views[RAFT_MEMBERS_MAX];
    const struct raft_configuration *c = look_around(r, views);

    return disk_policy_outlook(c, views, raft_last_index(r->raft));
}

raft_id disk_successor(const struct replica *r)
{
    struct disk_view views[RAFT_MEMBERS_MAX];
    const struct raft_configuration *c = look_around(r, views);

    return disk_policy_successor(c, views, raft_self(r->raft));
}

static raft_id roomy_successor(const struct replica *r)
{
    struct disk_view views[RAFT_MEMBERS_MAX];
    const struct raft_configuration *c = look_around(r, views);

    return disk_policy_roomy_successor(c, views, raft_self(r->raft), raft_commit_index(r->raft));
}

static void leave_office(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .now_ns = io_now_ns(r->io)};
    bool is_spent = own_disk(r) == WIRE_DISK_SPENT;

    if (!raft_is_ready(r->raft) || raft_is_transferring(r->raft) ||
        !disk_policy_may_hand_over(&r->disk_policy, is_spent, event.now_ns) ||
        MUTANT(full_leader_stays)) {
        return;
    }
    event.peer = roomy_successor(r);
    if (event.peer == 0) {
        return;
    }
    disk_policy_note_attempt(&r->disk_policy, event.now_ns);
    log_write(r->log, LOG_WARN, "the disk is full: leadership goes to a node that has room",
              "successor=%016llx", (unsigned long long)event.peer);
    replica_step(r, &event, NULL);
}

void disk_look(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);
    bool is_now_full = is_full(r);

    if (!is_now_full || !r->disk_policy.is_full) {
        r->disk_policy.full_ns = now_ns;
    }

    disk_policy_set_full(&r->disk_policy, is_now_full);
    peers_set_disk(r->peers, own_disk(r));
    /* Not at once: a snapshot may make room within a moment. */
    if (is_now_full && raft_role(r->raft) == RAFT_LEADER &&
        now_ns - r->disk_policy.full_ns >= r->options.election_timeout_ns) {
        leave_office(r);
    }
}

void replica_limit_disk(struct replica *r, uint64_t bytes_max)
{
    store_limit_bytes(r->store, bytes_max);
}
