/* cluster_run.c - one run: founds a cluster, lets it grow, injects faults for a while, heals it,
 * and checks that it recovers: soon a leader, every user answered, all states equal. The rules
 * are checked at every event. */
#include "sim/cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "replica/state.h"
#include "sim/cluster/restorer.h"

#define SEARCH_NS (3 * SIM_S) /* For members that have moved, to find each other. */

/* A turn left something undone, and nothing would have woken it up. */
static void wakeup_lost(void *context, const struct sim_machine *machine)
{
    struct cluster *c = context;

    verdict_broken(&c->verdict, "wakeup", "%s would have waited, though it had something to do",
                   sim_machine_name(machine));
}

struct cluster *cluster_new(const struct cluster_options *options)
{
    struct cluster *c = memory_take_zeroed(1, sizeof *c);

    c->options = *options;
    c->faults = options->faults;
    c->faults.allowed = FAULTS_ALL & ~options->forbidden;
    c->sim = sim_new(options->seed);
    sim_trace_to(c->sim, options->trace);
    sim_repeat_turns(c->sim, wakeup_lost, c);
    c->prng = sim_fork_prng(c->sim);
    c->checker = checker_new(&c->verdict);
    c->witness = witness_new(&c->verdict);
    c->recorder = options->is_recorded ? recorder_new() : NULL;
    c->is_calm = true;
    cluster_draw(c);
    operator_init(&c->operator, c);
    c->nemesis = nemesis_new(c);
    c->budget = budget_new(c->checker);
    c->damage = damage_new(c);
    c->mover = mover_new(c);
    c->roles = roles_new(c);
    return c;
}

void cluster_free(struct cluster *c)
{
    nemesis_free(c->nemesis);
    damage_free(c->damage);
    mover_free(c->mover);
    roles_free(c->roles);
    flipper_free(c->flipper);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        sim_event_stop(c->sim, &n->start);
        if (n->bury.slot != 0) {
            sim_event_stop(c->sim, &n->bury);
            n->bury.run(&n->bury);
        }
        cluster_kill(n, SIM_KILLED);
    }
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_free(c->users[i]);
    }
    if (c->has_heavy) {
        heavy_deinit(&c->heavy);
    }
    if (c->has_later) {
        heavy_deinit(&c->later);
    }
    if (c->has_retrier) {
        retrier_deinit(&c->retrier);
    }
    for (uint32_t i = 0; i < c->follower_count; i++) {
        follower_deinit(&c->followers[i]);
    }
    if (c->has_cacher) {
        cacher_deinit(&c->cacher);
    }
    operator_deinit(&c->operator);
    budget_free(c->budget);
    checker_free(c->checker);
    if (c->former != NULL) {
        checker_free(c->former);
    }
    witness_free(c->witness);
    recorder_free(c->recorder);
    sim_free(c->sim);
    free(c);
}

/* --- waiting -------------------------------------------------------------------------- */

static void look_at_reads(struct node *n)
{
    struct replica_stats stats;

    replica_get_stats(n->server->replica, &stats);
    if (stats.follower_read_count > 0) {
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_FOLLOWER_READ);
    }
    if (stats.lease_read_count > 0) {
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_LEASE_READ);
    }
    if (stats.stale_read_count > 0) {
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_STALE_READ);
    }
    if (stats.behind_count > 0) {
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_READ_BEHIND);
    }
}

/* For states that no probe reports. */
static void look_around(struct cluster *c)
{
    bool are_all_down = cluster_up_count(c) == 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        if (n->phase == NODE_UP) {
            sometimes_look(&n->sometimes,
                           !store_has_room(replica_store(n->server->replica), STORE_FOR_CLIENTS, 1),
                           replica_is_removed(n->server->replica));
            flipper_look(n);
            if (n->server->is_loading) {
                continue; /* It has no peers yet. */
            }
            look_at_reads(n);
            if (links_are_older(n)) {
                sometimes_reached(&c->sometimes, SOMETIMES_OLDER_PROTOCOL);
            }
            if (links_found_elsewhere(n)) {
                sometimes_reached(&c->sometimes, SOMETIMES_MET_ELSEWHERE);
            }
        }
    }
    if (are_all_down && !c->are_all_down) {
        sometimes_reached(&c->sometimes, SOMETIMES_ALL_DOWN);
    }
    c->are_all_down = are_all_down;
}

