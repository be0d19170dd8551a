/* place.c - sends each command on its way: at the leader into the log or a round of reads,
 * elsewhere to the leader, or to the reads that this node serves itself. And takes it back: when
 * the role changes, when its time is over, at the end. */
#include "replica/state.h"

#include "base/check.h"
#include "base/mutant.h"
#include "replica/admin.h"
#include "replica/forwarded.h"
#include "resp/errors.h"

enum {
    IN_TIME_SHARE = 4, /* The part of a command's time that its entry may wait: see admission.h. */
    FORWARD_BACKLOG_BYTES = 64 * 1024 * 1024,
    FORWARD_GRACE_HEARTBEATS = 6,
};

static void sweep_fired(struct io_timer *timer);

void place_init(struct replica *r)
{
    uint64_t correlation;

    io_random(r->io, &correlation, sizeof correlation);
    r->intake = (struct intake){.bytes_max = r->options.in_flight_bytes_max,
                                .log_bytes_max = r->options.log_memory_bytes};
    requests_init(&r->requests, r->options.request_timeout_ns);
    sweeper_init(&r->sweeper, r->io, sweep_fired);
    reads_init(&r->reads);
    read_index_init(&r->read_index, correlation);
    admin_init(r);
    proposals_init(&r->proposals, &r->requests, r->options.request_timeout_ns / IN_TIME_SHARE,
                   r->options.in_flight_bytes_max);
    forwards_init(&r->forwards, &r->requests, correlation & (UINT64_MAX >> 1));
    if (r->options.piece_bytes > 0) {
        r->forwards.piece_bytes = r->options.piece_bytes;
    }
}

void place_deinit(struct replica *r)
{
    sweeper_deinit(&r->sweeper);
    proposals_deinit(&r->proposals);
    forwards_deinit(&r->forwards);
    promises_deinit(&r->promises);
}

/* --- what is taken ------------------------------------------------------------------- */

static bool leads(const struct replica *r)
{
    return raft_role(r->raft) == RAFT_LEADER;
}

bool replica_is_congested(const struct replica *r)
{
    return r->stopping.is_handed_over ||
           intake_is_full(&r->intake, &r->requests, leads(r), r->window.bytes);
}

bool replica_has_room_again(const struct replica *r)
{
    return !r->stopping.is_handed_over &&
           intake_has_room_again(&r->intake, &r->requests, leads(r), r->window.bytes);
}

bool replica_refuses_forwarded(const struct replica *r, const struct command *command)
{
    bool needs_room = (command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0;

    return r->stopping.is_handed_over ||
           (needs_room &&
            intake_is_full_for_others(&r->intake, &r->requests, leads(r), r->window.bytes));
}

void replica_submit(struct replica *r, struct request *request)
{
    requests_submit(&r->requests, request, io_now_ns(r->io));
    if (!r->is_ended) {
        sweeper_start(&r->sweeper);
    }
}

/* --- where it goes ------------------------------------------------------------------- */

/* Queries that this node can answer alone are answered; the rest fails. */
static void place_as_removed(struct replica *r)
{
    struct list *node;

    list_for_each(each, &r->requests.waiting)
    {
        struct request *request = container_of(each, struct request, link);

        if (request_is_admin(request)) {
            admin_answer_locally(r, request);
        }
    }
    while ((node = list_first(&r->requests.waiting)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        if (!requests_give_back(&r->requests, request)) {
            list_remove(node);
            requests_fail(&r->requests, request, ERROR_REMOVED);
        }
    }
}

static const char *no_leader_error(const struct replica *r)
{
    return replica_cluster_id(r) == 0 ? ERROR_NOT_JOINED : ERROR_NO_LEADER;
}

void place_take_stale(struct replica *r)
{
    freshness_note_applied(&r->reads.freshness, r->applied_index);
    if (r->reads.may_have_stale) {
        reads_take_stale(&r->reads, peers_time_now(r->peers), r->applied_index);
    }
}

/* While a former leader may answer, nothing is forwarded. */
static bool may_forward(struct replica *r, raft_id leader)
{
    return leader != 0 && !forwards_are_winding_down(&r->forwards) &&
           forwards_may_send(&r->forwards, raft_current_term(r->raft));
}

/* `out` is for the leader; NULL: not now. */
static void place_one_as_follower(struct replica *r, struct request *request, struct buffer *out)
{
    struct requests *q = &r->requests;
    raft_id leader = raft_leader(r->raft);
    raft_term term = raft_current_term(r->raft);

    if (out != NULL && buffer_size(out) < FORWARD_BACKLOG_BYTES) {
        forwards_send(&r->forwards, request, leader, term,
                      peers_time_there(r->peers, leader, request->deadline_ns), out);
    } else if (request_is_admin(request) && leader == 0) {
        admin_answer_locally(r, request);
    } else if (out == NULL &&
               requests_fail_late(q, request, io_now_ns(r->io), no_leader_error(r))) {
        return;
    } else if (request->is_abandoned) {
        /* Its client does not wait any more, and may have sent it again elsewhere. */
        list_remove(&request->link);
        requests_fail(q, request, ERROR_ABANDONED);
    }
}

/* A stale read may need no leader. */
static bool is_here(const struct request *request, enum read_way way)
{
    return way == READ_HERE || (way == READ_WAIT_FOR_LEADER && request->read_mode == READ_STALE);
}

static void place_as_follower(struct replica *r)
{
    raft_id leader = raft_leader(r->raft);
    struct buffer *out = may_forward(r, leader) ? peers_forward(r->peers, leader) : NULL;

    read_index_judge(r);

    enum read_way way = read_index_way(r);

    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);

        if (requests_give_back(&r->requests, request) ||
            (request_is_admin(request) && admin_confirm_added(r, request))) {
            continue;
        }
        if (request_is_read(request) && is_here(request, way)) {
            list_remove(node);
            reads_add(&r->reads, request);
        } else {
            bool must_wait = request_is_read(request) && way != READ_FORWARD;

            place_one_as_follower(r, request, must_wait ? NULL : out);
        }
    }
    place_take_stale(r);
    if (leader == 0) {
        reads_fail_stale(&r->reads, &r->requests, no_leader_error(r));
    }
    read_index_ask(r);
}

