/* message_text.c - see message_text.h. Each kind shows the fields that it has. */
#include "sim/cluster/message_text.h"

#include <stdio.h>

#define ULL(x) ((unsigned long long)(x))

static void append_text(const struct raft_append_entries *m, char *text, size_t size)
{
    snprintf(text, size, " prev=%llu/%llu entries=%u commit=%llu", ULL(m->prev_log_index),
             ULL(m->prev_log_term), m->entry_count, ULL(m->leader_commit));
}

static void append_reply_text(const struct raft_append_entries_reply *m, char *text, size_t size)
{
    if (m->success) {
        snprintf(text, size, " match=%llu", ULL(m->match_index));
    } else {
        snprintf(text, size, " refused=%llu conflict=%llu/%llu", ULL(m->match_index),
                 ULL(m->conflict_index), ULL(m->conflict_term));
    }
}

void message_text(const struct raft_message *m, char *text, size_t size)
{
    int used = snprintf(text, size, "%s term=%llu", raft_message_kind_name(m->kind), ULL(m->term));

    if (used < 0 || (size_t)used >= size) {
        return;
    }
    text += used;
    size -= (size_t)used;
    switch (m->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        snprintf(text, size, " last=%llu/%llu%s", ULL(m->request_vote.last_log_index),
                 ULL(m->request_vote.last_log_term),
                 m->request_vote.is_transfer ? " transfer" : "");
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
        snprintf(text, size, " %s", m->request_vote_reply.vote_granted ? "granted" : "refused");
        break;
    case RAFT_APPEND_ENTRIES:
        append_text(&m->append_entries, text, size);
        break;
    case RAFT_APPEND_ENTRIES_REPLY:
        append_reply_text(&m->append_entries_reply, text, size);
        break;
    case RAFT_HEARTBEAT:
        snprintf(text, size, " commit=%llu last=%llu life=%llu", ULL(m->heartbeat.leader_commit),
                 ULL(m->heartbeat.leader_last), ULL(m->heartbeat.life));
        break;
    case RAFT_INSTALL_SNAPSHOT:
        snprintf(text, size, " last=%llu/%llu", ULL(m->install_snapshot.last_included_index),
                 ULL(m->install_snapshot.last_included_term));
        break;
    case RAFT_HEARTBEAT_REPLY:
    case RAFT_TIMEOUT_NOW:
        break;
    }
}
