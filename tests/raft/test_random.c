/* test_random.c - many clusters under random loss, duplication, reordering, crashes, slow disks,
 * membership changes and transfers; half of them with logs that begin anywhere, and with nodes
 * that start from a snapshot, so that leaders can't serve all of them. After each step each
 * node's own invariants and those between nodes are checked (cluster.c); at the end all faults
 * stop, and the cluster must elect a leader and reach agreement (liveness). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/prng.h"
#include "cluster.h"

enum { SEEDS = 400, STEPS = 8000 };

struct sightings {
    uint64_t commits;
    uint64_t terms;
    uint64_t configurations;
    uint64_t reads;
    uint64_t snapshots; /* Nodes that needed one after the faults. */
    uint64_t installs;  /* Installed during the faults. */
};

static bool is_up(struct cluster *c, raft_id id)
{
    return cluster_node(c, id)->is_up;
}

static uint32_t up_count(struct cluster *c)
{
    uint32_t count = 0;

    for (raft_id id = 1; id <= c->node_count; id++) {
        count += is_up(c, id);
    }
    return count;
}

static void let_time_pass(struct cluster *c, struct prng *p)
{
    c->now_ns += prng_below(p, 25 * CLUSTER_MS);
    for (raft_id id = 1; id <= c->node_count; id++) {
        if (is_up(c, id) && cluster_node(c, id)->effects.deadline_ns <= c->now_ns) {
            cluster_tick(c, id);
        }
    }
}

static void move_packet(struct cluster *c, struct prng *p)
{
    if (c->packet_count == 0) {
        let_time_pass(c, p);
        return;
    }
    /* Usually in order, as on a connection; sometimes any. */
    uint32_t at = prng_chance(p, 4, 5) ? 0 : (uint32_t)prng_below(p, c->packet_count);
    uint64_t fate = prng_below(p, 100);

    if (fate < 4) {
        cluster_drop(c, at);
    } else if (fate < 7 && c->packet_count < 1000) {
        cluster_duplicate(c, at);
    } else if (fate < 20 && cluster_split(c, at, (uint32_t)prng_between(p, 1, 5))) {
        cluster_deliver(c, at); /* The rest may meet another fate. */
    } else {
        cluster_deliver(c, at);
    }
}

/* Fetches what the node was offered, maybe long ago. */
static bool fetch(struct cluster *c, raft_id id)
{
    raft_index commit_index = is_up(c, id) ? raft_commit_index(cluster_raft(c, id)) : UINT64_MAX;

    if (commit_index == UINT64_MAX) {
        return false;
    }
    cluster_fetch(c, id);
    return raft_origin(cluster_raft(c, id)) > commit_index;
}

static void write_some(struct cluster *c, struct prng *p, raft_id id)
{
    uint32_t count = is_up(c, id) ? cluster_node(c, id)->write_count : 0;

    if (count > 0) {
        cluster_durable(c, id, (uint32_t)prng_between(p, 1, count));
    }
}

/* Of the run, not of one of its nodes. */
static bool has_snapshots(const struct cluster *c)
{
    return c->seed % 4 > 0;
}

/* A snapshot anywhere in what is committed, and an origin there or further back. */
static void compact(struct cluster *c, struct prng *p, raft_id id)
{
    const struct cluster_node *node = cluster_node(c, id);

    if (!has_snapshots(c) || !is_up(c, id)) {
        return;
    }
    raft_index last = raft_durable_index(node->raft);

    if (raft_commit_index(node->raft) < last) {
        last = raft_commit_index(node->raft);
    }
    if (last > node->snapshot) {
        raft_index snapshot = prng_between(p, node->snapshot, last);

        cluster_compact(c, id, snapshot, prng_between(p, node->origin, snapshot));
    }
}

static void start(struct cluster *c, struct prng *p, raft_id id)
{
    if (has_snapshots(c) && prng_chance(p, 1, 2)) {
        cluster_install(c, id,
                        prng_between(p, cluster_node(c, id)->origin, cluster_last_committed(c)));
    }
    cluster_start(c, id);
}

static void change_members(struct cluster *c, struct prng *p, raft_id leader)
{
    raft_id whom = prng_between(p, 1, c->node_count);

    /* Ids are never reused: a removed node stays out. */
    if (raft_configuration_find(raft_configuration(cluster_raft(c, leader)), whom) == NULL) {
        if (c->node_count < CLUSTER_NODES_MAX) {
            whom = cluster_add_empty(c)->id;
            start(c, p, whom);
            cluster_change(c, leader, RAFT_ADD_LEARNER, whom);
        }
        return;
    }
    cluster_change(c, leader, prng_chance(p, 1, 4) ? RAFT_READDRESS : RAFT_REMOVE, whom);
}

static void disturb(struct cluster *c, struct prng *p, raft_id id)
{
    raft_id other = prng_between(p, 1, c->node_count);
    uint64_t kind = prng_below(p, 4);

    if (kind == 0 && is_up(c, id) && up_count(c) * 2 > c->node_count) {
        cluster_crash(c, id);
    } else if (kind == 1 && !is_up(c, id)) {
        start(c, p, id);
    } else if (kind == 2 && is_up(c, id)) {
        cluster_lost(c, id, other);
    } else if (kind == 3) {
        cluster_cut(c, id, other, prng_chance(p, 1, 3));
    }
}

