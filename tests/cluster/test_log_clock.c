/* Log time goes on at the rate of the monotonic clock, within 1 %, whatever wall clocks do and
 * whichever node leads; it never falls; and it comes to be that of the wall clock (I-225). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "cluster/log_clock.h"

#define MS  1000000ull
#define S   (1000 * MS)
#define DAY (86400 * S)

enum { US_A_S = 1000000 };

static const uint64_t epoch_ns = 1700000000 * S;

/* A leader whose wall clock is off; looks now and then. Returns how long that was by log time. */
static uint64_t lead_us(struct log_clock *c, uint64_t *now_ns, uint64_t for_ns, int64_t off_ns)
{
    uint64_t first_us = 0;
    uint64_t last_us = 0;
    struct prng prng = {.state = for_ns};

    for (uint64_t end_ns = *now_ns + for_ns; *now_ns <= end_ns;
         *now_ns += 1 + prng_below(&prng, 100 * MS)) {
        uint64_t wall_ns = (uint64_t)((int64_t)(epoch_ns + *now_ns) + off_ns);
        uint64_t us = log_clock_go_on(c, *now_ns, wall_ns, last_us);

        assert_true(us >= last_us);
        first_us = first_us == 0 ? us : first_us;
        last_us = us;
    }
    return last_us - first_us;
}

static void assert_lasted(uint64_t us, uint64_t seconds)
{
    assert_in_range(us, (seconds * 99 - 20) * US_A_S / 100, (seconds * 101 + 20) * US_A_S / 100);
}

static void test_log_clock__begins_with_the_wall_clock(void **state)
{
    struct log_clock c = {0};

    (void)state;
    assert_int_equal(log_clock_estimate_us(&c, 5 * S), 0);
    assert_int_equal(log_clock_go_on(&c, 5 * S, epoch_ns, 1), epoch_ns / 1000);
    assert_int_equal(log_clock_estimate_us(&c, 6 * S), epoch_ns / 1000 + US_A_S);
    c = (struct log_clock){0};
    assert_int_equal(log_clock_go_on(&c, 5 * S, epoch_ns, epoch_ns / 1000 + 7),
                     epoch_ns / 1000 + 7);
    c = (struct log_clock){0};
    assert_int_equal(log_clock_go_on(&c, 5 * S, 0, 0), 1);
}

static void test_log_clock__does_not_believe_a_jump_of_a_day(void **state)
{
    static const int64_t off_ns[] = {0, (int64_t)DAY, -(int64_t)DAY, 3600 * (int64_t)S, 0};
    struct log_clock c = {0};
    uint64_t now_ns = 7 * S;

    (void)state;
    for (size_t i = 0; i < sizeof off_ns / sizeof off_ns[0]; i++) {
        assert_lasted(lead_us(&c, &now_ns, 30 * S, off_ns[i]), 30);
    }
    /* In one step as well. */
    uint64_t before_us = log_clock_go_on(&c, now_ns, epoch_ns + now_ns, 0);
    uint64_t after_us = log_clock_go_on(&c, now_ns + 100 * S, epoch_ns + now_ns + DAY, before_us);

    assert_lasted(after_us - before_us, 100);
}

static void test_log_clock__comes_to_be_the_wall_clocks(void **state)
{
    struct log_clock c = {0};
    uint64_t now_ns = 1;

    (void)state;
    lead_us(&c, &now_ns, S, 0);
    lead_us(&c, &now_ns, 400 * S, 2 * (int64_t)S);
    assert_in_range(log_clock_estimate_us(&c, now_ns), (epoch_ns + now_ns + 1990 * MS) / 1000,
                    (epoch_ns + now_ns + 2010 * MS) / 1000);
    lead_us(&c, &now_ns, 400 * S, -(int64_t)S / 2);
    assert_in_range(log_clock_estimate_us(&c, now_ns), (epoch_ns + now_ns - 510 * MS) / 1000,
                    (epoch_ns + now_ns - 490 * MS) / 1000);
}

/* The next leader has another monotonic clock, and a wall clock that is wrong. */
static void test_log_clock__goes_on_under_another_leader(void **state)
{
    struct log_clock old = {0};
    struct log_clock next = {0};
    uint64_t old_ns = 9 * S;
    uint64_t next_ns = 5000 * S;
    uint64_t us;

    (void)state;
    lead_us(&old, &old_ns, 10 * S, 0);
    us = log_clock_estimate_us(&old, old_ns);
    log_clock_learn(&next, next_ns, us - 500); /* From any node, when it started, */
    log_clock_hear(&next, next_ns, us);        /* then from the leader. */
    log_clock_learn(&next, next_ns, us - 700); /* Others do not count any more. */
    assert_int_equal(log_clock_estimate_us(&next, next_ns), us);
    assert_lasted(log_clock_go_on(&next, next_ns + 60 * S, epoch_ns + 30 * DAY, us) - us, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_clock__begins_with_the_wall_clock),
        cmocka_unit_test(test_log_clock__does_not_believe_a_jump_of_a_day),
        cmocka_unit_test(test_log_clock__comes_to_be_the_wall_clocks),
        cmocka_unit_test(test_log_clock__goes_on_under_another_leader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
