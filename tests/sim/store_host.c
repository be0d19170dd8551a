/* store_host.c - see store_host.h. */
#include "store_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/memory.h"
#include "raft/raft.h"

enum { ENTRIES_MAX = 8 };

/* --- scripts -------------------------------------------------------------------------- */

#define SCRIPT(array, bytes)                                                                       \
    {                                                                                              \
        .steps = (array), .step_count = sizeof(array) / sizeof *(array), .segment_bytes = (bytes)  \
    }

static const struct step short_steps[] = {
    {.with_vote = true, .entry_count = 1},
    {.entry_count = 3, .size = 40},
    {.entry_count = 2, .size = 200, .is_gathered = true}, /* Two batches in one job. */
    {.with_vote = true, .cut_count = 2, .entry_count = 1, .size = 10},
    {.with_vote = true},
    {.with_vote = true, .cut_count = 1, .entry_count = 2, .size = 60},
    {.cut_count = 2}, /* Only a cut. */
    {.entry_count = 2, .size = 900},
    {.entry_count = 3, .size = 900},
    {.entry_count = 2, .size = 1500}, /* In the second segment. */
    {.entry_count = 1, .size = 9000}, /* In a segment of its own. */
    {.entry_count = 2, .size = 30},
    {.with_vote = true, .cut_count = 3, .entry_count = 1, .size = 9000}, /* Also cuts that one. */
    {.with_vote = true, .cut_count = 2, .entry_count = 2, .size = 20},
};

const struct script script_short = SCRIPT(short_steps, 8192);

static const struct step origin_steps[] = {
    {.with_vote = true, .entry_count = 3, .size = 900},
    {.entry_count = 3, .size = 1000, .with_move = true, .keep_count = 5}, /* In the only segment. */
    {.with_vote = true, .cut_count = 2, .entry_count = 2, .size = 1500},
    /* In the second segment. */
    {.entry_count = 3, .size = 1500, .with_move = true, .keep_count = 1},
    {.entry_count = 1, .size = 9000},
    {.entry_count = 2, .size = 20, .with_move = true}, /* After the end of the log. */
    {.entry_count = 2, .size = 60},
};

const struct script script_origin = SCRIPT(origin_steps, 8192);

static const struct step snapshot_steps[] = {
    {.with_vote = true, .entry_count = 3, .size = 900},
    {.entry_count = 2, .size = 1000, .with_snapshot = true, .keep_count = 1},
    {.entry_count = 3, .size = 1000, .with_move = true, .keep_count = 2},
    {.with_vote = true, .entry_count = 2, .size = 300, .install_ahead = 4},
    {.entry_count = 5, .size = 1000, .with_move = true, .keep_count = 3},
    {.with_vote = true, .entry_count = 2, .size = 20, .with_conflict = true},
    {.entry_count = 2, .size = 60},
};

const struct script script_snapshot = SCRIPT(snapshot_steps, 8192);

static const struct step large_steps[] = {
    {.with_vote = true, .entry_count = 1, .size = 1100 * 1000},
    {.cut_count = 1, .entry_count = 1, .size = 1100 * 1000},
    {.entry_count = 1, .size = 100},
};

const struct script script_large = SCRIPT(large_steps, 4 * 1024 * 1024);

/* --- one process ------------------------------------------------------------------- */

static void host_durable(void *context, uint64_t seq)
{
    struct store_host *h = context;

    assert_int_equal(h->failed_count, 0);
    h->durable_seq = seq;
    checker_disk_durable(&h->disk, seq);
}

static void host_failed(void *context, int error, const char *text)
{
    struct store_host *h = context;

    h->failed_count++;
    if (!h->may_fail) {
        fail_msg("the store failed without a reason: %d %s", error, text);
    }
}

static void host_room(void *context)
{
    struct store_host *h = context;

    h->room_count++;
}

static void host_moved(struct store_move *move, int error)
{
    struct store_host *h = container_of(move, struct store_host, move);

    h->is_moving = false;
    if (error == 0) {
        h->origin = h->asked_origin;
    }
}

