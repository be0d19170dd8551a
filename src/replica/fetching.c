/* fetching.c - see fetching.h. */
#include "replica/fetching.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"

#define MS (1000 * 1000ull)

enum {
    PART_BYTES = 512 * 1024,         /* Larger parts would delay answers to forwarded commands. */
    UNWRITTEN_MAX = 4 * 1024 * 1024, /* With more than this, it waits for the disk. */
    GROUP = 0,
    FAILURES_MAX = 3, /* Of which each doubles the pause. */
};

static const uint64_t RETRY_NS = 100 * MS;     /* If its holder is not connected. */
static const uint64_t PATIENCE_NS = 2000 * MS; /* For a part. */
/* If no part arrived for so long, another snapshot may be fetched instead. */
static const uint64_t STALL_NS = 10000 * MS;
static const uint64_t PAUSE_NS = 1000 * MS; /* After a damaged one. */
/* How long the leader's is not taken because that of a follower may soon be reached. */
static const uint64_t AWAIT_NS = 1000 * MS;
/* A follower that has failed to send one is not asked for so long. The leader always is. */
static const uint64_t AVOID_NS = 60000 * MS;

static void timer_fired(struct io_timer *timer);

void fetching_init(struct fetching *f, const struct fetching_options *options)
{
    *f = (struct fetching){.options = *options, .timer.fired = timer_fired};
}

void fetching_deinit(struct fetching *f)
{
    if (f->options.io != NULL) {
        io_timer_stop(f->options.io, &f->timer);
    }
    loaded_state_deinit(&f->loaded);
}

bool fetching_is_loaded(const struct fetching *f)
{
    return f->phase == FETCHING_LOADED;
}

uint64_t fetching_memory_bytes(const struct fetching *f)
{
    return atomic_load(&f->loaded_bytes);
}

uint64_t fetching_bytes_a_second(const struct fetching *f)
{
    uint64_t spent_ns = io_now_ns(f->options.io) - f->begun_ns;

    return f->phase != FETCHING_PARTS || spent_ns == 0
               ? 0
               : (uint64_t)((double)(f->offset - f->begun_bytes) * 1e9 / (double)spent_ns);
}

static struct store_snapshot offered(const struct raft_snapshot *offer)
{
    return (struct store_snapshot){.index = offer->last_included_index,
                                   .term = offer->last_included_term,
                                   .bytes = offer->bytes,
                                   .checksum = offer->checksum};
}

/* --- the end ------------------------------------------------------------------------- */

static void reset(struct fetching *f)
{
    f->phase = FETCHING_NONE;
    io_timer_stop(f->options.io, &f->timer);
    loaded_state_deinit(&f->loaded);
    atomic_store(&f->loaded_bytes, 0);
}

/* Longer each time, until one was good. */
static void pause(struct fetching *f)
{
    f->not_before_ns = io_now_ns(f->options.io) + (PAUSE_NS << f->failures);
    if (f->failures < FAILURES_MAX) {
        f->failures++;
    }
}

/* A part whose write has failed is not read back: the system may show what is not on the disk. */
static enum snapshot_end end_after(int error)
{
    return error == -ENOSPC || error == -EDQUOT || MUTANT(failed_part_believed) ? SNAPSHOT_SUSPEND
                                                                                : SNAPSHOT_REJECT;
}

static void receiving_ended(struct snapshot_receiving *receiving, int error)
{
    struct fetching *f = container_of(receiving, struct fetching, receiving);
    void (*ended)(void *context, int error) = f->ended;

    f->ended = NULL;
    if (error != 0) {
        pause(f);
        f->is_distrusted = end_after(error) == SNAPSHOT_REJECT;
    }
    if (ended != NULL) {
        ended(f->options.context, error);
    } else {
        reset(f);
    }
}

static void stop(struct fetching *f, enum snapshot_end how)
{
    f->phase = FETCHING_ENDS;
    io_timer_stop(f->options.io, &f->timer);
    snapshot_receive_end(&f->receiving, how);
}

