/* More than a cluster can carry, for long: three nodes whose leader reaches the others only
 * by narrow paths, and users on each of them who want four times as much. Most commands must
 * be refused then, but refused for certain; the paths must be used for the rest; and nobody
 * may be left out for where he is connected. Relieved, it serves everybody at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/replica.h"
#include "sim/cluster.h"

enum {
    NODES = 3,
    USERS = CLUSTER_USERS_MAX,
    VALUE_BYTES = 6000, /* On average. */
    PATH_BYTES_A_SECOND = 200 * 1000,
    WINDOWS = 4,
    WINDOW_S = 10,
    /* What the paths carry in a window. */
    CARRIED = WINDOW_S * PATH_BYTES_A_SECOND / VALUE_BYTES,
    /* Of each user, in all windows. (Users whose commands are refused give half of their
     * connections up, with all that is under way on them: so it is much less.) */
    FAIR_SHARE = WINDOWS * CARRIED / 2 / USERS,
};

struct overload {
    struct cluster *c;
    uint64_t success_counts[USERS]; /* Answers, but errors. */
    uint64_t applied_count;         /* By the leader, in the last look. */
    uint64_t in_doubt_count;        /* The same. */
};

static struct io_address pick_node(void *context, struct prng *prng)
{
    struct node *n = context;
    struct io_address address = {.port = CLUSTER_PORT};

    (void)prng;
    snprintf(address.host, sizeof address.host, "%s", n->name);
    return address;
}

static void run_until(struct cluster *c, uint64_t at_ns)
{
    while (!c->verdict.is_guilty && sim_step(c->sim, at_ns)) {
    }
    if (c->verdict.is_guilty) {
        fail_msg("%s", c->verdict.text);
    }
}

static void run_for(struct cluster *c, uint64_t for_ns)
{
    run_until(c, sim_now_ns(c->sim) + for_ns);
}

static bool is_founded(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    uint32_t voter_count = 0;

    if (leader == NULL || !raft_is_ready(replica_raft(leader->server->replica))) {
        return false;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        voter_count += cluster_is_voter(&c->nodes[i]);
    }
    return voter_count == NODES;
}

static void set_paths(struct cluster *c, uint64_t bytes_a_second)
{
    const struct node *leader = cluster_leader(c);

    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != leader) {
            sim_narrow(leader->machine, c->nodes[i].machine, bytes_a_second);
        }
    }
}

static struct cluster *start_cluster(uint64_t in_flight_bytes_max)
{
    struct cluster_options options = {.seed = 1, .node_count = NODES, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);

    for (uint32_t i = 0; i < NODES; i++) {
        struct server_config *config = &c->nodes[i].config;

        config->request_timeout_ns = 2 * SIM_S;
        config->segment_bytes = 1024 * 1024;
        config->log_memory_bytes = 1024 * 1024;
        config->in_flight_bytes_max = in_flight_bytes_max;
        cluster_start_later(&c->nodes[i], i * 100 * SIM_MS);
    }
    for (int i = 0; i < 600 && !is_founded(c); i++) {
        run_for(c, 100 * SIM_MS);
    }
    assert_true(is_founded(c));
    return c;
}

/* Instead of those that the seed has drawn. */
static void start_users(struct overload *o)
{
    while (o->c->user_count > 0) {
        user_free(o->c->users[--o->c->user_count]);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        struct user_options options = {
            .sim = o->c->sim,
            .witness = o->c->witness,
            .verdict = &o->c->verdict,
            .number = i,
            .pick_node = pick_node,
            .context = &o->c->nodes[i % NODES],
            .key_count = 20,
            .pipeline_max = 16,
            .backlog_max = 30,
            .value_bytes_max = 2 * VALUE_BYTES,
            .think_ns = 5 * SIM_MS,
            .patience_ns = 30 * SIM_S,
        };

        o->c->users[i] = user_new(&options);
        user_start(o->c->users[i]);
        o->c->user_count++;
    }
}

static uint64_t count_in_doubt(struct cluster *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        sum += stats.in_doubt_count;
    }
    return sum;
}

static void look(struct overload *o, uint64_t for_ns)
{
    const struct replica *leader = cluster_leader(o->c)->server->replica;
    uint64_t in_doubt_before = count_in_doubt(o->c);
    uint64_t applied_before = replica_applied_index(leader);

    run_for(o->c, for_ns);
    for (uint32_t i = 0; i < USERS; i++) {
        o->success_counts[i] += user_take_success_count(o->c->users[i]);
    }
    o->applied_count = replica_applied_index(leader) - applied_before;
    o->in_doubt_count = count_in_doubt(o->c) - in_doubt_before;
}

static void test_overload__is_refused_for_certain_and_leaves_nobody_out(void **state)
{
    struct overload o = {.c = start_cluster(384 * 1024)};
    const struct node *leader = cluster_leader(o.c);
    uint64_t at_ease;

    (void)state;
    start_users(&o);
    look(&o, 2 * SIM_S);
    at_ease = o.applied_count;
    print_message("at ease: %llu done in 2 s\n", (unsigned long long)at_ease);
    set_paths(o.c, PATH_BYTES_A_SECOND);
    run_for(o.c, WINDOW_S * SIM_S); /* Until it has found its measure. */
    for (int window = 0; window < WINDOWS; window++) {
        look(&o, WINDOW_S * SIM_S);
        print_message("%llu done of %d carried, %llu in doubt\n",
                      (unsigned long long)o.applied_count, CARRIED,
                      (unsigned long long)o.in_doubt_count);
        assert_true(o.applied_count > CARRIED / 2);
        assert_true(o.in_doubt_count < o.applied_count / 10);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        print_message("user of n%u: %llu answers\n", i % NODES + 1,
                      (unsigned long long)o.success_counts[i]);
        assert_true(o.success_counts[i] > FAIR_SHARE / 4);
    }
    assert_ptr_equal(cluster_leader(o.c), leader);

    set_paths(o.c, 0);
    run_for(o.c, 2 * SIM_S);
    look(&o, 2 * SIM_S);
    print_message("relieved: %llu done in 2 s\n", (unsigned long long)o.applied_count);
    assert_true(o.applied_count > at_ease / 2);
    assert_int_equal(o.in_doubt_count, 0);
    cluster_free(o.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overload__is_refused_for_certain_and_leaves_nobody_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
