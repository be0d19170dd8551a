/* test_clock.c - the clock of a machine that is suspended for a while. The linker wraps
 * clock_gettime() for the code under test, so that CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC by
 * the time of the suspension. libuv uses the real clocks. */
#include "fixture.h"

#include <time.h>
#include <unistd.h>

static const uint64_t HOUR_NS = 3600ull * 1000 * 1000 * 1000;
enum { LATE_S = 10 }; /* A timer that is an hour late fails the test after this time. */

static uint64_t suspended_ns; /* In total. */

/* Names that the linker gives. */
int __real_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int result = __real_clock_gettime(clock, ret_now);

    if (clock == CLOCK_BOOTTIME) {
        ret_now->tv_sec += (time_t)(suspended_ns / 1000000000u);
    }
    return result;
}

static uint64_t awake_ns(void)
{
    struct timespec now;

    assert_int_equal(__real_clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct alarm_clock {
    struct io_timer timer;
    uint64_t suspends_ns; /* The machine is suspended for this time once the timer has fired. */
    bool has_fired;
};

static void on_fired(struct io_timer *timer)
{
    struct alarm_clock *a = container_of(timer, struct alarm_clock, timer);

    a->has_fired = true;
    suspended_ns += a->suspends_ns;
}

static int clock_setup(void **state)
{
    suspended_ns = 0;
    return fixture_setup(state);
}

static void test_clock__goes_on_while_the_machine_is_suspended(void **state)
{
    struct fixture *f = *state;
    uint64_t before = io_now_ns(f->io);

    suspended_ns += HOUR_NS;

    uint64_t after = io_now_ns(f->io);

    assert_true(after >= before + HOUR_NS);
    assert_true(after < before + 2 * HOUR_NS);
}

/* libuv's clock is an hour behind then. */
static void test_clock__timers_keep_their_time_after_a_suspension(void **state)
{
    struct fixture *f = *state;
    struct alarm_clock a = {.timer = {.fired = on_fired}};
    uint64_t start_ns = awake_ns();

    alarm(LATE_S);
    suspended_ns += HOUR_NS;
    io_timer_start(f->io, &a.timer, io_now_ns(f->io) + 20 * MS_NS);
    await(f, &a.has_fired);
    assert_true(awake_ns() - start_ns >= 20 * MS_NS);
}

static void test_clock__a_timer_that_became_due_in_a_suspension_fires_after_it(void **state)
{
    struct fixture *f = *state;
    struct alarm_clock first = {.timer = {.fired = on_fired}, .suspends_ns = HOUR_NS};
    struct alarm_clock second = {.timer = {.fired = on_fired}};
    uint64_t now_ns = io_now_ns(f->io);

    alarm(LATE_S);
    io_timer_start(f->io, &first.timer, now_ns + 10 * MS_NS);
    io_timer_start(f->io, &second.timer, now_ns + HOUR_NS / 2);
    await(f, &second.has_fired);
    assert_true(first.has_fired);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, clock_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(test_clock__goes_on_while_the_machine_is_suspended),
        CLOCK_TEST(test_clock__timers_keep_their_time_after_a_suspension),
        CLOCK_TEST(test_clock__a_timer_that_became_due_in_a_suspension_fires_after_it),
    };

    return cmocka_run_group_tests_name("io/clock", tests, NULL, NULL);
}