/* Entries at or below the origin are not on the disk any more; they are as before. */
static void host_find_origin(struct store_host *h, const struct store_origin *origin)
{
    bool is_old = h->is_replacing && origin->index != h->asked_origin;
    const struct checker_log *log = is_old ? &h->before : &h->log;

    assert_true(origin->index == h->origin || origin->index == h->asked_origin);
    assert_true(origin->index <= log->last);
    assert_int_equal(origin->term, checker_log_at(log, origin->index).term);
    assert_int_equal(origin->time_us, checker_log_at(log, origin->index).time_us);
    for (uint64_t i = 1; i <= origin->index; i++) {
        checker_log_put(&h->found, checker_log_at(log, i));
    }
}

static int host_entry(void *context, struct entry *e)
{
    struct store_host *h = context;
    uint64_t before = checker_log_at(&h->found, h->found.last).chain;

    assert_int_equal(e->index, h->found.last + 1);
    checker_log_put(&h->found, checker_entry_of(e, before));
    return 0;
}

static int host_chunk(void *context, const struct snapshot_chunk *chunk)
{
    (void)context;
    assert_string_equal(chunk->section, "items");
    return 0;
}

/* The newest snapshot must be complete, and the log must continue from it. */
static int host_load(struct store_host *h, const struct store_recovered *found)
{
    const struct store_snapshot *snapshot = &found->snapshot;

    assert_true(snapshot->index >= h->durable_snapshot || h->may_fail);
    assert_true(snapshot->index >= found->origin.index);
    assert_true(snapshot->index <= found->last_index);
    return snapshot->index == 0
               ? STORE_OK
               : snapshot_load_now(h->store, snapshot, host_chunk, NULL, h->text, sizeof h->text);
}

static const struct store_key the_key = {"the thirty-two bytes of the key."};

static bool is_cut(const struct store_host *h)
{
    return sim_file_operations(h->io) >= h->limit;
}

bool host_open(struct store_host *h, uint64_t limit)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = h->script->segment_bytes,
                                    .durable = host_durable,
                                    .failed = host_failed,
                                    .room = host_room,
                                    .context = h};
    struct store_recovered found;

    h->io = sim_boot(h->machine);
    h->store = NULL;
    h->found.last = 0;
    h->limit = limit;
    h->failed_count = 0;
    sim_limit_file_operations(h->io, limit);
    h->is_moving = false;
    h->is_busy = false;
    h->refusal = store_open(h->io, &options, 7, &h->store, &found, h->text, sizeof h->text);
    if (h->refusal == STORE_OK) {
        host_find_origin(h, &found.origin);
        h->refusal = store_replay(h->store, host_entry, h);
    }
    if (h->refusal == STORE_OK) {
        h->refusal = host_load(h, &found);
    }
    if (h->refusal == STORE_OK && found.identity.cluster_id == 0) {
        h->refusal = store_set_cluster(h->store, 99, 0, &the_key);
    }
    if (is_cut(h) || (h->refusal != STORE_OK && h->may_fail)) {
        return false;
    }
    if (h->refusal != STORE_OK) {
        fail_msg("the store does not open: %d %s", h->refusal, h->text);
    }
    assert_int_equal(found.identity.node_id, 7);
    if (found.identity.cluster_id != 0) {
        assert_memory_equal(&found.key, &the_key, sizeof the_key);
    }
    assert_int_equal(found.last_index, h->found.last);
    checker_disk_recover(&h->disk, &h->found, 0, found.current_term, found.voted_for, false,
                         "store", &h->verdict);
    if (h->verdict.is_guilty) {
        fail_msg("%s", h->verdict.text);
    }
    checker_log_copy(&h->log, &h->found);
    h->is_replacing = false;
    h->origin = h->asked_origin = found.origin.index;
    h->current_term = found.current_term;
    h->seq = h->durable_seq = 0;
    return true;
}

/* The index up to which the store knows the log to be committed. */
static uint64_t committed_index(const struct store_host *h)
{
    uint64_t snapshot = snapshot_newest(h->store).index;

    return snapshot > h->asked_origin ? snapshot : h->asked_origin;
}