/* Runs until the condition is true, checking every few milliseconds; false if time was up, or if
 * a rule was broken before. */
static bool wait_for(struct cluster *c, bool (*condition)(struct cluster *c), uint64_t for_ns)
{
    uint64_t end_ns = sim_now_ns(c->sim) + for_ns;

    for (;;) {
        uint64_t look_ns = sim_now_ns(c->sim) + 5 * SIM_MS;

        while (!c->verdict.is_guilty && !c->is_over && sim_step(c->sim, look_ns)) {
        }
        if (c->verdict.is_guilty || c->is_over) {
            return false;
        }
        look_around(c);
        if (condition != NULL && condition(c)) {
            return true;
        }
        bounds_check(c);
        if (look_ns >= end_ns) {
            return condition == NULL;
        }
    }
}

/* Rises with each entry that arrives at a node, is committed or applied there. */
static uint64_t progress_of(const struct cluster *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (n->phase == NODE_UP) {
            const struct raft *r = replica_raft(n->server->replica);

            sum += raft_last_index(r) + raft_commit_index(r) +
                   replica_applied_index(n->server->replica);
        }
    }
    return sum;
}

/* The same, but waits as long as there is progress: a backlog takes long over narrow paths. */
static bool wait_on(struct cluster *c, bool (*condition)(struct cluster *c), uint64_t for_ns)
{
    enum { WAITS_MAX = 30 };
    uint64_t before = 0;

    for (int i = 0; i < WAITS_MAX; i++) {
        uint64_t now = progress_of(c);

        if (i > 0 && now <= before) {
            break;
        }
        before = now;
        if (wait_for(c, condition, for_ns)) {
            return true;
        }
        if (c->verdict.is_guilty || c->is_over) {
            break;
        }
    }
    return false;
}

static bool is_led(struct cluster *c)
{
    return cluster_leader(c) != NULL;
}

static bool has_leader(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);

    return leader != NULL && raft_is_ready(replica_raft(leader->server->replica));
}

/* Every machine votes. */
static bool is_founded(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    const struct raft_configuration *config;
    uint32_t voter_count = 0;

    if (!has_leader(c)) {
        return false;
    }
    config = raft_configuration(replica_raft(leader->server->replica));
    for (uint32_t i = 0; i < config->member_count; i++) {
        voter_count += config->members[i].incoming;
    }
    return voter_count == c->node_count && !raft_configuration_is_joint(config);
}

static bool users_are_idle(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        if (!user_is_idle(c->users[i])) {
            return false;
        }
    }
    return !c->has_retrier || retrier_is_idle(&c->retrier);
}

/* Each user has been answered since it was last asked; counts in `served`. */
static bool users_are_served(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        if (i >= c->options.user_max) {
            c->served |= 1u << i; /* This user is not active. */
        } else if ((c->served >> i & 1) == 0 && user_take_success_count(c->users[i]) > 0) {
            c->served |= 1u << i;
        }
    }
    return c->served == (1u << c->user_count) - 1;
}

/* Nodes that were removed know it, or were refused. One that will replace a leader, and thereby
 * cause an election, is a member. */
static bool is_settled_outside(const struct node *n)
{
    return n->was_member ? replica_is_removed(n->server->replica) : n->config.replaces == NULL;
}

