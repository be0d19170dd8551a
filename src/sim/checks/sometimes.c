/* sometimes.c - see sometimes.h. */
#include "sim/checks/sometimes.h"

const char *sometimes_name(enum rare_state state)
{
    static const char *const names[SOMETIMES_COUNT] = {
#define SOMETIMES_NAME(name, text) [SOMETIMES_##name] = (text),
        SOMETIMES_LIST(SOMETIMES_NAME)
#undef SOMETIMES_NAME
    };

    return names[state];
}

static bool votes(const struct raft *r)
{
    const struct raft_member *m = raft_configuration_find(raft_configuration(r), raft_self(r));

    return m != NULL && m->incoming;
}

void sometimes_recovered(struct sometimes_node *n, const struct raft *r,
                         const struct store_recovered *found)
{
    n->is_voter = votes(r);
    if (found->torn_bytes > 0) {
        sometimes_reached(n->sometimes, SOMETIMES_TORN_TAIL);
    }
    if (found->vote_copy_lost) {
        sometimes_reached(n->sometimes, SOMETIMES_TORN_VOTE);
    }
}

void sometimes_before_step(struct sometimes_node *n, const struct raft *r)
{
    n->role = raft_role(r);
    n->current_term = raft_current_term(r);
    n->commit_index = raft_commit_index(r);
    n->configuration_index = raft_configuration_index(r);
    n->is_transferring = raft_is_transferring(r);
}

/* --- roles ------------------------------------------------------------------------------ */

static void leader_ended(struct sometimes_node *n, const struct raft *r)
{
    enum raft_reason reason = raft_role_reason(r);

    if (reason == RAFT_BECAUSE_NO_QUORUM) {
        sometimes_reached(n->sometimes, SOMETIMES_LEADER_WITHOUT_QUORUM);
    } else if (reason == RAFT_BECAUSE_HIGHER_TERM) {
        sometimes_reached(n->sometimes, SOMETIMES_LEADER_OVERTHROWN);
    } else if (reason == RAFT_BECAUSE_REMOVED) {
        sometimes_reached(n->sometimes, SOMETIMES_LEADER_REMOVED);
    }
    if (n->open_read_count > 0) {
        sometimes_reached(n->sometimes, SOMETIMES_READS_FORGOTTEN);
        n->open_read_count = 0;
    }
}

static void candidacy_began(struct sometimes_node *n, const struct raft *r)
{
    raft_term term = raft_current_term(r);
    raft_term *slot = &n->sometimes->campaign_terms[term % SOMETIMES_TERMS];

    if (*slot == term) {
        sometimes_reached(n->sometimes, SOMETIMES_SPLIT_VOTE);
    }
    *slot = term;
    n->campaigns_by_request = raft_role_reason(r) == RAFT_BECAUSE_TRANSFER;
}

static void note_parts(struct sometimes_node *n, const struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *m = &c->members[i];

        if (m->replaces != 0 && m->incoming) {
            sometimes_reached(n->sometimes, SOMETIMES_VOTER_REPLACED);
        } else if (m->outgoing && !m->incoming && m->stays_learner) {
            sometimes_reached(n->sometimes, SOMETIMES_VOTER_DEMOTED);
        }
    }
}

static void note_leader(struct sometimes_node *n, const struct raft *r)
{
    const struct raft_member *self = raft_configuration_find(raft_configuration(r), raft_self(r));

    if (n->campaigns_by_request) {
        sometimes_reached(n->sometimes, SOMETIMES_TRANSFER_DONE);
    }
    if (raft_configuration_is_joint(raft_configuration(r))) {
        sometimes_reached(n->sometimes, SOMETIMES_JOINT_TAKEN_OVER);
    }
    if (self != NULL && self->never_leads) {
        sometimes_reached(n->sometimes, SOMETIMES_CARETAKER_ELECTED);
    } else if (self != NULL && self->precedence > 0 && n->campaigns_by_request) {
        sometimes_reached(n->sometimes, SOMETIMES_PREFERRED_LEADS);
    }
}

