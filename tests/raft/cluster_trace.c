/* cluster_trace.c - see cluster_trace.h. Each line has the node, the peer, the event, and then
 * facts as name=value. It is independent of the server's log messages. */
#include "cluster_trace.h"
#include "cluster_log.h"

#include <inttypes.h>

static void trace_configuration(FILE *out, const struct raft_configuration *c)
{
    const char *separator = "";

    if (raft_configuration_is_joint(c)) {
        for (uint32_t i = 0; i < c->member_count; i++) {
            if (c->members[i].outgoing) {
                fprintf(out, "%s%" PRIu64, separator, c->members[i].id);
                separator = ",";
            }
        }
        fprintf(out, "->");
        separator = "";
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].incoming) {
            fprintf(out, "%s%" PRIu64, separator, c->members[i].id);
            separator = ",";
        }
    }
    separator = "+";
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (!c->members[i].incoming && !c->members[i].outgoing) {
            fprintf(out, "%s%" PRIu64, separator, c->members[i].id);
            separator = ",";
        }
    }
}

static const char *verb(const struct raft_message *m)
{
    switch (m->kind) {
    case RAFT_PRE_VOTE_REPLY:
        return m->request_vote_reply.vote_granted ? "pre_vote_granted" : "pre_vote_refused";
    case RAFT_REQUEST_VOTE_REPLY:
        return m->request_vote_reply.vote_granted ? "vote_granted" : "vote_refused";
    case RAFT_APPEND_ENTRIES_REPLY:
        return m->append_entries_reply.success ? "append_accepted" : "append_rejected";
    default:
        return raft_message_kind_name(m->kind);
    }
}

static void trace_append(FILE *out, const struct raft_append_entries *a)
{
    fprintf(out, " prev=%" PRIu64 "@%" PRIu64 " entries=%" PRIu32 " commit=%" PRIu64,
            a->prev_log_index, a->prev_log_term, a->entry_count, a->leader_commit);
}

static void trace_append_reply(FILE *out, const struct raft_append_entries_reply *reply)
{
    if (reply->success) {
        fprintf(out, " match=%" PRIu64, reply->match_index);
    } else {
        fprintf(out, " prev=%" PRIu64 " conflict=%" PRIu64 "@%" PRIu64, reply->match_index,
                reply->conflict_index, reply->conflict_term);
    }
}

/* Returns the read round that it carries; 0: none. */
static uint64_t trace_body(FILE *out, const struct raft_message *m)
{
    switch (m->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        fprintf(out, " last=%" PRIu64 "@%" PRIu64 "%s", m->request_vote.last_log_index,
                m->request_vote.last_log_term, m->request_vote.is_transfer ? " transfer" : "");
        return 0;
    case RAFT_APPEND_ENTRIES:
        trace_append(out, &m->append_entries);
        return m->append_entries.read_round;
    case RAFT_APPEND_ENTRIES_REPLY:
        trace_append_reply(out, &m->append_entries_reply);
        return m->append_entries_reply.read_round;
    case RAFT_HEARTBEAT:
        fprintf(out, " commit=%" PRIu64, m->heartbeat.leader_commit);
        return m->heartbeat.read_round;
    case RAFT_HEARTBEAT_REPLY:
        return m->heartbeat_reply.read_round;
    case RAFT_INSTALL_SNAPSHOT:
        fprintf(out, " last=%" PRIu64 "@%" PRIu64, m->install_snapshot.last_included_index,
                m->install_snapshot.last_included_term);
        return 0;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
    case RAFT_TIMEOUT_NOW:
        return 0;
    }
    return 0;
}

static void trace_message(FILE *out, const struct raft_outbound *o)
{
    const struct raft_message *m = &o->message;

    fprintf(out, "  %" PRIu64 " -> %" PRIu64 "  %-16s term=%" PRIu64, m->from, m->to, verb(m),
            m->term);
    uint64_t read_round = trace_body(out, m);

    if (read_round != 0) {
        fprintf(out, " round=%" PRIu64, read_round);
    }
    if (o->after != 0) {
        fprintf(out, " after=w%" PRIu64, o->after);
    }
    fprintf(out, "\n");
}