/* All members are up and have the leader's state. A member whose removal failed comes back. */
static bool is_settled(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    const struct replica *a;
    bool is_settled = true;

    if (!has_leader(c) || c->operator.is_busy || !damage_is_tended(c) || !roles_are_final(c) ||
        !flipper_is_mended(c->flipper)) {
        return false;
    }
    a = leader->server->replica;
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];
        const struct replica *b;

        if (n->is_outside) {
            continue;
        }
        if (!cluster_is_member(n)) {
            is_settled &= n->phase != NODE_UP || is_settled_outside(n);
            continue;
        }
        if (n->phase == NODE_DOWN && n->is_retired) {
            n->is_retired = false;
            cluster_start(n);
        }
        if (n->phase != NODE_UP || n->server->is_stopping) {
            is_settled = false;
            continue;
        }
        b = n->server->replica;
        is_settled &= replica_applied_index(b) == raft_last_index(replica_raft(a)) &&
                      keyspace_digest(replica_keyspace(b)) == keyspace_digest(replica_keyspace(a));
    }
    return is_settled;
}

/* Clients that follow the changes of keys have seen all. */
static bool followers_have_all(struct cluster *c)
{
    for (uint32_t i = 0; i < c->follower_count; i++) {
        if (!changes_are_all(&c->followers[i].changes)) {
            return false;
        }
    }
    return true;
}

/* What was under way when the faults ended has been committed or replaced. */
static bool backlog_is_committed(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);
    const struct raft *r = leader == NULL ? NULL : replica_raft(leader->server->replica);

    return r != NULL && (raft_commit_index(r) >= c->healed_last_index ||
                         raft_commit_index(r) == raft_last_index(r));
}

/* --- a run ---------------------------------------------------------------------------- */

static void grow(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        cluster_start_later(&c->nodes[i], i == 0 ? 0 : 100 * SIM_MS + prng_below(&c->prng, SIM_S));
    }
    if (!wait_for(c, is_founded, 60 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness",
                       "after a minute without faults %u nodes do not vote", c->node_count);
    }
}

static void break_it(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count && i < c->options.user_max; i++) {
        user_start(c->users[i]);
    }
    if (c->has_heavy) {
        heavy_start(&c->heavy);
    }
    if (c->has_later) {
        heavy_start(&c->later);
    }
    if (c->has_retrier) {
        retrier_start(&c->retrier);
    }
    for (uint32_t i = 0; i < c->follower_count; i++) {
        follower_start(&c->followers[i]);
    }
    if (c->has_cacher) {
        cacher_start(&c->cacher);
    }
    c->is_calm = false;
    nemesis_start(c->nemesis);
    damage_start(c->damage);
    mover_start(c->mover);
    roles_start(c->roles);
    flipper_start(c->flipper);
    wait_for(c, NULL, c->options.fault_ns);
}

/* More was damaged than a cluster can survive. It may stop, but what it still answers must obey
 * all the rules, until a node has forgotten what it had acknowledged without any way to know
 * (docs/DISK_FORMAT.md, "What this cannot tell"): then nothing can be promised. */
static void run_beyond(struct cluster *c)
{
    grow(c);
    break_it(c);
    nemesis_heal(c->nemesis);
    damage_heal(c->damage);
    wait_for(c, NULL, 10 * SIM_S);
    c->stats.halted_count += !c->is_over && !has_leader(c);
}

