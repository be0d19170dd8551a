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

struct raft_snapshot cluster_snapshot_of(const struct cluster_node *node)
{
    return (struct raft_snapshot){.last_included_index = node->snapshot,
                                  .last_included_term =
                                      cluster_log_term(&node->durable_log, node->snapshot),
                                  .holder = node->id};
}

void cluster_replace_log(const struct cluster *c, struct cluster_node *node, raft_index index)
{
    raft_term term = cluster_log_term(&c->committed, index);

    CHECK(index >= node->origin);
    node->origin = index;
    node->snapshot = index > node->snapshot ? index : node->snapshot;
    if (index > cluster_log_last(&node->durable_log) ||
        cluster_log_term(&node->durable_log, index) != term) {
        cluster_log_copy(&node->durable_log, &c->committed);
        cluster_log_cut(&node->durable_log, index + 1);
    }
}

void cluster_install(struct cluster *c, raft_id id, raft_index index)
{
    struct cluster_node *node = cluster_node(c, id);
    raft_term term = cluster_log_term(&c->committed, index);

    CHECK(!node->is_up);
    if (node->durable_term < term) {
        node->durable_term = term;
        node->durable_vote = 0;
    }
    cluster_replace_log(c, node, index);
}

void cluster_compact(struct cluster *c, raft_id id, raft_index snapshot, raft_index origin)
{
    struct cluster_node *node = cluster_node(c, id);

    CHECK(node->is_up);
    CHECK(origin <= snapshot);
    CHECK(snapshot <= raft_commit_index(node->raft));
    CHECK(snapshot <= cluster_log_last(&node->durable_log));
    node->snapshot = snapshot > node->snapshot ? snapshot : node->snapshot;
    node->origin = origin > node->origin ? origin : node->origin;
    const struct raft_snapshot own = cluster_snapshot_of(node);

    raft_set_snapshot(node->raft, &own);
    raft_compact(node->raft, origin);
}

const struct raft_configuration *cluster_members_at_snapshot(const struct cluster *c,
                                                             const struct cluster_node *node,
                                                             raft_index *ret_index)
{
    for (raft_index i = node->snapshot; i > c->committed.origin; i--) {
        const struct cluster_entry *entry = cluster_log_at(&node->durable_log, i);

        if (entry->kind == RAFT_CONFIGURATION) {
            *ret_index = i;
            return entry->configuration;
        }
    }
    *ret_index = c->committed.origin;
    return c->first_members;
}

void cluster_fetch(struct cluster *c, raft_id id)
{
    struct cluster_node *node = cluster_node(c, id);
    struct raft_installed installed = {
        .last_included_index = node->offer.last_included_index,
        .last_included_term = node->offer.last_included_term,
    };
    struct raft_event event = {.kind = RAFT_INSTALLED, .installed = &installed};

    cluster_durable_all(c, id);
    node->offer = (struct raft_snapshot){0};
    if (!raft_wants_snapshot(node->raft, installed.last_included_index)) {
        return;
    }
    cluster_replace_log(c, node, installed.last_included_index);
    cluster_log_copy(&node->log, &node->durable_log);
    installed.configuration = cluster_members_at_snapshot(c, node, &installed.configuration_index);
    int error = cluster_step(c, id, &event, NULL);

    CHECK(error == RAFT_OK);
    const struct raft_snapshot own = cluster_snapshot_of(node);

    raft_set_snapshot(node->raft, &own);
}
