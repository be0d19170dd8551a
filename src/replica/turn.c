/* turn.c - the turn of a replica, and the timer for what is due without any input. */
#include "base/mutant.h"
#include "replica/admin.h"
#include "replica/stage_notes.h"
#include "replica/state.h"

enum {
    TURN_NS = 4 * 1000 * 1000,
    TIDY_ITEMS = 2000,
};

bool replica_window_is_full(const struct replica *r)
{
    return r->window.bytes > r->options.log_memory_bytes + r->options.in_flight_bytes_max;
}

void replica_trim_window(struct replica *r)
{
    bool was_full = replica_window_is_full(r);
    raft_index durable_index = raft_durable_index(r->raft);
    /* What is not applied to a wrong state is read from the disk for the next one. */
    raft_index needed_index =
        quarantine_applies(&r->quarantine) ? r->applied_index : raft_commit_index(r->raft);
    raft_index up_to = needed_index < durable_index ? needed_index : durable_index;

    log_window_trim(&r->window, up_to, r->options.log_memory_bytes);
    if (was_full && !replica_window_is_full(r) && !MUTANT(window_wakes_nobody)) {
        io_turn_soon(r->io); /* For the writes that wait for it. */
    }
}

/* For what must be done without any input. */
static void arm(struct replica *r)
{
    uint64_t at_ns = ticker_due_ns(&r->ticker);
    uint64_t stop_ns = stopping_due_ns(&r->stopping, io_now_ns(r->io));

    if (r->proposals.gathering_ends_ns != 0 && r->proposals.gathering_ends_ns < at_ns) {
        at_ns = r->proposals.gathering_ends_ns;
    }
    if (stop_ns < at_ns) {
        at_ns = stop_ns;
    }
    if (r->is_running) {
        expiry_arm(r);
        at_ns = r->expiry.due_ns < at_ns ? r->expiry.due_ns : at_ns;
    }
    if (at_ns != UINT64_MAX) {
        io_timer_start(r->io, &r->timer, at_ns);
    }
    if (r->is_answering && r->proposals.gathering_ends_ns != 0 && !MUTANT(answers_wake_nobody)) {
        io_turn_soon(r->io); /* Writes that wait until these answers are sent are proposed then. */
    }
}

/* Nodes that forward commands get the time with each heartbeat, and at once from a new leader. */
static void tell_time(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);

    if (raft_role(r->raft) == RAFT_LEADER &&
        now_ns - r->clock_sent_ns >= r->options.heartbeat_interval_ns / 2) {
        r->clock_sent_ns = now_ns;
        peers_send_time(r->peers);
    }
}

/* The memory of deleted values is freed in small parts, turn by turn. */
static void give_memory_back(struct replica *r)
{
    bool was_cleared = keyspace_cleared_bytes(r->keyspace) > 0;
    bool is_cleared =
        was_cleared && !MUTANT(deleted_stays_in_memory) && keyspace_tidy(r->keyspace, TIDY_ITEMS);

    if (is_cleared || (r->is_memory_awaited && (was_cleared || r->is_answering))) {
        io_turn_soon(r->io);
    }
}

/* The same for the keyspace that a snapshot has replaced. */
static void free_retired(struct replica *r)
{
    if (r->retired == NULL) {
        return;
    }
    if (keyspace_tidy(r->retired, TIDY_ITEMS)) {
        io_turn_soon(r->io);
    } else {
        keyspace_free(r->retired);
        r->retired = NULL;
    }
}

/* Places each waiting change and request as far as possible now. */
static void place_all(struct replica *r)
{
    r->proposals.gathering_ends_ns = 0;
    stop_progress(r);
    disk_look(r);
    isolation_look(r);
    leading_look(r);
    level_look(r);
    expiry_look(r);
    admin_show_log(r);
    admin_progress(r);
    place_requests(r);
}

static void prepare_peers(struct replica *r)
{
    tell_time(r);
    peers_set_applied(r->peers, r->applied_index);
    compare_send(r);
    memory_announce(r);
    peers_set_holds(r->peers, r->forwards.leader, forwards_held_from(&r->forwards),
                    r->forwards.sent.next);
}

void replica_place(struct replica *r)
{
    time_share_begin(&r->share, r->io, r->probe, TURN_NS);
    r->is_answering = r->is_running && quarantine_applies(&r->quarantine) &&
                      raft_commit_index(r->raft) > r->applied_index;
    if (r->is_running) {
        install_look(r);
        repair_look(r);
        if (!r->is_installing) {
            place_all(r);
        }
        store_flush(r->store);
        prepare_peers(r);
    }
}

/* What was applied in this turn may be what stale reads waited for. */
static void take_stale_again(struct replica *r)
{
    bool wanted_refresh = r->reads.wants_refresh;

    place_take_stale(r);
    if (r->reads.wants_refresh && !wanted_refresh) {
        io_turn_soon(r->io); /* The next turn asks. */
    }
}

void replica_execute(struct replica *r)
{
    raft_index applied_index = r->applied_index;

    if (r->is_running) {
        replica_apply(r);
        read_index_note_applied(r, applied_index);
        take_stale_again(r);
        stage_notes_applied(r);
        memory_note_applied(r);
        replica_serve_reads(r);
    }
    replica_trim_window(r);
    if (r->is_running) {
        backups_look(r); /* Before the log is cut: it says what is needed. */
        snapshots_look(r);
        isolation_settle(r);
    }
    give_memory_back(r);
    free_retired(r);
    if (!r->is_ended) {
        arm(r);
    }
}

/* This node itself may have been held up (by a huge value, or because the process was stopped).
 * What has arrived meanwhile is read first, or it would take its own silence for the leader's.
 * It can't know that otherwise, because it may have woken up right at its deadline. */
static bool may_have_slept(const struct replica *r, uint64_t now_ns)
{
    bool is_late = now_ns - r->ticker.deadline_ns > r->options.heartbeat_interval_ns / 2;

    return is_late || (raft_role(r->raft) != RAFT_LEADER && !MUTANT(trusts_its_timer));
}

/* A leader in the middle of a long entry is alive, though its heartbeats may wait behind the
 * work on that entry, there or here. */
static bool hears_an_entry(const struct replica *r, uint64_t now_ns)
{
    return raft_role(r->raft) == RAFT_FOLLOWER &&
           peers_is_receiving(r->peers, raft_leader(r->raft),
                              now_ns - 2 * r->options.heartbeat_interval_ns);
}

void replica_timer_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, timer);
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = io_now_ns(r->io)};

    if (!r->is_running || event.now_ns < ticker_due_ns(&r->ticker)) {
        return;
    }
    if (r->is_installing || (may_have_slept(r, event.now_ns) && !ticker_is_late(&r->ticker)) ||
        hears_an_entry(r, event.now_ns)) {
        ticker_wait(&r->ticker, event.now_ns); /* The turn arms the timer for then. */
        return;
    }
    replica_step(r, &event, NULL);
}
