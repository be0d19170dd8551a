/* main.c - rakit-sim: runs seeds, one after the other, and on the first broken rule
 * says which, how to see it again, and ends with status 1. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/cluster.h"
#include "sim/mutants.h"

enum { LAST_BYTES = 4096 }; /* Of a failing run's trace. */

struct settings {
    uint64_t from;
    uint64_t count;
    uint32_t node_count;
    uint64_t seconds;
    bool trace;
    bool quiet;
    bool twice;
    bool tries_mutants;
    bool lists_mutants;
    const char *mutant;
    const char *seeds_file;
};

struct totals {
    uint64_t seed_count;
    uint64_t event_count;
    uint64_t simulated_ns;
    struct cluster_stats cluster;
    struct checker_stats checker;
    struct witness_stats witness;
    uint64_t hash; /* Over all runs. */
};

static const char usage[] =
    "usage: rakit-sim [--seed N | --seeds N [--from N] | --file FILE] [--trace]\n"
    "                 [--nodes N] [--seconds S] [--twice] [--quiet]\n"
    "\n"
    "Runs whole clusters in simulated time, with faults drawn from the seed, and checks\n"
    "the rules of docs/INVARIANTS.md at every event. The same seed is the same run.\n"
    "\n"
    "  --seed N     run this seed\n"
    "  --seeds N    run N seeds (100), beginning with --from (1)\n"
    "  --file FILE  run the seeds that stand in FILE, one a line\n"
    "  --trace      print every event\n"
    "  --nodes N    1 to 9 nodes at first (drawn from the seed)\n"
    "  --seconds S  of faults in each run, in simulated time (20)\n"
    "  --twice      run each seed twice and compare the two runs\n"
    "  --quiet      print nothing but failures\n"
    "\n"
    "In builds with -Dmutants=true:\n"
    "  --mutant NAME   with that mistake in the code\n"
    "  --mutants       with each mistake, until a seed notices it (--seeds at most)\n"
    "  --list-mutants  what mistakes there are\n";

/* For the handler of SIGABRT: a failed CHECK ends the process, but not wordlessly. */
static volatile uint64_t current_seed;
static struct settings current_settings;

static void print_replay(uint64_t seed)
{
    char line[160];
    int size = snprintf(line, sizeof line, "replay: rakit-sim --seed %" PRIu64, seed);

    if (current_settings.mutant != NULL) {
        size += snprintf(line + size, sizeof line - (size_t)size, " --mutant %s",
                         current_settings.mutant);
    }
    if (current_settings.node_count > 0) {
        size += snprintf(line + size, sizeof line - (size_t)size, " --nodes %u",
                         current_settings.node_count);
    }
    size += snprintf(line + size, sizeof line - (size_t)size, " --seconds %" PRIu64 " --trace\n",
                     current_settings.seconds);
    if (write(STDERR_FILENO, line, (size_t)size) < 0) {
        _exit(1);
    }
}

static void aborted(int signal)
{
    (void)signal;
    fflush(stdout);
    print_replay(current_seed);
    _exit(1);
}

static void add_up(struct totals *t, struct cluster *c)
{
    struct checker_stats checker;
    struct witness_stats witness;
    uint64_t *to = (uint64_t *)&t->cluster;
    const uint64_t *from = (const uint64_t *)&c->stats;

    t->seed_count++;
    t->event_count += sim_event_count(c->sim);
    t->simulated_ns += sim_now_ns(c->sim);
    for (size_t i = 0; i < sizeof c->stats / sizeof *to; i++) {
        to[i] += from[i];
    }
    checker_get_stats(c->checker, &checker);
    witness_get_stats(c->witness, &witness);
    t->checker.election_count += checker.election_count;
    t->checker.commit_index += checker.commit_index;
    t->checker.truncation_count += checker.truncation_count;
    t->checker.lost_write_count += checker.lost_write_count;
    t->checker.change_count += checker.change_count;
    t->checker.forgotten_count += checker.forgotten_count;
    t->witness.operation_count += witness.operation_count;
    t->witness.write_count += witness.write_count;
    t->witness.read_count += witness.read_count;
    t->witness.failed_count += witness.failed_count;
    t->witness.unknown_count += witness.unknown_count;
    t->witness.late_count += witness.late_count;
    t->hash = t->hash * 31 + sim_hash(c->sim);
}

