/* changes.c - members are added, removed and moved, and leadership is transferred: the state of
 * each task, and its next step. */
#include "replica/admin_task.h"

#include <stdio.h>

#include "base/mutant.h"
#include "resp/errors.h"

/* If a leader is still to be removed so long after it has transferred leadership for that, it is
 * removed in office. */
static const uint64_t HANDED_TO_AND_FRO_NS = 10 * 1000 * 1000 * 1000ull;

static void change(struct admin_task *t, enum raft_change_kind kind)
{
    struct replica *r = t->replica;
    struct raft_event event = {
        .kind = RAFT_CHANGE, .now_ns = io_now_ns(r->io), .change = {.kind = kind, .id = t->id}};

    if (kind != RAFT_REMOVE) {
        r->admin->fresh = t->address;
    }

    int error = replica_step(r, &event, NULL);

    r->admin->fresh.id = 0;
    if (error == RAFT_OK) {
        t->is_begun = true;
        t->request->has_begun = true;
        t->index = raft_configuration_index(r->raft);
        io_turn_soon(r->io); /* For tasks that this one decides: one address, one member. */
    } else if (error == RAFT_EMEMBER) {
        admin_task_fail(t, kind == RAFT_REMOVE ? ERROR_LAST_VOTER : ERROR_CLUSTER_FULL);
    }
    /* Otherwise another change is under way, or this leader is new: later. */
}

void changes_progress_add(struct admin_task *t)
{
    struct replica *r = t->replica;
    const struct membership *m = replica_membership(r);
    const struct member_address *there = membership_address(m, t->id);
    const struct member_address *other = membership_at(m, &t->address.client);
    char text[512];

    if (t->is_begun) {
        if (raft_commit_index(r->raft) >= t->index) {
            admin_task_ok(t);
        }
    } else if (membership_was_removed(m, t->id) && !membership_was_removed(r->committed, t->id)) {
        return; /* Its removal may still be undone. */
    } else if (membership_was_removed(m, t->id)) {
        admin_task_fail(t, ERROR_ADD_REMOVED);
    } else if (other != NULL && other->id != t->id &&
               (there == NULL || !addresses_may_take(r->peers, &t->address, other))) {
        snprintf(text, sizeof text, ERROR_ADDRESS_TAKEN, t->address.client.host,
                 (unsigned)t->address.client.port, (unsigned long long)other->id);
        admin_task_fail(t, text);
    } else if (there != NULL && member_address_equal(there, &t->address)) {
        if (raft_commit_index(r->raft) >= raft_configuration_index(r->raft)) {
            admin_task_ok(t);
        }
    } else if (there == NULL && m != NULL && m->configuration.member_count == RAFT_MEMBERS_MAX) {
        admin_task_fail(t, ERROR_CLUSTER_FULL);
    } else if (adding_is_proven(t, there != NULL)) {
        change(t, there == NULL ? RAFT_ADD_LEARNER : RAFT_READDRESS);
    }
}

static bool is_in_reach(const struct replica *r, raft_id id)
{
    struct raft_progress progress;

    return id == raft_self(r->raft) ||
           (raft_progress_of(r->raft, id, &progress) && replica_hears(r, &progress) &&
            peers_is_connected(r->peers, id));
}

/* Whether the remaining voters could commit nothing, because too few of them are reachable. The
 * change could then be neither committed nor undone. */
static bool would_stop_the_cluster(const struct replica *r, raft_id leaving)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    const struct raft_member *member = raft_configuration_find(c, leaving);
    uint32_t voter_count = 0;
    uint32_t reach_count = 0;

    if (member == NULL || !member->incoming || MUTANT(removal_stops_the_cluster)) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].incoming && c->members[i].id != leaving) {
            voter_count++;
            reach_count += is_in_reach(r, c->members[i].id) ? 1 : 0;
        }
    }
    return voter_count > 0 && reach_count <= voter_count / 2;
}

static int hand_over_to(struct replica *r, raft_id id)
{
    struct raft_event event = {.kind = RAFT_TRANSFER,
                               .now_ns = io_now_ns(r->io),
                               .peer = id != 0 ? id : disk_successor(r)};

    return replica_step(r, &event, NULL);
}

static void fail_not_taken_over(struct admin_task *t)
{
    t->request->has_begun = false; /* It is over, and had no effect. */
    admin_task_fail(t, ERROR_TRANSFER_FAILED);
}

/* A leader lets another one remove it, so that commands under way here end before that, and none
 * is in doubt. The task goes to that leader by itself: admin_abandon(). If that one is about to
 * leave as well, and transfers leadership back, this one is removed in office. */
static void hand_over_first(struct admin_task *t)
{
    struct replica *r = t->replica;
    uint64_t now_ns = io_now_ns(r->io);

    if (t->is_handing_over) {
        if (!raft_is_transferring(r->raft)) {
            fail_not_taken_over(t);
        }
        return;
    }
    if (r->admin->handed_over_ns != 0 && now_ns < r->admin->handed_over_ns + HANDED_TO_AND_FRO_NS &&
        !MUTANT(handed_to_and_fro)) {
        change(t, RAFT_REMOVE);
        return;
    }

    int error = hand_over_to(r, 0);

    if (error == RAFT_OK) {
        t->is_handing_over = true;
        r->admin->handed_over_ns = now_ns;
    } else if (error == RAFT_EMEMBER) {
        change(t, RAFT_REMOVE); /* There is no other voter, as the core will report. */
    }
}

/* This node, if its removal was not begun; if it was, the task only waits for it. */
static bool is_leader_to_stay(const struct replica *r, raft_id id)
{
    const struct raft_member *self = raft_configuration_find(raft_configuration(r->raft), id);

    return id == raft_self(r->raft) && self != NULL && self->incoming;
}

void changes_progress_remove(struct admin_task *t)
{
    struct replica *r = t->replica;
    const struct membership *m = replica_membership(r);

    if (membership_address(m, t->id) == NULL) {
        if (raft_commit_index(r->raft) >= raft_configuration_index(r->raft)) {
            admin_task_ok(t);
        }
    } else if (t->is_begun) {
        return;
    } else if (!t->is_handing_over && would_stop_the_cluster(r, t->id)) {
        /* A new leader may not have heard from all members yet. */
        if (io_now_ns(r->io) >= t->begun_ns + r->options.election_timeout_ns) {
            admin_task_fail(t, ERROR_NO_QUORUM_LEFT);
        }
    } else if (is_leader_to_stay(r, t->id) && !MUTANT(leader_removed_in_office)) {
        hand_over_first(t);
    } else {
        change(t, RAFT_REMOVE);
    }
}

void changes_progress_transfer(struct admin_task *t)
{
    struct replica *r = t->replica;

    if (t->is_begun) {
        if (!raft_is_transferring(r->raft)) {
            fail_not_taken_over(t);
        }
        return;
    }

    int error = hand_over_to(r, t->id);

    if (error == RAFT_OK) {
        t->is_begun = true;
        t->request->has_begun = true;
    } else if (error == RAFT_EMEMBER) {
        admin_task_fail(t, ERROR_NO_SUCH_VOTER);
    }
}