void host_write(struct store_host *h, const struct step *step)
{
    struct entry *entries[ENTRIES_MAX];
    struct store_write w = {.seq = ++h->seq, .entries = entries, .entry_count = step->entry_count};
    uint64_t last = h->log.last;

    h->current_term += step->with_vote;
    w.write_vote = step->with_vote;
    w.current_term = h->current_term;
    w.voted_for = h->current_term % 3;
    if (step->cut_count > 0 && step->cut_count <= last - committed_index(h)) {
        last -= step->cut_count;
        w.truncate_from = last + 1;
    }
    for (uint32_t i = 0; i < step->entry_count; i++) {
        entries[i] = entry_new(RAFT_COMMAND, step->size);
        entries[i]->index = last + 1 + i;
        entries[i]->term = h->current_term;
        entries[i]->time_us = 1000000 * h->current_term + last + 1;
        memset(entries[i]->data, (int)(last + i + h->current_term), step->size);
    }
    checker_disk_write(&h->disk, &w, &h->log, "store", &h->verdict);
    store_write(h->store, &w);
    for (uint32_t i = 0; i < step->entry_count; i++) {
        entry_release(entries[i]);
    }
}

bool host_await(struct store_host *h)
{
    store_flush(h->store);
    while (h->durable_seq < h->seq && h->failed_count == 0 && !is_cut(h)) {
        assert_true(sim_step(h->sim, UINT64_MAX - 1));
    }
    return h->failed_count == 0 && !is_cut(h);
}

static bool await(struct store_host *h, const bool *is_busy)
{
    while (*is_busy && h->failed_count == 0 && !is_cut(h)) {
        assert_true(sim_step(h->sim, UINT64_MAX - 1));
    }
    return h->failed_count == 0 && !is_cut(h);
}

static void host_wrote(struct snapshot_making *making, int error)
{
    (void)making;
    (void)error; /* The last call reports it again. */
}

static void host_made(struct snapshot_making *making, int error)
{
    struct store_host *h = container_of(making, struct store_host, making);

    assert_true(error == 0 || h->may_fail || is_cut(h));
    h->durable_snapshot = error == 0 ? making->index : h->durable_snapshot;
    h->is_busy = false;
}

static void put(struct snapshot_making *making, char letter, size_t size)
{
    struct buffer content = {0};

    memset(buffer_reserve(&content, size), letter, size);
    buffer_commit(&content, size);
    snapshot_put(making, "items", 0, &content);
}

/* Makes a snapshot of the state after that entry of the log, with two chunks. */
static void make_snapshot(struct store *s, const struct checker_log *log, uint64_t index,
                          struct snapshot_making *making)
{
    struct checker_entry e = checker_log_at(log, index);

    making->index = index;
    making->term = e.term;
    making->time_us = e.time_us;
    making->wrote = host_wrote;
    snapshot_begin(s, making);
    put(making, 'a', 700);
    put(making, 'b', 100);
    snapshot_finish(making);
}

static bool host_snapshot(struct store_host *h, uint64_t index)
{
    h->making = (struct snapshot_making){.done = host_made};
    h->is_busy = true;
    make_snapshot(h->store, &h->log, index, &h->making);
    return await(h, &h->is_busy);
}

static void remove_older(struct store_host *h)
{
    const struct store_snapshot *list;

    while (snapshot_list(h->store, &list) > 1) {
        snapshot_remove(h->store, list[0].index);
    }
}

/* Whether a snapshot reaches there. */
static bool move_origin(struct store_host *h, uint64_t index, bool drops_log)
{
    struct checker_entry e = checker_log_at(&h->log, index);

    h->move = (struct store_move){
        .origin = {.index = index, .term = e.term, .time_us = e.time_us},
        .drops_log = drops_log,
        .done = host_moved,
    };
    h->asked_origin = index;
    h->is_moving = true;
    store_move_origin(h->store, &h->move);
    if (!await(h, &h->is_moving)) {
        return false;
    }
    remove_older(h);
    return true;
}

bool host_move(struct store_host *h, uint32_t keep_count)
{
    uint64_t index = h->log.last - keep_count;

    assert_true(index > h->origin);
    if (snapshot_newest(h->store).index < index && !host_snapshot(h, index)) {
        return false;
    }
    if (snapshot_newest(h->store).index < index) {
        assert_true(h->may_fail); /* Making it failed, which is not a failure of the store. */
        return true;
    }
    return move_origin(h, index, false);
}