static void act(struct cluster *c, struct prng *p, struct sightings *seen)
{
    raft_id id = prng_between(p, 1, c->node_count);
    raft_id leader = cluster_leader(c);
    uint64_t what = prng_below(p, 1000);

    if (what < 600) {
        move_packet(c, p);
    } else if (what < 780) {
        write_some(c, p, id);
    } else if (what < 850) {
        let_time_pass(c, p);
    } else if (what < 960) {
        if (leader != 0) {
            cluster_propose(c, leader, (uint32_t)prng_between(p, 1, 3));
        }
    } else if (what < 978) {
        /* Any node that leads or believes that it does: deposed leaders must not confirm. */
        if (is_up(c, id) && cluster_node(c, id)->read_count < CLUSTER_READS_MAX) {
            cluster_read(c, id);
        }
    } else if (what < 982) {
        if (leader != 0) {
            change_members(c, p, leader);
        }
    } else if (what < 984) {
        if (leader != 0) {
            cluster_transfer(c, leader, prng_below(p, c->node_count + 1));
        }
    } else if (what < 988) {
        compact(c, p, id);
    } else if (what < 990) {
        seen->installs += fetch(c, id);
    } else {
        disturb(c, p, id);
    }
}

/* Nodes that can't go on without a snapshot fetch the one offered to them. Returns how many
 * there were. */
static uint32_t fetch_snapshots(struct cluster *c)
{
    uint32_t count = 0;

    for (raft_id id = 1; id <= c->node_count; id++) {
        const struct cluster_node *node = cluster_node(c, id);

        if (raft_wants_snapshot(node->raft, node->offer.last_included_index)) {
            cluster_fetch(c, id);
            count++;
        }
    }
    return count;
}

/* All faults stop: a majority of voters is there, so all must reach agreement. */
static void heal_and_agree(struct cluster *c, struct sightings *seen)
{
    for (raft_id a = 1; a <= CLUSTER_NODES_MAX; a++) {
        cluster_isolate(c, a, false);
    }
    cluster_start_all(c);
    cluster_run(c, 3000 * CLUSTER_MS);
    seen->snapshots += fetch_snapshots(c);
    cluster_run(c, 3000 * CLUSTER_MS);
    raft_id leader = cluster_leader(c);

    CHECK(leader != 0);
    int error = cluster_propose(c, leader, 1);

    CHECK(error == RAFT_OK);
    cluster_run(c, 3000 * CLUSTER_MS);
    CHECK(cluster_leader(c) == leader);
    struct raft *raft = cluster_raft(c, leader);
    const struct raft_configuration *members = raft_configuration(raft);

    CHECK(!raft_configuration_is_joint(members));
    CHECK(raft_commit_index(raft) == raft_last_index(raft));
    for (uint32_t i = 0; i < members->member_count; i++) {
        struct raft *other = cluster_raft(c, members->members[i].id);

        CHECK(members->members[i].incoming); /* Learners have been promoted. */
        CHECK(raft_last_index(other) == raft_last_index(raft));
        CHECK(raft_commit_index(other) == raft_commit_index(raft));
        CHECK(raft_leader(other) == leader);
    }
}

/* If a CHECK ends the process, this prints the seed. */
static uint64_t seed_under_test;

static void tell_seed(int signal_number)
{
    char text[] = "seed 00000000000000000000\n";
    uint64_t rest = seed_under_test;

    (void)signal_number;
    for (size_t at = sizeof(text) - 3; rest > 0; at--) {
        text[at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

static void run_seed(uint64_t seed, FILE *trace, struct sightings *seen)
{
    struct prng p = {.state = seed};
    struct cluster *c = cluster_new(seed);

    seed_under_test = seed;
    c->trace = trace;
    if (prng_chance(&p, 1, 2)) {
        cluster_begin_at(c, prng_between(&p, 1, 1ull << 40), prng_between(&p, 1, 99));
    }
    cluster_add_voters(c, (uint32_t)prng_between(&p, 1, 5));
    cluster_start_all(c);
    for (int i = 0; i < STEPS; i++) {
        act(c, &p, seen);
        if (i % 100 == 0) {
            cluster_check(c);
        }
    }
    heal_and_agree(c, seen);
    cluster_check(c);
    struct raft *raft = cluster_raft(c, cluster_leader(c));

    seen->commits += raft_commit_index(raft) - c->committed.origin;
    seen->terms += raft_current_term(raft) - c->committed.origin_term;
    seen->configurations += c->configuration_count;
    for (raft_id id = 1; id <= c->node_count; id++) {
        seen->reads += cluster_node(c, id)->confirmed_count;
    }
    cluster_free(c);
}

static void test_random__keeps_every_promise_under_faults(void **state)
{
    struct sightings seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed, NULL, &seen);
    }
    /* The runs must have had the situations that they are for. */
    assert_true(seen.commits > SEEDS * 50);
    assert_true(seen.terms > SEEDS * 5);
    assert_true(seen.configurations > SEEDS * 3);
    assert_true(seen.reads > SEEDS);
    assert_true(seen.snapshots > SEEDS / 20);
    assert_true(seen.installs > SEEDS / 20);
    print_message("commits %lu, terms %lu, configurations %lu, reads %lu, snapshots %lu + %lu\n",
                  (unsigned long)seen.commits, (unsigned long)seen.terms,
                  (unsigned long)seen.configurations, (unsigned long)seen.reads,
                  (unsigned long)seen.snapshots, (unsigned long)seen.installs);
}

/* With one number: only that seed, traced. With two: the seeds from .. to, untraced. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random__keeps_every_promise_under_faults),
    };
    struct sightings seen = {0};

    signal(SIGABRT, tell_seed);
    if (argc == 2) {
        run_seed(strtoull(argv[1], NULL, 10), stdout, &seen);
        return 0;
    }
    if (argc == 3) {
        for (uint64_t seed = strtoull(argv[1], NULL, 10); seed <= strtoull(argv[2], NULL, 10);
             seed++) {
            run_seed(seed, NULL, &seen);
        }
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
