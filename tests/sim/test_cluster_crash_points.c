/* A small cluster of whole servers, in which every file operation is a crash point. At each one,
 * of each node, that node loses power, or all nodes do at once, or only its process dies. Its
 * disk gets each state that power_loss.h finds (if all lose power, the other disks get a random
 * one). The cluster goes on with all checkers: soon there is a leader, users are answered,
 * states become equal, and nothing that was acknowledged is missing.
 *
 * Besides whole short lives, there are situations in which the crash points are those of one node:
 * it installs a snapshot, or its state is wrong and is rebuilt.
 *
 * A run is done once to find out in which steps of the world which node's files change. Then it
 * is repeated, and at each of these steps copies of the whole process (fork) continue, one for
 * each case.
 *
 *   test_sim_cluster_crash_points                           all cases
 *   test_sim_cluster_crash_points --short                   every fifth of one run and of each
 *                                                           situation: for sanitizers
 *   test_sim_cluster_crash_points SEED STEP CUT STATE WHO [SITUATION]
 *                                                           one of them, with a trace */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "crash_situations.h"
#include "power_loss.h"
#include "replica/replica.h"
#include "sim/cluster/cluster.h"

enum {
    NODES = 3,
    USERS = 2,
    RUNS = 4,          /* With the first seeds that draw enough users. */
    COMMANDS = 3,      /* Of each user, in the part of the run that has crash points. */
    BOOT_STATES = 3,   /* Random states for each crash point of a first start. */
    CASES_MIN = 10000, /* Fewer cases fail the test. */
    CASES_ONE_RUN_MIN = 2000,
    CASES_SITUATION_MIN = 300,
    SHORT_STRIDE = 5,
};

/* The step that is due may be later than the next check of the cluster. */
#define AT_ANY_TIME (UINT64_MAX - 1)

/* Who loses power. */
enum who { WHO_ONE, WHO_ALL, WHO_COUNT };

/* A step of the world in which a node's files change. */
struct point {
    uint64_t step;
    uint32_t node;
    uint64_t operation_count;
    bool is_boot;
};

struct crash_case {
    uint64_t seed;
    uint64_t step;
    uint64_t cut; /* After so many operations of the step. */
    uint64_t state;
    enum who who;
};

/* Shared by all copies of the process. */
struct counts {
    uint64_t cases;
    uint64_t sampled;
    uint64_t points;
};

struct run {
    struct cluster *c;
    const struct situation *situation; /* NULL: a whole life. */
    struct node *subject;              /* Only its files count in a situation. */
    struct crash_case now;             /* The case that this process runs. */
    const struct crash_case *only;
    struct counts *counts;
    struct point *points;
    uint32_t point_count;
    uint32_t point_capacity;
    uint32_t next_point;
    uint32_t stride; /* Of so many points, one is explored. */
    uint64_t step;
    bool is_recording;
    bool is_exploring;
    bool is_copy; /* It ends with this process. */
};

/* On this machine, operations of the next process fail from this one on. */
static struct {
    const struct sim_machine *machine;
    uint64_t limit;
} armed;

struct io *__real_sim_boot(struct sim_machine *machine);
struct io *__wrap_sim_boot(struct sim_machine *machine);

struct io *__wrap_sim_boot(struct sim_machine *machine)
{
    struct io *io = __real_sim_boot(machine);

    if (machine == armed.machine) {
        sim_limit_file_operations(io, armed.limit);
        armed.machine = NULL;
    }
    return io;
}

/* --- crashing ------------------------------------------------------------------------ */

static void lose_power(struct node *n, const struct power_loss *loss, uint64_t state,
                       uint64_t down_ns)
{
    enum sim_death death = SIM_KILLED;

    power_loss_cut(n->io);
    if (state < loss->count) {
        power_loss_strike(n->machine, loss, state);
        death = SIM_POWER;
    }
    cluster_kill(n, death);
    cluster_start_later(n, down_ns);
}

