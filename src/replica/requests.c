/* requests.c - where each request waits, and how it ends where it can't be
 * executed. Failed and unknown are kept apart: CLUSTERDOWN and TRYAGAIN are only
 * said of commands that were certainly not executed, INDOUBT of those that may have
 * been. A write that has been proposed or forwarded is never tried again. */
#include "replica/state.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mutant.h"
#include "resp/errors.h"

enum { IN_TIME_SHARE = 4 }; /* Of a command's time, for its entry's waiting: see admission.h. */

static const uint64_t SWEEP_NS = 50 * 1000 * 1000u;
static const uint64_t LOOK_FIRST_NS = 2 * 1000 * 1000u;

void requests_init(struct replica *r)
{
    uint64_t correlation;

    /* Never the numbers of an earlier life of this node: an answer that was on its way
     * to that one must not meet a request of this one. */
    io_random(r->io, &correlation, sizeof correlation);
    list_init(&r->waiting);
    list_init(&r->returned);
    reads_init(&r->reads);
    list_init(&r->admin);
    admission_init(&r->admission, r->options.request_timeout_ns / IN_TIME_SHARE,
                   r->options.in_flight_bytes_max);
    pending_init(&r->proposed, 1);
    pending_init(&r->forwards, correlation & (UINT64_MAX >> 1));
}

void requests_deinit(struct replica *r)
{
    pending_deinit(&r->proposed);
    pending_deinit(&r->forwards);
}

/* --- in and out ---------------------------------------------------------------------- */

/* Clients here and what other nodes forward have half of the room each: what is forwarded is
 * refused at once where there is none, and would else fill each gap that clients wait for.
 *
 * Only a leader's log grows by what it takes; another's may be long for as long as there is no
 * leader, and its clients must be answered all the same. */
static bool exceeds(const struct replica *r, uint64_t bytes, uint64_t room_bytes)
{
    return bytes > room_bytes / 2 || (raft_role(r->raft) == RAFT_LEADER &&
                                      r->window.bytes > r->options.log_memory_bytes + room_bytes);
}

static uint64_t clients_bytes(const struct replica *r)
{
    return r->own_bytes + (MUTANT(forwards_fill_the_gaps) ? r->forwarded_bytes : 0);
}

bool replica_is_congested(const struct replica *r)
{
    return r->is_handed_over || exceeds(r, clients_bytes(r), r->options.in_flight_bytes_max);
}

bool replica_has_room_again(const struct replica *r)
{
    return !r->is_handed_over && !exceeds(r, clients_bytes(r), r->options.in_flight_bytes_max / 2);
}

bool replica_refuses_forwarded(const struct replica *r, const struct command *command)
{
    bool needs_room = (command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0;

    return r->is_handed_over ||
           (needs_room && exceeds(r, r->forwarded_bytes, r->options.in_flight_bytes_max));
}

static uint64_t *bytes_of(struct replica *r, const struct request *request)
{
    return request_is_forwarded(request) ? &r->forwarded_bytes : &r->own_bytes;
}

/* What waits for a leader does so since it came to this node. Where others are executed before
 * it, it waits for them, and for room, as long as it takes. */
static void set_time(const struct replica *r, struct request *request)
{
    uint64_t timeout_ns = r->options.request_timeout_ns;
    bool is_fresh = request->received_ns == 0 || MUTANT(turn_begins_anew);

    request->place_by_ns = (is_fresh ? request->arrived_ns : request->received_ns) + timeout_ns;
    if (request->deadline_ns == 0) {
        request->deadline_ns = request->arrived_ns + timeout_ns;
    }
}

void replica_submit(struct replica *r, struct request *request)
{
    request->arrived_ns = io_now_ns(r->io);
    set_time(r, request);
    request->executed_index = 0;
    request->lost_count = 0;
    request->arrival = ++r->arrival_count;
    *bytes_of(r, request) += request->entry->size + sizeof *request;
    r->stats.pending_count++;
    list_append(&r->waiting, &request->link);
    requests_sweep_start(r);
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
        error = ERROR_CHANGE_IN_DOUBT;
    }
    resp_error(request->reply(request), error);
    request_finish(r, request, 0);
}

/* What another node has forwarded goes back to it, for whoever leads now. */
bool request_give_back(struct replica *r, struct request *request)
{
    if (!request_is_forwarded(request) || request->has_begun) {
        return false;
    }
    list_remove(&request->link);
    forget(r, request);
    request->refused(request);
    return true;
}

static uint64_t arrival_of(struct list *node)
{
    return container_of(node, struct request, link)->arrival;
}

/* Refusals may come out of order, since one that was sent again meets later ones. */
void requests_return(struct replica *r, struct request *request)
{
    struct list *behind = r->returned.previous;

    while (behind != &r->returned && arrival_of(behind) > request->arrival) {
        behind = behind->previous;
    }
    list_append(behind->next, &request->link);
}

/* Back among those that wait: both lists are in the order of arrival, and so is what
 * they become, for a connection's commands must be executed in their order. */
void requests_wait_again(struct replica *r, struct list *list)
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

bool requests_give_up_late(struct replica *r, struct request *request, uint64_t now_ns)
{
    if (request->place_by_ns > now_ns) {
        return false;
    }
    list_remove(&request->link);
    request_fail(r, request, replica_cluster_id(r) == 0 ? ERROR_NOT_JOINED : ERROR_NO_LEADER);
    return true;
}

