/* lies.h - a message of the core, of any kind, filled with chosen numbers. */
#ifndef RAKIT_TESTS_SIM_LIES_H
#define RAKIT_TESTS_SIM_LIES_H

#include "raft/raft.h"

/* Values for the fields of a message. */
struct lies {
    bool flags[2];
    raft_index indexes[4];
    raft_term terms[2];
};

static inline void lies_fill(struct raft_message *m, const struct lies *l)
{
    switch (m->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        m->request_vote = (struct raft_request_vote){l->indexes[0], l->terms[0], l->flags[1]};
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
        m->request_vote_reply.vote_granted = l->flags[0];
        break;
    case RAFT_APPEND_ENTRIES:
        m->append_entries = (struct raft_append_entries){l->indexes[0], l->terms[0], l->indexes[1],
                                                         l->indexes[1], 0,           NULL};
        break;
    case RAFT_APPEND_ENTRIES_REPLY:
        m->append_entries_reply = (struct raft_append_entries_reply){
            l->flags[0],   l->flags[1],   l->indexes[2], l->terms[1],
            l->indexes[3], l->indexes[1], l->indexes[0]};
        break;
    case RAFT_HEARTBEAT:
        m->heartbeat = (struct raft_heartbeat){l->indexes[1], l->terms[0],   l->indexes[1],
                                               l->indexes[2], l->indexes[0], l->indexes[3]};
        break;
    case RAFT_HEARTBEAT_REPLY:
        m->heartbeat_reply =
            (struct raft_heartbeat_reply){l->indexes[1], l->indexes[0], l->flags[1], l->indexes[2]};
        break;
    case RAFT_TIMEOUT_NOW:
        break;
    case RAFT_INSTALL_SNAPSHOT:
        m->install_snapshot = (struct raft_snapshot){l->indexes[2], l->terms[1], .holder = m->from};
        break;
    }
}

#endif /* RAKIT_TESTS_SIM_LIES_H */
