/* replica_requests.c - where each request waits, and how it ends where it can't be
 * executed. Failed and unknown are kept apart: CLUSTERDOWN and TRYAGAIN are only
 * said of commands that were certainly not executed, INDOUBT of those that may have
 * been. A write that has been proposed or forwarded is never tried again. */
#include "server/replica_state.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mutant.h"
#include "server/clients.h"

enum {
    PROPOSE_MAX = 4096,
    FORWARD_BACKLOG_BYTES = 64 * 1024 * 1024,
    FORWARD_GRACE_HEARTBEATS = 6,
    IN_TIME_SHARE = 4, /* Of a command's time, for its entry's waiting: see admission.h. */
    GATHER_UNDER_WAY_MIN = 16,
    GATHER_BYTES_MAX = 64 * 1024
};

static const uint64_t SWEEP_NS = 50 * 1000 * 1000u;
static const uint64_t GATHER_NS = 2000 * 1000u; /* About a round between machines side by side. */

const char error_in_doubt[] =
    "INDOUBT the leader was lost while this command was under way: it may or may not have been "
    "executed";
static const char error_timed_out[] =
    "INDOUBT no majority has confirmed this command in time: it may or may not be executed yet";
static const char error_no_leader[] =
    "CLUSTERDOWN no leader is known: the command was not executed. A majority of the nodes must "
    "be up and see each other";
static const char error_not_joined[] =
    "CLUSTERDOWN this node has not joined its cluster yet: the command was not executed. Its log "
    "says what it waits for";
static const char error_abandoned[] =
    "TRYAGAIN the connection was ended while this command waited for a leader: the command was "
    "not executed";
static const char error_not_taken[] =
    "TRYAGAIN the leader has too much under way, or hands its place over: the command was not "
    "executed";
static const char error_read_lost[] =
    "TRYAGAIN the leader could not confirm in time that it still leads: the command was not "
    "executed";
static const char error_change_in_doubt[] =
    "INDOUBT the change was begun and may or may not be carried out: look at RAFT STATUS";
static const char error_removed[] =
    "CLUSTERDOWN this node was removed from the cluster and serves nothing: the command was not "
    "executed. Use another node; to join again this one needs an empty data directory";
static const char error_stopping[] =
    "TRYAGAIN the server is stopping: the command was not executed";
static const char error_disk_full[] =
    "MISCONF the disk is full: the command was not executed. Reads are served; writes are taken "
    "again as soon as there is room";

void requests_init(struct replica *r)
{
    uint64_t correlation;

    /* Never the numbers of an earlier life of this node: an answer that was on its way
     * to that one must not meet a request of this one. */
    io_random(r->io, &correlation, sizeof correlation);
    list_init(&r->waiting);
    list_init(&r->returned);
    list_init(&r->reads_waiting);
    list_init(&r->reads_asked);
    list_init(&r->reads_ready);
    list_init(&r->admin);
    admission_init(&r->admission, r->server->config.request_timeout_ns / IN_TIME_SHARE,
                   r->server->config.in_flight_bytes_max);
    pending_init(&r->proposed, 1);
    pending_init(&r->forwarded, correlation & (UINT64_MAX >> 1));
}

void requests_deinit(struct replica *r)
{
    pending_deinit(&r->proposed);
    pending_deinit(&r->forwarded);
}

/* --- in and out ---------------------------------------------------------------------- */

static bool is_logged_read(const struct request *request)
{
    return request->is_logged_read && !MUTANT(logged_read_not_logged);
}

/* What goes through the log, and what does not. */
static bool is_write(const struct request *request)
{
    return (request->command->flags & COMMAND_WRITE) != 0 || is_logged_read(request);
}

static bool is_read(const struct request *request)
{
    return (request->command->flags & COMMAND_READ) != 0 && !is_logged_read(request);
}

static bool is_admin(const struct request *request)
{
    return !is_read(request) && !is_write(request);
}

static bool is_guest(const struct request *request)
{
    return request->refused != NULL;
}

/* Clients here and what other nodes forward have half of the room each: what is forwarded is
 * refused at once where there is none, and would else fill each gap that clients wait for.
 *
 * Only a leader's log grows by what it takes; another's may be long for as long as there is no
 * leader, and its clients must be answered all the same. */
static bool exceeds(const struct replica *r, uint64_t bytes, uint64_t room_bytes)
{
    return bytes > room_bytes / 2 ||
           (raft_role(r->raft) == RAFT_LEADER &&
            r->window.bytes > r->server->config.log_memory_bytes + room_bytes);
}

