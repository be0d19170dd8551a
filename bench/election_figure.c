/* election_figure.c - how long a cluster of five is without a leader after its leader has gone
 * silent, for several ranges of election timeouts: Figure 16 of the Raft paper, with this
 * project's own server in the simulator. Prints one line of tab separated values for each range,
 * which scripts/election-figure draws.
 *
 * As in the paper, the servers' logs differ in length, so that half of the remaining ones can't
 * win; the leader dies at a random moment of the heartbeat interval that begins with a broadcast
 * of heartbeats to all; the heartbeat interval is half of the minimum timeout. Each trial has
 * its own world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "command/probe.h"
#include "raft/election_rules.h"
#include "replica/replica.h"
#include "server/server.h"
#include "sim/cluster/talk.h"
#include "sim/world/sim.h"

enum {
    NODES = 5,
    FOLLOWERS = NODES - 1,
    PORT = 8000,
    PEER_PORT = 18000,
    PERCENTILES = 101,
    TRIES_MAX = 20, /* For a trial whose leader changed too early. */
};

#define LIMIT_S     60ull /* No trial waits longer for a leader. */
#define WITHHELD_NS (10 * LIMIT_S * SIM_S)
#define MOMENT_NS   (200 * SIM_US) /* Longer than a turn. */

/* Which rules are linked: plain_elections.c, or the server's own. */
#ifdef PLAIN_ELECTIONS
enum { ELECTIONS_ARE_PLAIN = 1 };
#else
enum { ELECTIONS_ARE_PLAIN = 0 };
#endif

enum rules {
    RULES_PLAIN,  /* Figure 2 of the paper; the leader's machine loses power. */
    RULES_FAR,    /* The same; the network is slow instead of the disks. */
    RULES_SILENT, /* This project's rules; the leader's machine loses power. */
    RULES_KILLED, /* The same; only the process dies, and its connections break. */
};

static const char *const rules_names[] = {"plain", "far", "silent", "killed"};

struct range {
    uint32_t low_ms;
    uint32_t high_ms;
};

struct node {
    struct trial *trial;
    char name[8];
    struct sim_machine *machine;
    struct io *io;
    struct server *server; /* NULL: it is not started, or dead. */
    struct server_config config;
    struct server_probe probe;
    struct log log;
};

struct trial {
    enum rules rules;
    struct range range;
    struct sim *sim;
    struct prng prng;
    struct node nodes[NODES];
    struct io *client_io;
    struct talk client;
    bool is_client_open;
    uint32_t reply_count;
    struct node *leader;   /* The one that will die. */
    uint64_t heartbeat_ns; /* When it last sent a heartbeat. */
    struct node *elected;  /* The node that led after it; NULL: none yet. */
    uint64_t elected_ns;
};

struct result {
    uint64_t downtime_ns;
    uint64_t broadcast_ns; /* From a leader's proposal to its commit. */
};

/* A broadcast, there and back with a durable write between, takes 14 to 15 ms. The paper says
 * "roughly 15 ms", without details. */
static const struct sim_disk_profile slow_disk = {
    .latency_min_ns = 8 * SIM_MS, .latency_max_ns = 13 * SIM_MS, .capacity_bytes = UINT64_MAX};
static const struct sim_disk_profile fast_disk = {
    .latency_min_ns = 100 * SIM_US, .latency_max_ns = SIM_MS, .capacity_bytes = UINT64_MAX};
/* TCP does not notice what is cut off. */
static const struct sim_network fast_network = {.delay_min_ns = 2 * SIM_MS,
                                                .delay_max_ns = 4 * SIM_MS,
                                                .window_bytes = 64 * 1024,
                                                .break_min_ns = WITHHELD_NS,
                                                .break_max_ns = WITHHELD_NS};
static const struct sim_network slow_network = {.delay_min_ns = 6500 * SIM_US,
                                                .delay_max_ns = 9 * SIM_MS,
                                                .window_bytes = 64 * 1024,
                                                .break_min_ns = WITHHELD_NS,
                                                .break_max_ns = WITHHELD_NS};