/* They get what they have not seen yet. */
static void end_followers(struct cluster *c)
{
    for (uint32_t i = 0; i < c->follower_count; i++) {
        follower_calm(&c->followers[i]);
    }
    if (!wait_for(c, followers_have_all, 40 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness", "a reader of changes does not get the last ones");
    }
    for (uint32_t i = 0; i < c->follower_count; i++) {
        follower_rest(&c->followers[i]);
    }
}

static void heal_it(struct cluster *c)
{
    const uint64_t timeout_ns = c->config.election_timeout_ns;
    uint64_t healed_ns = sim_now_ns(c->sim);

    if (c->has_later) {
        heavy_rest(&c->later);
    }
    nemesis_heal(c->nemesis);
    damage_heal(c->damage);
    if (core_choose(c)) {
        c->stats.core_count++;
    }
    mover_heal(c->mover);
    roles_heal(c->roles);
    flipper_heal(c->flipper);
    if (!wait_for(c, is_led,
                  10 * timeout_ns + SIM_S + (mover_has_struck(c->mover) ? SEARCH_NS : 0))) {
        verdict_broken(&c->verdict, "liveness", "no leader ten election timeouts after healing");
    }
    /* The leader answers once it has committed. The other node may be far behind, on a slow
     * disk. */
    if (!wait_on(c, has_leader, 20 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness", "a leader commits nothing for 20 seconds");
    }
    c->stats.heal_ns = sim_now_ns(c->sim) - healed_ns;
    if (cluster_leader(c) != NULL) {
        c->healed_last_index = raft_last_index(replica_raft(cluster_leader(c)->server->replica));
    }
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_take_success_count(c->users[i]);
        /* In a queue, or with large values, most of the time is spent waiting. */
        user_calm(c->users[i],
                  c->users_queue ? 30 * SIM_S : c->config.request_timeout_ns + 2 * SIM_S);
    }
    if (c->has_retrier) {
        retrier_calm(&c->retrier);
    }
    if (!wait_on(c, backlog_is_committed, 20 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness", "entries from before healing are not committed");
    }
    if (!wait_for(c, users_are_served, 40 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness",
                       "40 seconds after healing a user gets no answer "
                       "(served: %x)",
                       c->served);
    }
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    if (c->has_retrier) {
        retrier_rest(&c->retrier);
    }
    if (c->has_cacher) {
        cacher_rest(&c->cacher);
    }
    if (!wait_for(c, users_are_idle, 30 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness", "a user's last command is not answered");
    }
    if (!wait_on(c, is_settled, 60 * SIM_S)) {
        verdict_broken(&c->verdict, "liveness", "a minute after healing states differ");
    }
    c->stats.settle_ns = sim_now_ns(c->sim) - healed_ns;
    end_followers(c);
}

/* Some seeds watch for long. For all of them it would be most of the time that a run takes. */
static uint64_t calm_ns(const struct cluster *c)
{
    return c->options.seed % 4 == 0 ? 60 * SIM_S : 15 * SIM_S;
}

/* In a healthy cluster no node campaigns, unless a preferred one takes over. */
static void watch_calm(struct cluster *c)
{
    struct checker_stats before;
    struct checker_stats after;
    uint64_t patience_ns = 5 * SIM_S;
    /* A leader that is replaced hands over. */
    uint64_t replacing_count = roles_count_replacing(c);
    uint64_t restarted_count;

    wait_for(c, NULL, 2 * SIM_S); /* The operator's last command may still be executed. */
    checker_get_stats(c->checker, &before);
    restarted_count = c->sometimes.counts[SOMETIMES_RESTARTED];
    wait_for(c, NULL, calm_ns(c));
    checker_get_stats(c->checker, &after);
    /* So does one that finds now what was damaged before. */
    restarted_count = c->sometimes.counts[SOMETIMES_RESTARTED] - restarted_count;
    if (c->has_heavy) {
        heavy_rest(&c->heavy);
        /* Its commands are still executed, and commands such as RAFT LOG one by one. */
        patience_ns += c->heavy.batch_max * c->config.request_timeout_ns;
    }
    /* A node left outside may just be asking again whether it can join. */
    if (!wait_for(c, bounds_are_given_back, patience_ns)) {
        bounds_check_idle(c);
    }
    if (after.election_count > before.election_count + (roles_have_preferred(c) ? 2 : 0) +
                                   replacing_count + restarted_count) {
        verdict_broken(&c->verdict, "liveness", "%llu elections in a calm",
                       (unsigned long long)(after.election_count - before.election_count));
    }
}

void cluster_run(struct cluster *c)
{
    if (c->options.is_beyond) {
        run_beyond(c);
        return;
    }
    grow(c);
    break_it(c);
    if (!c->verdict.is_guilty) {
        heal_it(c);
        watch_calm(c);
        restorer_run(c);
    }
}
