/* cluster_draw.c - what the seed of a run decides: the network, the disks, the settings, the
 * machines, and the clients with their commands. What was added later draws from numbers of its
 * own, so that all else in a run stays as it was. */
#include <stdio.h>
#include <string.h>

#include "replica/state.h"
#include "sim/cluster/cluster.h"
#include "sim/cluster/later.h"

#define HEAVY_SALT  0x6865617679212121u
#define MEMORY_SALT 0x6d656d6f72792121u
#define READS_SALT  0x7265616473212121u
#define EXEC_SALT   0x657865635f5f5f5fu
#define EXPIRY_SALT 0x6578706972795f5fu
#define SCRIPT_SALT 0x6b63726970745fc6u
#define ONCE_SALT   0x766e63655f5f5f00u
#define FEED_SALT   0x7c6565645f5f5f06u
#define CACHE_SALT  0x7a7261636b65727fu
#define HASH_SALT   0x6a6173685f5f5f54u

enum { OFFSET_MAX = 64 * 1024 }; /* Of SETRANGE, where memory runs out. */

static uint32_t draw_node_count(struct prng *prng)
{
    static const uint32_t counts[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 7};

    return counts[prng_below(prng, sizeof counts / sizeof *counts)];
}

static void draw_network(struct cluster *c)
{
    struct prng *p = &c->prng;
    struct sim_network n = {.break_min_ns = 200 * SIM_MS};

    /* One draw per statement: the order within an initializer depends on the compiler. */
    n.delay_min_ns = prng_between(p, 20 * SIM_US, 2 * SIM_MS);
    n.split_ppm = (uint32_t)prng_below(p, 3) * 20000;
    n.short_ppm = (uint32_t)prng_below(p, 3) * 10000;
    n.window_bytes = 1u << prng_between(p, 12, 20);
    n.break_max_ns = prng_between(p, SIM_S, 15 * SIM_S);
    n.delay_max_ns = n.delay_min_ns + prng_between(p, 100 * SIM_US, 20 * SIM_MS);
    if (prng_chance(p, 1, 3)) {
        n.loss_ppm = (uint32_t)prng_below(p, 10000);
    }
    if (prng_chance(p, 1, 6)) {
        n.corrupt_ppm = (uint32_t)prng_below(p, 3000);
    }
    if (n.loss_ppm > 0 && !faults_draw_condition(&c->faults, FAULT_LOSS)) {
        n.loss_ppm = 0;
    }
    if (n.corrupt_ppm > 0 && !faults_draw_condition(&c->faults, FAULT_CORRUPT)) {
        n.corrupt_ppm = 0;
    }
    if (n.split_ppm + n.short_ppm > 0 && !faults_draw_condition(&c->faults, FAULT_PIECES)) {
        n.split_ppm = 0;
        n.short_ppm = 0;
    }
    n.is_public = cluster_has_key_files(c);
    sim_set_network(c->sim, &n);
}

static void draw_disk(struct cluster *c)
{
    static const uint64_t latencies_ns[] = {SIM_MS, 3 * SIM_MS, 3 * SIM_MS, 10 * SIM_MS,
                                            60 * SIM_MS};

    c->disk.latency_min_ns = 50 * SIM_US;
    c->disk.latency_max_ns = latencies_ns[prng_below(&c->prng, 5)];
    c->disk.capacity_bytes = UINT64_MAX;
}

/* So that memory runs out; of its own chances, so that other runs are as they were before. */
static void draw_memory(struct cluster *c)
{
    struct prng p = {.state = c->options.seed ^ MEMORY_SALT};

    if (prng_chance(&p, 1, 5) && faults_draw_condition(&c->faults, FAULT_MEMORY)) {
        c->config.memory_bytes_max =
            c->config.log_memory_bytes + (128ull * 1024 << prng_below(&p, 5));
    }
}

/* Its draws are its own, so that all else in a run stays as it was. */
static void draw_snapshots(struct cluster *c)
{
    struct prng p = {.state = c->options.seed * 0xaf251af3b0f025b5u + 0x5a9};

    c->config.snapshot_after_bytes = 1ull << prng_between(&p, 10, 26);
    c->config.snapshot_after_entries = 1ull << prng_between(&p, 4, 22);
    c->config.log_tail_bytes = prng_chance(&p, 1, 3) ? 0 : 1ull << prng_between(&p, 4, 20);
    if (c->config.log_tail_bytes > c->config.log_memory_bytes) {
        c->config.log_tail_bytes = c->config.log_memory_bytes;
    }
}

