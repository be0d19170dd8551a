/* names.c - names of values, for logs and messages. */
#include "raft/raft.h"

const char *raft_role_name(enum raft_role role)
{
    switch (role) {
    case RAFT_FOLLOWER:
        return "follower";
    case RAFT_PRE_CANDIDATE:
        return "pre-candidate";
    case RAFT_CANDIDATE:
        return "candidate";
    case RAFT_LEADER:
        return "leader";
    }
    return "unknown";
}

const char *raft_reason_text(enum raft_reason reason)
{
    switch (reason) {
    case RAFT_BECAUSE_START:
        return "started";
    case RAFT_BECAUSE_TIMEOUT:
        return "heard no leader";
    case RAFT_BECAUSE_LEADER_LOST:
        return "lost the connection to the leader";
    case RAFT_BECAUSE_TRANSFER:
        return "leadership is handed over";
    case RAFT_BECAUSE_ELECTED:
        return "was elected";
    case RAFT_BECAUSE_PRE_ELECTED:
        return "a majority would vote for it";
    case RAFT_BECAUSE_HIGHER_TERM:
        return "heard of a higher term";
    case RAFT_BECAUSE_LEADER_FOUND:
        return "found the leader";
    case RAFT_BECAUSE_NO_QUORUM:
        return "a majority is silent";
    case RAFT_BECAUSE_REMOVED:
        return "was removed from the cluster";
    case RAFT_BECAUSE_INSTALLED:
        return "a snapshot has replaced the log";
    }
    return "unknown";
}

static const char *const entry_kinds[] = {
    [RAFT_NOOP] = "noop",   [RAFT_COMMAND] = "command", [RAFT_CONFIGURATION] = "configuration",
    [RAFT_LEVEL] = "level", [RAFT_EXPIRED] = "expired",
};

static bool is_known(uint32_t kind)
{
    return kind < sizeof entry_kinds / sizeof entry_kinds[0] && entry_kinds[kind] != NULL;
}

const char *raft_entry_kind_name(enum raft_entry_kind kind)
{
    return is_known(kind) ? entry_kinds[kind] : "unknown";
}

bool raft_entry_kind_is_taken(uint32_t kind)
{
    return is_known(kind) || (kind >= RAFT_MAY_BE_SKIPPED && kind <= UINT8_MAX);
}

const char *raft_message_kind_name(enum raft_message_kind kind)
{
    switch (kind) {
    case RAFT_PRE_VOTE:
        return "pre_vote";
    case RAFT_PRE_VOTE_REPLY:
        return "pre_vote_reply";
    case RAFT_REQUEST_VOTE:
        return "request_vote";
    case RAFT_REQUEST_VOTE_REPLY:
        return "request_vote_reply";
    case RAFT_APPEND_ENTRIES:
        return "append_entries";
    case RAFT_APPEND_ENTRIES_REPLY:
        return "append_entries_reply";
    case RAFT_HEARTBEAT:
        return "heartbeat";
    case RAFT_HEARTBEAT_REPLY:
        return "heartbeat_reply";
    case RAFT_TIMEOUT_NOW:
        return "timeout_now";
    case RAFT_INSTALL_SNAPSHOT:
        return "install_snapshot";
    }
    return "unknown";
}

const char *raft_error_text(int error)
{
    switch (error) {
    case RAFT_OK:
        return "done";
    case RAFT_ENOTLEADER:
        return "this node does not lead";
    case RAFT_EFULL:
        return "a fixed bound is reached";
    case RAFT_EBUSY:
        return "a change or a transfer of leadership is under way, or a new leader is not ready "
               "yet";
    case RAFT_EMEMBER:
        return "is a member already, is no member, or is the last voter";
    case RAFT_ELOG:
        return "contradicts what is committed";
    case RAFT_ELOST:
        return "the log has lost what was acknowledged";
    case RAFT_ETERM:
        return "the term is too far ahead";
    default:
        return "unknown error";
    }
}
