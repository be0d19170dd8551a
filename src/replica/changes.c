/* changes.c - members come, go, move and change their parts, and leadership is transferred: the
 * state of each task, and its next step. */
#include "replica/admin_task.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "resp/errors.h"

/* If a leader is still to be removed so long after it has transferred leadership for that, it is
 * removed in office. */
static const uint64_t HANDED_TO_AND_FRO_NS = 10 * 1000 * 1000 * 1000ull;

/* Why the core finds the change impossible. */
static const char *refusal(enum raft_change_kind kind)
{
    return kind == RAFT_ADD_LEARNER || kind == RAFT_READDRESS ? ERROR_CLUSTER_FULL
           : kind == RAFT_PRIORITIZE                          ? ERROR_LAST_LEADER
                                                              : ERROR_LAST_VOTER;
}

/* What is asked for, or the same with another kind. */
static void make_change(struct admin_task *t, enum raft_change_kind kind)
{
    struct replica *r = t->replica;
    struct raft_event event = {
        .kind = RAFT_CHANGE, .now_ns = io_now_ns(r->io), .change = t->change};

    event.change.kind = kind;
    if (kind == RAFT_ADD_LEARNER || kind == RAFT_READDRESS) {
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
        admin_task_fail(t, refusal(kind));
    }
    /* Otherwise another change is under way, or this leader is new: later. */
}

/* --- a node comes, moves, or gets another name ------------------------------------------- */

/* Gives the task the priority of the voter that its node replaces; otherwise returns an error. */
static const char *inherit(struct admin_task *t)
{
    const struct raft_configuration *c = raft_configuration(t->replica->raft);
    const struct raft_member *old = raft_configuration_find(c, t->change.replaces);

    if (old == NULL || !old->incoming) {
        return ERROR_REPLACED_NO_VOTER;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].replaces == old->id && c->members[i].id != t->change.id) {
            return ERROR_REPLACED_ALREADY;
        }
    }
    t->change.never_leads = old->never_leads;
    t->change.precedence = old->precedence;
    return NULL;
}

/* A member that does not say its name keeps the one that it has. */
static void keep_name(struct admin_task *t, const struct member_address *there)
{
    if (there != NULL && t->address.name[0] == 0) {
        memcpy(t->address.name, there->name, sizeof there->name);
    }
}

static bool is_name_free(const struct admin_task *t, const struct membership *m)
{
    const struct raft_member *member =
        m == NULL ? NULL : raft_configuration_find(&m->configuration, t->change.id);

    return membership_may_name(m, t->change.id,
                               member == NULL ? t->change.replaces : member->replaces,
                               slice_str(t->address.name));
}

bool changes_are_added(const struct admin_task *t, const struct member_address *there)
{
    return there != NULL && member_address_equal(there, &t->address) &&
           (t->address.name[0] == 0 || strcmp(there->name, t->address.name) == 0);
}

/* Whether the node may have the address of `other`: if it is that one, has moved there, or takes
 * the place of one that is gone. */
static bool may_live_with(const struct admin_task *t, const struct member_address *there,
                          const struct member_address *other)
{
    return other->id == t->change.id ||
           (there == NULL ? other->id == t->change.replaces
                          : addresses_may_take(t->replica->peers, &t->address, other));
}

static void add(struct admin_task *t, const struct member_address *there)
{
    const char *error = there == NULL && t->change.replaces != 0 ? inherit(t) : NULL;

    if (error != NULL) {
        admin_task_fail(t, error);
    } else if (adding_is_proven(t, there != NULL)) {
        make_change(t, there == NULL ? RAFT_ADD_LEARNER : RAFT_READDRESS);
    }
}

void changes_progress_add(struct admin_task *t)
{
    struct replica *r = t->replica;
    const struct membership *m = replica_membership(r);
    const struct member_address *there = membership_address(m, t->change.id);
    const struct member_address *other = membership_at(m, &t->address.client);
    char text[512];

    keep_name(t, there);
    if (t->is_begun) {
        if (raft_commit_index(r->raft) >= t->index) {
            admin_task_ok(t);
        }
    } else if (membership_was_removed(m, t->change.id) &&
               !membership_was_removed(r->committed, t->change.id)) {
        return; /* Its removal may still be undone. */
    } else if (membership_was_removed(m, t->change.id)) {
        admin_task_fail(t, ERROR_ADD_REMOVED);
    } else if (changes_are_added(t, there)) {
        if (raft_commit_index(r->raft) >= raft_configuration_index(r->raft)) {
            admin_task_ok(t);
        }
    } else if (other != NULL && !may_live_with(t, there, other)) {
        snprintf(text, sizeof text, ERROR_ADDRESS_TAKEN, t->address.client.host,
                 (unsigned)t->address.client.port, (unsigned long long)other->id);
        admin_task_fail(t, text);
    } else if (there == NULL && m != NULL && m->configuration.member_count == RAFT_MEMBERS_MAX) {
        admin_task_fail(t, ERROR_CLUSTER_FULL);
    } else if (!is_name_free(t, m)) {
        admin_task_fail(t, ERROR_NAME_TAKEN);
    } else {
        add(t, there);
    }
}

