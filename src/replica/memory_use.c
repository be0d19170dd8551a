/* memory_use.c - what memory is in use, by all that counts for its limit. */
#include "base/mutant.h"
#include "replica/state.h"

/* Where there is no limit: what may wait to be freed while more is applied. */
static const uint64_t CLEARED_BYTES_MAX = 1024 * 1024 * 1024;

uint64_t replica_memory_bytes(const struct replica *r)
{
    return keyspace_memory_bytes(r->keyspace) + r->window.bytes + r->requests.own_bytes +
           r->requests.forwarded_bytes + r->client_bytes;
}

void replica_note_client_bytes(struct replica *r, uint64_t bytes)
{
    r->client_bytes = bytes;
    /* The turn is over: what has been given back in it is not seen before the next one. */
    if (r->is_memory_awaited && replica_memory_bytes(r) < r->awaiting_bytes &&
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
    r->inherited_index = r->window.last; /* Nobody has counted what those may add. */
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

void memory_survey(const struct replica *r, struct memory_survey *ret_survey)
{
    uint64_t used_bytes = replica_memory_bytes(r);
    uint64_t max_bytes = r->options.memory_bytes_max;

    *ret_survey = (struct memory_survey){
        .keyspace = r->keyspace,
        .used_bytes = used_bytes,
        .is_limited = max_bytes > 0,
        .is_settled = r->applied_index == r->window.last,
        .is_known = r->applied_index >= r->inherited_index,
        .room_bytes = max_bytes > used_bytes ? max_bytes - used_bytes : 0,
        .ahead_bytes = r->promises.bytes,
        .cleared_bytes = keyspace_cleared_bytes(r->keyspace),
    };
}