static struct cluster *run_cluster(const struct settings *s, uint64_t seed, FILE *trace)
{
    struct cluster_options options = {
        .seed = seed,
        .node_count = s->node_count,
        .fault_ns = s->seconds * SIM_S,
        .user_max = CLUSTER_USERS_MAX,
        .trace = trace,
    };
    struct cluster *c = cluster_new(&options);

    cluster_run(c);
    return c;
}

/* Runs a failing seed again for the end of its trace. */
static void print_last_events(const struct settings *s, uint64_t seed)
{
    static char text[LAST_BYTES + 1];
    FILE *file = tmpfile();
    size_t size;

    if (file == NULL) {
        return;
    }
    struct cluster *c = run_cluster(s, seed, file);
    long end = ftell(file);

    fseek(file, end > LAST_BYTES ? end - LAST_BYTES : 0, SEEK_SET);
    size = fread(text, 1, LAST_BYTES, file);
    text[size] = '\0';
    const char *line = strchr(text, '\n');

    fprintf(stderr, "last events:%s", line == NULL ? "\n" : line);
    cluster_free(c); /* Its end is traced as well. */
    fclose(file);
}

static bool is_repeated(const struct settings *s, uint64_t seed, const struct cluster *c)
{
    struct cluster *again = run_cluster(s, seed, NULL);
    bool is_same = sim_hash(again->sim) == sim_hash(c->sim);

    if (!is_same) {
        fprintf(stderr, "\nseed %" PRIu64 " is not the same run when it is run again\n", seed);
    }
    cluster_free(again);
    return is_same;
}