/* Whether a read was executed makes no difference, even if it may stand in the log. */
void request_fail_in_doubt(struct replica *r, struct request *request, const char *error)
{
    if (request->is_logged_read || request->is_query) {
        request_fail(r, request, ERROR_READ_LATE);
        return;
    }
    r->stats.in_doubt_count++;
    request_fail(r, request, MUTANT(doubt_said_failed) ? ERROR_NO_LEADER : error);
}

void requests_abandon(struct replica *r)
{
    if (r->seen_role == RAFT_LEADER) {
        admin_abandon(r);
        proposed_abandon(r);
        requests_wait_again(r, &r->reads.ready);
        requests_wait_again(r, &r->reads.asked);
        requests_wait_again(r, &r->reads.waiting);
        reads_forget_rounds(&r->reads); /* As the core has. */
    }
    admission_reset(&r->admission);
    forwards_wind_down(r);
}

void requests_place(struct replica *r)
{
    admission_look(&r->admission, raft_commit_index(r->raft), io_now_ns(r->io));
    requests_wait_again(r, &r->returned);
    forwarded_note_abandoned(r);
    if (forwards_are_winding_down(r)) {
        return;
    }
    if (list_is_empty(&r->waiting) && list_is_empty(&r->reads.waiting)) {
        return;
    }
    if (r->is_removed) {
        requests_place_as_removed(r);
    } else if (raft_role(r->raft) == RAFT_LEADER) {
        requests_place_as_leader(r);
    } else {
        requests_place_as_follower(r);
    }
}

/* --- the end ------------------------------------------------------------------------- */

static void end_list(struct replica *r, struct list *list)
{
    struct list *node;

    while ((node = list_first(list)) != NULL) {
        list_remove(node);
        request_fail(r, container_of(node, struct request, link), ERROR_STOPPING);
    }
}

void requests_end(struct replica *r)
{
    struct request *request;

    while ((request = pending_take_first(&r->proposed)) != NULL ||
           (request = pending_take_first(&r->forwards)) != NULL) {
        request_fail(r, request,
                     request_is_write(request) && !request->is_logged_read ? ERROR_IN_DOUBT
                                                                           : ERROR_STOPPING);
    }
    requests_wait_again(r, &r->returned);
    end_list(r, &r->waiting);
    end_list(r, &r->reads.waiting);
    end_list(r, &r->reads.asked);
    end_list(r, &r->reads.ready);
    admin_end(r);
}

/* --- those that waited too long ------------------------------------------------------ */

static void sweep_list(struct replica *r, struct list *list, uint64_t now_ns, const char *error)
{
    list_for_each(node, list)
    {
        struct request *request = container_of(node, struct request, link);

        if (request->deadline_ns <= now_ns) {
            list_remove(node);
            request_fail(r, request, error);
        }
    }
}

static void sweep_waiting(struct replica *r, uint64_t now_ns)
{
    if (raft_role(r->raft) == RAFT_LEADER) {
        sweep_list(r, &r->waiting, now_ns + admission_needed_ns(&r->admission, now_ns),
                   ERROR_NOT_TAKEN);
        return;
    }
    list_for_each(node, &r->waiting)
    {
        requests_give_up_late(r, container_of(node, struct request, link), now_ns);
    }
}

/* Most commands are due in the order in which they were placed, but not all. */
static void sweep_pending(struct replica *r, struct pending *pending, uint64_t now_ns)
{
    for (uint64_t number = pending->first; number < pending->next; number++) {
        struct request *request = pending_at(pending, number);

        if (request == NULL || request->deadline_ns > now_ns) {
            continue;
        }
        pending_take(pending, number);
        if (request_is_read(request) || MUTANT(timeout_said_failed)) {
            request_fail(r, request, ERROR_READ_LATE);
        } else {
            request_fail_in_doubt(r, request, ERROR_UNCONFIRMED);
        }
    }
}

static void sweep_in(struct replica *r, uint64_t ns)
{
    r->is_sweeping = true;
    r->sweep_due_ns = io_now_ns(r->io) + ns;
    io_timer_start(r->io, &r->sweep, r->sweep_due_ns);
}

void requests_sweep_start(struct replica *r)
{
    if (!r->is_sweeping && !r->is_ended) {
        sweep_in(r, SWEEP_NS);
    }
}

void requests_sweep_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, sweep);
    uint64_t now_ns = io_now_ns(r->io);

    r->is_sweeping = false;
    if (now_ns - r->sweep_due_ns > SWEEP_NS && !MUTANT(sweeps_before_it_looks)) {
        sweep_in(r, LOOK_FIRST_NS); /* This node was held up: answers may have come meanwhile. */
        return;
    }
    admission_look(&r->admission, raft_commit_index(r->raft), now_ns);
    forwards_sweep(r, now_ns);
    requests_wait_again(r, &r->returned);
    sweep_waiting(r, now_ns);
    sweep_list(r, &r->reads.waiting, now_ns, ERROR_READ_LATE);
    sweep_list(r, &r->reads.asked, now_ns, ERROR_READ_LATE);
    sweep_list(r, &r->reads.ready, now_ns, ERROR_READ_LATE);
    sweep_pending(r, &r->proposed, now_ns);
    sweep_pending(r, &r->forwards, now_ns);
    forwards_tell_abandoned(r);
    if (r->stats.pending_count > 0) {
        requests_sweep_start(r);
    }
}