/* --- a snapshot of another node --------------------------------------------------------- */

struct elsewhere {
    struct snapshot_making making;
    struct buffer bytes;
    bool is_busy;
};

static void elsewhere_made(struct snapshot_making *making, int error)
{
    assert_int_equal(error, 0);
    container_of(making, struct elsewhere, making)->is_busy = false;
}

static void read_file(struct io *io, const char *path, struct buffer *to)
{
    struct io_file *file = NULL;
    int64_t size;

    assert_int_equal(io_file_open(io, path, IO_READ_ONLY, &file), 0);
    size = io_file_size(file);
    assert_int_equal(io_file_read(file, 0, buffer_reserve(to, (size_t)size), (size_t)size), size);
    buffer_commit(to, (size_t)size);
    io_file_close(file);
}

/* Made on a machine of its own, without faults. */
static void make_elsewhere(struct store_host *h, struct elsewhere *other, uint64_t index)
{
    struct store_options options = {.dir = "other",
                                    .segment_bytes = h->script->segment_bytes,
                                    .durable = host_durable,
                                    .failed = host_failed,
                                    .room = host_room,
                                    .context = h};
    struct store_recovered found;
    struct sim *sim = sim_new(2);
    struct io *io = sim_boot(sim_machine_new(sim, "n2"));
    struct store *s = NULL;
    char text[512];
    char path[100];

    assert_int_equal(store_open(io, &options, 8, &s, &found, text, sizeof text), STORE_OK);
    assert_int_equal(store_set_cluster(s, 99, 0, &the_key), 0);
    other->making.done = elsewhere_made;
    other->is_busy = true;
    make_snapshot(s, &h->log, index, &other->making);
    while (other->is_busy) {
        assert_true(sim_step(sim, UINT64_MAX - 1));
    }
    snprintf(path, sizeof path, "other/snapshot-%016llx.snap", (unsigned long long)index);
    read_file(io, path, &other->bytes);
    store_close(s);
    sim_die(io, SIM_EXITED);
    sim_bury(io);
    sim_free(sim);
}

static void host_received(struct snapshot_receiving *receiving, int error)
{
    struct store_host *h = container_of(receiving, struct store_host, receiving);

    assert_true(error == 0 || h->may_fail || is_cut(h));
    h->is_busy = false;
}

static bool begin_receiving(struct store_host *h, const struct elsewhere *other)
{
    h->receiving = (struct snapshot_receiving){
        .snapshot = other->making.snapshot,
        .opened = host_received,
        .appended = host_received,
        .ended = host_received,
    };
    h->is_busy = true;
    snapshot_receive(h->store, &h->receiving);
    return await(h, &h->is_busy);
}

static bool receive_up_to(struct store_host *h, const struct elsewhere *other, size_t end)
{
    struct buffer bytes = {0};
    uint64_t at = h->receiving.held_bytes;
    size_t size = buffer_size(&other->bytes);

    end = end < size ? end : size;
    if (at >= end) {
        return true;
    }
    buffer_append(&bytes, buffer_begin(&other->bytes) + at, end - at);
    h->is_busy = true;
    snapshot_append(&h->receiving, at, &bytes);
    return await(h, &h->is_busy);
}

static bool end_receiving(struct store_host *h, enum snapshot_end how)
{
    h->is_busy = true;
    snapshot_receive_end(&h->receiving, how);
    return await(h, &h->is_busy);
}

/* Receives it in parts, with a break in the middle of a chunk. */
static bool receive(struct store_host *h, const struct elsewhere *other)
{
    return begin_receiving(h, other) && receive_up_to(h, other, 600) &&
           receive_up_to(h, other, 1300) && end_receiving(h, SNAPSHOT_SUSPEND) &&
           begin_receiving(h, other) && receive_up_to(h, other, SIZE_MAX) &&
           end_receiving(h, SNAPSHOT_ACCEPT);
}