/* --- nodes ----------------------------------------------------------------------------- */

static struct range range_of_all; /* Of all servers. */

/* Replaces the one in src/raft/election_spread.c. */
uint64_t raft_rules_spread_ns(const struct raft *r)
{
    (void)r;
    return (range_of_all.high_ms - range_of_all.low_ms) * SIM_MS + 1;
}

static struct raft *raft_of(const struct node *n)
{
    return n->server == NULL ? NULL : replica_raft(n->server->replica);
}

static void on_after_step(void *context, const struct raft *r, const struct raft_event *event,
                          const struct raft_effects *effects)
{
    struct node *n = context;
    struct trial *t = n->trial;

    (void)event;
    if (effects != NULL && effects->role_changed && raft_role(r) == RAFT_LEADER) {
        t->elected = n;
        t->elected_ns = sim_now_ns(t->sim);
    }
}

static void on_sent(void *context, const struct raft_message *m)
{
    struct node *n = context;
    struct trial *t = n->trial;

    if (n == t->leader && m->kind == RAFT_HEARTBEAT) {
        t->heartbeat_ns = sim_now_ns(t->sim);
    }
}

static void on_log(void *context, enum log_level level, const char *event, const char *fields)
{
    const struct node *n = context;

    fprintf(stderr, "%s says [%s] %s %s\n", n->name, log_level_name(level), event, fields);
}

static void on_stopped(struct server *server, int exit_status)
{
    (void)server;
    fprintf(stderr, "a server has ended by itself, with status %d\n", exit_status);
    abort();
}

static void node_init(struct trial *t, uint32_t i)
{
    struct node *n = &t->nodes[i];
    struct sim_disk_profile disk = t->rules == RULES_FAR ? fast_disk : slow_disk;

    n->trial = t;
    snprintf(n->name, sizeof n->name, "n%u", (unsigned)i + 1);
    n->machine = sim_machine_new(t->sim, n->name);
    sim_set_disk(n->machine, &disk);
    n->log = (struct log){.level = LOG_ERROR, .sink = on_log, .context = n};
    n->probe = (struct server_probe){.context = n, .after_step = on_after_step, .sent = on_sent};
    server_config_defaults(&n->config);
    n->config.election_timeout_ns = t->range.low_ms * SIM_MS;
    n->config.heartbeat_interval_ns = n->config.election_timeout_ns / 2;
    n->config.request_timeout_ns = 10 * SIM_S;
    n->config.segment_bytes = 64ull * 1024;
    n->config.protected_mode = false;
    n->config.data_dir = "rakit-8000";
    n->config.address.port = PORT;
    n->config.peer_port = PEER_PORT;
    memcpy(n->config.address.host, n->name, sizeof n->name);
    n->config.has_contact = i > 0;
    n->config.contact.port = PORT;
    memcpy(n->config.contact.host, t->nodes[0].name, sizeof n->name);
}

static void node_start(struct node *n)
{
    char text[512];

    n->io = sim_boot(n->machine);
    n->server =
        server_start(n->io, &n->config, &n->log, &n->probe, on_stopped, n, text, sizeof text);
    if (n->server == NULL) {
        fprintf(stderr, "%s does not start: %s\n", n->name, text);
        abort();
    }
}

static void node_die(struct node *n, enum sim_death death)
{
    if (n->server != NULL) {
        sim_die(n->io, death);
        server_free(n->server);
        sim_bury(n->io);
        n->server = NULL;
    }
}

/* --- the client -------------------------------------------------------------------------- */

static void client_opened(struct talk *talk)
{
    container_of(talk, struct trial, client)->is_client_open = true;
}

static void client_replied(struct talk *talk, struct slice reply)
{
    container_of(talk, struct trial, client)->reply_count += reply.data[0] == '+';
}

static void client_closed(struct talk *talk)
{
    container_of(talk, struct trial, client)->is_client_open = false;
}

static void client_set(struct trial *t)
{
    struct slice words[] = {slice_str("SET"), slice_str("k"), slice_str("v")};

    talk_command(&t->client, words, 3);
    talk_flush(&t->client);
}