static uint64_t clients_bytes(const struct replica *r)
{
    return r->own_bytes + (MUTANT(forwards_fill_the_gaps) ? r->guest_bytes : 0);
}

bool replica_is_congested(const struct replica *r)
{
    return r->is_handed_over || exceeds(r, clients_bytes(r), r->server->config.in_flight_bytes_max);
}

bool replica_has_room_again(const struct replica *r)
{
    return !r->is_handed_over &&
           !exceeds(r, clients_bytes(r), r->server->config.in_flight_bytes_max / 2);
}

bool replica_refuses_guest(const struct replica *r, const struct command *command)
{
    bool needs_room = (command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0;

    return r->is_handed_over ||
           (needs_room && exceeds(r, r->guest_bytes, r->server->config.in_flight_bytes_max));
}

static uint64_t *bytes_of(struct replica *r, const struct request *request)
{
    return is_guest(request) ? &r->guest_bytes : &r->own_bytes;
}

void replica_submit(struct replica *r, struct request *request)
{
    request->deadline_ns = io_now_ns(r->io) + r->server->config.request_timeout_ns;
    request->executed_index = 0;
    request->arrival = ++r->arrival_count;
    *bytes_of(r, request) += request->entry->size + sizeof *request;
    r->stats.pending_count++;
    list_append(&r->waiting, &request->link);
    requests_sweep_start(r);
    replica_wake(r);
}

static void forget(struct replica *r, struct request *request)
{
    *bytes_of(r, request) -= request->entry->size + sizeof *request;
    r->stats.pending_count--;
    entry_release(request->entry);
    request->entry = NULL;
}

void request_finish(struct replica *r, struct request *request, raft_index executed_index)
{
    forget(r, request);
    request->executed_index = executed_index;
    request->answered(request);
}

void request_fail(struct replica *r, struct request *request, const char *error)
{
    if (request->has_begun) {
        error = error_change_in_doubt;
    }
    resp_error(request->reply(request), error);
    request_finish(r, request, 0);
}

static uint64_t arrival_of(struct list *node)
{
    return container_of(node, struct request, link)->arrival;
}

/* Back among those that wait: both lists are in the order of arrival, and so is what
 * they become, for a connection's commands must be executed in their order. */
static void wait_again(struct replica *r, struct list *list)
{
    struct list *before = r->waiting.next;

    while (!list_is_empty(list)) {
        struct list *node = list_first(list);

        while (before != &r->waiting &&
               (arrival_of(before) < arrival_of(node) || MUTANT(waits_again_at_the_end))) {
            before = before->next;
        }
        list_remove(node);
        list_append(before, node); /* In front of it. */
    }
}

/* Of a read, even of one that may stand in the log, nothing is in doubt. */
static void doubt(struct replica *r, struct request *request, const char *error)
{
    if (request->is_logged_read) {
        request_fail(r, request, error_read_lost);
        return;
    }
    r->stats.in_doubt_count++;
    request_fail(r, request, MUTANT(doubt_said_failed) ? error_no_leader : error);
}

/* The leader has changed, but the old one may be there still, and then it answers each
 * command that it was sent: executed, refused, or in doubt. It gets a moment for that.
 * Meanwhile nothing is placed, so that what it refuses keeps its place in the order. */
static void forwards_wind_down(struct replica *r)
{
    if (r->forwarded.count == 0) {
        r->forward_grace_ns = 0;
    } else if (raft_role_reason(r->raft) == RAFT_BECAUSE_TIMEOUT ||
               peers_forward(&r->peers, r->forwarded_to) == NULL) {
        forwards_abandon(r); /* It has been silent for long, or is gone. */
    } else if (r->forward_grace_ns == 0) {
        r->forward_grace_ns =
            io_now_ns(r->io) + FORWARD_GRACE_HEARTBEATS * r->server->config.heartbeat_interval_ns;
    }
}

static bool forwards_are_winding_down(struct replica *r)
{
    if (r->forward_grace_ns == 0) {
        return false;
    }
    /* Who was removed hears nothing but these answers, until that connection is closed. */
    if (r->forwarded.count > 0 && io_now_ns(r->io) >= r->forward_grace_ns &&
        (!r->is_removed || MUTANT(removed_gives_up_soon))) {
        forwards_abandon(r);
    }
    if (r->forwarded.count == 0) {
        r->forward_grace_ns = 0;
    }
    return r->forwarded.count > 0;
}

void forwards_lost(struct replica *r, raft_id id)
{
    if (id == r->forwarded_to) {
        forwards_abandon(r);
    }
}

void forwards_abandon(struct replica *r)
{
    struct request *request;
    struct list again;

    list_init(&again);
    while ((request = pending_take_first(&r->forwarded)) != NULL) {
        if (is_read(request) || MUTANT(forward_retried)) {
            list_append(&again, &request->link);
        } else {
            doubt(r, request, error_in_doubt);
        }
    }
    wait_again(r, &again);
    replica_wake(r);
}

/* What is committed is no longer in doubt: it is applied, and answered, this turn. But
 * the step that ended the leadership may have put another leader's entry in its place,
 * and committed that one: only the term tells them apart. */
static bool is_decided(const struct replica *r, raft_index index, const struct request *request)
{
    return index <= raft_commit_index(r->raft) &&
           raft_term_at(r->raft, index) == request->entry->term;
}

static void doubt_proposed(struct replica *r)
{
    uint64_t first = r->proposed.first;
    uint64_t next = r->proposed.next;

    if (MUTANT(answer_by_index_alone)) {
        return;
    }
    for (uint64_t index = first; index < next; index++) {
        struct request *request = pending_at(&r->proposed, index);

        if (request != NULL && !is_decided(r, index, request)) {
            pending_take(&r->proposed, index);
            doubt(r, request, error_in_doubt);
        }
    }
    pending_rewind(&r->proposed);
}

void requests_abandon(struct replica *r)
{
    if (r->seen_role == RAFT_LEADER) {
        admin_abandon(r);
        doubt_proposed(r);
        wait_again(r, &r->reads_ready);
        wait_again(r, &r->reads_asked);
        wait_again(r, &r->reads_waiting);
        r->asked_ticket = r->confirmed_ticket; /* The core has forgotten its rounds. */
    }
    admission_reset(&r->admission);
    forwards_wind_down(r);
}

/* --- as leader ----------------------------------------------------------------------- */

/* Writes that are proposed at once. */
struct batch {
    struct request *requests[PROPOSE_MAX];
    uint32_t count;
    uint64_t bytes;        /* Of their entries, */
    uint64_t behind_bytes; /* and of those before them that are not committed. */
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

static void refuse_for_room(struct replica *r, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        list_remove(&batch->requests[i]->link);
        request_fail(r, batch->requests[i], error_disk_full);
    }
    replica_wake(r); /* There may be more of them. */
}

/* Whether writes that could be proposed wait a moment for more to share their round: its
 * syncs, frames and wake-ups cost the same for one write as for fifty. They do while a
 * round is under way, and while answers leave, which clients answer with commands. With
 * few writes under way there is nothing to gain but latency; with many bytes, nothing. */
static bool is_gathering(struct replica *r, const struct request *oldest, uint64_t bytes)
{
    uint64_t under_way = raft_last_index(r->raft) - raft_commit_index(r->raft);
    uint64_t arrived_ns = oldest->deadline_ns - r->server->config.request_timeout_ns;

    if ((!r->is_answering && under_way < GATHER_UNDER_WAY_MIN) || bytes >= GATHER_BYTES_MAX ||
        io_now_ns(r->io) >= arrived_ns + GATHER_NS) {
        return false;
    }
    r->gathering_ends_ns = arrived_ns + GATHER_NS;
    return true;
}

/* The writes to propose next, as many as the log has room for. */
static void choose_batch(struct replica *r, struct batch *batch)
{
    uint64_t behind_bytes = log_window_bytes_after(&r->window, raft_commit_index(r->raft));
    uint64_t room = admission_room(&r->admission, behind_bytes);
    bool is_holding = false;

    batch->count = 0;
    batch->bytes = 0;
    batch->behind_bytes = behind_bytes;
    list_for_each(node, &r->waiting)
    {
        struct request *request = container_of(node, struct request, link);
        uint64_t size;

        if (!is_write(request)) {
            continue;
        }
        size = request->entry->size;
        is_holding = batch->bytes + size > room && (batch->count > 0 || behind_bytes > 0);
        if (is_holding || batch->count == PROPOSE_MAX) {
            break;
        }
        batch->bytes += size;
        batch->requests[batch->count++] = request;
    }
    admission_hold(&r->admission, is_holding, io_now_ns(r->io));
}

static void propose_waiting(struct replica *r)
{
    const struct server_config *config = &r->server->config;
    struct batch batch;

    choose_batch(r, &batch);
    /* While leadership is handed over, or the log waits for the disks, they wait. */
    if (batch.count == 0 || raft_is_transferring(r->raft) ||
        r->window.bytes > config->log_memory_bytes + config->in_flight_bytes_max ||
        is_gathering(r, batch.requests[0], batch.bytes)) {
        return;
    }
    if (batch.count == PROPOSE_MAX) {
        replica_wake(r);
    }
    if (store_has_room(r->store, batch.bytes)) {
        propose(r, &batch);
    } else {
        refuse_for_room(r, &batch);
    }
}

/* One round at a time: what comes in while it is under way shares the next one. */
static void begin_read_round(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_READ, .now_ns = io_now_ns(r->io)};

    if (list_is_empty(&r->reads_waiting) || r->asked_ticket > r->confirmed_ticket ||
        replica_step(r, &event, NULL) != RAFT_OK) {
        return;
    }
    r->stats.read_round_count++;

    struct list *node;

    while ((node = list_first(&r->reads_waiting)) != NULL) {
        container_of(node, struct request, link)->ticket = r->asked_ticket;
        list_remove(node);
        list_append(&r->reads_asked, node);
    }
    requests_confirm_reads(r); /* A lone voter has confirmed in the same step. */
}

