/* Timers and clocks of io.h on the libuv backend. */
#include "fixture.h"

#include <stdlib.h>
#include <time.h>

#include "base/prng.h"

enum { TIMERS_MAX = 1000 };

struct clockwork;

struct alarm_clock {
    struct io_timer timer;
    struct clockwork *owner;
    uint64_t at_ns;
    bool has_fired;
};

struct clockwork {
    struct fixture *f;
    struct alarm_clock *clocks;
    struct alarm_clock *order[TIMERS_MAX]; /* In the order of firing. */
    size_t fired_count;
    struct io_timer *stopped_by_first; /* Stopped by the timer that fires first. */
};

static void on_fired(struct io_timer *timer)
{
    struct alarm_clock *a = container_of(timer, struct alarm_clock, timer);
    struct clockwork *w = a->owner;

    assert_from_loop(w->f);
    assert_null(timer->backend);
    assert_true(io_now_ns(w->f->io) >= a->at_ns); /* Never early. */
    a->has_fired = true;
    w->order[w->fired_count++] = a;
    if (w->stopped_by_first != NULL) {
        io_timer_stop(w->f->io, w->stopped_by_first);
        w->stopped_by_first = NULL;
    }
}

static void clockwork_init(struct clockwork *w, struct fixture *f, size_t count)
{
    *w = (struct clockwork){.f = f};
    w->clocks = memory_take_zeroed(count, sizeof *w->clocks);
    for (size_t i = 0; i < count; i++) {
        w->clocks[i].timer.fired = on_fired;
        w->clocks[i].owner = w;
    }
}

static void start(struct clockwork *w, size_t i, uint64_t at_ns)
{
    w->clocks[i].at_ns = at_ns;
    call_begin(w->f);
    io_timer_start(w->f->io, &w->clocks[i].timer, at_ns);
    call_end(w->f);
}

static void assert_order(const struct clockwork *w, size_t place, size_t i)
{
    assert_ptr_equal(w->order[place], &w->clocks[i]);
}

static void test_timer__fires_in_the_order_of_time_then_of_start(void **state)
{
    struct clockwork w;
    uint64_t now;

    clockwork_init(&w, *state, 5);
    now = io_now_ns(w.f->io);
    start(&w, 0, now + 3 * MS_NS + 1);
    start(&w, 1, now + 3 * MS_NS); /* A nanosecond decides the order. */
    start(&w, 2, now + 3 * MS_NS + 1);
    start(&w, 3, now + 1 * MS_NS);
    start(&w, 4, 0); /* In the past: fires soon. */
    run_for(w.f, 10 * MS_NS);
    assert_int_equal(w.fired_count, 5);
    assert_order(&w, 0, 4);
    assert_order(&w, 1, 3);
    assert_order(&w, 2, 1);
    assert_order(&w, 3, 0);
    assert_order(&w, 4, 2);
    free(w.clocks);
}

static void test_timer__fires_within_two_milliseconds_on_an_idle_machine(void **state)
{
    enum { TRIES = 20 };
    struct clockwork w;
    int late_count = 0;

    clockwork_init(&w, *state, 1);
    for (int i = 0; i < TRIES; i++) {
        w.fired_count = 0;
        w.clocks[0].has_fired = false;
        start(&w, 0, io_now_ns(w.f->io) + 1500000);
        await(w.f, &w.clocks[0].has_fired);
        late_count += io_now_ns(w.f->io) > w.clocks[0].at_ns + 2 * MS_NS;
    }
    assert_true(late_count < TRIES);          /* The machine may be busy, but not each time. */
    assert_int_equal(w.f->turn_count, TRIES); /* And the loop did not wake for nothing. */
    free(w.clocks);
}

static void test_timer__can_be_moved_both_ways(void **state)
{
    struct clockwork w;
    uint64_t now;

    clockwork_init(&w, *state, 3);
    now = io_now_ns(w.f->io);
    start(&w, 0, now + 2 * MS_NS);
    start(&w, 1, now + 4 * MS_NS);
    start(&w, 2, now + 3600ull * 1000 * MS_NS);
    start(&w, 0, now + 6 * MS_NS);
    start(&w, 2, now + 1 * MS_NS);
    run_for(w.f, 12 * MS_NS);
    assert_int_equal(w.fired_count, 3);
    assert_order(&w, 0, 2);
    assert_order(&w, 1, 1);
    assert_order(&w, 2, 0);
    free(w.clocks);
}

static void test_timer__stopped_does_not_fire(void **state)
{
    struct clockwork w;

    clockwork_init(&w, *state, 2);
    io_timer_stop(w.f->io, &w.clocks[0].timer); /* Never started: no effect. */
    start(&w, 0, io_now_ns(w.f->io) + MS_NS);
    io_timer_stop(w.f->io, &w.clocks[0].timer);
    assert_null(w.clocks[0].timer.backend);
    start(&w, 1, io_now_ns(w.f->io) + 2 * MS_NS);
    await(w.f, &w.clocks[1].has_fired);
    io_timer_stop(w.f->io, &w.clocks[1].timer); /* Fired already: no effect. */
    assert_int_equal(w.fired_count, 1);
    free(w.clocks);
}

