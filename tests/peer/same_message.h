/* same_message.h - asserts that two messages of the core are equal in what their kind uses. */
#ifndef RAKIT_TESTS_PEER_SAME_MESSAGE_H
#define RAKIT_TESTS_PEER_SAME_MESSAGE_H

#include "peer/wire.h"

#define SAME(member) assert_int_equal(a->member, b->member)

static inline void assert_same_body(const struct raft_message *a, const struct raft_message *b)
{
    switch (a->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        SAME(request_vote.last_log_index);
        SAME(request_vote.last_log_term);
        SAME(request_vote.is_transfer);
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
        SAME(request_vote_reply.vote_granted);
        break;
    case RAFT_APPEND_ENTRIES:
        SAME(append_entries.prev_log_index);
        SAME(append_entries.prev_log_term);
        SAME(append_entries.leader_commit);
        SAME(append_entries.read_round);
        break;
    case RAFT_APPEND_ENTRIES_REPLY:
        SAME(append_entries_reply.success);
        SAME(append_entries_reply.match_index);
        SAME(append_entries_reply.conflict_term);
        SAME(append_entries_reply.conflict_index);
        SAME(append_entries_reply.read_round);
        SAME(append_entries_reply.life);
        SAME(append_entries_reply.has_lost);
        break;
    case RAFT_HEARTBEAT:
        SAME(heartbeat.leader_commit);
        SAME(heartbeat.leader_commit_term);
        SAME(heartbeat.read_round);
        SAME(heartbeat.leader_last);
        SAME(heartbeat.life);
        break;
    case RAFT_HEARTBEAT_REPLY:
        SAME(heartbeat_reply.read_round);
        SAME(heartbeat_reply.life);
        SAME(heartbeat_reply.has_lost);
        break;
    case RAFT_TIMEOUT_NOW:
        break;
    case RAFT_INSTALL_SNAPSHOT:
        assert_memory_equal(&a->install_snapshot, &b->install_snapshot, sizeof a->install_snapshot);
        break;
    }
}

static inline void assert_same_message(const struct raft_message *a, const struct raft_message *b)
{
    SAME(kind);
    SAME(from);
    SAME(to);
    SAME(term);
    assert_same_body(a, b);
}

#undef SAME

#endif /* RAKIT_TESTS_PEER_SAME_MESSAGE_H */
