/* The store under crashes, at any time, between any two file operations, and with any part of
 * the unsynced data kept: everything that was acknowledged is found again, and nothing that was
 * not written. Recovery is interrupted by crashes as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "raft/raft.h"
#include "sim/checks/checker_disk.h"
#include "sim/world/sim.h"
#include "store/store.h"

enum { LIVES = 8, SEEDS = 150 };

struct host {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store;
    struct prng prng;
    struct checker_disk disk;
    struct checker_log log; /* As the owner of the store sees it. */
    struct checker_log found;
    struct verdict verdict;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t seq;
    uint32_t life_count;
    bool has_failed;
    bool syncs_fail; /* In this life, occasionally. */
    bool may_refuse; /* A bit of the disk was flipped, so it may refuse to open. */
    uint64_t refused_count;
};

static const struct store_key the_key = {"the thirty-two bytes of the key."};

static void host_durable(void *context, uint64_t seq)
{
    struct host *h = context;

    assert_false(h->has_failed);
    assert_true(seq <= h->seq);
    checker_disk_durable(&h->disk, seq);
}

static void host_failed(void *context, int error, const char *text)
{
    struct host *h = context;

    h->has_failed = true;
    if (!h->syncs_fail) {
        fail_msg("the store failed without a reason: %d %s", error, text);
    }
}

static void host_room(void *context)
{
    (void)context;
}

static int host_entry(void *context, struct entry *e)
{
    struct host *h = context;
    uint64_t before = checker_log_at(&h->found, h->found.last).chain;

    assert_int_equal(e->index, h->found.last + 1);
    checker_log_put(&h->found, checker_entry_of(e, before));
    return 0;
}

/* Opens the store, with a crash point at `limit`. False: that was reached. */
static bool host_open(struct host *h, uint64_t limit)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = 16384,
                                    .durable = host_durable,
                                    .failed = host_failed,
                                    .room = host_room,
                                    .context = h};
    struct store_recovered found;
    char text[512] = "";

    h->io = sim_boot(h->machine);
    h->found.last = 0;
    h->store = NULL;
    sim_limit_file_operations(h->io, limit);

    int error = store_open(h->io, &options, 7, &h->store, &found, text, sizeof text);

    if (error != STORE_OK) {
        h->refused_count += h->may_refuse;
        if (sim_file_operations(h->io) < limit && !h->may_refuse) {
            fail_msg("store_open: %d %s", error, text);
        }
        return false;
    }
    error = store_replay(h->store, host_entry, h);
    if (error == 0 && found.identity.cluster_id == 0) {
        assert_int_equal(h->found.last, 0);
        error = store_set_cluster(h->store, 99, 0, &the_key);
    }
    if (sim_file_operations(h->io) >= limit) {
        return false;
    }
    if (error != 0 && h->may_refuse) {
        h->refused_count++;
        return false;
    }
    assert_int_equal(error, 0);
    sim_limit_file_operations(h->io, UINT64_MAX / 2);
    assert_int_equal(found.identity.node_id, 7);
    assert_int_equal(found.last_index, h->found.last);
    checker_disk_recover(&h->disk, &h->found, 0, found.current_term, found.voted_for, false,
                         "store", &h->verdict);
    if (h->verdict.is_guilty) {
        fail_msg("%s", h->verdict.text);
    }
    checker_log_copy(&h->log, &h->found);
    h->current_term = found.current_term;
    h->voted_for = found.voted_for;
    h->seq = 0;
    return true;
}

static void host_crash(struct host *h)
{
    sim_die(h->io, prng_chance(&h->prng, 1, 3) ? SIM_KILLED : SIM_POWER);
    if (h->store != NULL) {
        store_close(h->store);
    }
    sim_bury(h->io);
    h->store = NULL;
}

/* Ends in order. */
static void host_exit(struct host *h)
{
    store_close(h->store);
    sim_die(h->io, SIM_EXITED);
    sim_bury(h->io);
    h->store = NULL;
}