/* --- leadership ------------------------------------------------------------------------- */

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

/* A leader lets another one take its vote, so that commands under way here end before that, and
 * none is in doubt. The task goes to that leader by itself: admin_abandon(). If that one is about
 * to leave as well, and transfers leadership back, this one loses its vote in office. */
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
        make_change(t, t->change.kind);
        return;
    }

    int error = hand_over_to(r, 0);

    if (error == RAFT_OK) {
        t->is_handing_over = true;
        r->admin->handed_over_ns = now_ns;
    } else if (error == RAFT_EMEMBER) {
        make_change(t, t->change.kind); /* There is no other voter, as the core will report. */
    }
}

/* This node, if its change was not begun; if it was, the task only waits for it. */
static bool is_leader_to_stay(const struct replica *r, raft_id id)
{
    const struct raft_member *self = raft_configuration_find(raft_configuration(r->raft), id);

    return id == raft_self(r->raft) && self != NULL && self->incoming;
}

/* --- changes of members ------------------------------------------------------------------ */

/* Of a node that is a member. */
static bool is_changed(const struct raft_change *change, const struct raft_member *member)
{
    switch (change->kind) {
    case RAFT_REPLACE:
        return member->replaces == change->replaces && !member->incoming;
    case RAFT_PROMOTE:
        return member->incoming || !member->stays_learner;
    case RAFT_DEMOTE:
        return !member->incoming && !member->outgoing && member->stays_learner;
    case RAFT_PRIORITIZE:
        return member->never_leads == change->never_leads &&
               member->precedence == change->precedence;
    case RAFT_ADD_LEARNER:
    case RAFT_REMOVE:
    case RAFT_READDRESS:
        return false;
    }
    return false;
}

bool changes_are_made(const struct admin_task *t)
{
    const struct raft_configuration *c = raft_configuration(t->replica->raft);
    const struct raft_member *member = raft_configuration_find(c, t->change.id);

    if (t->change.kind == RAFT_REMOVE || member == NULL) {
        return member == NULL;
    }
    /* It may have taken the place of the other one already. */
    return is_changed(&t->change, member) ||
           (t->change.kind == RAFT_REPLACE && member->incoming &&
            raft_configuration_find(c, t->change.replaces) == NULL);
}

/* Why the change makes no sense for the members that there are; NULL: it does. */
static const char *fault_of(struct admin_task *t)
{
    const struct raft_configuration *c = raft_configuration(t->replica->raft);

    if (t->change.kind == RAFT_REPLACE && raft_configuration_find(c, t->change.id)->incoming) {
        return ERROR_REPLACED_BY_VOTER;
    }
    return t->change.kind == RAFT_REPLACE ? inherit(t) : NULL;
}

static bool takes_vote(const struct raft_change *change)
{
    return change->kind == RAFT_REMOVE || change->kind == RAFT_DEMOTE;
}

static void begin_change(struct admin_task *t)
{
    struct replica *r = t->replica;
    const char *fault = fault_of(t);

    if (fault != NULL) {
        admin_task_fail(t, fault);
        return;
    }
    fault = t->is_handing_over || t->is_forced ? NULL : live_quorum_fault(r, &t->change);
    if (fault != NULL) {
        /* A new leader may not have heard from all members yet. */
        if (io_now_ns(r->io) >= t->begun_ns + r->options.election_timeout_ns) {
            admin_task_fail(t, fault);
        }
    } else if (takes_vote(&t->change) && is_leader_to_stay(r, t->change.id) &&
               !MUTANT(leader_removed_in_office)) {
        hand_over_first(t);
    } else {
        make_change(t, t->change.kind);
    }
}

void changes_progress(struct admin_task *t)
{
    struct replica *r = t->replica;

    if (changes_are_made(t)) {
        if (raft_commit_index(r->raft) >= raft_configuration_index(r->raft)) {
            admin_task_ok(t);
        }
    } else if (!t->is_begun) {
        begin_change(t);
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

    int error = hand_over_to(r, t->change.id);

    if (error == RAFT_OK) {
        t->is_begun = true;
        t->request->has_begun = true;
    } else if (error == RAFT_EMEMBER) {
        admin_task_fail(t, ERROR_NO_SUCH_VOTER);
    }
}