/* The case's node is cut off already; it dies here, and maybe the others with it. */
static void strike(struct run *r, struct node *victim, const struct power_loss *loss)
{
    struct prng prng = {.state = r->step * 1000 + r->now.cut * 100 + r->now.state};

    lose_power(victim, loss, r->now.state, prng_between(&prng, SIM_MS, 300 * SIM_MS));
    for (uint32_t i = 0; i < NODES && r->now.who == WHO_ALL; i++) {
        struct node *n = &r->c->nodes[i];
        struct power_loss other;

        if (n != victim && n->phase == NODE_UP) {
            power_loss_survey(n->machine, &other);
            lose_power(n, &other, prng_below(&prng, other.count),
                       prng_between(&prng, SIM_MS, 300 * SIM_MS));
        }
    }
}

/* Whether this case must be run, and how. */
static bool is_wanted(struct run *r, uint64_t cut, uint64_t state, enum who who)
{
    const struct crash_case *only = r->only;

    r->now.step = r->step;
    r->now.cut = cut;
    r->now.state = state;
    r->now.who = who;
    return only == NULL ||
           (only->step == r->step && only->cut == cut && only->state == state && only->who == who);
}

/* Forks. True in the copy; otherwise the copy has ended, and its result was recorded. */
static bool copy(struct run *r)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    fflush(stderr);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        r->is_copy = true;
        r->is_exploring = false;
        return true;
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        _exit(1); /* It has printed the reason. */
    }
    return false;
}

/* Called in the copy that has run the step up to the cut: makes one copy for each case. */
static bool explore_states(struct run *r, struct node *victim, uint64_t cut)
{
    struct power_loss loss;

    power_loss_survey(victim->machine, &loss);
    for (uint64_t state = 0; state <= loss.count; state++) {
        for (enum who who = WHO_ONE; who < WHO_COUNT; who++) {
            if ((who == WHO_ALL && state == loss.count) || !is_wanted(r, cut, state, who)) {
                continue;
            }
            r->counts->cases++;
            r->counts->sampled += loss.is_sample && state < loss.count;
            if (copy(r)) {
                strike(r, victim, &loss);
                return true;
            }
        }
    }
    return false;
}

/* A first start is cut off: the server ends it by itself, and what is lost is random. */
static bool explore_boots(struct run *r, struct node *victim, uint64_t cut)
{
    for (uint64_t state = 0; state < BOOT_STATES; state++) {
        if (!is_wanted(r, cut, state, WHO_ONE)) {
            continue;
        }
        r->counts->cases++;
        r->counts->sampled++;
        if (copy(r)) {
            armed.machine = victim->machine;
            armed.limit = cut;
            r->c->prng.state += state * 7919;
            victim->has_disk_trouble = true; /* So that it is allowed to end. */
            sim_step(r->c->sim, AT_ANY_TIME);
            victim->has_disk_trouble = false;
            return true;
        }
    }
    return false;
}

/* At a crash point: makes one copy for each cut, which in turn makes those of its cases. True:
 * this is one of the latter, and the step is done. */
static bool explore(struct run *r, const struct point *point)
{
    struct node *victim = &r->c->nodes[point->node];

    for (uint64_t cut = 0; cut <= point->operation_count; cut++) {
        bool is_case = false;

        if (r->only != NULL && (r->only->step != r->step || r->only->cut != cut)) {
            continue;
        }
        r->counts->points++;
        if (!copy(r)) {
            continue;
        }
        if (point->is_boot && cut < point->operation_count) {
            is_case = explore_boots(r, victim, cut);
        } else {
            if (cut < point->operation_count) {
                sim_limit_file_operations(victim->io, cut);
            }
            sim_step(r->c->sim, AT_ANY_TIME);
            is_case = victim->phase == NODE_UP && explore_states(r, victim, cut);
        }
        if (!is_case) {
            _exit(0); /* All its cases were run. */
        }
        return true;
    }
    return false;
}

/* --- stepping ------------------------------------------------------------------------- */

static void record(struct run *r, struct io *const *ios, const uint64_t *before)
{
    for (uint32_t i = 0; i < NODES; i++) {
        struct io *io = r->c->nodes[i].io;
        uint64_t was = io == ios[i] ? before[i] : 0;

        if (io == NULL || sim_file_operations(io) == was ||
            (r->subject != NULL && r->subject != &r->c->nodes[i])) {
            continue;
        }
        if (r->point_count == r->point_capacity) {
            r->point_capacity = r->point_capacity == 0 ? 64 : 2 * r->point_capacity;
            r->points = memory_resize(r->points, r->point_capacity * sizeof *r->points);
        }
        r->points[r->point_count++] =
            (struct point){.step = r->step,
                           .node = i,
                           .operation_count = sim_file_operations(io) - was,
                           .is_boot = io != ios[i]};
    }
}

