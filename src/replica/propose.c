/* propose.c - as leader: writes into the log, in batches, and rounds for reads. */
#include "replica/state.h"

#include "base/mutant.h"
#include "resp/errors.h"

enum { PROPOSE_MAX = 4096, GATHER_UNDER_WAY_MIN = 16, GATHER_BYTES_MAX = 64 * 1024 };

static const uint64_t GATHER_NS = 2000 * 1000u; /* About a round between machines side by side. */

/* Writes that are proposed at once. */
struct batch {
    struct request *requests[PROPOSE_MAX];
    uint32_t count;
    uint64_t stored_bytes; /* On the disk, */
    uint64_t bytes;        /* of their entries, */
    uint64_t behind_bytes; /* and of those before them that are not committed. */
    bool leaves_some;      /* Others wait for room. */
};

static void propose(struct replica *r, const struct batch *batch)
{
    struct entry *entries[PROPOSE_MAX];
    struct raft_event event = {
        .kind = RAFT_PROPOSE, .now_ns = io_now_ns(r->io), .propose_count = batch->count};

    for (uint32_t i = 0; i < batch->count; i++) {
        entries[i] = batch->requests[i]->entry;
    }
    if (replica_step(r, &event, entries) != RAFT_OK) {
        return; /* Leadership is being handed over, or the log is full: they wait. */
    }
    r->stats.proposed_count += batch->count;
    admission_proposed(&r->admission, entries[batch->count - 1]->index, batch->bytes,
                       batch->behind_bytes, event.now_ns);
    for (uint32_t i = 0; i < batch->count; i++) {
        list_remove(&batch->requests[i]->link);
        pending_put(&r->proposed, entries[i]->index, batch->requests[i]);
    }
}

static void refuse_for_room(struct replica *r, const struct batch *batch, const char *error)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct request *request = batch->requests[i];

        list_remove(&request->link);
        r->stats.no_room_count++;
        requests_fail(&r->requests, request,
                      request->is_logged_read ? ERROR_DISK_FULL_FOR_READ : error);
    }
    io_turn_soon(r->io); /* There may be more of them than one batch takes. */
}

/* Whether writes that could be proposed wait a moment for more to share their round: its
 * syncs, frames and wake-ups cost the same for one write as for fifty. They do while a
 * round is under way, and while answers leave, which clients answer with commands. With
 * few writes under way there is nothing to gain but latency; with many bytes, nothing. */
static bool is_gathering(struct replica *r, const struct request *oldest, uint64_t bytes)
{
    uint64_t under_way = raft_last_index(r->raft) - raft_commit_index(r->raft);

    if ((!r->is_answering && under_way < GATHER_UNDER_WAY_MIN) || bytes >= GATHER_BYTES_MAX ||
        io_now_ns(r->io) >= oldest->arrived_ns + GATHER_NS) {
        return false;
    }
    r->gathering_ends_ns = oldest->arrived_ns + GATHER_NS;
    return true;
}

/* What another node has forwarded begins only while that one is known to wait for it: later,
 * its client may have been told that it is in doubt, and have seen that it was not executed.
 * All commands of a connection are held, or none, so their order stays. */
static bool may_begin(struct request *request, uint64_t now_ns)
{
    return !request_is_forwarded(request) || forwarded_is_held(request, now_ns) == PEERS_HELD;
}

/* How much of its time one has to have left. A write that is proposed later could hardly be
 * answered in time; and when the time of a forwarded command is over, its client is answered that
 * it is in doubt. */
static uint64_t needed_ns(const struct replica *r, const struct request *request)
{
    return request_is_write(request) ? admission_needed_ns(&r->admission, io_now_ns(r->io)) : 0;
}

/* Later commands of its connection may still be in time. So it is not given back, which would
 * have it sent again, and be executed behind them. */
static bool refuse_late(struct replica *r, struct request *request, uint64_t now_ns)
{
    uint64_t least_ns = needed_ns(r, request);
    bool is_bounded = request_is_forwarded(request) || least_ns > 0;

    if (!is_bounded || now_ns + least_ns < request->deadline_ns) {
        return false;
    }
    if (!MUTANT(late_waits_on)) {
        list_remove(&request->link);
        requests_fail(&r->requests, request, ERROR_NOT_TAKEN);
    }
    return true;
}

/* The writes to propose next, as many as the log and the disks have room for. */
static void choose_batch(struct replica *r, struct batch *batch, uint64_t stored_max)
{
    uint64_t behind_bytes = log_window_bytes_after(&r->window, raft_commit_index(r->raft));
    uint64_t room = admission_room(&r->admission, behind_bytes);
    uint64_t now_ns = peers_time_now(&r->peers);

    batch->count = 0;
    batch->bytes = 0;
    batch->stored_bytes = 0;
    batch->behind_bytes = behind_bytes;
    batch->leaves_some = false;
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);
        uint64_t size;
        uint64_t stored_bytes;

        if (!request_is_write(request) || refuse_late(r, request, now_ns) ||
            !may_begin(request, now_ns)) {
            continue;
        }
        size = request->entry->size;
        stored_bytes = store_entry_bytes(request->entry->size);
        batch->leaves_some =
            (batch->bytes + size > room && (batch->count > 0 || behind_bytes > 0)) ||
            (batch->count > 0 && batch->stored_bytes + stored_bytes > stored_max);
        if (batch->leaves_some || batch->count == PROPOSE_MAX) {
            break;
        }
        batch->bytes += size;
        batch->stored_bytes += stored_bytes;
        batch->requests[batch->count++] = request;
    }
}

