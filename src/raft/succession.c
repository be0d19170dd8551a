/* succession.c - see succession.h. What is legal here is what leaders do (configuration.c), and
 * nothing else: ADR 14, ADR 25. */
#include "raft/succession.h"

#include "base/check.h"
#include "base/mutant.h"

struct raft_member *succession_member(struct raft_configuration *c, raft_id id)
{
    const struct raft_member *found = raft_configuration_find(c, id);

    CHECK(found != NULL);
    return &c->members[found - c->members];
}

const struct raft_member *succession_heir(const struct raft_configuration *c, raft_id id)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (id != 0 && c->members[i].replaces == id) {
            return &c->members[i];
        }
    }
    return NULL;
}

/* --- steps ------------------------------------------------------------------------ */

void succession_add(struct raft_configuration *c, const struct raft_member *learner)
{
    uint32_t at = c->member_count;

    CHECK(at < RAFT_MEMBERS_MAX);
    CHECK(!learner->incoming && !learner->outgoing);
    for (; at > 0 && c->members[at - 1].id > learner->id; at--) {
        c->members[at] = c->members[at - 1];
    }
    c->members[at] = *learner;
    c->member_count++;
}

/* Keeps the remaining members in order. */
static void drop_at(struct raft_configuration *c, uint32_t at)
{
    c->member_count--;
    for (uint32_t i = at; i < c->member_count; i++) {
        c->members[i] = c->members[i + 1];
    }
}

static bool votes(const struct raft_configuration *c, raft_id id)
{
    const struct raft_member *member = raft_configuration_find(c, id);

    return member != NULL && member->incoming;
}

/* A voter replaces nobody, and nobody replaces a node that does not vote. */
static void tidy_marks(struct raft_configuration *c)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        struct raft_member *member = &c->members[i];

        if (member->incoming || !votes(c, member->replaces)) {
            member->replaces = 0;
        }
    }
}

void succession_drop(struct raft_configuration *c, raft_id id)
{
    drop_at(c, (uint32_t)(succession_member(c, id) - c->members));
    tidy_marks(c);
}

void succession_enter_joint(struct raft_configuration *c)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        c->members[i].outgoing = c->members[i].incoming;
    }
}

void succession_leave_joint(struct raft_configuration *c)
{
    for (uint32_t i = c->member_count; i > 0; i--) {
        struct raft_member *member = &c->members[i - 1];

        if (member->outgoing && !member->incoming && !member->stays_learner) {
            drop_at(c, i - 1);
        } else {
            member->outgoing = false;
        }
    }
    tidy_marks(c);
}

/* --- which may follow which --------------------------------------------------------- */

static bool has_same_votes(const struct raft_member *a, const struct raft_member *b)
{
    return a->id == b->id && a->incoming == b->incoming && a->outgoing == b->outgoing;
}

static bool has_same_marks(const struct raft_member *a, const struct raft_member *b)
{
    return a->stays_learner == b->stays_learner && a->replaces == b->replaces &&
           a->never_leads == b->never_leads && a->precedence == b->precedence;
}

static bool equals(const struct raft_configuration *a, const struct raft_configuration *b)
{
    if (a->member_count != b->member_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->member_count; i++) {
        if (!has_same_votes(&a->members[i], &b->members[i]) ||
            !has_same_marks(&a->members[i], &b->members[i])) {
            return false;
        }
    }
    return true;
}

/* Whether some voter of C_new may lead, also once all that are to be replaced are. */
static bool has_a_possible_leader(const struct raft_configuration *c)
{
    bool has_one_now = MUTANT(nobody_may_lead);
    bool has_one_then = MUTANT(last_leader_replaced);

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *voter = &c->members[i];
        const struct raft_member *heir = succession_heir(c, voter->id);

        if (voter->incoming) {
            has_one_now = has_one_now || !voter->never_leads;
            has_one_then = has_one_then || !(heir == NULL ? voter : heir)->never_leads;
        }
    }
    return has_one_now && (has_one_then || MUTANT(nobody_may_lead));
}

