/* Timers, loops and determinism of the simulated world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "sim/world/sim.h"

struct alarm {
    struct io_timer timer;
    struct io *io;
    uint32_t number;
    uint64_t fired_ns;
};

struct diary {
    uint32_t order[16];
    uint32_t count;
    uint32_t turn_count;
};

static struct diary *diary; /* The running test's diary. */

static void alarm_fired(struct io_timer *timer)
{
    struct alarm *a = container_of(timer, struct alarm, timer);

    a->fired_ns = io_now_ns(a->io);
    diary->order[diary->count++] = a->number;
}

static void turn(void *context)
{
    struct diary *d = context;

    d->turn_count++;
}

static void alarm_start(struct alarm *a, struct io *io, uint32_t number, uint64_t in_ns)
{
    *a = (struct alarm){.io = io, .number = number, .timer = {.fired = alarm_fired}};
    io_timer_start(io, &a->timer, io_now_ns(io) + in_ns);
}

static void bury(struct io *io)
{
    sim_die(io, SIM_EXITED);
    sim_bury(io);
}

static void test_timers__fire_in_the_order_of_their_times(void **state)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(1);
    struct io *io = sim_boot(sim_machine_new(sim, "n1"));
    struct alarm a[3];

    (void)state;
    diary = &d;
    alarm_start(&a[0], io, 0, 30 * SIM_MS);
    alarm_start(&a[1], io, 1, 10 * SIM_MS);
    alarm_start(&a[2], io, 2, 20 * SIM_MS);
    sim_run_until(sim, SIM_S);
    assert_int_equal(d.count, 3);
    assert_int_equal(d.order[0], 1);
    assert_int_equal(d.order[1], 2);
    assert_int_equal(d.order[2], 0);
    assert_true(a[0].fired_ns >= SIM_S + 30 * SIM_MS);
    assert_true(a[0].fired_ns < SIM_S + 31 * SIM_MS);
    bury(io);
    sim_free(sim);
}

static void test_timers__starting_again_moves_and_stopping_silences(void **state)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(1);
    struct io *io = sim_boot(sim_machine_new(sim, "n1"));
    struct alarm a[2];

    (void)state;
    diary = &d;
    alarm_start(&a[0], io, 0, 10 * SIM_MS);
    alarm_start(&a[1], io, 1, 20 * SIM_MS);
    io_timer_start(io, &a[0].timer, io_now_ns(io) + 50 * SIM_MS);
    io_timer_stop(io, &a[1].timer);
    io_timer_stop(io, &a[1].timer);
    sim_run_until(sim, 49 * SIM_MS);
    assert_int_equal(d.count, 0);
    sim_run_until(sim, SIM_S);
    assert_int_equal(d.count, 1);
    io_timer_stop(io, &a[0].timer);
    bury(io);
    sim_free(sim);
}

static void test_loop__has_one_turn_after_each_batch(void **state)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(1);
    struct sim_machine *machine = sim_machine_new(sim, "n1");
    struct io *io = sim_boot(machine);
    struct alarm a[4];

    (void)state;
    diary = &d;
    io_set_turn(io, turn, &d);
    for (uint32_t i = 0; i < 4; i++) {
        alarm_start(&a[i], io, i, (i + 1) * SIM_MS);
    }
    /* A frozen process catches up in one batch. */
    sim_freeze(machine, 100 * SIM_MS);
    sim_run_until(sim, SIM_S);
    assert_int_equal(d.count, 4);
    assert_int_equal(d.turn_count, 1);
    assert_true(a[0].fired_ns >= SIM_S + 100 * SIM_MS);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(d.order[i], i);
        io_timer_start(io, &a[i].timer, io_now_ns(io) + i * SIM_MS);
    }
    sim_run_until(sim, 2 * SIM_S);
    assert_int_equal(d.turn_count, 5);
    bury(io);
    sim_free(sim);
}

/* A process whose turn leaves something to do, and asks for another one, or does not. */
struct worker {
    struct io *io;
    uint32_t left_count;
    bool asks;
    uint32_t moved_count;
};

