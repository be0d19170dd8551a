/* read.c - reads without the log (§8, dissertation §6.4): a read may be served at the commit
 * index of the moment when it was asked, once a majority has confirmed, after that moment, that
 * it still follows this leader.
 *
 * Each request has its own round number, which is never reused, not even in a later term: a late
 * echo can confirm only what was asked before it was sent.
 *
 * Refuses: more than RAFT_READS_MAX requests at once (RAFT_EFULL); any, if this leader serves no
 * clients (RAFT_EBUSY). */
#include "base/check.h"
#include "base/mutant.h"
#include "raft/quorum.h"
#include "raft/raft_state.h"

int raft_read_on_ask(struct raft *r, bool wants_lease)
{
    if (r->role != RAFT_LEADER) {
        return RAFT_ENOTLEADER;
    }
    if (raft_never_leads(r) && !MUTANT(caretaker_serves)) {
        return RAFT_EBUSY;
    }
    if (r->read_count == RAFT_READS_MAX) {
        return RAFT_EFULL;
    }
    if (!MUTANT(read_round_reused) || r->read_round == 0) {
        r->read_round++;
    }
    r->reads[r->read_count++] = (struct raft_read){
        .ticket = r->read_round,
        .index = raft_is_ready(r) || MUTANT(read_before_term_commit) ? r->commit_index : 0,
    };
    r->gathered.heartbeat = RAFT_TO_VOTERS;
    if (wants_lease) {
        raft_lease_ask(r);
    }
    return RAFT_OK;
}

raft_index raft_read_index_for(const struct raft *r, raft_id asker)
{
    const struct raft_configuration *c = raft_configuration(r);
    bool is_ready = (raft_is_ready(r) && (!raft_never_leads(r) || MUTANT(caretaker_serves))) ||
                    MUTANT(read_before_term_commit);
    uint32_t set = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        set |= (uint32_t)(id == r->options.id || id == asker) << i;
    }
    return r->role == RAFT_LEADER && is_ready && quorum_has(c, set) ? r->commit_index : 0;
}

/* The newest round that a majority has echoed. */
static uint64_t confirmed_round(struct raft *r)
{
    const struct raft_configuration *c = raft_configuration(r);
    uint64_t rounds[RAFT_MEMBERS_MAX];

    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        rounds[i] = id == r->options.id ? r->read_round : raft_leader_peer(r, id)->read_round;
    }
    return quorum_value(c, rounds);
}

void raft_read_confirm(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);
    if (!raft_is_ready(r) && !MUTANT(read_before_term_commit)) {
        return; /* Commits of earlier terms may be unknown to us (§8). */
    }
    for (uint32_t i = 0; i < r->read_count; i++) {
        if (r->reads[i].index == 0) {
            r->reads[i].index = r->commit_index;
        }
    }
    uint64_t confirmed = confirmed_round(r);

    MUTANT_DO(read_confirmed_by_older_round, confirmed++);
    MUTANT_DO(read_unconfirmed, confirmed = r->read_round);
    uint32_t count = 0;

    while (count < r->read_count && r->reads[count].ticket <= confirmed) {
        r->confirmed[count] = r->reads[count];
        count++;
    }
    for (uint32_t i = count; i < r->read_count; i++) {
        r->reads[i - count] = r->reads[i];
    }
    r->read_count -= count;
    r->gathered.read_count = count;
}
