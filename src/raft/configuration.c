/* configuration.c - membership of the cluster (§6), by joint consensus.
 *
 *   voter leaves:   C_old -> C_old,new (it votes in C_old only) -> C_new
 *   learner leaves: C_old -> C_new
 *   node joins:     C_old -> the same and a learner; when it has caught up:
 *                   -> C_old,new (it votes in C_new only) -> C_new
 *
 * The newest configuration in the log is in force, committed or not, and truncating the log
 * restores the previous one exactly. A configuration is appended only when the previous one is
 * committed, so a log has at most one that is not (I-10), and truncation never goes back further
 * than to the previous one; more are kept only as a margin.
 *
 * Besides, a configuration of a later epoch may follow any other: it has one member.
 *
 * A configuration that may not follow the previous one has no effect; a correct leader never
 * logs one. The log alone decides that, so nodes with the same log use the same configuration
 * (ADR 14).
 *
 * Refuses: a change while another is not committed or not complete, and before the leader has
 * committed an entry of its own term (Ongaro's correction of 2015); removing the last voter. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"

bool raft_configuration_is_joint(const struct raft_configuration *c)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].outgoing) {
            return true;
        }
    }
    return false;
}

const struct raft_member *raft_configuration_find(const struct raft_configuration *c, raft_id id)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].id == id) {
            return &c->members[i];
        }
    }
    return NULL;
}

bool raft_configuration_has_voter(const struct raft_configuration *c, raft_id id)
{
    const struct raft_member *member = raft_configuration_find(c, id);

    return member != NULL && (member->incoming || member->outgoing);
}

bool raft_configuration_is_valid(const struct raft_configuration *c)
{
    uint32_t incoming_count = 0;

    if (c->member_count > RAFT_MEMBERS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].id == 0 || (i > 0 && c->members[i].id <= c->members[i - 1].id)) {
            return false;
        }
        incoming_count += c->members[i].incoming;
    }
    return incoming_count > 0;
}

/* --- the history ------------------------------------------------------------------ */

const struct raft_configuration *raft_configuration(const struct raft *r)
{
    return &r->configurations.items[r->configurations.count - 1];
}

raft_index raft_configuration_index(const struct raft *r)
{
    return r->configurations.indexes[r->configurations.count - 1];
}

const struct raft_configuration *raft_configuration_before(const struct raft *r)
{
    uint32_t count = r->configurations.count;

    return count < 2 ? NULL : &r->configurations.items[count - 2];
}

bool raft_is_voter(const struct raft *r)
{
    return raft_configuration_has_voter(raft_configuration(r), r->options.id);
}

static void forget_oldest(struct raft_configurations *history)
{
    for (uint32_t i = 1; i < history->count; i++) {
        history->items[i - 1] = history->items[i];
        history->indexes[i - 1] = history->indexes[i];
    }
    history->count--;
}

void raft_configuration_begin(struct raft *r, raft_index index, const struct raft_configuration *c)
{
    r->configurations = (struct raft_configurations){.count = 1, .indexes = {index}, .items = {*c}};
}

void raft_configuration_compact(struct raft *r, raft_index origin)
{
    struct raft_configurations *history = &r->configurations;

    while (history->count > 1 &&
           history->indexes[MUTANT(compacted_configuration_lost) ? 0 : 1] <= origin) {
        forget_oldest(history);
    }
}

void raft_configuration_push(struct raft *r, raft_index index, const struct raft_configuration *c)
{
    struct raft_configurations *history = &r->configurations;

    CHECK(index > raft_configuration_index(r));
    CHECK(raft_configuration_is_valid(c));
    if (history->count == RAFT_CONFIGURATIONS_MAX) {
        forget_oldest(history);
    }
    history->items[history->count] = *c;
    history->indexes[history->count] = index;
    history->count++;
    r->gathered.configuration_changed = true;
}

bool raft_configuration_can_truncate(const struct raft *r, raft_index index)
{
    return index > r->configurations.indexes[0];
}

void raft_configuration_truncate_from(struct raft *r, raft_index index)
{
    CHECK(raft_configuration_can_truncate(r, index));
    while (raft_configuration_index(r) >= index) {
        MUTANT_DO(configuration_not_rolled_back, break);
        r->configurations.count--;
        r->gathered.configuration_changed = true;
        MUTANT_DO(one_configuration_rolled_back, break);
    }
}