void requests_confirm_reads(struct replica *r)
{
    struct list *node;

    while ((node = list_first(&r->reads_asked)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        if (request->ticket > r->confirmed_ticket) {
            break;
        }
        request->ticket = MUTANT(read_at_any_index) ? 0 : r->confirmed_index;
        list_remove(node);
        list_append(&r->reads_ready, node);
    }
}

static void place_as_leader(struct replica *r)
{
    list_for_each(node, &r->waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (is_read(request)) {
            list_remove(node);
            list_append(&r->reads_waiting, node);
        } else if (is_admin(request)) {
            list_remove(node);
            admin_begin(r, request);
        }
    }
    propose_waiting(r);
    begin_read_round(r);
}

/* --- as follower --------------------------------------------------------------------- */

static void forward(struct replica *r, struct buffer *out, struct request *request)
{
    uint64_t correlation = r->forwarded.next;
    struct wire_forward f = {
        .correlation = correlation,
        .term = raft_current_term(r->raft),
        .resp_version = request->resp_version == 3 ? 3 : 2,
        .is_logged_read = request->is_logged_read,
        .command = entry_payload(request->entry),
    };

    wire_put_forward(out, &f);
    list_remove(&request->link);
    pending_put(&r->forwarded, correlation, request);
    r->forwarded_to = raft_leader(r->raft);
    r->forwarded_term = raft_current_term(r->raft);
    r->stats.forwarded_count++;
}

/* What another node has forwarded goes back to it, for whoever leads now. */
static bool give_back(struct replica *r, struct request *request)
{
    if (!is_guest(request) || request->has_begun) {
        return false;
    }
    list_remove(&request->link);
    forget(r, request);
    request->refused(request);
    return true;
}

static void place_as_follower(struct replica *r)
{
    raft_id leader = raft_leader(r->raft);
    bool is_refused = r->refused_term == raft_current_term(r->raft);
    struct buffer *out = leader == 0 || is_refused ? NULL : peers_forward(&r->peers, leader);

    list_for_each(node, &r->waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (give_back(r, request)) {
            continue;
        }
        if (out != NULL && buffer_size(out) < FORWARD_BACKLOG_BYTES) {
            forward(r, out, request);
        } else if (is_admin(request) && leader == 0) {
            admin_answer_locally(r, request);
        } else if (request->is_abandoned) {
            list_remove(node); /* Nobody waits for it, and it may be sent again elsewhere. */
            request_fail(r, request, error_abandoned);
        }
    }
}

/* What can be told of this node alone is told; the rest fails. */
static void place_as_removed(struct replica *r)
{
    struct list *node;

    list_for_each(each, &r->waiting)
    {
        struct request *request = container_of(each, struct request, link);

        if (is_admin(request)) {
            admin_answer_locally(r, request);
        }
    }
    while ((node = list_first(&r->waiting)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        if (!give_back(r, request)) {
            list_remove(node);
            request_fail(r, request, error_removed);
        }
    }
}

void requests_answered(struct replica *r, const struct wire_answer *a)
{
    struct request *request = MUTANT(answers_cross) ? pending_take_first(&r->forwarded)
                                                    : pending_take(&r->forwarded, a->correlation);

    if (request == NULL) {
        return; /* Given up before: the client was told that it is in doubt. */
    }
    if (a->outcome == WIRE_NOT_LEADER) {
        r->refused_term = r->forwarded_term;
        /* Certainly not executed: it waits for the leader to be known again. Refusals may
         * come out of order, since one that was sent again meets later ones. */
        struct list *behind = r->returned.previous;

        while (behind != &r->returned && arrival_of(behind) > request->arrival) {
            behind = behind->previous;
        }
        list_append(behind->next, &request->link);
        replica_wake(r);
        return;
    }

    struct resp_writer *w = request->reply(request);

    buffer_append_slice(w->out, a->reply);
    request_finish(r, request, a->executed_index);
}

void requests_place(struct replica *r)
{
    admission_look(&r->admission, raft_commit_index(r->raft), io_now_ns(r->io));
    wait_again(r, &r->returned);
    if (forwards_are_winding_down(r)) {
        return;
    }
    if (list_is_empty(&r->waiting) && list_is_empty(&r->reads_waiting)) {
        return;
    }
    if (r->is_removed) {
        place_as_removed(r);
    } else if (raft_role(r->raft) == RAFT_LEADER) {
        place_as_leader(r);
    } else {
        place_as_follower(r);
    }
}

/* --- the end ------------------------------------------------------------------------- */

static void end_list(struct replica *r, struct list *list)
{
    struct list *node;

    while ((node = list_first(list)) != NULL) {
        list_remove(node);
        request_fail(r, container_of(node, struct request, link), error_stopping);
    }
}

void requests_end(struct replica *r)
{
    struct request *request;

    while ((request = pending_take_first(&r->proposed)) != NULL ||
           (request = pending_take_first(&r->forwarded)) != NULL) {
        request_fail(r, request,
                     is_write(request) && !request->is_logged_read ? error_in_doubt
                                                                   : error_stopping);
    }
    wait_again(r, &r->returned);
    end_list(r, &r->waiting);
    end_list(r, &r->reads_waiting);
    end_list(r, &r->reads_asked);
    end_list(r, &r->reads_ready);
    admin_end(r);
}

/* --- those that waited too long ------------------------------------------------------ */

static void sweep_list(struct replica *r, struct list *list, uint64_t now_ns, const char *error)
{
    struct list *node;

    while ((node = list_first(list)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        if (request->deadline_ns > now_ns) {
            break;
        }
        list_remove(node);
        request_fail(r, request, error);
    }
}

static void sweep_pending(struct replica *r, struct pending *pending, uint64_t now_ns)
{
    struct request *request;
    uint64_t number;

    while ((request = pending_first(pending, &number)) != NULL && request->deadline_ns <= now_ns) {
        pending_take(pending, number);
        if (is_read(request) || MUTANT(timeout_said_failed)) {
            request_fail(r, request, error_read_lost);
        } else {
            doubt(r, request, error_timed_out);
        }
    }
}

void requests_sweep_start(struct replica *r)
{
    if (!r->is_sweeping && !r->is_ended) {
        r->is_sweeping = true;
        io_timer_start(r->io, &r->sweep, io_now_ns(r->io) + SWEEP_NS);
    }
}

void requests_sweep_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, sweep);
    uint64_t now_ns = io_now_ns(r->io);
    bool is_leader = raft_role(r->raft) == RAFT_LEADER;

    r->is_sweeping = false;
    admission_look(&r->admission, raft_commit_index(r->raft), now_ns);
    forwards_are_winding_down(r);
    wait_again(r, &r->returned);
    sweep_list(r, &r->waiting, now_ns + admission_needed_ns(&r->admission, now_ns),
               is_leader                    ? error_not_taken
               : replica_cluster_id(r) == 0 ? error_not_joined
                                            : error_no_leader);
    sweep_list(r, &r->reads_waiting, now_ns, error_read_lost);
    sweep_list(r, &r->reads_asked, now_ns, error_read_lost);
    sweep_list(r, &r->reads_ready, now_ns, error_read_lost);
    sweep_pending(r, &r->proposed, now_ns);
    sweep_pending(r, &r->forwarded, now_ns);
    if (r->stats.pending_count > 0) {
        requests_sweep_start(r);
    }
}
