/* Each file call may fail, including reads, with each of its errors: at the start, at work and
 * at the end of a store. The store refuses to open with a message, or reports its failure once
 * and acknowledges nothing more; what it had acknowledged is there when it is opened again. Only
 * a full disk may be temporary. docs/SCENARIOS.md: 44, 45.
 *
 * The store runs on a simulated machine, so that all calls can be tried one by one, and waiting
 * costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "store_host.h"
#include "tap.h"

static const struct step a_few = {.with_vote = true, .entry_count = 3, .size = 300};

static void begin(struct store_host *h, const struct script *script)
{
    tap_reset();
    tap_forget_files();
    host_init(h, script);
}

/* --- what came of it ------------------------------------------------------------------ */

/* The store has failed: it does nothing more, whatever it is asked, and reports nothing. */
static void check_ended(struct store_host *h)
{
    uint64_t durable_seq = h->durable_seq;
    struct tap_counts before = tap_count("/");
    struct tap_counts after;

    assert_int_equal(h->failed_count, 1);
    host_write(h, &a_few);
    store_flush(h->store);
    sim_run_until(h->sim, sim_now_ns(h->sim) + 3 * SIM_S);
    after = tap_count("/");
    assert_int_equal(after.syncs, before.syncs);
    assert_int_equal(after.writes, before.writes);
    assert_int_equal(h->failed_count, 1);
    assert_int_equal(h->durable_seq, durable_seq);
}

static bool take_step(struct store_host *h, const struct step *step)
{
    host_write(h, step);
    return (step->is_gathered || host_await(h)) &&
           (!step->with_move || host_move(h, step->keep_count));
}

/* Writes the script to an open store, as far as possible. */
static void work(struct store_host *h)
{
    for (uint32_t i = 0; i < h->script->step_count; i++) {
        if (!take_step(h, &h->script->steps[i])) {
            /* Lets another worker finish what it was doing. */
            sim_run_until(h->sim, sim_now_ns(h->sim) + SIM_S);
            check_ended(h);
            return;
        }
    }
    assert_int_equal(h->durable_seq, h->seq);
}

/* One of the four ways to end is to close the store, as far as possible. */
static void end_in_order(struct store_host *h, uint32_t way)
{
    if (way == 0 && h->store != NULL) {
        store_close(h->store);
        h->store = NULL;
    }
}

/* Ends it, in one way or another, and checks that everything is there, without any failure. */
static void end_and_judge(struct store_host *h, uint32_t way)
{
    struct power_loss loss;

    tap_fail_nth(0, 0);
    h->may_fail = false;
    end_in_order(h, way);
    power_loss_survey(h->machine, &loss);
    if (way == 1) {
        host_lose_power(h, &loss, 0);
    } else if (way == 2) {
        host_lose_power(h, &loss, loss.count - 1);
    } else {
        host_kill(h);
    }
    host_judge(h);
    host_deinit(h);
}

/* Opens the store, works and ends it; call `n` from now on fails with `error`. Returns whether
 * that call was made. */
static bool live_with_failure(struct store_host *h, uint32_t n, int error, uint32_t way)
{
    h->may_fail = true;
    tap_fail_nth(n, error);
    if (host_open(h, UINT64_MAX)) {
        work(h);
        end_in_order(h, way);
        if (!tap_has_failed()) {
            assert_int_equal(h->failed_count, 0);
            return false;
        }
    } else {
        assert_true(tap_has_failed());
        assert_true(h->refusal < 0);
        assert_true(h->store != NULL || h->text[0] != '\0');
    }
    return true;
}

/* --- one failure --------------------------------------------------------------------- */

/* The first life of a store: all its calls fail, one after the other. */
static uint32_t fail_each_call_of_a_life(const struct script *script, int error, uint32_t way)
{
    uint32_t n = 1;
    bool has_failed = true;

    for (; has_failed; n++) {
        struct store_host h;

        begin(&h, script);
        has_failed = live_with_failure(&h, n, error, way);
        end_and_judge(&h, way);
    }
    return n;
}

/* A life that begins with what a power loss left. */
static uint32_t fail_each_call_after_a_crash(const struct script *script, uint64_t point, int error,
                                             uint32_t way)
{
    uint32_t n = 1;
    bool has_failed = true;

    for (; has_failed; n++) {
        struct store_host h;
        struct power_loss loss;

        begin(&h, script);
        host_live(&h, point);
        power_loss_survey(h.machine, &loss);
        host_lose_power(&h, &loss, loss.count / 2);
        has_failed = live_with_failure(&h, n, error, way);
        end_and_judge(&h, way);
    }
    return n;
}