static bool is_idle(const struct replica *r)
{
    return list_is_empty(&r->requests.waiting) && !reads_are_under_way(&r->reads) &&
           !askers_want_round(&r->askers);
}

/* This node does not lead any more, and takes no command. */
static void give_back_forwarded(struct replica *r)
{
    list_for_each(node, &r->requests.waiting)
    {
        (void)requests_give_back(&r->requests, container_of(node, struct request, link));
    }
}

void place_requests(struct replica *r)
{
    admission_look(&r->proposals.admission, raft_commit_index(r->raft), io_now_ns(r->io));
    requests_take_returned(&r->requests);
    forwarded_note_abandoned(r);
    freshness_note_applied(&r->reads.freshness, r->applied_index);
    if (is_idle(r)) {
        return;
    }
    if (repair_holds_commands(r)) {
        give_back_forwarded(r);
        return;
    }
    if (raft_role(r->raft) != RAFT_LEADER && !r->is_removed) {
        place_as_follower(r);
    } else if (forwards_are_winding_down(&r->forwards)) {
        return;
    } else if (r->is_removed) {
        reads_take_back(&r->reads, &r->requests);
        place_as_removed(r);
    } else {
        place_as_leader(r);
    }
}

/* Until when the former leader may answer; 0: it has been silent for long, or has gone. */
static uint64_t grace_ends_ns(struct replica *r)
{
    return raft_role_reason(r->raft) == RAFT_BECAUSE_TIMEOUT ||
                   !peers_may_answer(r->peers, r->forwards.leader)
               ? 0
               : io_now_ns(r->io) + FORWARD_GRACE_HEARTBEATS * r->options.heartbeat_interval_ns;
}

void place_again(struct replica *r)
{
    if (r->seen_role == RAFT_LEADER) {
        admin_abandon(r);
        proposals_abandon(&r->proposals, r->raft);
        askers_forget(&r->askers);
    }
    reads_take_back(&r->reads, &r->requests); /* The core has dropped its rounds, too. */
    admission_reset(&r->proposals.admission);
    memory_begin_term(r);
    forwards_wind_down(&r->forwards, grace_ends_ns(r));
}

/* --- the end ------------------------------------------------------------------------- */

void place_end(struct replica *r)
{
    proposals_end(&r->proposals);
    forwards_end(&r->forwards);
    requests_take_returned(&r->requests);
    requests_fail_all(&r->requests, &r->requests.waiting, ERROR_STOPPING);
    reads_fail_overdue(&r->reads, &r->requests, UINT64_MAX, ERROR_STOPPING);
    admin_end(r);
}

/* --- those that waited too long ------------------------------------------------------ */

static void sweep_waiting(struct replica *r, uint64_t now_ns)
{
    struct requests *q = &r->requests;

    if (raft_role(r->raft) == RAFT_LEADER) {
        requests_fail_overdue(q, &q->waiting,
                              now_ns + admission_needed_ns(&r->proposals.admission, now_ns),
                              ERROR_NOT_TAKEN);
        return;
    }
    list_for_each(node, &q->waiting)
    {
        requests_fail_late(q, container_of(node, struct request, link), now_ns, no_leader_error(r));
    }
}

static void report_abandoned(struct replica *r)
{
    if (r->forwards.sent.count > 0) {
        forwards_report_abandoned(&r->forwards, peers_forward(r->peers, r->forwards.leader));
    }
}

static void sweep(struct replica *r, uint64_t now_ns)
{
    admission_look(&r->proposals.admission, raft_commit_index(r->raft), now_ns);
    forwards_sweep(&r->forwards, r->is_removed, now_ns);
    requests_take_returned(&r->requests);
    sweep_waiting(r, now_ns);
    reads_fail_overdue(&r->reads, &r->requests, now_ns, ERROR_READ_LATE);
    proposals_sweep(&r->proposals, now_ns);
    report_abandoned(r);
}

static void sweep_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, sweeper.timer);

    if (!sweeper_may_sweep(&r->sweeper)) {
        return;
    }
    sweep(r, io_now_ns(r->io));
    if (r->requests.count > 0 && !r->is_ended) {
        sweeper_start(&r->sweeper);
    }
}