/* --- a trial ------------------------------------------------------------------------------- */

static void trial_open(struct trial *t, uint64_t seed)
{
    t->sim = sim_new(seed);
    t->prng = sim_fork_prng(t->sim);
    sim_set_network(t->sim, t->rules == RULES_FAR ? &slow_network : &fast_network);
    for (uint32_t i = 0; i < NODES; i++) {
        node_init(t, i);
    }
    t->client_io = sim_boot(sim_machine_new(t->sim, "client"));
    talk_init(&t->client, t->client_io);
    t->client.opened = client_opened;
    t->client.replied = client_replied;
    t->client.closed = client_closed;
}

static void trial_close(struct trial *t)
{
    for (uint32_t i = 0; i < NODES; i++) {
        node_die(&t->nodes[i], SIM_KILLED);
    }
    sim_die(t->client_io, SIM_EXITED);
    sim_bury(t->client_io);
    talk_deinit(&t->client);
    sim_free(t->sim);
}

/* Runs until the condition is true, checking after each event. */
static bool wait_for(struct trial *t, bool (*condition)(const struct trial *t), uint64_t for_ns)
{
    uint64_t end_ns = sim_now_ns(t->sim) + for_ns;

    while (!condition(t)) {
        if (!sim_step(t->sim, end_ns)) {
            return false;
        }
    }
    return true;
}

static bool all_vote(const struct trial *t)
{
    const struct raft *r = t->elected == NULL ? NULL : raft_of(t->elected);
    const struct raft_configuration *config;
    uint32_t voter_count = 0;

    if (r == NULL || raft_role(r) != RAFT_LEADER || raft_commit_index(r) < raft_last_index(r)) {
        return false;
    }
    config = raft_configuration(r);
    for (uint32_t i = 0; i < config->member_count; i++) {
        voter_count += config->members[i].incoming;
    }
    return voter_count == NODES && !raft_configuration_is_joint(config);
}

static bool is_open(const struct trial *t)
{
    return t->is_client_open;
}

static bool leader_has_changed(const struct trial *t)
{
    return t->elected != t->leader || raft_role(raft_of(t->leader)) != RAFT_LEADER;
}

static bool has_committed(const struct trial *t)
{
    const struct raft *r = raft_of(t->leader);

    return leader_has_changed(t) || raft_commit_index(r) == raft_last_index(r);
}

static bool has_proposed_more(const struct trial *t)
{
    const struct raft *r = raft_of(t->leader);

    return leader_has_changed(t) || raft_commit_index(r) < raft_last_index(r);
}

static bool has_sent_heartbeat(const struct trial *t)
{
    return leader_has_changed(t) || t->heartbeat_ns != 0;
}

static bool has_elected(const struct trial *t)
{
    return t->elected != NULL;
}

/* How many followers have the leader's whole log, durably, as far as the leader knows. */
static uint32_t matching_count(const struct trial *t)
{
    const struct raft *r = raft_of(t->leader);
    uint32_t count = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        struct raft_progress p;

        count += &t->nodes[i] != t->leader &&
                 raft_progress_of(r, raft_self(raft_of(&t->nodes[i])), &p) &&
                 p.match_index == raft_last_index(r);
    }
    return count;
}

static bool all_match(const struct trial *t)
{
    return leader_has_changed(t) || matching_count(t) == FOLLOWERS;
}

static bool one_matches(const struct trial *t)
{
    return leader_has_changed(t) || matching_count(t) == 1;
}

/* Five voters with the same log, and a client at the leader. */
static bool found_cluster(struct trial *t)
{
    struct io_address address = {.port = PORT};

    for (uint32_t i = 0; i < NODES; i++) {
        node_start(&t->nodes[i]);
        sim_run_until(t->sim, sim_now_ns(t->sim) + 200 * SIM_MS);
    }
    if (!wait_for(t, all_vote, LIMIT_S * SIM_S)) {
        return false;
    }
    t->leader = t->elected;
    memcpy(address.host, t->leader->name, sizeof t->leader->name);
    talk_open(&t->client, &address);
    return wait_for(t, is_open, SIM_S) && wait_for(t, all_match, LIMIT_S * SIM_S) &&
           !leader_has_changed(t);
}