/* One write, as the core would request it. */
static void host_write(struct host *h)
{
    struct entry *entries[8];
    struct store_write w = {.seq = ++h->seq, .entries = entries};

    if (prng_chance(&h->prng, 1, 4)) {
        h->current_term += prng_between(&h->prng, 1, 2);
        h->voted_for = prng_below(&h->prng, 4);
        w.write_vote = true;
    }
    w.current_term = h->current_term;
    w.voted_for = h->voted_for;
    if (h->log.last > 1 && prng_chance(&h->prng, 1, 5)) {
        w.truncate_from = h->log.last - prng_below(&h->prng, h->log.last < 30 ? h->log.last : 30);
    }
    uint64_t last = w.truncate_from > 0 ? w.truncate_from - 1 : h->log.last;

    w.entry_count = (uint32_t)prng_below(&h->prng, 8);
    for (uint32_t i = 0; i < w.entry_count; i++) {
        uint32_t size = (uint32_t)prng_below(&h->prng, prng_chance(&h->prng, 1, 10) ? 9000 : 200);

        entries[i] = entry_new(RAFT_COMMAND, size);
        entries[i]->index = last + 1 + i;
        entries[i]->term = h->current_term;
        entries[i]->time_us = 1000000 * h->current_term + last + 1;
        memset(entries[i]->data, (int)prng_below(&h->prng, 256), size);
    }
    if (w.entry_count == 0 && !w.write_vote && w.truncate_from == 0) {
        w.write_vote = true;
    }
    w.commit_index = 0;
    checker_disk_write(&h->disk, &w, &h->log, "store", &h->verdict);
    store_write(h->store, &w);
    for (uint32_t i = 0; i < w.entry_count; i++) {
        entry_release(entries[i]);
    }
}

static void host_set_disk(struct host *h, uint32_t sync_error_ppm)
{
    const struct sim_disk_profile profile = {.latency_min_ns = 50 * SIM_US,
                                             .latency_max_ns = 2 * SIM_MS,
                                             .capacity_bytes = 1 << 30,
                                             .sync_error_ppm = sync_error_ppm};

    h->syncs_fail = sync_error_ppm > 0;
    h->has_failed = false;
    sim_set_disk(h->machine, &profile);
}

/* Works until its time is over, or a sync fails: nothing is acknowledged after that. */
static void host_live(struct host *h)
{
    uint64_t end_ns = sim_now_ns(h->sim) + prng_below(&h->prng, 60 * SIM_MS);

    while (sim_now_ns(h->sim) < end_ns && !h->has_failed) {
        for (uint64_t i = prng_below(&h->prng, 4); i > 0; i--) {
            host_write(h);
        }
        store_flush(h->store);
        sim_run_until(h->sim, sim_now_ns(h->sim) + prng_below(&h->prng, 2 * SIM_MS));
    }
}

static void run_seed(uint64_t seed)
{
    struct host h = {.sim = sim_new(seed)};

    h.prng = sim_fork_prng(h.sim);
    h.machine = sim_machine_new(h.sim, "n1");
    checker_disk_init(&h.disk, 7);
    while (h.life_count < LIVES) {
        uint64_t limit = prng_chance(&h.prng, 1, 2) ? 1000000 : prng_below(&h.prng, 30);

        if (host_open(&h, limit)) {
            host_set_disk(&h, prng_chance(&h.prng, 1, 3) ? 50000 : 0);
            host_live(&h);
            host_set_disk(&h, 0);
            h.life_count++;
        }
        host_crash(&h);
    }
    sim_free(h.sim);
    checker_disk_deinit(&h.disk);
    free(h.log.entries);
    free(h.found.entries);
}

/* Between two lives a bit flips somewhere. The store refuses to open, or everything is there;
 * with the bit restored, it opens. (Each life ends in order here, because after a crash the very
 * last job is the exception in docs/DISK_FORMAT.md.) */
static uint64_t run_rotten_seed(uint64_t seed)
{
    struct host h = {.sim = sim_new(seed)};
    struct sim_rot rot;

    h.prng = sim_fork_prng(h.sim);
    h.machine = sim_machine_new(h.sim, "n1");
    checker_disk_init(&h.disk, 7);
    assert_true(host_open(&h, 1000000));
    while (h.life_count++ < LIVES) {
        host_live(&h);
        host_exit(&h);
        sim_rot_draw(h.machine, &rot);
        sim_rot_flip(h.machine, &rot);
        h.may_refuse = true;
        if (!host_open(&h, 1000000)) {
            host_crash(&h);
            sim_rot_flip(h.machine, &rot);
            h.may_refuse = false;
            assert_true(host_open(&h, 1000000));
        }
    }
    host_crash(&h);
    sim_free(h.sim);
    checker_disk_deinit(&h.disk);
    free(h.log.entries);
    free(h.found.entries);
    return h.refused_count;
}

static void test_store__never_takes_damage_for_absence(void **state)
{
    uint64_t refused_count = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        refused_count += run_rotten_seed(seed);
    }
    assert_in_range(refused_count, SEEDS / 10, SEEDS * LIVES * 9 / 10);
}

static void test_store__finds_all_it_acknowledged_after_any_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {

        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__finds_all_it_acknowledged_after_any_crash),
        cmocka_unit_test(test_store__never_takes_damage_for_absence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
