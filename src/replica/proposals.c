#include "replica/proposals.h"

#include "base/mutant.h"
#include "resp/errors.h"
#include "store/store.h"

enum { GATHER_UNDER_WAY_MIN = 16, GATHER_BYTES_MAX = 64 * 1024 };

static const uint64_t GATHER_NS = 2000 * 1000u; /* About one round between machines in one place. */

void proposals_init(struct proposals *p, struct requests *requests, uint64_t in_log_ns,
                    uint64_t in_log_bytes_max)
{
    *p = (struct proposals){.requests = requests};
    admission_init(&p->admission, in_log_ns, in_log_bytes_max);
    pending_init(&p->in_log, 1);
}

void proposals_deinit(struct proposals *p)
{
    pending_deinit(&p->in_log);
}

/* --- choosing ---------------------------------------------------------------------------- */

/* How much of its time a command must have left. A write that is proposed later could hardly be
 * answered in time; and when the time of a forwarded command is over, its client is answered
 * that it is in doubt. */
static uint64_t needed_ns(const struct proposals *p, const struct request *request, uint64_t now_ns)
{
    return request_is_write(request) ? admission_needed_ns(&p->admission, now_ns) : 0;
}

/* Later commands of its connection may still be in time. So it is not given back: it would be
 * sent again, and executed after them. */
bool proposals_refuse_late(struct proposals *p, struct request *request,
                           const struct batch_limits *limits)
{
    uint64_t least_ns = needed_ns(p, request, limits->now_ns);
    bool is_bounded = request_is_forwarded(request) || least_ns > 0;

    if (!is_bounded || limits->exact_ns + least_ns < request->deadline_ns) {
        return false;
    }
    if (!MUTANT(late_waits_on)) {
        list_remove(&request->link);
        requests_fail(p->requests, request, ERROR_NOT_TAKEN);
    }
    return true;
}

static bool has_room(const struct batch *b, uint64_t size, uint64_t stored_bytes,
                     uint64_t room_bytes, uint64_t stored_max)
{
    bool is_alone = b->count == 0;

    return (b->bytes + size <= room_bytes || (is_alone && b->behind_bytes == 0)) &&
           (b->stored_bytes + stored_bytes <= stored_max || is_alone);
}

static bool may_begin(struct request *request, const struct batch_limits *limits)
{
    return !request_is_forwarded(request) || limits->may_begin(request, limits->exact_ns);
}

static bool is_full(const struct batch *batch)
{
    return batch->count + batch->refused_count == BATCH_MAX;
}

static bool is_empty(const struct batch *batch)
{
    return batch->count + batch->refused_count == 0;
}

static void add(struct batch *batch, struct request *request)
{
    batch->bytes += request->entry->size;
    batch->stored_bytes += store_entry_bytes(request->entry->size);
    batch->requests[batch->count++] = request;
}

static void fail_for_room(struct proposals *p, struct request *request, const char *error)
{
    list_remove(&request->link);
    p->no_room_count++;
    requests_fail(p->requests, request, request->is_logged_read ? ERROR_DISK_FULL_FOR_READ : error);
}

static void fail_for_memory(struct proposals *p, struct request *request)
{
    list_remove(&request->link);
    p->no_memory_count++;
    requests_fail(p->requests, request, ERROR_OUT_OF_MEMORY);
}

/* What it adds to the log is soon cut from it; but the data is the larger for it. */
static bool makes_room(const struct request *request)
{
    return (request->command->flags & COMMAND_DENY_OOM) == 0 && !request->is_logged_read &&
           !MUTANT(deletes_need_room);
}

/* Not at once: while writes wait for others, or for leadership to be transferred, whether there is
 * room may change, which must make no difference. Without an error: for lack of memory. */
static void add_to_refused(struct batch *batch, struct request *request, const char *error)
{
    uint32_t at = BATCH_MAX - ++batch->refused_count;

    batch->requests[at] = request;
    batch->errors[at] = error;
}

void proposals_refuse_spent(struct proposals *p, struct batch *batch)
{
    for (uint32_t i = 1; i <= batch->refused_count; i++) {
        struct request *request = batch->requests[BATCH_MAX - i];
        const char *error = batch->errors[BATCH_MAX - i];

        if (error == NULL) {
            fail_for_memory(p, request);
        } else {
            fail_for_room(p, request, error);
        }
    }
    batch->refused_count = 0;
}

/* What it may add to the data on the disk. */
static uint64_t growth_bytes(const struct batch_limits *limits, const struct request *request)
{
    bool wastes = request->entry->size >= limits->waste_bytes;

    return makes_room(request)
               ? 0
               : memory_growth_bytes(&limits->memory, request) + (wastes ? limits->waste_bytes : 0);
}

/* The error for a command that the disks have no room for; NULL: there is room, or there may be
 * after those before it. */
static const char *room_error(const struct batch *batch, const struct request *request,
                              const struct batch_limits *limits)
{
    if (limits->no_growth != NULL) {
        return makes_room(request) ? NULL : limits->no_growth;
    }
    return batch->count == 0 && growth_bytes(limits, request) > limits->state_max ? ERROR_DISK_FULL
                                                                                  : NULL;
}

static void add_first(struct batch *batch, const struct request *request)
{
    if (is_empty(batch)) {
        batch->first_arrived_ns = request->arrived_ns;
    }
}

/* Adds it to the batch. False: it must wait, and those behind it too. */
static bool choose(struct proposals *p, struct batch *batch, struct request *request,
                   struct batch_limits *limits)
{
    uint64_t room_bytes = admission_room(&p->admission, limits->behind_bytes);
    uint64_t state_bytes = growth_bytes(limits, request);
    const char *error = room_error(batch, request, limits);

