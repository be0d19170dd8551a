/* No turn leaves something undone and waits for an event or a timer to continue (I-123): each
 * process that is about to wait runs its turn once more, which must not do anything. Here a
 * leader gets into the states in which writes wait for something that only its own turn changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

enum { SEEDS = SEEDS_OF(4), ROUNDS = 20 };

static const struct user_options writers = {.key_count = 20,
                                            .pipeline_max = 16,
                                            .backlog_max = 30,
                                            .value_bytes_max = 6000,
                                            .think_ns = 2 * SIM_MS,
                                            .patience_ns = 30 * SIM_S};

static void make_window_small(struct server_config *config)
{
    config->segment_bytes = 1024 * 1024;
    config->log_memory_bytes = 16 * 1024;
    config->in_flight_bytes_max = 64 * 1024;
}

static void set_latency(struct node *n, uint64_t ns)
{
    const struct sim_disk_profile disk = {
        .latency_min_ns = ns, .latency_max_ns = ns + SIM_MS, .capacity_bytes = UINT64_MAX};

    sim_set_disk(n->machine, &disk);
}

/* What the others have committed remains in its log in memory until its own disk has it as well. */
static void test_wakeups__writes_go_on_once_the_log_in_memory_has_room(void **state)
{
    uint32_t full_count = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_window_small);
        struct node *leader = cluster_leader(c);

        calm_cluster_start_users(c, &writers);
        set_latency(leader, 100 * SIM_MS);
        for (int i = 0; i < ROUNDS * 20; i++) {
            calm_cluster_run_for(c, 5 * SIM_MS);
            full_count += replica_window_is_full(leader->server->replica) ? 1 : 0;
        }
        cluster_free(c);
    }
    assert_true(full_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakeups__writes_go_on_once_the_log_in_memory_has_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