/* What waits for room is not executed for nobody: it may have been sent again elsewhere. */
static void drop_abandoned(struct replica *r)
{
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (request->is_abandoned && request_is_write(request) && !MUTANT(abandoned_gets_room)) {
            list_remove(node);
            requests_fail(&r->requests, request, ERROR_ABANDONED);
            io_turn_soon(r->io); /* Those behind it may have room now. */
        }
    }
}

static void propose_or_refuse(struct replica *r, const struct batch *batch,
                              enum disk_outlook outlook)
{
    if (batch->count == PROPOSE_MAX) {
        io_turn_soon(r->io); /* For those behind it. */
    }
    if (!store_has_room(r->store, STORE_FOR_CLIENTS, batch->stored_bytes)) {
        refuse_for_room(r, batch, ERROR_DISK_FULL);
    } else if (outlook == DISKS_ARE_SPENT) {
        refuse_for_room(r, batch, ERROR_DISKS_FULL);
    } else if (outlook != DISKS_ARE_UNKNOWN) {
        propose(r, batch);
    }
}

/* Whether writes wait for room in the log, or on the disks. */
static bool is_room_awaited(const struct batch *batch, enum disk_outlook outlook)
{
    if (MUTANT(disks_not_awaited) && outlook != DISKS_HAVE_ROOM) {
        return false;
    }
    return batch->leaves_some || (batch->count > 0 && outlook == DISKS_ARE_UNKNOWN);
}

static void propose_waiting(struct replica *r)
{
    enum disk_outlook outlook = disk_outlook(r);
    struct batch batch;

    /* Where room is about to run out, what is under way is no more than what is kept for it,
     * so that it is known to have room. */
    choose_batch(r, &batch,
                 outlook == DISKS_ARE_TIGHT ? store_reserve_bytes(r->store) / 4 : UINT64_MAX);
    admission_hold(&r->admission, is_room_awaited(&batch, outlook), io_now_ns(r->io));
    /* While leadership is handed over, or the log waits for the disks, they wait. */
    if (raft_is_transferring(r->raft) || replica_window_is_full(r)) {
        drop_abandoned(r);
        return;
    }
    if (batch.count > 0 && is_gathering(r, batch.requests[0], batch.bytes)) {
        return;
    }
    if (batch.count > 0) {
        propose_or_refuse(r, &batch, outlook);
    }
    if (r->admission.is_holding) {
        drop_abandoned(r);
    }
}

/* One round at a time: what comes in while it is under way shares the next one. */
static void begin_read_round(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_READ, .now_ns = io_now_ns(r->io)};

    if (reads_want_round(&r->reads) && replica_step(r, &event, NULL) == RAFT_OK) {
        r->stats.read_round_count++;
    }
}

/* Commands that their senders wait for no more. */
static void drop_given_up(struct replica *r, uint64_t now_ns)
{
    if (!r->peers.holds_changed) {
        return;
    }
    r->peers.holds_changed = false;
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (request_is_forwarded(request) && forwarded_is_held(request, now_ns) == PEERS_GIVEN_UP) {
            requests_give_back(&r->requests, request);
        }
    }
}

void place_as_leader(struct replica *r)
{
    uint64_t now_ns = peers_time_now(&r->peers);

    drop_given_up(r, now_ns);
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (request_is_read(request)) {
            list_remove(node);
            reads_add(&r->reads, request);
        } else if (request_is_admin(request) && !refuse_late(r, request, now_ns) &&
                   may_begin(request, now_ns)) {
            list_remove(node);
            admin_begin(r, request);
        }
    }
    propose_waiting(r);
    begin_read_round(r);
}

/* What is committed is no longer in doubt: it is applied, and answered, this turn. But
 * the step that ended the leadership may have put another leader's entry in its place,
 * and committed that one: only the term tells them apart. */
static bool is_decided(const struct replica *r, raft_index index, const struct request *request)
{
    return index <= raft_commit_index(r->raft) &&
           raft_term_at(r->raft, index) == request->entry->term;
}

void proposed_abandon(struct replica *r)
{
    uint64_t first = r->proposed.first;
    uint64_t next = r->proposed.next;

    MUTANT_DO(answer_by_index_alone, return;);
    for (uint64_t index = first; index < next; index++) {
        struct request *request = pending_at(&r->proposed, index);

        if (request != NULL && !is_decided(r, index, request)) {
            pending_take(&r->proposed, index);
            requests_give_up(&r->requests, request, ERROR_IN_DOUBT, ERROR_READ_LATE);
        }
    }
    pending_rewind(&r->proposed);
}