/* For the checker, the log is written again, up to `last`, in the current term. */
static void note_replaced(struct store_host *h, uint64_t last)
{
    struct entry **entries = memory_take_zeroed(last, sizeof(struct entry *));
    struct store_write w = {
        .seq = ++h->seq, .truncate_from = 1, .entries = entries, .entry_count = (uint32_t)last};

    checker_log_copy(&h->before, &h->log);
    h->is_replacing = true;
    for (uint64_t i = 0; i < last; i++) {
        entries[i] = entry_new(RAFT_COMMAND, 0);
        entries[i]->index = i + 1;
        entries[i]->term = h->current_term;
        entries[i]->time_us = 1000000 * h->current_term;
    }
    checker_disk_write(&h->disk, &w, &h->log, "store", &h->verdict);
    for (uint64_t i = 0; i < last; i++) {
        entry_release(entries[i]);
    }
    free(entries);
}

/* A snapshot up to entry `last`, which is not in the log, replaces the log. */
static bool host_install(struct store_host *h, uint64_t last)
{
    struct elsewhere other = {.is_busy = false};

    note_replaced(h, last);
    make_elsewhere(h, &other, last);
    h->asked_origin = last;

    bool is_done = receive(h, &other);

    if (is_done) {
        h->durable_snapshot = last;
        is_done = move_origin(h, last, true);
    }
    if (is_done) {
        h->durable_seq = h->seq;
        h->is_replacing = false;
        checker_disk_durable(&h->disk, h->seq);
    }
    buffer_deinit(&other.bytes);
    return is_done;
}

/* What the step does after its write. */
static bool host_do_more(struct store_host *h, const struct step *step)
{
    if (step->with_snapshot && !host_snapshot(h, h->log.last - step->keep_count)) {
        return false;
    }
    if (step->with_move && !host_move(h, step->keep_count)) {
        return false;
    }
    if (step->install_ahead > 0 || step->with_conflict) {
        return host_install(h, h->log.last + step->install_ahead);
    }
    return true;
}

void host_live(struct store_host *h, uint64_t limit)
{
    if (!host_open(h, limit)) {
        return;
    }
    for (uint32_t i = 0; i < h->script->step_count; i++) {
        host_write(h, &h->script->steps[i]);
        if (!h->script->steps[i].is_gathered && !host_await(h)) {
            return;
        }
        if (!host_do_more(h, &h->script->steps[i])) {
            return;
        }
    }
    store_close(h->store);
    h->store = NULL;
}

static void host_bury(struct store_host *h)
{
    if (h->store != NULL) {
        store_close(h->store);
    }
    sim_bury(h->io);
    h->store = NULL;
}

void host_lose_power(struct store_host *h, const struct power_loss *loss, uint64_t state)
{
    power_loss_cut(h->io);
    power_loss_strike(h->machine, loss, state);
    sim_die(h->io, SIM_POWER);
    host_bury(h);
}

void host_kill(struct store_host *h)
{
    power_loss_cut(h->io);
    sim_die(h->io, SIM_KILLED);
    host_bury(h);
}

/* --- judging --------------------------------------------------------------------- */

void host_judge(struct store_host *h)
{
    static const struct step more = {
        .with_vote = true, .cut_count = 1, .entry_count = 3, .size = 300};
    struct power_loss loss;

    assert_true(host_open(h, UINT64_MAX));
    host_write(h, &more);
    assert_true(host_await(h));
    power_loss_survey(h->machine, &loss);
    host_lose_power(h, &loss, 0);
    assert_true(host_open(h, UINT64_MAX));
    assert_true(h->log.last >= 3);
    host_kill(h);
}

void host_init(struct store_host *h, const struct script *script)
{
    *h = (struct store_host){.script = script, .sim = sim_new(1)};
    h->machine = sim_machine_new(h->sim, "n1");
    sim_set_disk(h->machine, &(struct sim_disk_profile){.latency_min_ns = 50 * SIM_US,
                                                        .latency_max_ns = 200 * SIM_US,
                                                        .capacity_bytes = 1 << 30});
    checker_disk_init(&h->disk, 7);
}

void host_deinit(struct store_host *h)
{
    sim_free(h->sim);
    checker_disk_deinit(&h->disk);
    free(h->log.entries);
    free(h->found.entries);
    free(h->before.entries);
}
