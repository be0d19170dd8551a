/* The majority is lost for good, and the operator goes on with one node (ADR 30). Former members
 * come back as they were, and then with empty disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum {
    SEEDS = SEEDS_OF(6),
    NODES = 5,
    SURVIVORS = 2, /* Their disks are whole. */
    FOUNDED_WITHIN_S = 60,
    JOINED_WITHIN_S = 60,
    SERVED_WITHIN_S = 30,
};

static const struct user_options users = {.key_count = 20,
                                          .pipeline_max = 4,
                                          .backlog_max = 8,
                                          .value_bytes_max = 500,
                                          .think_ns = 5 * SIM_MS,
                                          .patience_ns = 5 * SIM_S};

static void cut_often(struct server_config *config)
{
    config->snapshot_after_bytes = 64 * 1024; /* So that memberships are in snapshots, too. */
}

static const struct raft_configuration *configuration(const struct node *n)
{
    return raft_configuration(replica_raft(n->server->replica));
}

static bool are_voters(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    uint32_t voter_count = 0;

    if (leader == NULL || !raft_is_ready(replica_raft(leader->server->replica))) {
        return false;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        const struct raft_member *m =
            raft_configuration_find(configuration(leader), c->nodes[i].id);

        voter_count += m != NULL && m->incoming && cluster_has_log(&c->nodes[i]);
    }
    return voter_count == NODES && configuration(leader)->member_count == NODES;
}

static void await_voters(struct cluster *c, int seconds)
{
    for (int i = 0; i < seconds && !are_voters(c); i++) {
        calm_cluster_run_for(c, SIM_S);
    }
    assert_true(are_voters(c));
}

static struct cluster *start(uint64_t seed)
{
    struct cluster_options options = {.seed = seed, .node_count = NODES, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);

    for (uint32_t i = 0; i < NODES; i++) {
        cut_often(&c->nodes[i].config);
        cluster_start_later(&c->nodes[i], i * 100 * SIM_MS);
    }
    await_voters(c, FOUNDED_WITHIN_S);
    return c;
}

static void kill_all(struct cluster *c, uint64_t seed)
{
    for (uint32_t i = 0; i < NODES; i++) {
        sim_event_stop(c->sim, &c->nodes[i].start);
        cluster_kill(&c->nodes[i], seed % 2 == 0 ? SIM_POWER : SIM_KILLED);
        c->nodes[i].stays_down = true;
    }
}

static bool is_newer(const struct cluster *c, const struct node *a, const struct node *b)
{
    const struct checker_log *of_a = &checker_disk_of(c->checker, a->id)->log;
    const struct checker_log *of_b = &checker_disk_of(c->checker, b->id)->log;
    uint64_t term_a = checker_log_at(of_a, of_a->last).term;
    uint64_t term_b = checker_log_at(of_b, of_b->last).term;

    return term_a > term_b || (term_a == term_b && of_a->last > of_b->last);
}

static struct node *find_newest(struct cluster *c)
{
    struct node *newest = &c->nodes[0];

    for (uint32_t i = 1; i < NODES; i++) {
        newest = is_newer(c, &c->nodes[i], newest) ? &c->nodes[i] : newest;
    }
    return newest;
}

static void start_again(struct node *n)
{
    n->stays_down = false;
    cluster_start_later(n, 0);
}

static bool leads(const struct node *n)
{
    return n->phase == NODE_UP && raft_role(replica_raft(n->server->replica)) == RAFT_LEADER;
}

/* Those with disks come back as they were: nobody lets them in, and they elect nobody. */
static void check_former(struct cluster *c, struct node *recovered)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < NODES && count < SURVIVORS; i++) {
        struct node *n = &c->nodes[i];

        if (n != recovered) {
            n->is_founder = true; /* It needs no contact. */
            start_again(n);
            count++;
        }
    }
    calm_cluster_run_for(c, 10 * SIM_S);
    assert_true(leads(recovered));
    assert_int_equal(configuration(recovered)->member_count, 1);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(&c->nodes[i] == recovered || !leads(&c->nodes[i]));
    }
}

static void check_joining(struct cluster *c, struct node *recovered)
{
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &c->nodes[i];

        if (n != recovered) {
            cluster_kill(n, SIM_KILLED);
            cluster_renew(n);
            start_again(n);
        }
    }
    await_voters(c, JOINED_WITHIN_S);
}

static void recover(struct cluster *c, struct node *n)
{
    assert_true(cluster_recover(n));
    n->is_founder = true;
    start_again(n);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_true(leads(n));
    check_former(c, n);
    check_joining(c, n);
}

static void check_service(struct cluster *c)
{
    uint32_t left = c->user_count;

    for (uint32_t i = 0; i < c->user_count; i++) {
        (void)user_take_success_count(c->users[i]);
    }
    for (int s = 0; s < SERVED_WITHIN_S && left > 0; s++) {
        calm_cluster_run_for(c, SIM_S);
        for (uint32_t i = 0; i < c->user_count; i++) {
            left -= user_take_success_count(c->users[i]) > 0 && left > 0;
        }
    }
    assert_int_equal(left, 0);
}

/* The newest of all has everything that was acknowledged: users notice only that it took long. */
static void test_recover__of_the_newest_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = start(seed);

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, 2 * SIM_S + seed * 10 * SIM_MS);
        kill_all(c, seed);
        recover(c, find_newest(c));
        check_service(c);
        cluster_free(c);
    }
}

static void end_users(struct cluster *c)
{
    while (c->user_count > 0) {
        user_free(c->users[--c->user_count]);
    }
}

/* One that was down for a while lacks what was acknowledged since. All nodes agree on the rest. */
static void test_recover__of_an_older_one_makes_a_cluster_of_what_it_has(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = start(seed);
        struct node *old = &c->nodes[seed % NODES];

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, SIM_S);
        old->stays_down = true;
        cluster_kill(old, SIM_POWER);
        calm_cluster_run_for(c, 2 * SIM_S);
        kill_all(c, seed);
        end_users(c); /* They would notice. */
        recover(c, old);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover__of_the_newest_loses_nothing),
        cmocka_unit_test(test_recover__of_an_older_one_makes_a_cluster_of_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