static void work(void *context)
{
    struct worker *w = context;

    if (w->left_count > 0) {
        w->left_count--;
        sim_act(w->io);
        if (w->left_count > 0 && w->asks) {
            io_turn_soon(w->io);
        }
    }
}

static void moved(void *context, const struct sim_machine *machine)
{
    struct worker *w = context;

    w->moved_count++;
}

static uint32_t count_moves(bool asks)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(1);
    struct worker w = {.left_count = 2, .asks = asks};
    struct alarm a;

    diary = &d;
    w.io = sim_boot(sim_machine_new(sim, "n1"));
    sim_repeat_turns(sim, moved, &w);
    io_set_turn(w.io, work, &w);
    alarm_start(&a, w.io, 0, 10 * SIM_MS);
    sim_run_until(sim, SIM_S);
    assert_int_equal(w.left_count, 0);
    bury(w.io);
    sim_free(sim);
    return w.moved_count;
}

static void test_loop__finds_a_turn_that_leaves_something_and_asks_for_no_other(void **state)
{
    (void)state;
    assert_int_equal(count_moves(true), 0);
    assert_int_equal(count_moves(false), 1);
}

static void test_clock__drifts_but_never_fires_a_timer_early(void **state)
{
    const int64_t drifts[] = {-50000, -1, 0, 3, 50000};

    (void)state;
    for (size_t i = 0; i < sizeof drifts / sizeof *drifts; i++) {
        struct diary d = {.count = 0};
        struct sim *sim = sim_new(1);
        struct sim_machine *machine = sim_machine_new(sim, "n1");
        struct alarm a;

        diary = &d;
        sim_machine_set_clock(machine, -5 * (int64_t)SIM_S, drifts[i]);
        struct io *io = sim_boot(machine);

        alarm_start(&a, io, 0, 10 * SIM_S + 7);
        sim_run_until(sim, 12 * SIM_S);
        assert_int_equal(d.count, 1);
        assert_true(a.fired_ns >= 11 * SIM_S + 7);
        assert_true(a.fired_ns < 11 * SIM_S + SIM_MS);
        bury(io);
        sim_free(sim);
    }
}

static void test_process__hears_nothing_after_its_death(void **state)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(1);
    struct sim_machine *machine = sim_machine_new(sim, "n1");
    struct io *io = sim_boot(machine);
    struct alarm a;

    (void)state;
    diary = &d;
    alarm_start(&a, io, 0, SIM_MS);
    sim_die(io, SIM_KILLED);
    sim_run_until(sim, SIM_S);
    io_timer_stop(io, &a.timer);
    sim_bury(io);
    io = sim_boot(machine);
    sim_run_until(sim, 2 * SIM_S);
    assert_int_equal(d.count, 0);
    bury(io);
    sim_free(sim);
}

static uint64_t hash_of_run(uint64_t seed)
{
    struct diary d = {.count = 0};
    struct sim *sim = sim_new(seed);
    struct io *io = sim_boot(sim_machine_new(sim, "n1"));
    struct alarm a[8];
    uint64_t hash;

    diary = &d;
    for (uint32_t i = 0; i < 8; i++) {
        uint16_t some;

        io_random(io, &some, sizeof some);
        alarm_start(&a[i], io, i, some);
    }
    sim_run_until(sim, SIM_S);
    hash = sim_hash(sim);
    bury(io);
    sim_free(sim);
    return hash;
}

static void test_world__is_the_same_for_the_same_seed(void **state)
{
    (void)state;
    assert_true(hash_of_run(7) == hash_of_run(7));
    assert_true(hash_of_run(7) != hash_of_run(8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers__fire_in_the_order_of_their_times),
        cmocka_unit_test(test_timers__starting_again_moves_and_stopping_silences),
        cmocka_unit_test(test_loop__has_one_turn_after_each_batch),
        cmocka_unit_test(test_loop__finds_a_turn_that_leaves_something_and_asks_for_no_other),
        cmocka_unit_test(test_clock__drifts_but_never_fires_a_timer_early),
        cmocka_unit_test(test_process__hears_nothing_after_its_death),
        cmocka_unit_test(test_world__is_the_same_for_the_same_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
