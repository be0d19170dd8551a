/* memory_use.c - how much memory is in use: everything that counts for the limit. */
#include "base/mutant.h"
#include "replica/state.h"

enum { FULL_SHARE = 64 }; /* A node is shown as full if less than one of so many parts is left. */

/* Without a limit: how much may wait to be freed while more is applied. */
static const uint64_t CLEARED_BYTES_MAX = 1024 * 1024 * 1024;

/* States beside the present one: that of a snapshot, and one that was replaced and is not freed
 * completely yet. */
static uint64_t other_states_bytes(const struct replica *r)
{
    uint64_t retired_bytes = r->retired == NULL ? 0 : keyspace_memory_bytes(r->retired);

    return MUTANT(loaded_state_uncounted) ? 0 : retired_bytes + fetching_memory_bytes(&r->fetching);
}

uint64_t replica_memory_bytes(const struct replica *r)
{
    return keyspace_memory_bytes(r->keyspace) + other_states_bytes(r) + r->window.bytes +
           r->requests.own_bytes + r->requests.forwarded_bytes + r->client_bytes;
}

void replica_note_client_bytes(struct replica *r, uint64_t bytes)
{
    r->client_bytes = bytes;
    /* This is the end of a turn: only the next one can use memory that was freed in it, or refuse
     * a write that has no chance any more because of memory that was taken in it. */
    if (r->is_memory_awaited && replica_memory_bytes(r) != r->awaiting_bytes &&
        !MUTANT(freed_memory_wakes_nobody)) {
        io_turn_soon(r->io);
    }
}

uint64_t replica_memory_max(const struct replica *r)
{
    return r->options.memory_bytes_max;
}

void replica_limit_memory(struct replica *r, uint64_t bytes_max)
{
    r->options.memory_bytes_max = bytes_max;
    /* Nobody has counted how much the entries up to here may add. */
    r->inherited_index = r->window.last;
}

bool memory_is_exceeded_by_cleared(const struct replica *r)
{
    uint64_t cleared_bytes = keyspace_cleared_bytes(r->keyspace);
    uint64_t max_bytes = r->options.memory_bytes_max;

    return cleared_bytes > 0 && (max_bytes == 0 ? cleared_bytes > CLEARED_BYTES_MAX
                                                : keyspace_memory_bytes(r->keyspace) > max_bytes);
}

void memory_begin_term(struct replica *r)
{
    r->is_memory_awaited = false;
    promises_forget(&r->promises);
    r->inherited_index = r->window.last;
}

void memory_note_applied(struct replica *r)
{
    promises_keep(&r->promises, r->applied_index);
}

/* For how much data this node has memory, in addition to its other uses; 0: no limit. */
static uint64_t own_data_max(const struct replica *r)
{
    uint64_t max_bytes = r->options.memory_bytes_max;

    if (max_bytes == 0) {
        return 0;
    }

    uint64_t other_bytes = replica_memory_bytes(r) - keyspace_memory_bytes(r->keyspace);

    return max_bytes > other_bytes ? max_bytes - other_bytes : 1;
}

void memory_announce(const struct replica *r)
{
    peers_set_memory(r->peers, own_data_max(r));
}

/* Whether a member counts: a voter that is heard. */
static bool is_heard_voter(const struct replica *r, const struct raft_member *member)
{
    struct raft_progress p;

    return (member->incoming || member->outgoing) && raft_progress_of(r->raft, member->id, &p) &&
           replica_hears(r, &p);
}

static uint64_t data_max_of(const struct replica *r, raft_id id)
{
    const struct peer *peer = peers_find(r->peers, id);

    return peer == NULL ? 0 : peer->data_bytes_max;
}

static uint64_t lower_limit(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The least of all voters that are heard: data that does not fit into one node's memory could
 * cost that node, and then the next one. */
static uint64_t least_data_max(const struct replica *r)
{
    const struct raft_configuration *c = raft_configuration(r->raft);
    uint64_t bytes = own_data_max(r);

    for (uint32_t i = 0; i < c->member_count && !MUTANT(small_voters_ignored); i++) {
        if (is_heard_voter(r, &c->members[i])) {
            bytes = lower_limit(bytes, data_max_of(r, c->members[i].id));
        }
    }
    return bytes;
}

void memory_survey(const struct replica *r, struct memory_survey *ret_survey)
{
    uint64_t data_bytes = keyspace_memory_bytes(r->keyspace);
    uint64_t max_bytes = least_data_max(r);

    *ret_survey = (struct memory_survey){
        .keyspace = r->keyspace,
        .commands = r->options.commands,
        .used_bytes = replica_memory_bytes(r),
        .is_limited = max_bytes > 0,
        .is_settled = r->applied_index == r->window.last,
        .is_known = r->applied_index >= r->inherited_index,
        .room_bytes = max_bytes > data_bytes ? max_bytes - data_bytes : 0,
        .ahead_bytes = r->promises.bytes,
        .cleared_bytes = keyspace_cleared_bytes(r->keyspace),
    };
}

bool memory_is_full(const struct replica *r, raft_id id)
{
    uint64_t max_bytes = id == raft_self(r->raft) ? own_data_max(r) : data_max_of(r, id);

    return max_bytes > 0 &&
           keyspace_memory_bytes(r->keyspace) + max_bytes / FULL_SHARE >= max_bytes;
}
