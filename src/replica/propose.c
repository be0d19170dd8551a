/* propose.c - as leader: puts each turn's batch into the log, and begins rounds for reads. */
#include "base/mutant.h"
#include "replica/admin.h"
#include "replica/forwarded.h"
#include "replica/state.h"
#include "resp/errors.h"

/* If disks are tight, a batch is small; another one may follow, if there is still room for it. */
static bool may_go_on(const struct batch *batch, const struct batch_limits *limits)
{
    return (limits->stored_max < UINT64_MAX || batch->grows_too_much) && batch->leaves_some &&
           !MUTANT(full_disks_wake_nobody);
}

/* When it came from its client; if it was forwarded, when it came here. */
static uint64_t received_ns(const struct request *request)
{
    return request->received_ns == 0 ? request->arrived_ns : request->received_ns;
}

static void propose(struct replica *r, const struct batch *batch, const struct batch_limits *limits)
{
    struct entry *entries[BATCH_MAX];
    struct raft_event event = {
        .kind = RAFT_PROPOSE, .now_ns = io_now_ns(r->io), .propose_count = batch->count};

    for (uint32_t i = 0; i < batch->count; i++) {
        entries[i] = batch->requests[i]->entry;
    }
    r->batch_received_ns = received_ns(batch->requests[0]);
    if (replica_step(r, &event, entries) == RAFT_OK) {
        proposals_proposed(&r->proposals, batch, event.now_ns);
        promises_add(&r->promises, entries[batch->count - 1]->index, batch->growth_bytes);
        if (may_go_on(batch, limits)) {
            io_turn_soon(r->io);
        }
    }
    /* Otherwise leadership is being transferred, or the log is full, and they wait. */
}

static void refuse_for_room(struct replica *r, const struct batch *batch, const char *error)
{
    proposals_refuse(&r->proposals, batch, error);
    io_turn_soon(r->io); /* There may be more of them than one batch contains. */
}

static void drop_abandoned(struct replica *r)
{
    if (proposals_drop_abandoned(&r->proposals) && !MUTANT(dropped_wakes_nobody)) {
        io_turn_soon(r->io); /* The next ones may have room now. */
    }
}

static void propose_or_refuse(struct replica *r, const struct batch *batch,
                              const struct batch_limits *limits, enum disk_outlook outlook)
{
    enum store_use use = limits->no_growth == NULL ? STORE_FOR_CLIENTS : STORE_FOR_RELIEF;

    if (!store_has_room(r->store, use, batch->stored_bytes)) {
        refuse_for_room(r, batch, ERROR_DISK_FULL);
    } else if (outlook == DISKS_ARE_SPENT) {
        refuse_for_room(r, batch, ERROR_DISKS_FULL);
    } else if (outlook != DISKS_ARE_UNKNOWN) {
        propose(r, batch, limits);
    }
}

/* Whether writes wait for room in the log or on the disks. */
static bool is_room_awaited(const struct batch *batch, enum disk_outlook outlook)
{
    if (MUTANT(disks_not_awaited) && outlook != DISKS_HAVE_ROOM) {
        return false;
    }
    return batch->leaves_some || (batch->count > 0 && outlook == DISKS_ARE_UNKNOWN);
}

static bool is_gathering(struct replica *r, const struct batch *batch, uint64_t now_ns)
{
    uint64_t under_way = raft_last_index(r->raft) - raft_commit_index(r->raft);

    return proposals_are_gathering(&r->proposals, batch, under_way, r->is_answering, now_ns);
}

/* If room is about to run out, no more is under way than what is reserved for it, so that it is
 * known to have room. */
static void limit_by_disks(const struct replica *r, struct batch_limits *limits,
                           enum disk_outlook outlook)
{
    uint64_t reserve_bytes = store_reserve_bytes(r->store);