static void draw_config(struct cluster *c)
{
    struct prng *p = &c->prng;

    server_config_defaults(&c->config);
    c->config.feed_bytes = 64 * 1024; /* Each start takes that memory at once. */
    c->config.protected_mode = false;
    c->config.segment_bytes = 4096ull << prng_between(p, 3, 8);
    /* With small segments there are many parts to load: one in each turn. */
    c->config.load_turn_ns = c->config.segment_bytes <= 4096ull << 4 ? 1 : 0;
    c->config.log_memory_bytes = 1ull << prng_between(p, 9, 22);
    c->config.in_flight_bytes_max = 1ull << prng_between(p, 11, 24);
    if (prng_chance(p, 1, 3)) {
        /* Short, so that commands time out while their leader remains in office. */
        c->config.request_timeout_ns = c->config.election_timeout_ns;
    }
    draw_memory(c);
    /* In every third run so small that values of users are sent in pieces. */
    c->config.piece_bytes = c->options.seed % 3 == 0 ? 4u << c->options.seed / 3 % 10 : 0;
    draw_snapshots(c);
    c->config.scrub_period_ns = c->options.seed % 2 * (1 + c->options.seed % 41) * 75 * SIM_MS;
    c->config.digest_interval = 1ull << (c->options.seed ^ c->options.seed >> 3) % 7;
}

static struct io_address pick_address(void *context, struct prng *prng)
{
    struct cluster *c = context;
    struct io_address address = {.port = CLUSTER_PORT};
    const struct node *n = cluster_pick_up(c, prng);

    if (cluster_leader(c) != NULL && prng_chance(prng, 1, 4)) {
        /* Asks the leader, because others may not know the cluster. A node that is cut off
         * together with a leader would keep that leader, and might give an outdated answer. */
        n = cluster_leader(c);
    } else if (n == NULL || prng_chance(prng, 1, 16)) {
        const struct node *any = &c->nodes[prng_below(prng, c->node_count)];

        n = n == NULL || !any->is_outside ? any : n;
    }
    snprintf(address.host, sizeof address.host, "%s", n->host);
    return address;
}

/* In a part of the runs; lincheck knows none of what these are about. */
static uint64_t draw_seed(const struct cluster *c, uint64_t salt)
{
    struct prng prng = {.state = c->options.seed ^ salt};

    return c->recorder == NULL && prng_chance(&prng, 1, 3) ? prng_next(&prng) | 1 : 0;
}

/* A further client, which numbers its commands. */
static void draw_retrier(struct cluster *c, const struct user_options *users)
{
    struct prng prng = {.state = draw_seed(c, ONCE_SALT)};

    c->has_retrier = prng.state != 0;
    if (!c->has_retrier) {
        return;
    }
    retrier_init(&c->retrier, c->sim, c->witness);
    c->retrier.line.prng = prng;
    c->retrier.line.pick_node = pick_address;
    c->retrier.line.context = c;
    c->retrier.line.think_ns = prng_between(&prng, 50 * SIM_MS, 150 * SIM_MS);
    c->retrier.line.patience_ns = prng_between(&prng, 300 * SIM_MS, 2 * SIM_S);
    c->retrier.key_count = users->key_count;
    c->retrier.value_bytes_max = users->value_bytes_max;
}

/* Clients that follow the changes of keys. Faulty memory may show them anything. */
static void draw_followers(struct cluster *c)
{
    static const char *const prefixes[] = {"", "k", "k1", "n", "h"};
    struct prng prng = {.state = draw_seed(c, FEED_SALT)};

    if (prng.state == 0 || flipper_is_used(c->flipper)) {
        return;
    }
    for (; c->follower_count < CLUSTER_FOLLOWERS; c->follower_count++) {
        struct follower *f = &c->followers[c->follower_count];
        char name[8];

        snprintf(name, sizeof name, "f%u", (unsigned)c->follower_count);
        follower_init(f, c->sim, name, c->witness, &c->verdict);
        f->line.prng = (struct prng){.state = prng_next(&prng)};
        f->line.pick_node = pick_address;
        f->line.context = c;
        f->line.think_ns = prng_between(&prng, 20 * SIM_MS, 200 * SIM_MS);
        f->line.patience_ns = prng_between(&prng, SIM_S, 3 * SIM_S);
        f->changes.prefix = prefixes[prng_below(&prng, c->follower_count == 0 ? 2 : 5)];
        f->changes.database = prng_chance(&prng, 3, 4) ? 0 : 1;
        f->changes.value_bytes_max = c->config.feed_bytes / 8;
    }
}

static uint64_t applied_at(void *context, const char *host, uint64_t *ret_life)
{
    const struct cluster *c = context;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (n->phase == NODE_UP && strcmp(n->host, host) == 0 && !n->server->is_loading) {
            *ret_life = (uint64_t)n->number << 32 | n->start_count;
            return replica_applied_index(n->server->replica);
        }
    }
    *ret_life = 0;
    return 0;
}

/* A further client, which caches what it reads. */
static void draw_cacher(struct cluster *c, const struct user_options *users)
{
    struct prng prng = {.state = draw_seed(c, CACHE_SALT)};

    c->has_cacher = prng.state != 0;
    if (!c->has_cacher) {
        return;
    }
    cacher_init(&c->cacher, c->sim, c->witness, &c->verdict);
    c->cacher.line.prng = (struct prng){.state = prng_next(&prng)};
    c->cacher.line.pick_node = pick_address;
    c->cacher.line.context = c;
    c->cacher.line.think_ns = prng_between(&prng, 40 * SIM_MS, 200 * SIM_MS);
    c->cacher.line.patience_ns = prng_between(&prng, 500 * SIM_MS, 3 * SIM_S);
    c->cacher.applied = applied_at;
    c->cacher.key_count = users->key_count;
    c->cacher.is_broadcast = prng_chance(&prng, 1, 3);
}