/* One step of the world, with all its cases. */
static bool step(struct run *r, uint64_t until_ns)
{
    struct io *ios[NODES];
    uint64_t before[NODES];
    bool has_stepped;

    while (r->is_exploring && r->next_point < r->point_count &&
           r->points[r->next_point].step == r->step) {
        const struct point *point = &r->points[r->next_point++];

        if ((r->next_point - 1) % r->stride == 0 && explore(r, point)) {
            r->step++;
            return true;
        }
    }
    for (uint32_t i = 0; i < NODES && r->is_recording; i++) {
        ios[i] = r->c->nodes[i].io;
        before[i] = ios[i] == NULL ? 0 : sim_file_operations(ios[i]);
    }
    has_stepped = sim_step(r->c->sim, until_ns);
    if (r->is_recording && has_stepped) {
        record(r, ios, before);
    }
    r->step += has_stepped;
    return has_stepped;
}

static void await(struct run *r, bool (*condition)(const struct run *r), uint64_t for_ns,
                  const char *what)
{
    struct cluster *c = r->c;
    uint64_t end_ns = sim_now_ns(c->sim) + for_ns;

    while (!c->verdict.is_guilty) {
        uint64_t look_ns = sim_now_ns(c->sim) + 5 * SIM_MS;

        while (!c->verdict.is_guilty && step(r, look_ns)) {
        }
        if (c->verdict.is_guilty || condition(r)) {
            return;
        }
        if (look_ns >= end_ns) {
            verdict_broken(&c->verdict, "liveness", "%s", what);
        }
    }
}

/* --- what must come -------------------------------------------------------------------- */

static const struct raft *node_raft(const struct run *r, uint32_t i)
{
    const struct node *n = &r->c->nodes[i];

    return n->phase == NODE_UP ? replica_raft(n->server->replica) : NULL;
}

static bool has_leader(const struct run *r)
{
    const struct node *leader = cluster_leader(r->c);

    return leader != NULL && raft_is_ready(replica_raft(leader->server->replica));
}

static bool is_founded(const struct run *r)
{
    const struct raft_configuration *config;
    uint32_t voter_count = 0;

    if (!has_leader(r)) {
        return false;
    }
    config = raft_configuration(replica_raft(cluster_leader(r->c)->server->replica));
    for (uint32_t i = 0; i < config->member_count; i++) {
        voter_count += config->members[i].incoming;
    }
    return voter_count == NODES && !raft_configuration_is_joint(config);
}

static bool are_idle(const struct run *r)
{
    for (uint32_t i = 0; i < USERS; i++) {
        if (!user_is_idle(r->c->users[i])) {
            return false;
        }
    }
    return true;
}

static bool have_asked_all(const struct run *r)
{
    struct witness_stats stats;

    witness_get_stats(r->c->witness, &stats);
    return stats.operation_count >= (uint64_t)USERS * COMMANDS && are_idle(r);
}

static bool are_served(const struct run *r)
{
    for (uint32_t i = 0; i < USERS; i++) {
        if ((r->c->served >> i & 1) == 0 && user_take_success_count(r->c->users[i]) > 0) {
            r->c->served |= 1u << i;
        }
    }
    return r->c->served == (1u << USERS) - 1;
}

/* All nodes have everything that was ever applied anywhere, and equal states. */
static bool is_settled(const struct run *r)
{
    const struct node *leader = cluster_leader(r->c);
    const struct replica *first;

    if (!has_leader(r)) {
        return false;
    }
    first = leader->server->replica;
    for (uint32_t i = 0; i < NODES; i++) {
        const struct replica *replica;

        if (node_raft(r, i) == NULL) {
            return false;
        }
        replica = r->c->nodes[i].server->replica;
        if (replica_applied_index(replica) != raft_last_index(replica_raft(first)) ||
            replica_applied_index(replica) < witness_applied_index(r->c->witness) ||
            keyspace_digest(replica_keyspace(replica)) !=
                keyspace_digest(replica_keyspace(first))) {
            return false;
        }
    }
    return true;
}