static void test_timer__that_is_due_can_be_stopped_by_an_earlier_one(void **state)
{
    struct clockwork w;
    uint64_t now;

    clockwork_init(&w, *state, 3);
    now = io_now_ns(w.f->io);
    for (size_t i = 0; i < 3; i++) {
        start(&w, i, now); /* All are due in the same batch. */
    }
    w.stopped_by_first = &w.clocks[1].timer;
    run_for(w.f, 5 * MS_NS);
    assert_int_equal(w.fired_count, 2);
    assert_order(&w, 0, 0);
    assert_order(&w, 1, 2);
    free(w.clocks);
}

struct eager {
    struct io_timer timer;
    struct fixture *f;
    int fired_count;
};

static void on_eager_fired(struct io_timer *timer)
{
    struct eager *e = container_of(timer, struct eager, timer);

    e->fired_count++;
    io_timer_start(e->f->io, timer, 0);
}

static void test_timer__that_restarts_itself_does_not_delay_others(void **state)
{
    struct fixture *f = *state;
    struct eager eager = {.timer = {.fired = on_eager_fired}, .f = f};

    io_timer_start(f->io, &eager.timer, 0);
    do {
        run_for(f, 3 * MS_NS);       /* Another timer ends this. */
    } while (eager.fired_count < 2); /* On a busy machine it may take more than one run. */
    io_timer_stop(f->io, &eager.timer);
    assert_true(f->turn_count >= eager.fired_count); /* Once per batch. */
}

static void test_timer__thousand_of_them_fire_in_order(void **state)
{
    struct clockwork w;
    struct prng random = {.state = 7};
    uint64_t now;
    size_t expected_count = 0;

    clockwork_init(&w, *state, TIMERS_MAX);
    now = io_now_ns(w.f->io);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < TIMERS_MAX; i++) {
            start(&w, i, now + 5 * MS_NS + prng_below(&random, 20 * MS_NS));
            if (prng_chance(&random, 1, 4)) {
                io_timer_stop(w.f->io, &w.clocks[i].timer);
            }
        }
    }
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        expected_count += w.clocks[i].timer.backend != NULL;
    }
    run_for(w.f, 40 * MS_NS);
    assert_int_equal(w.fired_count, expected_count);
    for (size_t i = 1; i < w.fired_count; i++) {
        assert_true(w.order[i - 1]->at_ns <= w.order[i]->at_ns);
    }
    free(w.clocks);
}

static void test_timer__fired_may_be_freed_and_armed_is_dropped_with_the_loop(void **state)
{
    struct clockwork w;

    clockwork_init(&w, *state, 2);
    start(&w, 0, 0);
    start(&w, 1, io_now_ns(w.f->io) + 3600ull * 1000 * MS_NS);
    await(w.f, &w.clocks[0].has_fired);
    free(w.clocks);
}

/* --- clocks ---------------------------------------------------------------- */

struct stopped_clock {
    struct io_timer timer;
    struct fixture *f;
    bool stood_still;
    bool is_over;
};

static void on_clock_fired(struct io_timer *timer)
{
    struct stopped_clock *c = container_of(timer, struct stopped_clock, timer);
    uint64_t before = io_now_ns(c->f->io);
    struct timespec start_time;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &start_time);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec == start_time.tv_sec && now.tv_nsec < start_time.tv_nsec + MS_NS);
    c->stood_still = io_now_ns(c->f->io) == before;
    c->is_over = true;
}

static void test_clock__stands_still_within_a_callback(void **state)
{
    struct fixture *f = *state;
    struct stopped_clock c = {.timer = {.fired = on_clock_fired}, .f = f};
    uint64_t before = io_now_ns(f->io);

    io_timer_start(f->io, &c.timer, 0);
    await(f, &c.is_over);
    assert_true(c.stood_still);
    assert_true(io_now_ns(f->io) >= before + MS_NS);
}

static void test_clock__wall_is_the_systems(void **state)
{
    struct fixture *f = *state;
    int64_t difference = (int64_t)(io_wall_ns(f->io) / 1000000000u) - (int64_t)time(NULL);

    assert_in_range(difference + 1, 0, 2);
}

static void test_random__gives_bytes(void **state)
{
    struct fixture *f = *state;
    unsigned char bytes[2][1024] = {{0}};
    int zero_count = 0;

    io_random(f->io, bytes[0], sizeof bytes[0]);
    io_random(f->io, bytes[1], sizeof bytes[1]);
    assert_memory_not_equal(bytes[0], bytes[1], sizeof bytes[0]);
    for (size_t i = 0; i < sizeof bytes[0]; i++) {
        zero_count += bytes[0][i] == 0;
    }
    assert_true(zero_count < 64);
    io_random(f->io, bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_timer__fires_in_the_order_of_time_then_of_start),
        IO_TEST(test_timer__fires_within_two_milliseconds_on_an_idle_machine),
        IO_TEST(test_timer__can_be_moved_both_ways),
        IO_TEST(test_timer__stopped_does_not_fire),
        IO_TEST(test_timer__that_is_due_can_be_stopped_by_an_earlier_one),
        IO_TEST(test_timer__that_restarts_itself_does_not_delay_others),
        IO_TEST(test_timer__thousand_of_them_fire_in_order),
        IO_TEST(test_timer__fired_may_be_freed_and_armed_is_dropped_with_the_loop),
        IO_TEST(test_clock__stands_still_within_a_callback),
        IO_TEST(test_clock__wall_is_the_systems),
        IO_TEST(test_random__gives_bytes),
    };

    return cmocka_run_group_tests_name("io/timer", tests, NULL, NULL);
}
