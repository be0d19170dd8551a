/* A follower that is stopped for a while (SIGSTOP, a machine held up) and resumes: the leader
 * was healthy all the time, and its answers from that time are not in doubt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { SEEDS = SEEDS_OF(3), ROUNDS = 40 };

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 2,
                                          .backlog_max = 4,
                                          .read_percent = 10,
                                          .value_bytes_max = 30,
                                          .think_ns = 5 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static void have_room(struct server_config *config)
{
    config->in_flight_bytes_max = 1024 * 1024;
    config->request_timeout_ns = 2 * SIM_S;
}

static struct node *some_follower(struct cluster *c)
{
    struct node *leader = cluster_leader(c);

    return &c->nodes[leader == &c->nodes[0] ? 1 : 0];
}

static void check_pauses(uint64_t least_ns, uint64_t most_ns)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, have_room);
        struct node *leader = cluster_leader(c);
        struct node *follower = some_follower(c);
        raft_term term = raft_current_term(replica_raft(leader->server->replica));

        calm_cluster_start_users(c, &users);
        for (int i = 0; i < ROUNDS; i++) {
            uint64_t for_ns = prng_between(&c->prng, least_ns, most_ns);

            calm_cluster_run_for(c, prng_between(&c->prng, 100 * SIM_MS, 300 * SIM_MS));
            sim_freeze(follower->machine, sim_now_ns(c->sim) + for_ns);
            calm_cluster_run_for(c, for_ns);
        }
        calm_cluster_run_for(c, SIM_S);
        for (uint32_t i = 0; i < c->user_count; i++) {
            assert_true(user_take_success_count(c->users[i]) > 0);
        }
        assert_ptr_equal(cluster_leader(c), leader);
        assert_int_equal(raft_current_term(replica_raft(leader->server->replica)), term);
        assert_int_equal(calm_cluster_count_in_doubt(c), 0);
        cluster_free(c);
    }
}

/* It may wake up just when it would consider the leader silent. */
static void test_pause__of_a_follower_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    check_pauses(250 * SIM_MS, 620 * SIM_MS);
}

static void test_pause__of_a_follower_beyond_its_commands_time_leaves_nothing_in_doubt(void **state)
{
    (void)state;
    check_pauses(1900 * SIM_MS, 2500 * SIM_MS);
}

static void count_unreached(void *context, enum log_level level, const char *event,
                            const char *fields)
{
    uint32_t *count = context;

    *count += level == LOG_WARN && strcmp(event, "cannot reach a member") == 0;
}

static void pause(struct cluster *c, struct node *paused)
{
    sim_freeze(paused->machine, sim_now_ns(c->sim) + 8 * SIM_S);
    calm_cluster_run_for(c, 10 * SIM_S);
}

static struct log count_in(uint32_t *count)
{
    return (struct log){.level = LOG_WARN, .sink = count_unreached, .context = count};
}

/* Its connections stay open, so only its silence shows it. */
static void test_pause__of_a_follower_is_logged_by_the_leader(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    uint32_t count = 0;

    (void)state;
    cluster_leader(c)->log = count_in(&count);
    for (int i = 0; i < 4; i++) {
        pause(c, some_follower(c));
    }
    assert_in_range(count, 1, 4);
    cluster_free(c);
}

static void test_pause__of_a_node_is_not_blamed_on_others(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        uint32_t count = 0;

        /* Each time another node leads; the successor may itself have a line about the frozen
         * node. */
        for (int i = 0; i < 4; i++) {
            struct node *leader = cluster_leader(c);
            struct log log = leader->log;

            leader->log = count_in(&count);
            pause(c, leader);
            leader->log = log;
        }
        assert_int_equal(count, 0);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pause__of_a_follower_leaves_nothing_in_doubt),
        cmocka_unit_test(
            test_pause__of_a_follower_beyond_its_commands_time_leaves_nothing_in_doubt),
        cmocka_unit_test(test_pause__of_a_follower_is_logged_by_the_leader),
        cmocka_unit_test(test_pause__of_a_node_is_not_blamed_on_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