static void draw_users(struct cluster *c)
{
    struct prng *p = &c->prng;
    static const uint32_t values[] = {5, 5, 30, 30, 30, 30, 30, 30, 500, 500, 500, 12000};
    struct user_options options = {
        .sim = c->sim,
        .witness = c->witness,
        .verdict = &c->verdict,
        .recorder = c->recorder,
        .pick_node = pick_address,
        .context = c,
    };

    options.key_count = (uint32_t)prng_between(p, 1, 20);
    options.read_percent = (uint32_t)prng_between(p, 20, 70);
    options.value_bytes_max = values[prng_below(p, 12)];
    options.pipeline_max = prng_chance(p, 1, 3) ? 16 : 1;
    options.backlog_max = prng_chance(p, 1, 3) ? 30 : 0;
    c->users_queue =
        options.value_bytes_max > 500 || options.pipeline_max > 1 || options.backlog_max > 0;
    if (c->config.memory_bytes_max > 0 && c->recorder == NULL) {
        options.offset_max = OFFSET_MAX;
    }
    options.reads_seed = c->options.seed ^ READS_SALT;
    options.exec_seed = draw_seed(c, EXEC_SALT);
    options.never_watches = flipper_is_used(c->flipper);
    options.expiry_seed = draw_seed(c, EXPIRY_SALT);
    options.hash_seed = draw_seed(c, HASH_SALT);
    options.script_seed = draw_seed(c, SCRIPT_SALT);
    draw_retrier(c, &options);
    draw_followers(c);
    draw_cacher(c, &options);
    options.think_ns = prng_between(p, 5 * SIM_MS, 60 * SIM_MS);
    options.patience_ns = prng_between(p, 500 * SIM_MS, 5 * SIM_S);
    options.database_count = prng_chance(p, 2, 3) ? (uint32_t)prng_between(p, 2, 16) : 1;
    c->user_count = (uint32_t)prng_between(p, 1, 6);
    for (uint32_t i = 0; i < c->user_count; i++) {
        options.number = i;
        options.command_max = c->options.command_max;
        c->users[i] = user_new(&options);
    }
}

/* Uses random numbers of its own, so all others remain the same without it. */
static void draw_heavy(struct cluster *c)
{
    struct prng prng = {.state = c->options.seed ^ HEAVY_SALT};

    c->has_heavy = prng_chance(&prng, 1, 4) && faults_draw_condition(&c->faults, FAULT_HEAVY);
    if (!c->has_heavy) {
        return;
    }
    heavy_init(&c->heavy, c->sim, "heavy");
    c->heavy.pick_node = pick_address;
    c->heavy.context = c;
    c->heavy.batch_max = (uint32_t)prng_between(&prng, 1, 30);
    c->heavy.think_ns = prng_between(&prng, 200 * SIM_MS, 2 * SIM_S);
    c->heavy.key_count = 20;
}

/* Asks for something that needs a higher feature level, before the cluster has it and after. */
static void draw_later(struct cluster *c)
{
    c->has_later = cluster_upgrades(c) && faults_draw_condition(&c->faults, FAULT_UPGRADE);
    if (!c->has_later) {
        return;
    }
    heavy_init(&c->later, c->sim, "later");
    c->later.pick_node = pick_address;
    c->later.context = c;
    c->later.only = LATER_COMMAND;
    c->later.batch_max = 3;
    c->later.think_ns = 200 * SIM_MS;
}

/* Some clocks run fast, some slow: by 200 ppm, as crystals do, or by 5 %, as in a bad virtual
 * machine. */
static void draw_machines(struct cluster *c, uint32_t count)
{
    const uint64_t widths[] = {0, 0, 200, 50000};
    /* Its own generator, so that the number of machines does not change other draws. */
    struct prng prng = {prng_next(&c->prng)};
    uint64_t width = widths[prng_below(&prng, 4)];

    for (uint32_t i = 0; i < count; i++) {
        struct node *n = cluster_add_machine(c);
        int64_t drift_ppm = (int64_t)prng_below(&prng, 2 * width + 1) - (int64_t)width;

        if (drift_ppm != 0 && !faults_draw_condition(&c->faults, FAULT_DRIFT)) {
            drift_ppm = 0;
        }
        sim_machine_set_clock(n->machine, 0, drift_ppm);
        nemesis_mend_disk(n);
    }
}

void cluster_draw(struct cluster *c)
{
    uint32_t count;

    draw_network(c);
    draw_disk(c);
    draw_config(c);
    c->flipper = flipper_new(c);
    count = draw_node_count(&c->prng);
    if (c->options.node_count > 0) {
        count = c->options.node_count;
    }
    c->founder_count = count;
    draw_machines(c, count);
    draw_users(c);
    draw_heavy(c);
    draw_later(c);
}