static void role_changed(struct sometimes_node *n, const struct raft *r)
{
    enum raft_role role = raft_role(r);
    bool is_new_term = raft_current_term(r) != n->current_term;

    if (n->role == RAFT_LEADER && role != RAFT_LEADER) {
        leader_ended(n, r);
    }
    if (n->role == RAFT_CANDIDATE && raft_role_reason(r) == RAFT_BECAUSE_TIMEOUT) {
        sometimes_reached(n->sometimes, SOMETIMES_ELECTION_WITHOUT_RESULT);
    }
    if (role == RAFT_CANDIDATE && (n->role != RAFT_CANDIDATE || is_new_term)) {
        candidacy_began(n, r);
    }
    if (role == RAFT_LEADER && n->role != RAFT_LEADER) {
        note_leader(n, r);
    }
}

/* --- steps ------------------------------------------------------------------------------ */

static void led(struct sometimes_node *n, const struct raft *r, const struct raft_event *event,
                const struct raft_effects *effects)
{
    uint64_t confirmed_count = effects->read_count;

    n->open_read_count += event->kind == RAFT_READ;
    n->open_read_count -=
        confirmed_count < n->open_read_count ? confirmed_count : n->open_read_count;
    if (effects->commit_index > n->commit_index &&
        raft_term_at(r, n->commit_index + 1) < raft_current_term(r)) {
        sometimes_reached(n->sometimes, SOMETIMES_OLD_TERM_COMMITTED);
    }
    if (n->is_transferring && !raft_is_transferring(r)) {
        sometimes_reached(n->sometimes, SOMETIMES_TRANSFER_ABORTED);
    }
}

void sometimes_after_step(struct sometimes_node *n, const struct raft *r,
                          const struct raft_event *event, const struct raft_effects *effects)
{
    if (effects == NULL) {
        if (event->kind == RAFT_CHANGE) {
            sometimes_reached(n->sometimes, SOMETIMES_CHANGE_REFUSED);
        }
        return;
    }
    if (effects->truncate_from != 0) {
        sometimes_reached(n->sometimes, SOMETIMES_LOG_TRUNCATED);
    }
    if (effects->configuration_changed) {
        bool was_voter = n->is_voter;

        note_parts(n, r);

        n->is_voter = votes(r);
        if (raft_configuration_index(r) < n->configuration_index) {
            sometimes_reached(n->sometimes, SOMETIMES_CONFIGURATION_ROLLED_BACK);
        } else if (n->is_voter && !was_voter) {
            sometimes_reached(n->sometimes, SOMETIMES_LEARNER_PROMOTED);
        }
    }
    if (effects->role_changed) {
        role_changed(n, r);
    }
    if (n->role == RAFT_LEADER && raft_role(r) == RAFT_LEADER) {
        led(n, r, event, effects);
    }
}

void sometimes_sent(struct sometimes_node *n, const struct raft_message *m)
{
    if (m->kind == RAFT_PRE_VOTE_REPLY && !m->request_vote_reply.vote_granted) {
        sometimes_reached(n->sometimes, SOMETIMES_PRE_VOTE_REFUSED);
    } else if (m->kind == RAFT_APPEND_ENTRIES_REPLY && !m->append_entries_reply.success) {
        sometimes_reached(n->sometimes, SOMETIMES_APPEND_REFUSED);
    }
}

void sometimes_death(struct sometimes_node *n, const struct raft *r)
{
    if (raft_configuration_is_joint(raft_configuration(r))) {
        sometimes_reached(n->sometimes, SOMETIMES_JOINT_DEATH);
    }
}

void sometimes_look(struct sometimes_node *n, bool is_full, bool is_removed)
{
    if (n->was_full && !is_full) {
        sometimes_reached(n->sometimes, SOMETIMES_FULL_DISK_LEFT);
    }
    if (is_removed && !n->was_removed) {
        sometimes_reached(n->sometimes, SOMETIMES_REMOVED_TOLD);
    }
    n->was_full = is_full;
    n->was_removed = is_removed;
}
