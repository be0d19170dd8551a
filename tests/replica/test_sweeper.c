/* When to look for requests that have waited too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "replica/sweeper.h"
#include "sim/world/sim.h"

struct fixture {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct sweeper sweeper;
    uint32_t fired_count;
    uint32_t swept_count;
};

static void fired(struct io_timer *timer)
{
    struct fixture *f = container_of(timer, struct fixture, sweeper.timer);

    f->fired_count++;
    f->swept_count += sweeper_may_sweep(&f->sweeper) ? 1 : 0;
}

static int up(void **state)
{
    static struct fixture f;

    f = (struct fixture){.sim = sim_new(1)};
    f.machine = sim_machine_new(f.sim, "a");
    f.io = sim_boot(f.machine);
    sweeper_init(&f.sweeper, f.io, fired);
    *state = &f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    sweeper_deinit(&f->sweeper);
    sim_die(f->io, SIM_EXITED);
    sim_bury(f->io);
    sim_free(f->sim);
    return 0;
}

static void run_ms(struct fixture *f, uint64_t ms)
{
    sim_run_until(f->sim, sim_now_ns(f->sim) + ms * SIM_MS);
}

static void test_sweeper__fires_once_for_all_that_start_it(void **state)
{
    struct fixture *f = *state;

    sweeper_start(&f->sweeper);
    run_ms(f, 30);
    sweeper_start(&f->sweeper);
    run_ms(f, 30);
    assert_int_equal(f->swept_count, 1);
    run_ms(f, 1000);
    assert_int_equal(f->fired_count, 1);
    sweeper_start(&f->sweeper);
    run_ms(f, 60);
    assert_int_equal(f->swept_count, 2);
}

static void test_sweeper__listens_first_if_the_node_was_held_up(void **state)
{
    struct fixture *f = *state;

    sweeper_start(&f->sweeper);
    run_ms(f, 10);
    sim_freeze(f->machine, sim_now_ns(f->sim) + SIM_S);
    run_ms(f, 1001);
    assert_int_equal(f->fired_count, 1);
    assert_int_equal(f->swept_count, 0);
    run_ms(f, 10);
    assert_int_equal(f->swept_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sweeper__fires_once_for_all_that_start_it),
        TEST(test_sweeper__listens_first_if_the_node_was_held_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