/* --- making new ones -------------------------------------------------------------- */

static void add_learner(struct raft_configuration *c, raft_id id)
{
    uint32_t at = c->member_count;

    CHECK(at < RAFT_MEMBERS_MAX);
    for (; at > 0 && c->members[at - 1].id > id; at--) {
        c->members[at] = c->members[at - 1];
    }
    c->members[at] = (struct raft_member){.id = id};
    c->member_count++;
}

/* Keeps the remaining members in order. */
static void drop_member(struct raft_configuration *c, uint32_t at)
{
    c->member_count--;
    for (uint32_t i = at; i < c->member_count; i++) {
        c->members[i] = c->members[i + 1];
    }
}

/* Makes C_old,new, in which C_new is still the same as C_old. */
static void enter_joint(struct raft_configuration *c)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        c->members[i].outgoing = c->members[i].incoming;
    }
}

/* Keeps only C_new. */
static void leave_joint(struct raft_configuration *c)
{
    for (uint32_t i = c->member_count; i > 0; i--) {
        struct raft_member *member = &c->members[i - 1];

        if (member->outgoing && !member->incoming) {
            drop_member(c, i - 1);
        } else {
            member->outgoing = false;
        }
    }
}

/* --- which may follow which --------------------------------------------------------- */

static bool equals(const struct raft_configuration *a, const struct raft_configuration *b)
{
    if (a->member_count != b->member_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->member_count; i++) {
        const struct raft_member *of_a = &a->members[i];
        const struct raft_member *of_b = &b->members[i];

        if (of_a->id != of_b->id || of_a->incoming != of_b->incoming ||
            of_a->outgoing != of_b->outgoing) {
            return false;
        }
    }
    return true;
}

/* Whether `c` has one learner more than `before`, and no other difference. */
static bool adds_a_learner(const struct raft_configuration *before,
                           const struct raft_configuration *c)
{
    struct raft_configuration without = *c;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *member = &c->members[i];

        if (raft_configuration_find(before, member->id) == NULL) {
            drop_member(&without, i);
            return !member->incoming && !member->outgoing && equals(before, &without);
        }
    }
    return false;
}

/* Whether `c` is a C_old,new with the members of C_old, all voting as they did, and C_new either
 * has one voter less or turns learners into voters. */
static bool enters_joint(const struct raft_configuration *before,
                         const struct raft_configuration *c)
{
    uint32_t lost_count = 0;
    uint32_t won_count = 0;

    if (c->member_count != before->member_count) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *was = &before->members[i];
        const struct raft_member *is = &c->members[i];

        if (is->id != was->id || is->outgoing != was->incoming) {
            return false;
        }
        lost_count += was->incoming && !is->incoming;
        won_count += !was->incoming && is->incoming;
    }
    return lost_count == 0 ? won_count > 0 : lost_count == 1 && won_count == 0;
}

/* After the majority was lost, one member goes on alone. No leader logs that, so it happens only
 * outside of consensus, and nodes that have this entry belong to the new epoch. */
static bool begins_epoch(const struct raft_configuration *before,
                         const struct raft_configuration *c)
{
    return c->epoch > before->epoch && c->member_count == 1 && c->members[0].incoming &&
           !c->members[0].outgoing;
}

bool raft_configuration_may_follow(const struct raft_configuration *before,
                                   const struct raft_configuration *c)
{
    if (before->member_count == 0 || MUTANT(any_configuration_follows)) {
        return true; /* The first configuration. */
    }
    if (c->epoch != before->epoch) {
        return begins_epoch(before, c) || MUTANT(epoch_begins_anyhow);
    }
    if (raft_configuration_is_joint(before)) {
        struct raft_configuration left = *before;

        leave_joint(&left);
        return equals(&left, c) || MUTANT(joint_left_anyhow);
    }
    if (raft_configuration_is_joint(c)) {
        return enters_joint(before, c) || MUTANT(joint_entered_anyhow);
    }
    return equals(before, c) || adds_a_learner(before, c) || adds_a_learner(c, before) ||
           MUTANT(voters_change_at_once);
}

