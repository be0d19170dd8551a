/* The store, cut off after each of its file operations in turn: what was acknowledged is found
 * again, whatever unsynced data the disk has kept; also if the recovery is cut off, after each
 * of its operations.
 *
 * One short life covers everything that the store does. For each of its operations, and each
 * state of the disk that power_loss.h finds, the life is repeated up to there and judged: the
 * store opens, has everything that was acknowledged and nothing else, accepts writes, and has
 * those, too, after the next power loss. For a cut recovery the states are a sample: a few of
 * those it begins with, and a few of those it leaves.
 *
 *   test_sim_store_crash_points --short       only every eighth point: for sanitizers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store_host.h"

enum {
    CASES_MIN = 10000, /* Fewer cases fail the last test. */
    STATES_RECOVERED = 3,
    STATES_LEFT = 2,
    SHORT_STRIDE = 8,
};

struct counts {
    uint64_t cases;
    uint64_t sampled; /* In crash points with too many states to try them all. */
    uint64_t points;  /* Operations after which the store was cut off. */
};

/* --- every point, every state ------------------------------------------------------- */

/* How many operations the whole life has. */
static uint64_t count_operations(const struct script *script)
{
    struct store_host h;
    uint64_t count;

    host_init(&h, script);
    host_live(&h, UINT64_MAX);
    count = sim_file_operations(h.io);
    host_kill(&h);
    host_deinit(&h);
    return count;
}

/* Lives up to `point` and loses power with this state; only the process is killed if `state` is
 * beyond them all. Returns how many states there are. */
static uint64_t live_and_crash(struct store_host *h, const struct script *script, uint64_t point,
                               uint64_t state, bool *ret_is_sample)
{
    struct power_loss loss;

    host_init(h, script);
    host_live(h, point);
    power_loss_survey(h->machine, &loss);
    *ret_is_sample = loss.is_sample;
    if (state < loss.count) {
        host_lose_power(h, &loss, state);
    } else {
        host_kill(h);
    }
    return loss.count;
}

static void check_points(const struct script *script, uint64_t stride, struct counts *counts)
{
    uint64_t end = count_operations(script);

    for (uint64_t point = 0; point <= end; point += stride) {
        uint64_t states = 1;

        counts->points++;
        for (uint64_t state = 0; state <= states; state++) {
            struct store_host h;
            bool is_sample;

            states = live_and_crash(&h, script, point, state, &is_sample);
            host_judge(&h);
            host_deinit(&h);
            counts->cases++;
            counts->sampled += is_sample && state < states;
        }
    }
}

/* Chooses the nth of `count` states: one of `states`, or the death of only the process. */
static uint64_t pick(uint64_t nth, uint64_t count, uint64_t states)
{
    return nth * states / (count - 1);
}

/* As before, and the recovery is cut off after `recovery_point` more operations. False: it was
 * complete before that. */
static bool check_recovery(const struct script *script, uint64_t point, uint64_t nth_state,
                           uint64_t recovery_point, uint64_t nth_left)
{
    struct store_host h;
    struct power_loss loss;
    bool is_sample;
    bool was_cut;
    uint64_t states = live_and_crash(&h, script, point, UINT64_MAX, &is_sample);

    host_deinit(&h);
    live_and_crash(&h, script, point, pick(nth_state, STATES_RECOVERED, states), &is_sample);
    was_cut = !host_open(&h, recovery_point);
    power_loss_survey(h.machine, &loss);
    if (nth_left < STATES_LEFT) {
        host_lose_power(&h, &loss, pick(nth_left, STATES_LEFT, loss.count - 1));
    } else {
        host_kill(&h);
    }
    host_judge(&h);
    host_deinit(&h);
    return was_cut;
}

static void check_recoveries(const struct script *script, uint64_t stride, struct counts *counts)
{
    uint64_t end = count_operations(script);

    for (uint64_t point = 0; point <= end; point += stride) {
        for (uint64_t state = 0; state < STATES_RECOVERED; state++) {
            for (uint64_t left = 0; left <= STATES_LEFT; left++) {
                uint64_t recovery_point = 0;

                while (check_recovery(script, point, state, recovery_point, left)) {
                    recovery_point++;
                }
                counts->cases += recovery_point;
                counts->points += left == 0 ? recovery_point : 0;
            }
        }
    }
}

/* --- tests ----------------------------------------------------------------------------- */

static void print_counts(const char *what, const struct counts *counts)
{
    print_message("%s: %llu cases at %llu points, %llu of them from a sample\n", what,
                  (unsigned long long)counts->cases, (unsigned long long)counts->points,
                  (unsigned long long)counts->sampled);
}

static void test_crash_points__every_one_of_a_short_life(void **state)
{
    struct counts counts = {0};

    (void)state;
    check_points(&script_short, 1, &counts);
    print_counts("a short life", &counts);
    assert_true(counts.points >= 150);
}

static void test_crash_points__of_moving_the_origin(void **state)
{
    const uint64_t *stride = *state;
    struct counts counts = {0};

    check_points(&script_origin, *stride, &counts);
    check_recoveries(&script_origin, *stride, &counts);
    print_counts("moving the origin", &counts);
    assert_true(counts.points >= 100 / *stride);
}

static void test_crash_points__of_snapshots(void **state)
{
    const uint64_t *stride = *state;
    struct counts counts = {0};

    check_points(&script_snapshot, *stride, &counts);
    check_recoveries(&script_snapshot, *stride, &counts);
    print_counts("snapshots", &counts);
    assert_true(counts.points >= 100 / *stride);
}

static void test_crash_points__large_entries(void **state)
{
    const uint64_t *stride = *state;
    struct counts counts = {0};

    check_points(&script_large, *stride, &counts);
    print_counts("large entries", &counts);
    assert_true(counts.points >= 40 / *stride);
}

static void test_crash_points__every_one_of_each_recovery(void **state)
{
    const uint64_t *stride = *state;
    struct counts counts = {0};

    check_recoveries(&script_short, *stride, &counts);
    print_counts("recoveries", &counts);
    assert_true(counts.cases >= CASES_MIN / *stride);
}

int main(int argc, char **argv)
{
    uint64_t stride = argc == 2 && strcmp(argv[1], "--short") == 0 ? SHORT_STRIDE : 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_points__every_one_of_a_short_life),
        cmocka_unit_test_prestate(test_crash_points__of_moving_the_origin, &stride),
        cmocka_unit_test_prestate(test_crash_points__of_snapshots, &stride),
        cmocka_unit_test_prestate(test_crash_points__large_entries, &stride),
        cmocka_unit_test_prestate(test_crash_points__every_one_of_each_recovery, &stride),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