    if (is_full(batch)) {
        return false;
    }
    if (error != NULL) {
        add_first(batch, request);
        add_to_refused(batch, request, error);
        return true;
    }
    batch->grows_too_much = batch->state_bytes + state_bytes > limits->state_max;
    batch->leaves_some = batch->grows_too_much || !has_room(batch, request->entry->size,
                                                            store_entry_bytes(request->entry->size),
                                                            room_bytes, limits->stored_max);
    if (batch->leaves_some) {
        return false;
    }
    add_first(batch, request);
    switch (memory_judge(&limits->memory, request)) {
    case MEMORY_HAS_ROOM:
        batch->state_bytes += state_bytes;
        add(batch, request);
        return true;
    case MEMORY_IS_SPENT:
        add_to_refused(batch, request, NULL);
        return true;
    case MEMORY_IS_AWAITED:
        break;
    }
    batch->awaits_memory = true;
    return false;
}

void proposals_choose(struct proposals *p, struct batch *batch, struct batch_limits *limits)
{
    uint64_t ahead_bytes = limits->memory.ahead_bytes;

    batch->count = 0;
    batch->refused_count = 0;
    batch->bytes = 0;
    batch->stored_bytes = 0;
    batch->state_bytes = 0;
    batch->behind_bytes = limits->behind_bytes;
    batch->leaves_some = false;
    batch->grows_too_much = false;
    batch->awaits_memory = false;
    list_for_each(node, &p->requests->waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (!request_is_write(request) || proposals_refuse_late(p, request, limits) ||
            !may_begin(request, limits)) {
            continue;
        }
        if (!choose(p, batch, request, limits)) {
            break;
        }
    }
    batch->growth_bytes = limits->memory.ahead_bytes - ahead_bytes;
}

/* Whether to wait for more writes. A round's syncs, frames and wake-ups cost the same for one
 * write as for fifty. So writes wait while a round is under way, and while answers are sent,
 * which clients answer with commands. With few writes under way, waiting only adds latency; with
 * many bytes, nothing is gained. */
bool proposals_are_gathering(struct proposals *p, const struct batch *batch, uint64_t under_way,
                             bool is_answering, uint64_t now_ns)
{
    uint64_t ends_ns = batch->first_arrived_ns + GATHER_NS;

    if ((!is_answering && under_way < GATHER_UNDER_WAY_MIN) || batch->bytes >= GATHER_BYTES_MAX ||
        now_ns >= ends_ns) {
        return false;
    }
    p->gathering_ends_ns = ends_ns;
    return true;
}

void proposals_proposed(struct proposals *p, const struct batch *batch, uint64_t now_ns)
{
    p->proposed_count += batch->count;
    admission_proposed(&p->admission, batch->requests[batch->count - 1]->entry->index, batch->bytes,
                       batch->behind_bytes, now_ns);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct request *request = batch->requests[i];

        list_remove(&request->link);
        pending_put(&p->in_log, request->entry->index, request);
    }
}

void proposals_refuse(struct proposals *p, const struct batch *batch, const char *error)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        fail_for_room(p, batch->requests[i], error);
    }
}

/* A command that waits for room is not executed if its client has gone, because it may have been
 * sent again elsewhere. */
bool proposals_drop_abandoned(struct proposals *p)
{
    bool has_dropped = false;

    list_for_each(node, &p->requests->waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (request->is_abandoned && request_is_write(request) && !MUTANT(abandoned_gets_room)) {
            list_remove(node);
            requests_fail(p->requests, request, ERROR_ABANDONED);
            has_dropped = true;
        }
    }
    return has_dropped;
}

/* --- in the log -------------------------------------------------------------------------- */

struct request *proposals_take(struct proposals *p, raft_index index)
{
    return pending_take(&p->in_log, index);
}

/* What is committed is not in doubt any more: it is applied and answered in this turn. But the
 * step that ended the leadership may have replaced the entry by another leader's, and committed
 * that one, so the term must be compared. */
static bool is_decided(const struct raft *raft, raft_index index, const struct request *request)
{
    return index <= raft_commit_index(raft) && raft_term_at(raft, index) == request->entry->term;
}

void proposals_abandon(struct proposals *p, const struct raft *raft)
{
    raft_index first = p->in_log.first;
    raft_index next = p->in_log.next;

    MUTANT_DO(answer_by_index_alone, return;);
    for (raft_index index = first; index < next; index++) {
        struct request *request = pending_at(&p->in_log, index);

        if (request != NULL && !is_decided(raft, index, request)) {
            pending_take(&p->in_log, index);
            requests_give_up(p->requests, request, ERROR_IN_DOUBT, ERROR_READ_LATE);
        }
    }
    pending_rewind(&p->in_log);
}

void proposals_doubt(struct proposals *p)
{
    for (raft_index index = p->in_log.first; index < p->in_log.next; index++) {
        struct request *request = pending_take(&p->in_log, index);

        if (request != NULL) {
            requests_give_up(p->requests, request, ERROR_IN_DOUBT, ERROR_READ_LATE);
        }
    }
}

void proposals_sweep(struct proposals *p, uint64_t now_ns)
{
    requests_give_up_overdue(p->requests, &p->in_log, now_ns);
}

void proposals_end(struct proposals *p)
{
    struct request *request;

    while ((request = pending_take_first(&p->in_log)) != NULL) {
        requests_give_up(p->requests, request, ERROR_IN_DOUBT, ERROR_STOPPING);
    }
}
