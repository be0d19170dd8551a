/* forwards.c - as follower: commands on their way to the leader, and back. */
#include "replica/state.h"

#include "base/mutant.h"
#include "resp/errors.h"

enum {
    FORWARD_BACKLOG_BYTES = 64 * 1024 * 1024,
    FORWARD_GRACE_HEARTBEATS = 6,
    LEADERS_LOST_MAX = 2
};

static void forward(struct replica *r, struct buffer *out, struct request *request)
{
    uint64_t correlation = r->forwards.next;
    struct wire_forward f = {
        .correlation = correlation,
        .term = raft_current_term(r->raft),
        .resp_version = request->resp_version == 3 ? 3 : 2,
        .is_logged_read = request->is_logged_read,
        .until_ns = peers_time_there(&r->peers, raft_leader(r->raft), request->deadline_ns),
        .command = entry_payload(request->entry),
    };

    wire_put_forward(out, &f);
    request->is_abandon_reported = false;
    list_remove(&request->link);
    pending_put(&r->forwards, correlation, request);
    r->forwards_to = raft_leader(r->raft);
    r->forwards_term = raft_current_term(r->raft);
    r->stats.forwarded_count++;
}

void place_as_follower(struct replica *r)
{
    raft_id leader = raft_leader(r->raft);
    bool is_refused = r->refused_term == raft_current_term(r->raft);
    struct buffer *out = leader == 0 || is_refused ? NULL : peers_forward(&r->peers, leader);

    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (requests_give_back(&r->requests, request)) {
            continue;
        }
        if (out != NULL && buffer_size(out) < FORWARD_BACKLOG_BYTES) {
            forward(r, out, request);
        } else if (request_is_admin(request) && leader == 0) {
            admin_answer_locally(r, request);
        } else if (out == NULL && requests_fail_late(&r->requests, request, io_now_ns(r->io),
                                                     place_no_leader_error(r))) {
            continue;
        } else if (request->is_abandoned) {
            list_remove(node); /* Nobody waits for it, and it may be sent again elsewhere. */
            requests_fail(&r->requests, request, ERROR_ABANDONED);
        }
    }
}

void requests_answered(struct replica *r, const struct wire_answer *a)
{
    struct request *request = MUTANT(answers_cross) ? pending_take_first(&r->forwards)
                                                    : pending_take(&r->forwards, a->correlation);

    if (request == NULL) {
        return; /* Given up before: the client was told that it is in doubt. */
    }
    if (a->outcome == WIRE_NOT_LEADER) {
        r->refused_term = r->forwards_term;
        requests_return(&r->requests,
                        request); /* Certainly not executed: it waits for another leader. */
        return;
    }

    struct resp_writer *w = request->reply(request);

    buffer_append_slice(w->out, a->reply);
    requests_finish(&r->requests, request, a->executed_index);
}

/* What waits for room at the leader is not to wait for nobody. It is told behind the commands, on
 * the same connection, so it never comes before them. */
void forwards_tell_abandoned(struct replica *r)
{
    struct pending *p = &r->forwards;
    struct buffer *out = p->count == 0 ? NULL : peers_forward(&r->peers, r->forwards_to);

    for (uint64_t number = p->first; out != NULL && number < p->next; number++) {
        struct request *request = pending_at(p, number);

        if (request != NULL && request->is_abandoned && !request->is_abandon_reported &&
            !MUTANT(abandon_untold)) {
            request->is_abandon_reported = true;
            wire_put_abandon(out, &(struct wire_abandon){.correlation = number});
        }
    }
}

/* --- when the leader changes ----------------------------------------------------------- */

/* The leader has changed, but the old one may be there still, and then it answers each
 * command that it was sent: executed, refused, or in doubt. It gets a moment for that.
 * Meanwhile nothing is placed, so that what it refuses keeps its place in the order. */
void forwards_wind_down(struct replica *r)
{
    if (r->forwards.count == 0) {
        r->forward_grace_ns = 0;
    } else if (raft_role_reason(r->raft) == RAFT_BECAUSE_TIMEOUT ||
               !peers_may_answer(&r->peers, r->forwards_to)) {
        forwards_abandon(r); /* It has been silent for long, or is gone. */
    } else if (r->forward_grace_ns == 0) {
        r->forward_grace_ns =
            io_now_ns(r->io) + FORWARD_GRACE_HEARTBEATS * r->options.heartbeat_interval_ns;
    }
}

bool forwards_are_winding_down(struct replica *r)
{
    if (r->forwards.count == 0) {
        r->forward_grace_ns = 0;
    }
    return r->forward_grace_ns != 0;
}

/* Who was removed hears nothing but these answers, until that connection is closed. */
void forwards_sweep(struct replica *r, uint64_t now_ns)
{
    if (forwards_are_winding_down(r) && now_ns >= r->forward_grace_ns &&
        (!r->is_removed || MUTANT(removed_gives_up_soon))) {
        forwards_abandon(r);
    }
}

void forwards_note_held(struct replica *r)
{
    uint64_t first;

    r->peers.held_by = r->forwards_to;
    r->peers.held_from_all = r->forwards.next;
    r->peers.held_from = pending_first(&r->forwards, &first) == NULL ? r->forwards.next : first;
}

void forwards_lost(struct replica *r, raft_id id)
{
    if (id == r->forwards_to) {
        forwards_abandon(r);
    }
}

/* What hangs one leader must not hang the next, and the one after that. A read in the log would
 * be executed behind others of its connection than those that it came with. */
static bool may_try_again(struct request *request)
{
    if (!request_changes_nothing(request) || request->is_logged_read ||
        (request->is_query && MUTANT(query_given_up))) {
        return false;
    }
    request->lost_count++;
    return request->lost_count < LEADERS_LOST_MAX || MUTANT(read_tried_for_ever);
}

void forwards_abandon(struct replica *r)
{
    struct request *request;
    struct list again;

    list_init(&again);
    while ((request = pending_take_first(&r->forwards)) != NULL) {
        if (MUTANT(forward_retried) || may_try_again(request)) {
            list_append(&again, &request->link);
        } else {
            requests_give_up(&r->requests, request, ERROR_IN_DOUBT,
                             request->is_logged_read ? ERROR_READ_LATE : ERROR_READ_LOST);
        }
    }
    requests_wait_again(&r->requests, &again);
}