/* `index`: only that one; 0: any that it has. */
static void avoid(struct fetching *f, raft_index index)
{
    if (!f->is_from_leader && !MUTANT(gone_holder_asked_again)) {
        f->avoided = f->wanted.holder;
        f->avoided_index = index;
        f->avoided_until_ns = io_now_ns(f->options.io) + AVOID_NS;
    }
}

static void fail(struct fetching *f, enum snapshot_end how, const char *reason)
{
    log_write(f->options.log, LOG_WARN, "a snapshot could not be fetched",
              "index=%llu holder=%016llx bytes=%llu of=%llu reason=" LOG_Q,
              (unsigned long long)f->wanted.last_included_index,
              (unsigned long long)f->wanted.holder, (unsigned long long)f->offset,
              (unsigned long long)f->wanted.bytes, reason);
    pause(f);
    stop(f, how);
}

/* Because of what its holder sends. */
static void fail_holder(struct fetching *f, enum snapshot_end how, const char *reason)
{
    avoid(f, 0);
    fail(f, how, reason);
}

void fetching_drop(struct fetching *f)
{
    switch (f->phase) {
    case FETCHING_NONE:
    case FETCHING_ENDS:
    case FETCHING_OPENS: /* It is dropped once it is open. */
        return;
    case FETCHING_LOADS:
        snapshot_load_cancel(&f->load);
        return;
    case FETCHING_PARTS:
    case FETCHING_LOADED:
        stop(f, SNAPSHOT_REJECT);
        return;
    }
}

void fetching_accept(struct fetching *f, void (*ended)(void *context, int error))
{
    CHECK(f->phase == FETCHING_LOADED);
    f->ended = ended;
    stop(f, SNAPSHOT_ACCEPT);
}

void fetching_end(struct fetching *f)
{
    CHECK(f->phase == FETCHING_ENDS);
    reset(f);
}

/* --- loading ------------------------------------------------------------------------- */

static int take_chunk(struct snapshot_load *load, const struct snapshot_chunk *chunk)
{
    struct fetching *f = container_of(load, struct fetching, load);
    int rv = loaded_state_take(&f->loaded, chunk);

    atomic_store(&f->loaded_bytes, keyspace_memory_bytes(f->loaded.keyspace));
    return rv;
}

static int finish_state(struct snapshot_load *load, const struct store_snapshot *snapshot)
{
    struct fetching *f = container_of(load, struct fetching, load);

    return loaded_state_finish(&f->loaded, snapshot) ? 0 : -EBADMSG;
}

static void load_done(struct snapshot_load *load, int error)
{
    struct fetching *f = container_of(load, struct fetching, load);

    if (error == -EBADMSG) {
        f->options.damaged(f->options.context, f->wanted.holder, &f->receiving.snapshot);
    }
    if (error != 0) {
        fail_holder(f, SNAPSHOT_REJECT,
                    error == STORE_EFORMAT
                        ? "it has a section that this program does not know: install a newer "
                          "version"
                        : "its content is incomplete, or differs from its digest");
    } else if (f->loaded.level > f->options.level_max) {
        fail(f, SNAPSHOT_REJECT,
             "its feature level is newer than this program: install a newer "
             "version");
    } else {
        f->receiving.snapshot.time_us = load->snapshot.time_us;
        f->phase = FETCHING_LOADED;
        f->failures = 0;
        f->options.loaded(f->options.context);
    }
}

static void load(struct fetching *f)
{
    f->phase = FETCHING_LOADS;
    io_timer_stop(f->options.io, &f->timer);
    loaded_state_init(&f->loaded, f->options.hash_seed);
    loaded_state_expect(&f->loaded, f->receiving.snapshot.bytes);
    keyspace_advance_time(f->loaded.keyspace, f->receiving.snapshot.time_us);
    f->load = (struct snapshot_load){.snapshot = f->receiving.snapshot,
                                     .each = take_chunk,
                                     .finish = finish_state,
                                     .done = load_done};
    snapshot_load(f->options.store, &f->load);
}