void raft_configuration_receive(struct raft *r, raft_index index,
                                const struct raft_configuration *c)
{
    if (raft_configuration_may_follow(raft_configuration(r), c)) {
        raft_configuration_push(r, index, c);
    }
}

/* Whether the newest configuration is committed and final. */
static bool is_settled(const struct raft *r)
{
    return raft_configuration_index(r) <= r->commit_index &&
           !raft_configuration_is_joint(raft_configuration(r));
}

static uint32_t voter_count(const struct raft_configuration *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        count += c->members[i].incoming;
    }
    return count;
}

/* `c` is C_old, and becomes the configuration to log. */
static int change_configuration(struct raft_configuration *c, const struct raft_change *change)
{
    const struct raft_member *found = raft_configuration_find(c, change->id);

    switch (change->kind) {
    case RAFT_ADD_LEARNER:
        if (found != NULL || change->id == 0) {
            return RAFT_EMEMBER;
        }
        if (c->member_count == RAFT_MEMBERS_MAX) {
            return RAFT_EFULL;
        }
        add_learner(c, change->id);
        return RAFT_OK;
    case RAFT_REMOVE:
        if (found == NULL || (found->incoming && voter_count(c) == 1)) {
            return RAFT_EMEMBER;
        }
        if (found->incoming) {
            enter_joint(c);
            c->members[found - c->members].incoming = false;
        } else {
            drop_member(c, (uint32_t)(found - c->members));
        }
        return RAFT_OK;
    case RAFT_READDRESS:
        return found == NULL ? RAFT_EMEMBER : RAFT_OK;
    }
    return RAFT_EMEMBER;
}

int raft_configuration_on_change(struct raft *r, const struct raft_change *change)
{
    if (r->role != RAFT_LEADER) {
        return RAFT_ENOTLEADER;
    }
    bool is_ready = raft_is_ready(r) || MUTANT(change_before_commit);
    bool may_change = is_settled(r) || MUTANT(second_change);

    if (!is_ready || r->transfer_target != 0 || !may_change) {
        return RAFT_EBUSY;
    }
    struct raft_configuration next = *raft_configuration(r);
    int error = change_configuration(&next, change);

    if (error != RAFT_OK) {
        return error;
    }
    raft_append_own(r, RAFT_CONFIGURATION, &next);
    return RAFT_OK;
}

/* --- what follows by itself ------------------------------------------------------- */

/* Promotes learners that have caught up and are active. */
static void promote_learners(struct raft *r)
{
    struct raft_configuration next = *raft_configuration(r);
    uint32_t promoted_count = 0;

    enter_joint(&next);
    for (uint32_t i = 0; i < next.member_count; i++) {
        struct raft_member *member = &next.members[i];

        if (member->incoming) {
            continue;
        }
        const struct raft_peer *peer = raft_leader_peer(r, member->id);

        if (peer->is_caught_up && peer->is_replicating &&
            r->now_ns - peer->heard_ns < r->options.election_timeout_ns) {
            member->incoming = true;
            promoted_count++;
        }
    }
    if (promoted_count > 0) {
        raft_append_own(r, RAFT_CONFIGURATION, &next);
    }
}

/* C_new without this leader is committed, so its work is done. Its successor need not wait for
 * an election timeout. */
static void retire(struct raft *r)
{
    raft_id best = raft_transfer_best(r);

    if (best != 0) {
        raft_send(r, best, RAFT_TIMEOUT_NOW, raft_after_term(r));
    }
    raft_become_follower(r, r->current_term, 0, RAFT_BECAUSE_REMOVED);
}

void raft_configuration_drive(struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);

    bool is_committed = raft_configuration_index(r) <= r->commit_index;

    if (!raft_is_ready(r) || (!is_committed && !MUTANT(joint_left_early))) {
        return;
    }
    if (raft_configuration_is_joint(c)) {
        if (r->gathered.append_count == 0) {
            struct raft_configuration next = *c;

            leave_joint(&next);
            raft_append_own(r, RAFT_CONFIGURATION, &next);
        }
        return;
    }
    if (!raft_is_voter(r) && !MUTANT(removed_leader_stays)) {
        retire(r);
        return;
    }
    if (voter_count(c) < c->member_count && r->transfer_target == 0 &&
        r->gathered.append_count == 0) {
        promote_learners(r);
    }
}