/* Whether the marks of that member fit the votes, outside the joint state. */
static bool is_marked_soundly(const struct raft_configuration *c, const struct raft_member *member)
{
    if (member->incoming) {
        return !member->stays_learner && member->replaces == 0;
    }
    return member->replaces == 0 || (!member->stays_learner && votes(c, member->replaces) &&
                                     succession_heir(c, member->replaces) == member);
}

static bool are_marked_soundly(const struct raft_configuration *c)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (!is_marked_soundly(c, &c->members[i])) {
            return false;
        }
    }
    return has_a_possible_leader(c);
}

/* The first member of `c` that is not in `other`, or NULL. */
static const struct raft_member *find_new(const struct raft_configuration *c,
                                          const struct raft_configuration *other)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (raft_configuration_find(other, c->members[i].id) == NULL) {
            return &c->members[i];
        }
    }
    return NULL;
}

static bool adds_a_learner(const struct raft_configuration *before,
                           const struct raft_configuration *c)
{
    const struct raft_member *added = find_new(c, before);
    struct raft_configuration with = *before;

    if (added == NULL || added->incoming || added->outgoing ||
        before->member_count == RAFT_MEMBERS_MAX) {
        return false;
    }
    succession_add(&with, added);
    return equals(&with, c) && are_marked_soundly(c);
}

static bool drops_a_learner(const struct raft_configuration *before,
                            const struct raft_configuration *c)
{
    const struct raft_member *dropped = find_new(before, c);
    struct raft_configuration without = *before;

    if (dropped == NULL || dropped->incoming || dropped->outgoing) {
        return false;
    }
    succession_drop(&without, dropped->id);
    return equals(&without, c) && has_a_possible_leader(c);
}

/* Whether nothing has changed but the marks of one member. */
static bool marks_a_member(const struct raft_configuration *before,
                           const struct raft_configuration *c)
{
    uint32_t marked_count = 0;

    if (c->member_count != before->member_count) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (!has_same_votes(&c->members[i], &before->members[i])) {
            return false;
        }
        marked_count += !has_same_marks(&c->members[i], &before->members[i]);
    }
    return marked_count == 1 && are_marked_soundly(c);
}

/* The differences between C_old and C_new. */
struct turnover {
    uint32_t lost_count;
    uint32_t won_count;
    uint32_t heir_count; /* Of the new voters, those that replace a voter. */
    const struct raft_member *lost;
    const struct raft_member *won;
};

/* Whether that member may be in C_old,new after what it was; adds it to `t`. */
static bool note_turnover(struct turnover *t, const struct raft_member *was,
                          const struct raft_member *is)
{
    struct raft_member expected = *was;
    bool is_lost = was->incoming && !is->incoming;
    bool is_won = !was->incoming && is->incoming;

    if (is_lost) {
        expected.stays_learner = is->stays_learner; /* It does not vote any more, or leaves. */
        t->lost = is;
        t->lost_count++;
    }
    if (is_won) {
        t->won = is;
        t->won_count++;
        t->heir_count += is->replaces != 0;
    }
    return is->id == was->id && is->outgoing == was->incoming && has_same_marks(&expected, is) &&
           !(is_won && is->stays_learner);
}

/* Whether `c` is a C_old,new with the members of C_old, all voting as they did, and in C_new
 * either learners have become voters, or one voter is missing, or one is replaced. */
static bool enters_joint(const struct raft_configuration *before,
                         const struct raft_configuration *c)
{
    struct turnover t = {0};

    if (c->member_count != before->member_count || !has_a_possible_leader(c)) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (!note_turnover(&t, &before->members[i], &c->members[i])) {
            return false;
        }
    }
    if (t.lost_count == 0) {
        return t.won_count > 0 && t.heir_count == 0;
    }
    if (t.won_count == 0) {
        return t.lost_count == 1;
    }
    return t.lost_count == 1 && t.won_count == 1 && t.won->replaces == t.lost->id &&
           !t.lost->stays_learner;
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

        succession_leave_joint(&left);
        return equals(&left, c) || MUTANT(joint_left_anyhow);
    }
    if (raft_configuration_is_joint(c)) {
        return enters_joint(before, c) || MUTANT(joint_entered_anyhow);
    }
    return equals(before, c) || adds_a_learner(before, c) || drops_a_learner(before, c) ||
           marks_a_member(before, c) || MUTANT(voters_change_at_once);
}
