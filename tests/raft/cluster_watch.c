/* cluster_watch.c - see cluster_watch.h. */
#include "cluster_watch.h"

#include "base/check.h"
#include "cluster_log.h"

/* Write-once: every node that logs (index, term) logs the same entry after the same previous
 * one. */
struct cluster_seen {
    raft_index index;
    raft_term term;
    raft_term term_before;
    uint64_t value;
    enum raft_entry_kind kind;
};

/* Log matching (§5.3), entry by entry as they are appended. */
void cluster_see_entry(struct cluster *c, const struct cluster_log *log, raft_index index)
{
    const struct cluster_entry *entry = cluster_log_at(log, index);
    raft_term term_before = cluster_log_term(log, index - 1);

    for (uint32_t i = c->seen_count; i > 0; i--) { /* Most entries asked about are new ones. */
        const struct cluster_seen *seen = &c->seen[i - 1];

        if (seen->index == index && seen->term == entry->term) {
            CHECK(seen->value == entry->value);
            CHECK(seen->kind == entry->kind);
            CHECK(seen->term_before == term_before);
            return;
        }
    }
    c->seen = cluster_grow(c->seen, &c->seen_capacity, c->seen_count + 1, sizeof(*c->seen));
    c->seen[c->seen_count++] = (struct cluster_seen){.index = index,
                                                     .term = entry->term,
                                                     .term_before = term_before,
                                                     .value = entry->value,
                                                     .kind = entry->kind};
}

/* State machine safety (§5.4.3): an index is committed as one entry only. */
void cluster_see_commit(struct cluster *c, const struct cluster_node *node, raft_index before)
{
    raft_index commit_index = raft_commit_index(node->raft);

    for (raft_index i = before + 1; i <= commit_index; i++) {
        if (i <= cluster_log_last(&c->committed)) {
            CHECK(cluster_entries_equal(cluster_log_at(&c->committed, i),
                                        cluster_log_at(&node->log, i)));
        } else {
            cluster_log_append(&c->committed, cluster_log_at(&node->log, i));
        }
    }
}

/* Election safety (§5.2) and leader completeness (§5.4). */
void cluster_see_leader(struct cluster *c, const struct cluster_node *node)
{
    raft_term term = raft_current_term(node->raft);

    CHECK(term < CLUSTER_TERMS_MAX);
    CHECK(c->leaders[term] == 0 || c->leaders[term] == node->id);
    if (c->leaders[term] == node->id) {
        return;
    }
    c->leaders[term] = node->id;
    for (raft_index i = c->committed.origin + 1; i <= cluster_log_last(&c->committed); i++) {
        CHECK(i <= cluster_log_last(&node->log));
        CHECK(
            cluster_entries_equal(cluster_log_at(&c->committed, i), cluster_log_at(&node->log, i)));
    }
}

void cluster_see_reads(struct cluster_node *node)
{
    for (uint32_t i = 0; i < node->effects.read_count; i++) {
        const struct raft_read *read = &node->effects.reads[i];
        uint32_t kept_count = 0;
        bool is_known = false;

        for (uint32_t k = 0; k < node->read_count; k++) {
            if (node->reads[k].ticket == read->ticket) {
                CHECK(read->index >= node->reads[k].required);
                is_known = true;
            } else {
                node->reads[kept_count++] = node->reads[k];
            }
        }
        CHECK(is_known);
        node->read_count = kept_count;
        node->confirmed_count++;
        node->confirmed = *read;
    }
    if (raft_role(node->raft) != RAFT_LEADER) {
        node->read_count = 0;
    }
}

/* Persist before speak: what a message claims is on its sender's disk. */
void cluster_see_message(const struct cluster_node *node, const struct raft_message *m)
{
    bool is_pre_vote = m->kind == RAFT_PRE_VOTE ||
                       (m->kind == RAFT_PRE_VOTE_REPLY && m->request_vote_reply.vote_granted);

    if (is_pre_vote) {
        return;
    }
    CHECK(node->durable_term >= m->term);
    if (node->durable_term > m->term) {
        return;
    }
    if (m->kind == RAFT_REQUEST_VOTE) {
        CHECK(node->durable_vote == m->from);
    }
    if (m->kind == RAFT_REQUEST_VOTE_REPLY && m->request_vote_reply.vote_granted) {
        CHECK(node->durable_vote == m->to);
    }
    if (m->kind == RAFT_APPEND_ENTRIES_REPLY && m->append_entries_reply.success) {
        CHECK(cluster_log_last(&node->durable_log) >= m->append_entries_reply.match_index);
    }
}

void cluster_check(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct cluster_node *node = c->nodes[i];

        if (!node->is_up) {
            continue;
        }
        CHECK(cluster_log_last(&node->log) == raft_last_index(node->raft));
        CHECK(node->origin == raft_origin(node->raft));
        for (raft_index k = node->origin; k <= raft_last_index(node->raft); k++) {
            CHECK(cluster_log_term(&node->log, k) == raft_term_at(node->raft, k));
        }
        /* The newest configuration in the log is in force. */
        const struct raft_configuration *newest = c->first_members;

        for (uint32_t k = 0; k < node->log.count; k++) {
            if (node->log.entries[k].kind == RAFT_CONFIGURATION) {
                newest = node->log.entries[k].configuration;
                CHECK(node->log.origin + k + 1 <= raft_configuration_index(node->raft));
            }
        }
        const struct raft_configuration *in_force = raft_configuration(node->raft);

        CHECK((newest == NULL ? 0 : newest->member_count) == in_force->member_count);
        for (uint32_t k = 0; k < in_force->member_count; k++) {
            CHECK(newest->members[k].id == in_force->members[k].id);
            CHECK(newest->members[k].incoming == in_force->members[k].incoming);
            CHECK(newest->members[k].outgoing == in_force->members[k].outgoing);
        }
    }
}