static void test_errors__any_call_may_fail(void **state)
{
    static const int errors[] = {-EIO, -ENOSPC, -EDQUOT};
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t way = 0; way < 4; way++) {
            count += fail_each_call_of_a_life(&script_short, errors[i], way);
        }
    }
    print_message("%u failures\n", count);
    assert_true(count > 1500);
}

static void test_errors__any_call_may_fail_after_a_crash(void **state)
{
    static const uint64_t points[] = {20, 60, 100, 130};
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t way = 0; way < 4; way++) {
            count += fail_each_call_after_a_crash(&script_short, points[i], -EIO, way);
        }
    }
    print_message("%u failures\n", count);
    assert_true(count > 2000);
}

/* The same with payloads that are written without being copied, and read in pieces. */
static void test_errors__any_call_may_fail_with_large_entries(void **state)
{
    static const uint64_t points[] = {50, 52, 57, 60};
    uint32_t count = fail_each_call_of_a_life(&script_large, -EIO, 3);

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        count += fail_each_call_after_a_crash(&script_large, points[i], -EIO, i);
    }
    print_message("%u failures\n", count);
    assert_true(count > 200);
}

/* The same while the origin moves. */
static void test_errors__any_call_may_fail_while_the_origin_moves(void **state)
{
    static const int errors[] = {-EIO, -ENOSPC};
    uint32_t count = 0;

    (void)state;
    for (uint32_t way = 0; way < 4; way++) {
        count += fail_each_call_of_a_life(&script_origin, errors[way % 2], way);
        count += fail_each_call_after_a_crash(&script_origin, 60 + 20 * way, -EIO, way);
    }
    print_message("%u failures\n", count);
    assert_true(count > 500);
}

/* --- failures for good -------------------------------------------------------------------- */

/* From some call on the disk is dead, but the process is not. */
static void test_errors__disk_may_die_at_any_call(void **state)
{
    uint64_t limit = 0;
    bool has_died = true;

    (void)state;
    for (; has_died; limit++) {
        struct store_host h;

        begin(&h, &script_short);
        h.may_fail = true;
        has_died = !host_open(&h, limit);
        if (!has_died) {
            h.limit = UINT64_MAX; /* It lives on. */
            work(&h);
            has_died = h.failed_count > 0;
        }
        end_and_judge(&h, (uint32_t)limit % 4);
    }
    assert_true(limit > 100);
}

/* --- a full disk ---------------------------------------------------------------------------- */

static void set_room(struct store_host *h, uint64_t bytes)
{
    sim_set_disk(h->machine,
                 &(struct sim_disk_profile){.latency_min_ns = 50 * SIM_US,
                                            .latency_max_ns = 200 * SIM_US,
                                            .capacity_bytes = sim_disk_bytes(h->machine) + bytes});
}

/* The disk is full before a step of the script, except for `left` bytes; later it is not. */
static void fill_before(uint32_t full_step, uint64_t left)
{
    struct store_host h;
    bool was_full = false;
    uint64_t full_ns = 0;

    begin(&h, &script_short);
    assert_true(host_open(&h, UINT64_MAX));
    for (uint32_t i = 0; i < h.script->step_count; i++) {
        if (i == full_step) {
            set_room(&h, left);
            full_ns = sim_now_ns(h.sim);
        }
        host_write(&h, &h.script->steps[i]);
        store_flush(h.store);
        if (i >= full_step) {
            sim_run_until(h.sim, full_ns + (i + 1 - full_step) * SIM_S / 2);
        } else if (!h.script->steps[i].is_gathered) {
            assert_true(host_await(&h));
        }
        was_full = was_full || !store_has_room(h.store, STORE_FOR_CLIENTS, 20000);
    }
    sim_run_until(h.sim, sim_now_ns(h.sim) + 5 * SIM_S);
    assert_int_equal(h.room_count, 0);
    set_room(&h, 1 << 30);
    assert_true(host_await(&h));
    sim_run_until(h.sim, sim_now_ns(h.sim) + 2 * SIM_S);
    assert_int_equal(h.room_count, was_full);
    assert_true(store_has_room(h.store, STORE_FOR_CLIENTS, 20000));
    end_and_judge(&h, full_step % 4);
}

static void test_errors__disk_may_be_full_at_any_step(void **state)
{
    (void)state;
    for (uint32_t step = 0; step < script_short.step_count; step++) {
        for (uint64_t left = 0; left <= 20000; left += 2500) {
            fill_before(step, left);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors__any_call_may_fail),
        cmocka_unit_test(test_errors__any_call_may_fail_after_a_crash),
        cmocka_unit_test(test_errors__any_call_may_fail_with_large_entries),
        cmocka_unit_test(test_errors__any_call_may_fail_while_the_origin_moves),
        cmocka_unit_test(test_errors__disk_may_die_at_any_call),
        cmocka_unit_test(test_errors__disk_may_be_full_at_any_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