static void trace_write(FILE *out, const struct cluster_node *node)
{
    const struct raft_effects *e = &node->effects;

    if (e->write_seq == 0) {
        return;
    }
    fprintf(out, "  %" PRIu64 "       writes           w%" PRIu64, node->id, e->write_seq);
    if (e->write_vote) {
        fprintf(out, " term=%" PRIu64 " vote=%" PRIu64, e->current_term, e->voted_for);
    }
    if (e->truncate_from != 0) {
        fprintf(out, " truncate=%" PRIu64, e->truncate_from);
    }
    if (e->append_count > 0) {
        fprintf(out, " append=%" PRIu64 "..%" PRIu64, e->append_first,
                e->append_first + e->append_count - 1);
    }
    if (e->append_own == RAFT_NOOP) {
        fprintf(out, " noop");
    }
    fprintf(out, "\n");
}

void cluster_trace_effects(struct cluster *c, const struct cluster_node *node,
                           const struct raft_observation *before)
{
    const struct raft_effects *e = &node->effects;

    if (c->trace == NULL) {
        return;
    }
    trace_write(c->trace, node);
    if (e->role_changed) {
        fprintf(c->trace,
                "  %" PRIu64 "       %-16s term=%" PRIu64 " leader=%" PRIu64 " because=\"%s\"\n",
                node->id, raft_role_name(raft_role(node->raft)), e->current_term,
                raft_leader(node->raft), raft_reason_text(raft_role_reason(node->raft)));
    }
    if (e->configuration_changed) {
        fprintf(c->trace, "  %" PRIu64 "       configuration    ", node->id);
        trace_configuration(c->trace, raft_configuration(node->raft));
        fprintf(c->trace, "\n");
    }
    if (e->commit_index != before->commit_index) {
        fprintf(c->trace, "  %" PRIu64 "       commits          %" PRIu64 "@%" PRIu64 "\n",
                node->id, e->commit_index, raft_term_at(node->raft, e->commit_index));
    }
    if (e->install.last_included_index > 0) {
        fprintf(c->trace, "  %" PRIu64 "       is to fetch      %" PRIu64 "@%" PRIu64 "\n",
                node->id, e->install.last_included_index, e->install.last_included_term);
    }
    for (uint32_t i = 0; i < e->read_count; i++) {
        fprintf(c->trace,
                "  %" PRIu64 "       read confirmed   round=%" PRIu64 " index=%" PRIu64 "\n",
                node->id, e->reads[i].ticket, e->reads[i].index);
    }
    for (uint32_t i = 0; i < e->outbound_count; i++) {
        trace_message(c->trace, &e->outbound[i]);
    }
}

void cluster_trace_refusal(struct cluster *c, const struct cluster_node *node, int error)
{
    if (c->trace != NULL) {
        fprintf(c->trace, "  %" PRIu64 "       refuses          \"%s\"\n", node->id,
                raft_error_text(error));
    }
}

void cluster_trace_node(struct cluster *c, const struct cluster_node *node)
{
    if (c->trace == NULL) {
        return;
    }
    fprintf(c->trace, "  %" PRIu64 "       ", node->id);
    if (!node->is_up) {
        fprintf(c->trace, "down\n");
        return;
    }
    fprintf(c->trace, "%-16s term=%" PRIu64 " log=", raft_role_name(raft_role(node->raft)),
            raft_current_term(node->raft));
    uint32_t left_out = (uint32_t)(node->origin - node->log.origin);

    if (left_out > 0) {
        fprintf(c->trace, "(%" PRIu64 "@%" PRIu64 ")", node->origin,
                cluster_log_term(&node->log, node->origin));
    }
    for (uint32_t i = left_out; i < node->log.count; i++) {
        fprintf(c->trace, "%s%" PRIu64, i == 0 ? "" : ",", node->log.entries[i].term);
    }
    fprintf(c->trace, " commit=%" PRIu64 " members=", raft_commit_index(node->raft));
    trace_configuration(c->trace, raft_configuration(node->raft));
    fprintf(c->trace, "\n");
}
