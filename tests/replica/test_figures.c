/* What nodes report about themselves reaches the leader, and its RAFT STATUS. */
#include "replica_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { FIGURES_MS = 2500 }; /* Twice a second, and some. */

/* The number of that name in the row of the node that has this id. */
static long long number_of_id(const char *status, const char *id, const char *name)
{
    char mark[64];
    const char *at;

    snprintf(mark, sizeof mark, "\r\n%s\r\n$7\r\naddress", id);
    at = strstr(status, mark);
    assert_non_null(at);
    snprintf(mark, sizeof mark, "\r\n%s\r\n:", name);
    at = strstr(at, mark);
    assert_non_null(at);
    return strtoll(at + strlen(mark), NULL, 10);
}

/* The same for node `i`, which is up. */
static long long number_of(const char *status, struct world *w, uint32_t i, const char *name)
{
    return number_of_id(status, world_id(w, i), name);
}

static void join(struct world *w, uint32_t i)
{
    world_start_newcomer(w, i);
    assert_memory_equal(world_ask(w, 0, world_add_words(w, i)), "*", 1);
    world_join(w, i);
}

static void test_figures__of_each_node_reach_the_leader(void **state)
{
    struct world *w = *state;
    const char *status;

    join(w, 1);
    world_run_ms(w, FIGURES_MS);
    status = world_ask(w, 1, "RAFT STATUS"); /* The leader answers that. */
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(number_of(status, w, i, "last_index") > 0);
        assert_true(number_of(status, w, i, "sync_p99_us") > 0);
        assert_true(number_of(status, w, i, "sync_margin_ms") > 200);
        assert_int_equal(number_of(status, w, i, "lag_entries"), 0);
        assert_int_equal(number_of(status, w, i, "lag_bytes"), 0);
        assert_int_equal(number_of(status, w, i, "lag_ms"), 0);
    }
}

/* The write that has not ended, and the warning about it. */
static void test_figures__show_the_stalled_disk_of_another_node(void **state)
{
    struct world *w = *state;
    struct world_call call;
    const char *status;

    join(w, 1);
    world_start_newcomer(w, 2);
    world_run_ms(w, FIGURES_MS);
    sim_stall_disk(w->nodes[1].machine, sim_now_ns(w->sim) + 60 * SIM_S);
    world_call(w, 0, &call, world_add_words(w, 2));
    world_run_ms(w, FIGURES_MS + 2000);
    assert_false(call.is_answered); /* Node 1 is needed for that. */
    status = world_ask(w, 0, "RAFT STATUS");
    assert_true(number_of(status, w, 1, "sync_pending_us") > 1000000);
    assert_int_equal(number_of(status, w, 0, "sync_pending_us"), 0);
    assert_true(number_of(status, w, 1, "lag_entries") > 0);
    assert_true(number_of(status, w, 1, "lag_bytes") > 0);
    assert_true(number_of(status, w, 1, "lag_ms") > 1000);
    assert_non_null(strstr(status, "the disk is stalled"));
    world_stop(w, 0);
    world_stop(w, 1);
    world_call_deinit(&call);
}

/* Its followers know why they looked for another one. */
static void test_figures__show_that_a_leader_was_lost(void **state)
{
    struct world *w = *state;
    const char *status;
    char lost[17];

    join(w, 1);
    join(w, 2);
    snprintf(lost, sizeof lost, "%s", world_id(w, 0));
    world_run_ms(w, FIGURES_MS);
    assert_null(strstr(world_ask(w, 1, "RAFT STATUS"), "the leader was lost"));
    world_stop(w, 0);
    world_run_ms(w, FIGURES_MS + 2000);
    status = world_ask(w, 1, "RAFT STATUS");
    assert_non_null(strstr(status, "the leader was lost: lost the connection to the leader"));
    assert_true(number_of(status, w, 1, "trouble_ms") > 0);
    assert_true(number_of(status, w, 2, "trouble_ms") > 0);
    assert_int_equal(number_of_id(status, lost, "last_index"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_figures__of_each_node_reach_the_leader),
        WORLD_TEST(test_figures__show_the_stalled_disk_of_another_node),
        WORLD_TEST(test_figures__show_that_a_leader_was_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