/* --- parts --------------------------------------------------------------------------- */

static void wait_until(struct fetching *f, uint64_t at_ns)
{
    io_timer_start(f->options.io, &f->timer, at_ns);
}

static void ask(struct fetching *f)
{
    uint64_t now_ns = io_now_ns(f->options.io);
    struct buffer *out = peers_fetch(f->options.peers, f->wanted.holder);
    struct wire_fetch fetch = {
        .group = GROUP,
        .index = f->wanted.last_included_index,
        .term = f->wanted.last_included_term,
        .bytes = f->wanted.bytes,
        .checksum = f->wanted.checksum,
        .offset = f->offset,
        .size = PART_BYTES,
    };

    if (f->is_asked || f->receiving.unwritten_bytes > UNWRITTEN_MAX) {
        return;
    }
    if (now_ns < f->next_ns) {
        wait_until(f, f->next_ns);
        return;
    }
    if (out == NULL) {
        wait_until(f, now_ns + RETRY_NS);
        return;
    }
    wire_put_fetch(out, &fetch);
    f->is_asked = true;
    f->asked_ns = now_ns;
    wait_until(f, now_ns + PATIENCE_NS);
}

static void go_on(struct fetching *f)
{
    if (f->offset < f->wanted.bytes) {
        ask(f);
    } else if (f->receiving.unwritten_bytes == 0) {
        load(f);
    }
}

static void timer_fired(struct io_timer *timer)
{
    struct fetching *f = container_of(timer, struct fetching, timer);
    uint64_t now_ns = io_now_ns(f->options.io);

    if (f->phase != FETCHING_PARTS) {
        return;
    }
    if (f->is_asked && peers_part_is_arriving(f->options.peers, f->wanted.holder)) {
        f->heard_ns = now_ns; /* The link is slow. */
        wait_until(f, now_ns + PATIENCE_NS);
        return;
    }
    if (now_ns >= f->asked_ns + PATIENCE_NS) {
        f->is_asked = false; /* It is lost, or its holder is busy. */
    }
    go_on(f);
}

static void opened(struct snapshot_receiving *receiving, int error)
{
    struct fetching *f = container_of(receiving, struct fetching, receiving);

    if (error != 0 || f->is_distrusted) {
        f->is_distrusted = false;
        fail(f, error != 0 ? end_after(error) : SNAPSHOT_REJECT,
             error != 0 ? strerror(-error)
                        : "what an earlier attempt has left could not be synced");
        return;
    }
    f->phase = FETCHING_PARTS;
    f->offset = receiving->held_bytes;
    f->begun_bytes = f->offset;
    log_write(f->options.log, LOG_INFO, "a snapshot is being fetched",
              "index=%llu holder=%016llx bytes=%llu from=%llu",
              (unsigned long long)f->wanted.last_included_index,
              (unsigned long long)f->wanted.holder, (unsigned long long)f->wanted.bytes,
              (unsigned long long)f->offset);
    go_on(f);
}

static void appended(struct snapshot_receiving *receiving, int error)
{
    struct fetching *f = container_of(receiving, struct fetching, receiving);

    if (f->phase != FETCHING_PARTS) {
        return;
    }
    if (error != 0) {
        fail(f, end_after(error), strerror(-error));
    } else {
        go_on(f);
    }
}

static bool is_awaited(const struct fetching *f, raft_id from, const struct wire_part *part)
{
    return f->phase == FETCHING_PARTS && f->is_asked && from == f->wanted.holder &&
           part->index == f->wanted.last_included_index && part->checksum == f->wanted.checksum &&
           part->offset == f->offset;
}

static void pace(struct fetching *f, uint64_t bytes)
{
    if (f->options.rate_bytes > 0) {
        f->next_ns = f->asked_ns + bytes * (1000 * MS) / f->options.rate_bytes;
    }
}

