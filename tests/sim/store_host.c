/* store_host.c - see store_host.h. */
#include "store_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
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
    const struct checker_log *log = &h->log;

    assert_true(origin->index == h->origin || origin->index == h->asked_origin);
    assert_true(origin->index <= log->last);
    assert_int_equal(origin->term, checker_log_at(log, origin->index).term);
    assert_int_equal(origin->time_us, checker_log_at(log, origin->index).time_us);
    for (uint64_t i = 1; i <= origin->index; i++) {
        checker_log_put(&h->found, checker_log_at(log, i));
    }
    h->origin = h->asked_origin = origin->index;
}

static int host_entry(void *context, struct entry *e)
{
    struct store_host *h = context;
    uint64_t before = checker_log_at(&h->found, h->found.last).chain;

    assert_int_equal(e->index, h->found.last + 1);
    checker_log_put(&h->found, checker_entry_of(e, before));
    return 0;
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
    h->refusal = store_open(h->io, &options, 7, &h->store, &found, h->text, sizeof h->text);
    if (h->refusal == STORE_OK) {
        host_find_origin(h, &found.origin);
        h->refusal = store_replay(h->store, host_entry, h);
    }
    if (h->refusal == STORE_OK && found.identity.cluster_id == 0) {
        h->refusal = store_set_cluster(h->store, 99, &the_key);
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
    checker_disk_recover(&h->disk, &h->found, found.current_term, found.voted_for, "store",
                         &h->verdict);
    if (h->verdict.is_guilty) {
        fail_msg("%s", h->verdict.text);
    }
    checker_log_copy(&h->log, &h->found);
    h->current_term = found.current_term;
    h->seq = h->durable_seq = 0;
    return true;
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
    if (step->cut_count > 0 && step->cut_count <= last - h->asked_origin) {
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

bool host_move(struct store_host *h, uint32_t keep_count)
{
    uint64_t index = h->log.last - keep_count;
    struct checker_entry e = checker_log_at(&h->log, index);

    assert_true(index > h->origin);
    h->move.origin = (struct store_origin){.index = index, .term = e.term, .time_us = e.time_us};
    h->move.done = host_moved;
    h->asked_origin = index;
    h->is_moving = true;
    store_move_origin(h->store, &h->move);
    while (h->is_moving && h->failed_count == 0 && !is_cut(h)) {
        assert_true(sim_step(h->sim, UINT64_MAX - 1));
    }
    return h->failed_count == 0 && !is_cut(h);
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
        if (h->script->steps[i].with_move && !host_move(h, h->script->steps[i].keep_count)) {
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
}
