/* configuration.c - membership of the cluster (§6), by joint consensus.
 *
 *   voter leaves:   C_old -> C_old,new (it votes in C_old only) -> C_new
 *   voter demoted:  the same, and it is a learner in C_new
 *   learner leaves: C_old -> C_new
 *   node joins:     C_old -> the same and a learner; when it has caught up:
 *                   -> C_old,new (it votes in C_new only) -> C_new
 *   voter replaced: C_old -> the same and a learner that replaces it; when that has caught up:
 *                   -> C_old,new (one votes in C_old only, the other in C_new only) -> C_new
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
 * (succession.c, ADR 14).
 *
 * Refuses: a change while another is not committed or not complete, and before the leader has
 * committed an entry of its own term (Ongaro's correction of 2015); one after which nobody could
 * lead. */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft_state.h"
#include "raft/succession.h"

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

bool raft_never_leads(const struct raft *r)
{
    const struct raft_member *self = raft_configuration_find(raft_configuration(r), r->options.id);

    return self != NULL && self->never_leads;
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

static int add_learner(struct raft_configuration *c, const struct raft_change *change)
{
    struct raft_member learner = {.id = change->id,
                                  .stays_learner = change->stays_learner,
                                  .replaces = change->replaces,
                                  .never_leads = change->never_leads,
                                  .precedence = change->precedence};

    if (change->id == 0 || raft_configuration_find(c, change->id) != NULL) {
        return RAFT_EMEMBER;
    }
    if (c->member_count == RAFT_MEMBERS_MAX) {
        return RAFT_EFULL;
    }
    succession_add(c, &learner);
    return RAFT_OK;
}

/* The voter leaves C_new. */
static void take_vote(struct raft_configuration *c, raft_id id)
{
    succession_enter_joint(c);
    succession_member(c, id)->incoming = false;
}

static void remove_member(struct raft_configuration *c, raft_id id)
{
    if (succession_member(c, id)->incoming) {
        take_vote(c, id);
    } else {
        succession_drop(c, id);
    }
}

static void demote(struct raft_configuration *c, raft_id id)
{
    if (succession_member(c, id)->incoming) {
        take_vote(c, id);
    }
    succession_member(c, id)->stays_learner = true;
    succession_member(c, id)->replaces = 0;
}

/* `c` is C_old, and becomes the configuration to log. */
static int change_configuration(struct raft_configuration *c, const struct raft_change *change)
{
    if (change->kind == RAFT_ADD_LEARNER) {
        return add_learner(c, change);
    }
    if (raft_configuration_find(c, change->id) == NULL) {
        return RAFT_EMEMBER;
    }

    struct raft_member *member = succession_member(c, change->id);

    switch (change->kind) {
    case RAFT_REMOVE:
        remove_member(c, change->id);
        return RAFT_OK;
    case RAFT_READDRESS:
        return RAFT_OK;
    case RAFT_REPLACE:
        member->stays_learner = false;
        member->replaces = change->replaces;
        member->never_leads = change->never_leads;
        member->precedence = change->precedence;
        return RAFT_OK;
    case RAFT_PROMOTE:
        member->stays_learner = false;
        return RAFT_OK;
    case RAFT_DEMOTE:
        demote(c, change->id);
        return RAFT_OK;
    case RAFT_PRIORITIZE:
        member->never_leads = change->never_leads;
        member->precedence = change->precedence;
        return RAFT_OK;
    case RAFT_ADD_LEARNER:
        break;
    }
    return RAFT_EMEMBER;
}

int raft_configuration_after(const struct raft_configuration *c, const struct raft_change *change,
                             struct raft_configuration *ret_next)
{
    struct raft_configuration next = *c;
    int error = change_configuration(&next, change);

    if (error != RAFT_OK) {
        return error;
    }
    if (!raft_configuration_may_follow(c, &next)) {
        return RAFT_EMEMBER;
    }
    *ret_next = next;
    return RAFT_OK;
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
    struct raft_configuration next;
    int error = raft_configuration_after(raft_configuration(r), change, &next);

    if (error != RAFT_OK) {
        return error;
    }
    raft_append_own(r, RAFT_CONFIGURATION, &next);
    return RAFT_OK;
}

/* --- what follows by itself ------------------------------------------------------- */

/* It has caught up and is active. */
static bool may_vote(struct raft *r, const struct raft_member *learner)
{
    const struct raft_peer *peer = raft_leader_peer(r, learner->id);

    MUTANT_DO(replaces_without_catching_up, return learner->replaces != 0);
    return peer->is_caught_up && peer->is_replicating &&
           r->now_ns - peer->heard_ns < r->options.election_timeout_ns;
}

/* Makes `next` the C_old,new in which all learners vote that may; false: there are none. */
static bool promote_learners(struct raft *r, struct raft_configuration *next)
{
    bool is_changed = false;

    succession_enter_joint(next);
    for (uint32_t i = 0; i < next->member_count; i++) {
        struct raft_member *member = &next->members[i];
        bool stays = member->stays_learner && !MUTANT(learner_promoted_anyhow);

        if (!member->incoming && !stays && member->replaces == 0 && may_vote(r, member)) {
            member->incoming = true;
            is_changed = true;
        }
    }
    return is_changed;
}

/* This leader is about to be replaced. Another one does that, so that commands under way here end
 * first; but if that fails, this one does. */
static bool hands_over_first(struct raft *r)
{
    uint64_t pause_ns = RAFT_LEAVING_TIMEOUTS * r->options.election_timeout_ns;

    if (MUTANT(replaced_in_office) ||
        (r->leaving_ns != 0 && r->now_ns < r->leaving_ns + pause_ns) ||
        raft_transfer_on_ask(r, 0) != RAFT_OK) {
        return false;
    }
    r->leaving_ns = r->now_ns;
    return true;
}

/* Makes `next` the C_old,new in which one voter is replaced; false: nobody can be now. */
static bool replace_voter(struct raft *r, struct raft_configuration *next)
{
    struct raft_configuration now = *next;

    succession_enter_joint(&now);
    for (uint32_t i = 0; i < now.member_count; i++) {
        const struct raft_member *member = &now.members[i];

        if (member->replaces == 0 || !may_vote(r, member)) {
            continue;
        }
        *next = now;
        next->members[i].incoming = true;
        succession_member(next, member->replaces)->incoming = false;
        /* Another replacement must come first: nobody else would be left who may lead. */
        if (!raft_configuration_may_follow(raft_configuration(r), next)) {
            continue;
        }
        if (member->replaces == r->options.id && hands_over_first(r)) {
            return false; /* While leadership is transferred, nobody else is replaced. */
        }
        return true;
    }
    return false;
}

static void promote(struct raft *r)
{
    struct raft_configuration next = *raft_configuration(r);

    if (!promote_learners(r, &next)) {
        next = *raft_configuration(r);
        if (!replace_voter(r, &next)) {
            return;
        }
    }
    raft_append_own(r, RAFT_CONFIGURATION, &next);
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

            succession_leave_joint(&next);
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
        promote(r);
    }
}