    limits->stored_max = outlook == DISKS_ARE_TIGHT ? reserve_bytes / 4 : UINT64_MAX;
    limits->state_max = store_growth_bytes(r->store);
    limits->waste_bytes = store_segment_bytes(r->store);
    if (!store_has_room(r->store, STORE_FOR_CLIENTS, 1)) {
        limits->no_growth = ERROR_DISK_FULL;
    } else if (outlook == DISKS_ARE_LOW || outlook == DISKS_ARE_SPENT) {
        limits->no_growth = ERROR_DISKS_FULL;
    }
    if (limits->no_growth != NULL) {
        limits->stored_max = reserve_bytes / 8;
    }
}

static void propose_waiting(struct replica *r, struct batch_limits *limits)
{
    enum disk_outlook outlook = disk_outlook(r);
    struct batch batch;

    limits->behind_bytes = log_window_bytes_after(&r->window, raft_commit_index(r->raft));
    limit_by_disks(r, limits, outlook);
    if (disk_policy_waits(&r->disk_policy, limits->no_growth == NULL, limits->now_ns)) {
        admission_hold(&r->proposals.admission, !MUTANT(disks_not_awaited), limits->now_ns);
        drop_abandoned(r);
        return;
    }
    memory_survey(r, &limits->memory);
    proposals_choose(&r->proposals, &batch, limits);
    r->is_memory_awaited = batch.awaits_memory;
    r->awaiting_bytes = limits->memory.used_bytes;
    admission_hold(&r->proposals.admission, is_room_awaited(&batch, outlook), limits->now_ns);
    /* They wait while leadership is transferred, or the log waits for the disks. */
    if (!raft_takes_commands(r->raft) || replica_window_is_full(r)) {
        drop_abandoned(r);
        return;
    }
    if (batch.count + batch.refused_count > 0 && is_gathering(r, &batch, limits->now_ns)) {
        return;
    }
    if (batch.count + batch.refused_count == BATCH_MAX) {
        io_turn_soon(r->io); /* For the next ones. */
    }
    proposals_refuse_spent(&r->proposals, &batch);
    if (batch.count > 0) {
        propose_or_refuse(r, &batch, limits, outlook);
    }
    if (r->proposals.admission.is_holding || batch.awaits_memory) {
        drop_abandoned(r);
    }
}

/* One round at a time: what is asked during a round, here or by other nodes, shares the next. */
static void begin_read_round(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_READ,
                               .now_ns = io_now_ns(r->io),
                               .wants_lease = r->reads.wants_lease || r->reads.has_leased};
    bool is_wanted =
        reads_want_question(&r->reads) || (askers_want_round(&r->askers) && !r->reads.is_asking);

    if (is_wanted && replica_step(r, &event, NULL) == RAFT_OK) {
        r->stats.read_round_count++;
    }
}

/* Drops commands that their senders do not wait for any more. */
static void drop_given_up(struct replica *r, uint64_t exact_ns)
{
    if (!peers_take_holds_changed(r->peers)) {
        return;
    }
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (forwarded_is_given_up(request, exact_ns)) {
            requests_give_back(&r->requests, request);
        }
    }
}

void place_as_leader(struct replica *r)
{
    struct batch_limits limits = {.now_ns = io_now_ns(r->io),
                                  .exact_ns = peers_time_now(r->peers),
                                  .may_begin = forwarded_may_begin};

    bool is_isolated = quarantine_is_on(&r->quarantine) && !MUTANT(isolated_node_answers);

    drop_given_up(r, limits.exact_ns);
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (request_is_read(request) && !is_isolated) {
            list_remove(node);
            reads_add(&r->reads, request);
        } else if (request_is_admin(request) &&
                   !proposals_refuse_late(&r->proposals, request, &limits) &&
                   forwarded_may_begin(request, limits.exact_ns)) {
            list_remove(node);
            admin_begin(r, request);
        }
    }
    if (!is_isolated) { /* Otherwise they wait for the next leader. */
        propose_waiting(r, &limits);
        place_take_stale(r);
        read_index_take_leased(r);
    }
    begin_read_round(r);
}