/* --- situations ------------------------------------------------------------------------- */

static bool may_go_on(const struct run *r)
{
    return r->situation->may_go_on(r->subject);
}

/* What was to come has come, unless a crash has prevented it, and is over. */
static bool is_over(const struct run *r)
{
    const struct node *n = r->subject;

    return is_settled(r) && !replica_is_isolated(n->server->replica) &&
           (r->is_copy || r->situation->has_come(n));
}

/* --- a run ------------------------------------------------------------------------------- */

static void run_init(struct run *r, uint64_t seed, FILE *trace)
{
    struct cluster_options options = {.seed = seed,
                                      .node_count = NODES,
                                      .forbidden = FAULTS_ALL,
                                      .user_max = USERS,
                                      .command_max = COMMANDS,
                                      .trace = trace};

    r->c = cluster_new(&options);
    r->now.seed = seed;
    r->step = 0;
    r->subject = NULL;
    for (uint32_t i = 0; i < NODES && r->situation != NULL; i++) {
        r->situation->configure(&r->c->nodes[i].config);
    }
    assert_true(r->c->user_count >= USERS);
}

/* The users' commands: all of a life, or what belongs to a situation. */
static void run_commands(struct run *r, bool is_recording, bool is_exploring)
{
    const struct situation *s = r->situation;
    bool is_at_once = s == NULL || s->go_on == NULL;

    if (s != NULL) {
        r->subject = &r->c->nodes[cluster_leader(r->c) == &r->c->nodes[0] ? 1 : 0];
        s->begin(r->subject);
    }
    r->is_recording = is_recording && is_at_once;
    r->is_exploring = is_exploring && is_at_once;
    for (uint32_t i = 0; i < USERS; i++) {
        user_start(r->c->users[i]);
    }
    await(r, have_asked_all, 60 * SIM_S, "a user cannot send its commands");
    if (!is_at_once) {
        await(r, may_go_on, 60 * SIM_S, "the situation does not come");
        s->go_on(r->subject);
        r->is_recording = is_recording;
        r->is_exploring = is_exploring;
    }
    if (s != NULL) {
        await(r, is_over, 60 * SIM_S, "a minute later the situation is not over");
    }
}

/* From the founding to the last command of the users, with crash points; then everything must
 * come to rest. */
static void run_live(struct run *r)
{
    struct cluster *c = r->c;
    const uint64_t timeout_ns = c->config.election_timeout_ns;
    bool is_recording = r->is_recording;
    bool is_exploring = r->is_exploring;

    if (r->situation != NULL) {
        r->is_recording = r->is_exploring = false;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_start_later(&c->nodes[i], i * 100 * SIM_MS);
    }
    await(r, is_founded, 60 * SIM_S, "after a minute not all nodes vote");
    run_commands(r, is_recording && !r->is_copy, is_exploring && !r->is_copy);
    r->is_recording = r->is_exploring = false;
    await(r, has_leader, 10 * timeout_ns + SIM_S, "no leader after ten election timeouts");
    await(r, is_settled, 60 * SIM_S, "after a minute states differ");
    for (uint32_t i = 0; i < USERS; i++) {
        user_take_success_count(c->users[i]);
        user_calm(c->users[i], 30 * SIM_S);
    }
    await(r, are_served, 40 * SIM_S, "a user has no answer after 40 seconds");
    for (uint32_t i = 0; i < USERS; i++) {
        user_rest(c->users[i]);
    }
    await(r, are_idle, 30 * SIM_S, "a user's last command is not answered");
    await(r, is_settled, 60 * SIM_S, "a minute after the last command states differ");
}

/* Prints what is wrong, if anything is. */
static bool run_judge(struct run *r)
{
    if (!r->c->verdict.is_guilty) {
        return true;
    }
    printf("seed %llu, step %llu, cut %llu, state %llu, who %d%s%s: %s\n",
           (unsigned long long)r->now.seed, (unsigned long long)r->now.step,
           (unsigned long long)r->now.cut, (unsigned long long)r->now.state, (int)r->now.who,
           r->situation == NULL ? "" : ", situation ",
           r->situation == NULL ? "" : r->situation->name, r->c->verdict.text);
    cluster_describe(r->c, stdout);
    fflush(stdout);
    return false;
}

