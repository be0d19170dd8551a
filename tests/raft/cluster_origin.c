/* cluster_origin.c - see cluster_origin.h. */
#include "cluster_origin.h"

#include "base/check.h"
#include "cluster_log.h"

void cluster_begin_at(struct cluster *c, raft_index index, raft_term term)
{
    CHECK(c->node_count == 0);
    c->committed.origin = index;
    c->committed.origin_term = term;
}

raft_index cluster_last_committed(const struct cluster *c)
{
    return cluster_log_last(&c->committed);
}

void cluster_install(struct cluster *c, raft_id id, raft_index index)
{
    struct cluster_node *node = cluster_node(c, id);
    raft_term term = cluster_log_term(&c->committed, index);

    CHECK(!node->is_up);
    CHECK(index >= node->origin);
    node->origin = index;
    if (node->durable_term < term) {
        node->durable_term = term;
        node->durable_vote = 0;
    }
    if (index > cluster_log_last(&node->durable_log) ||
        cluster_log_term(&node->durable_log, index) != term) {
        cluster_log_copy(&node->durable_log, &c->committed);
        cluster_log_cut(&node->durable_log, index + 1);
    }
}

const struct raft_configuration *cluster_members_at_origin(const struct cluster *c,
                                                           const struct cluster_node *node)
{
    for (raft_index i = node->origin; i > c->committed.origin; i--) {
        const struct cluster_entry *entry = cluster_log_at(&node->durable_log, i);

        if (entry->kind == RAFT_CONFIGURATION) {
            return entry->configuration;
        }
    }
    return c->first_members;
}