static void shuffle_followers(struct trial *t, struct node **followers)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        if (&t->nodes[i] != t->leader) {
            followers[count++] = &t->nodes[i];
        }
    }
    for (uint32_t i = FOLLOWERS - 1; i > 0; i--) {
        uint32_t other = (uint32_t)prng_below(&t->prng, i + 1);
        struct node *n = followers[i];

        followers[i] = followers[other];
        followers[other] = n;
    }
}

/* Waits until the leader has just sent a heartbeat to all. */
static void wait_for_heartbeat(struct trial *t)
{
    t->heartbeat_ns = 0;
    wait_for(t, has_sent_heartbeat, SIM_S);
}

/* One write right after a heartbeat. NULL: it reaches all. Otherwise it does not reach that
 * follower: it stays under way, and everything after it on that connection waits. Heartbeats,
 * which have another connection, still arrive. */
static void propose(struct trial *t, const struct node *withheld_from)
{
    wait_for_heartbeat(t);
    sim_run_until(t->sim, sim_now_ns(t->sim) + MOMENT_NS);
    if (withheld_from != NULL) {
        sim_slow(t->leader->machine, withheld_from->machine, WITHHELD_NS);
    }
    client_set(t);
    wait_for(t, has_proposed_more, SIM_S);
    if (withheld_from != NULL) {
        sim_run_until(t->sim, sim_now_ns(t->sim) + MOMENT_NS);
        sim_slow(t->leader->machine, withheld_from->machine, 0);
    }
}

/* Three writes, each withheld from one more follower: the first follower gets all of them, the
 * last one none. Four logs, four lengths. */
static bool grow_logs(struct trial *t, struct node **followers, uint64_t *ret_broadcast_ns)
{
    uint64_t began_ns;

    propose(t, NULL);
    began_ns = sim_now_ns(t->sim);
    wait_for(t, has_committed, SIM_S);
    *ret_broadcast_ns = sim_now_ns(t->sim) - began_ns;
    wait_for(t, all_match, SIM_S);
    for (uint32_t i = FOLLOWERS - 1; i > 0 && !leader_has_changed(t); i--) {
        propose(t, followers[i]);
        wait_for(t, i > 1 ? has_committed : one_matches, SIM_S);
    }
    return !leader_has_changed(t);
}

static bool logs_are_graded(struct node **followers)
{
    for (uint32_t i = 1; i < FOLLOWERS; i++) {
        if (raft_last_index(raft_of(followers[i])) + 1 !=
            raft_last_index(raft_of(followers[i - 1]))) {
            return false;
        }
    }
    return true;
}

/* False: the leader changed before it was to die. Try another seed. */
static bool trial_run(struct trial *t, struct result *ret_result)
{
    struct node *followers[FOLLOWERS];
    uint64_t died_ns;

    if (!found_cluster(t)) {
        return false;
    }
    shuffle_followers(t, followers);
    if (!grow_logs(t, followers, &ret_result->broadcast_ns)) {
        return false;
    }
    wait_for_heartbeat(t);
    if (leader_has_changed(t)) {
        return false;
    }
    sim_run_until(t->sim,
                  t->heartbeat_ns + prng_below(&t->prng, t->leader->config.heartbeat_interval_ns));
    if (leader_has_changed(t) || !logs_are_graded(followers)) {
        return false;
    }
    t->elected = NULL;
    died_ns = sim_now_ns(t->sim);
    node_die(t->leader, t->rules == RULES_KILLED ? SIM_KILLED : SIM_POWER);
    wait_for(t, has_elected, LIMIT_S * SIM_S);
    /* Section 5.4.1: the two with the shortest logs can't have won. */
    CHECK(t->elected == NULL || t->elected == followers[0] || t->elected == followers[1]);
    ret_result->downtime_ns = (t->elected == NULL ? sim_now_ns(t->sim) : t->elected_ns) - died_ns;
    return true;
}