void fetching_on_part(struct fetching *f, raft_id from, const struct wire_part *part)
{
    struct buffer bytes = {0};

    if (!is_awaited(f, from, part)) {
        return; /* An answer to an earlier attempt. */
    }
    f->is_asked = false;
    if (part->outcome == WIRE_SNAPSHOT_GONE) {
        avoid(f, part->index);
        fail(f, SNAPSHOT_SUSPEND, "its holder does not have it any more");
        return;
    }
    if (part->bytes.size == 0 || part->bytes.size > f->wanted.bytes - f->offset) {
        fail_holder(f, SNAPSHOT_REJECT, "its holder sent more bytes than there are, or none");
        return;
    }
    buffer_append_slice(&bytes, part->bytes);
    snapshot_append(&f->receiving, f->offset, &bytes);
    f->offset += part->bytes.size;
    f->heard_ns = io_now_ns(f->options.io);
    pace(f, part->bytes.size);
    if (f->offset < f->wanted.bytes) {
        ask(f);
    }
}

/* --- which one ----------------------------------------------------------------------- */

/* The leader's own is offered with the same heartbeat. It is left for a moment if only the
 * connection to the follower is not there yet. */
static bool is_to_avoid(struct fetching *f, const struct raft_snapshot *offer, bool is_from_leader)
{
    bool is_avoided = offer->holder == f->avoided &&
                      (f->avoided_index == 0 || f->avoided_index == offer->last_included_index);
    uint64_t now_ns = io_now_ns(f->options.io);

    if (is_from_leader) {
        return f->awaited_until_ns > now_ns;
    }
    if (is_avoided && now_ns < f->avoided_until_ns) {
        return true;
    }
    if (peers_fetch(f->options.peers, offer->holder) != NULL) {
        return false;
    }
    if (f->awaited_until_ns == 0) {
        f->awaited_until_ns = now_ns + AWAIT_NS;
    }
    return true;
}

static void begin(struct fetching *f, const struct raft_snapshot *offer, raft_id leader)
{
    uint64_t now_ns = io_now_ns(f->options.io);
    struct store_snapshot snapshot = offered(offer);
    bool is_from_leader = offer->holder == leader;

    if (now_ns < f->not_before_ns || !snapshot_is_possible(&snapshot) ||
        is_to_avoid(f, offer, is_from_leader)) {
        return;
    }
    f->awaited_until_ns = 0;
    f->wanted = *offer;
    f->is_from_leader = is_from_leader;
    f->phase = FETCHING_OPENS;
    f->offset = 0;
    f->is_asked = false;
    f->next_ns = 0;
    f->begun_ns = now_ns;
    f->heard_ns = now_ns;
    f->receiving = (struct snapshot_receiving){
        .snapshot = snapshot, .opened = opened, .appended = appended, .ended = receiving_ended};
    snapshot_receive(f->options.store, &f->receiving);
}

static bool is_stalled(const struct fetching *f)
{
    bool is_connected = peers_fetch(f->options.peers, f->wanted.holder) != NULL;

    return f->phase == FETCHING_PARTS &&
           io_now_ns(f->options.io) - f->heard_ns >= (is_connected ? STALL_NS : STALL_NS / 2);
}

void fetching_offer(struct fetching *f, const struct raft_snapshot *offer, raft_id leader)
{
    struct store_snapshot snapshot = offered(offer);

    if (f->phase == FETCHING_NONE) {
        begin(f, offer, leader);
    } else if (f->phase == FETCHING_PARTS && snapshot_is_same(&snapshot, &f->receiving.snapshot)) {
        if (peers_fetch(f->options.peers, f->wanted.holder) == NULL) {
            f->wanted.holder = offer->holder; /* That node has the same bytes. */
            f->is_from_leader = offer->holder == leader;
        }
    } else if (is_stalled(f) ||
               (f->phase == FETCHING_PARTS && MUTANT(newer_snapshot_restarts_fetch))) {
        avoid(f, 0);
        stop(f, SNAPSHOT_REJECT); /* The next offer will be accepted. */
    }
}