static bool check_seed(uint64_t seed, const struct situation *situation, uint32_t stride,
                       struct counts *counts, const struct crash_case *only)
{
    struct run r = {.situation = situation,
                    .stride = stride,
                    .counts = counts,
                    .only = only,
                    .is_recording = true};
    bool is_good;

    run_init(&r, seed, NULL);
    run_live(&r);
    is_good = run_judge(&r);
    cluster_free(r.c);
    if (is_good) {
        r.is_recording = false;
        r.is_exploring = true;
        run_init(&r, seed, only == NULL ? NULL : stdout);
        run_live(&r);
        is_good = run_judge(&r);
        if (r.is_copy) {
            _exit(is_good ? 0 : 1);
        }
        cluster_free(r.c);
    }
    free(r.points);
    return is_good;
}

/* The first seed from there on whose cluster has enough users. */
static uint64_t fitting_seed(uint64_t seed)
{
    struct cluster_options options = {.node_count = NODES, .forbidden = FAULTS_ALL};

    for (bool fits = false; !fits; seed += fits ? 0 : 1) {
        options.seed = seed;
        struct cluster *c = cluster_new(&options);

        fits = c->user_count >= USERS;
        cluster_free(c);
    }
    return seed;
}

static struct counts *shared_counts(void)
{
    void *memory = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static void test_cluster_crash_points__every_operation_of_every_node(void **state)
{
    struct counts *counts = shared_counts();
    const uint32_t *stride = *state;
    const bool is_short = *stride > 1;
    uint64_t seed = 0;

    for (int i = 0; i < (is_short ? 1 : RUNS); i++) {
        struct counts before = *counts;

        seed = fitting_seed(seed + 1);
        assert_true(check_seed(seed, NULL, *stride, counts, NULL));
        print_message("seed %llu: %llu cases at %llu points\n", (unsigned long long)seed,
                      (unsigned long long)(counts->cases - before.cases),
                      (unsigned long long)(counts->points - before.points));
    }
    print_message("clusters: %llu cases at %llu points, %llu of them from a sample\n",
                  (unsigned long long)counts->cases, (unsigned long long)counts->points,
                  (unsigned long long)counts->sampled);
    assert_true(counts->cases >= (is_short ? CASES_ONE_RUN_MIN / *stride : CASES_MIN));
    munmap(counts, sizeof *counts);
}

static void test_cluster_crash_points__of_one_node_in_a_situation(void **state)
{
    const uint32_t *stride = *state;
    struct counts *counts = shared_counts();
    uint64_t seed = fitting_seed(1);

    for (int i = 0; i < SITUATIONS; i++) {
        struct counts before = *counts;

        assert_true(check_seed(seed, &situations[i], *stride, counts, NULL));
        print_message("%s: %llu cases at %llu points\n", situations[i].name,
                      (unsigned long long)(counts->cases - before.cases),
                      (unsigned long long)(counts->points - before.points));
        assert_true(counts->cases - before.cases >= CASES_SITUATION_MIN / *stride);
    }
    munmap(counts, sizeof *counts);
}

int main(int argc, char **argv)
{
    uint32_t stride = argc == 2 && strcmp(argv[1], "--short") == 0 ? SHORT_STRIDE : 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_cluster_crash_points__every_operation_of_every_node,
                                  &stride),
        cmocka_unit_test_prestate(test_cluster_crash_points__of_one_node_in_a_situation, &stride),
    };

    if (argc == 6 || argc == 7) {
        struct crash_case only = {.seed = strtoull(argv[1], NULL, 10),
                                  .step = strtoull(argv[2], NULL, 10),
                                  .cut = strtoull(argv[3], NULL, 10),
                                  .state = strtoull(argv[4], NULL, 10),
                                  .who = (enum who)strtoull(argv[5], NULL, 10)};

        return check_seed(only.seed, situation_named(argv[6]), 1, shared_counts(), &only) ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