/* Returns how many seeds it took. */
static uint32_t trial_try(enum rules rules, struct range range, uint32_t number,
                          struct result *ret_result)
{
    for (uint32_t try = 1; try <= TRIES_MAX; try++) {
        struct trial *t = memory_take_zeroed(1, sizeof *t);
        bool is_good;

        t->rules = rules;
        t->range = range;
        trial_open(t, (uint64_t)number * TRIES_MAX + try);
        is_good = trial_run(t, ret_result);
        trial_close(t);
        free(t);
        if (is_good) {
            return try;
        }
    }
    fprintf(stderr, "trial %u of %u-%u ms: the cluster does not get ready\n", (unsigned)number,
            (unsigned)range.low_ms, (unsigned)range.high_ms);
    exit(1);
}

/* --- all of them --------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void run_range(enum rules rules, struct range range, uint32_t count)
{
    uint64_t *times = memory_take(count * sizeof *times);
    double broadcast_ms = 0;
    double mean_ms = 0;
    uint32_t tries = 0;

    range_of_all = range;
    for (uint32_t i = 0; i < count; i++) {
        struct result result = {0};

        tries += trial_try(rules, range, i, &result);
        times[i] = result.downtime_ns;
        broadcast_ms += (double)result.broadcast_ns / (double)SIM_MS / count;
        mean_ms += (double)result.downtime_ns / (double)SIM_MS / count;
    }
    qsort(times, count, sizeof *times, compare_times);
    printf("%s\t%u-%u\t%u\t%u\t%.1f\t%.1f", rules_names[rules], (unsigned)range.low_ms,
           (unsigned)range.high_ms, (unsigned)count, (unsigned)(tries - count), broadcast_ms,
           mean_ms);
    for (uint32_t i = 0; i < PERCENTILES; i++) {
        uint64_t place = (uint64_t)i * (count - 1) / (PERCENTILES - 1);

        printf("\t%.1f", (double)times[place] / SIM_MS);
    }
    printf("\n");
    fflush(stdout);
    free(times);
}

static void run_rules(enum rules rules, uint32_t count)
{
    static const struct range ranges[] = {
        {150, 150}, {150, 151}, {150, 155}, {150, 175}, {150, 200},
        {150, 300}, {12, 24},   {25, 50},   {50, 100},  {100, 200},
    };

    for (uint32_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        /* The paper, too, has fewer of those that take long. */
        uint32_t share = ranges[i].low_ms == ranges[i].high_ms ? 10 : 1;

        run_range(rules, ranges[i], count / share > 0 ? count / share : 1);
    }
}

static bool choose_rules(const char *name, enum rules *ret_rules)
{
    for (uint32_t i = 0; i < sizeof rules_names / sizeof rules_names[0]; i++) {
        if (strcmp(name, rules_names[i]) == 0) {
            *ret_rules = (enum rules)i;
            return ELECTIONS_ARE_PLAIN == (i == RULES_PLAIN || i == RULES_FAR);
        }
    }
    return false;
}

static void print_head(void)
{
    printf("rules\ttimeouts_ms\ttrials\tdiscarded\tbroadcast_ms\tmean_ms");
    for (uint32_t i = 0; i < PERCENTILES; i++) {
        printf("\tp%u", (unsigned)i);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    enum rules rules;
    char *end = NULL;
    unsigned long count = argc == 3 ? strtoul(argv[2], &end, 10) : 0;

    if (argc != 3 || *end != '\0' || count == 0 || count > 100000 ||
        !choose_rules(argv[1], &rules)) {
        fprintf(stderr,
                "usage: election-figure silent|killed TRIALS\n"
                "       election-figure-plain plain|far TRIALS\n"
                "  plain   the leader's machine loses power; elections by the paper's Figure 2\n"
                "  far     the same; a slow network and fast disks\n"
                "  silent  as plain; elections as they are\n"
                "  killed  the leader's process dies, and its connections break\n");
        return 2;
    }
    print_head();
    run_rules(rules, (uint32_t)count);
    return 0;
}