static bool run_seed(const struct settings *s, uint64_t seed, struct totals *t)
{
    struct cluster *c;
    bool is_good;

    current_seed = seed;
    c = run_cluster(s, seed, s->trace ? stdout : NULL);
    is_good = !c->verdict.is_guilty;
    if (!is_good) {
        fflush(stdout);
        if (!s->trace && !s->quiet) {
            print_last_events(s, seed);
        }
        fprintf(stderr, "\nseed %" PRIu64 " breaks a rule at %.6f s: %s\n  %s\n", seed,
                (double)sim_now_ns(c->sim) / 1e9, c->verdict.rule, c->verdict.text);
        cluster_describe(c, stderr);
        print_replay(seed);
    }
    is_good = is_good && (!s->twice || is_repeated(s, seed, c));
    add_up(t, c);
    cluster_free(c);
    return is_good;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_progress(const struct totals *t, uint64_t seed, double took_s)
{
    fprintf(stderr,
            "\rseed %" PRIu64 ": %" PRIu64 " runs, %.0f simulated s (%.0f a second), %" PRIu64
            " operations, %" PRIu64 " elections   ",
            seed, t->seed_count, (double)t->simulated_ns / 1e9,
            (double)t->simulated_ns / 1e9 / took_s, t->witness.operation_count,
            t->checker.election_count);
}

static void print_totals(const struct totals *t, double took_s)
{
    const struct cluster_stats *c = &t->cluster;

    printf("runs          %" PRIu64 ", %.0f simulated s in %.1f s (%.0f a second), %" PRIu64
           " events\n",
           t->seed_count, (double)t->simulated_ns / 1e9, took_s,
           (double)t->simulated_ns / 1e9 / took_s, t->event_count);
    printf("operations    %" PRIu64 ": %" PRIu64 " writes and %" PRIu64 " reads checked, %" PRIu64
           " failed, %" PRIu64 " unknown (%" PRIu64 " of them executed)\n",
           t->witness.operation_count, t->witness.write_count, t->witness.read_count,
           t->witness.failed_count, t->witness.unknown_count, t->witness.late_count);
    printf("consensus     %" PRIu64 " entries, %" PRIu64 " leaders, %" PRIu64
           " truncations, %" PRIu64 " configurations, %" PRIu64 " writes lost in crashes\n",
           t->checker.commit_index, t->checker.election_count, t->checker.truncation_count,
           t->checker.change_count, t->checker.lost_write_count);
    printf("processes     %" PRIu64 " killed, %" PRIu64 " lost power, %" PRIu64
           " died recovering, %" PRIu64 " frozen, %" PRIu64 " stopped\n",
           c->kill_count, c->power_count, c->recovery_crash_count, c->freeze_count, c->stop_count);
    printf("network       %" PRIu64 " partitions, %" PRIu64 " resets\n", c->partition_count,
           c->reset_count);
    printf("disks         %" PRIu64 " stalled, %" PRIu64 " full, %" PRIu64 " failed\n",
           c->stall_count, c->full_count, c->sync_error_count);
    printf("damage        %" PRIu64 " at rest, %" PRIu64 " lies shown, %" PRIu64
           " not in the budget; %" PRIu64 " starts refused, %" PRIu64 " survived (%" PRIu64
           " forgot), %" PRIu64 " disks replaced\n",
           c->damage_count, c->lie_shown_count, c->spared_count, c->refused_count,
           c->survived_count, t->checker.forgotten_count, c->replaced_count);
    printf("healed        %" PRIu64 " times only a majority\n", c->core_count);
    printf("membership    %" PRIu64 " joined, %" PRIu64 " removed, %" PRIu64 " transfers\n",
           c->add_count, c->remove_count, c->transfer_count);
    printf("after healing %.0f ms to a leader, %.0f ms to equal states, on average\n",
           (double)c->heal_ns / 1e6 / (double)t->seed_count,
           (double)c->settle_ns / 1e6 / (double)t->seed_count);
    printf("trace         %016" PRIx64 "\n", t->hash);
}

static bool take_number(const char *text, uint64_t *ret_number)
{
    char *end;

    *ret_number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool take_options(struct settings *s, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        uint64_t number = 0;

        if (strcmp(word, "--trace") == 0) {
            s->trace = true;
        } else if (strcmp(word, "--quiet") == 0) {
            s->quiet = true;
        } else if (strcmp(word, "--twice") == 0) {
            s->twice = true;
        } else if (strcmp(word, "--mutants") == 0) {
            s->tries_mutants = true;
        } else if (strcmp(word, "--list-mutants") == 0) {
            s->lists_mutants = true;
        } else if (strcmp(word, "--mutant") == 0 && i + 1 < count) {
            s->mutant = words[++i];
        } else if (strcmp(word, "--file") == 0 && i + 1 < count) {
            s->seeds_file = words[++i];
        } else if (i + 1 >= count || !take_number(words[++i], &number)) {
            return false;
        } else if (strcmp(word, "--seed") == 0) {
            s->from = number;
            s->count = 1;
        } else if (strcmp(word, "--seeds") == 0) {
            s->count = number;
        } else if (strcmp(word, "--from") == 0) {
            s->from = number;
        } else if (strcmp(word, "--nodes") == 0 && number >= 1 && number <= 9) {
            s->node_count = (uint32_t)number;
        } else if (strcmp(word, "--seconds") == 0) {
            s->seconds = number;
        } else {
            return false;
        }
    }
    return true;
}

static bool run_file(const struct settings *s, struct totals *t)
{
    FILE *file = fopen(s->seeds_file, "r");
    char line[256];
    bool is_good = true;

    if (file == NULL) {
        perror(s->seeds_file);
        return false;
    }
    while (is_good && fgets(line, sizeof line, file) != NULL) {
        uint64_t seed = strtoull(line, NULL, 10);

        if (line[0] != '#' && seed > 0) {
            is_good = run_seed(s, seed, t);
        }
    }
    fclose(file);
    return is_good;
}

static bool run_for_mutants(uint64_t seed)
{
    struct totals ignored = {0};

    return run_seed(&current_settings, seed, &ignored);
}

int main(int argument_count, char **arguments)
{
    struct settings s = {.from = 1, .count = 100, .seconds = 20};
    struct totals t = {0};
    bool is_good = true;
    double began_s = now_s();

    if (!take_options(&s, argument_count, arguments)) {
        fputs(usage, stderr);
        return 2;
    }
    s.quiet |= s.tries_mutants;
    current_settings = s;
    signal(SIGABRT, aborted);
    if (s.lists_mutants) {
        return mutants_list() ? 0 : 2;
    }
    if (s.tries_mutants) {
        return mutants_run(s.mutant, s.from, s.count, run_for_mutants) ? 0 : 1;
    }
    if (s.mutant != NULL && !mutants_choose(s.mutant)) {
        return 2;
    }
    bool shows_progress = !s.quiet && !s.trace && isatty(STDERR_FILENO);

    if (s.seeds_file != NULL) {
        is_good = run_file(&s, &t);
    }
    for (uint64_t i = 0; s.seeds_file == NULL && is_good && i < s.count; i++) {
        is_good = run_seed(&s, s.from + i, &t);
        if (shows_progress) {
            print_progress(&t, s.from + i, now_s() - began_s);
        }
    }
    if (shows_progress) {
        fputc('\n', stderr);
    }
    if (!s.quiet && t.seed_count > 0) {
        print_totals(&t, now_s() - began_s);
    }
    return is_good ? 0 : 1;
}
