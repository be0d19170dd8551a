/* shrink.c - see shrink.h. Zeller's delta debugging on the list of strikes, and simple descent
 * on everything else. A candidate counts only if the same check fails in it: a smaller run with
 * another failure is a different bug. Since leaving out a strike changes no draws of the others,
 * the list keeps its meaning while it shrinks. What the cluster does between them may change
 * completely, so each candidate is run. */
#include "sim/runner/shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/cluster/cluster.h"
#include "sim/runner/failure.h"

enum { ROUNDS_MAX = 6 };

struct shrink {
    uint64_t seed;
    struct trial_limits best;
    struct crew_failure failure; /* Of the best candidate. */
    struct trial_limits candidate;
    struct crew_failure tried;
    uint32_t run_count;
    bool has_progress; /* In this round. */
};

static bool try_candidate(struct shrink *s)
{
    s->run_count++;
    if (!crew_try(&s->candidate, s->seed, NULL, &s->tried) ||
        strcmp(s->tried.check, s->failure.check) != 0) {
        s->candidate = s->best;
        return false;
    }
    s->best = s->candidate;
    s->failure = s->tried;
    s->has_progress = true;
    return true;
}

/* Only strikes that happened before the failure count. */
static void take_strikes_that_happened(struct shrink *s)
{
    const struct trial_outcome *o = &s->failure.outcome;

    if (o->strike_count == TRIAL_STRIKES_MAX) {
        return; /* The list may be incomplete, so keep what was asked for. */
    }
    s->best.picks_strikes = true;
    s->best.strike_count = o->strike_count;
    for (uint32_t i = 0; i < o->strike_count; i++) {
        s->best.strikes[i] = o->strikes[i].number;
    }
    s->candidate = s->best;
}

/* --- kinds of faults -------------------------------------------------------------------- */

static void shrink_kinds(struct shrink *s)
{
    s->candidate.forbidden = FAULTS_ALL;
    if (s->best.forbidden == FAULTS_ALL || try_candidate(s)) {
        s->candidate = s->best;
        return;
    }
    for (int i = 0; i < FAULT_COUNT; i++) {
        uint64_t bit = UINT64_C(1) << i;

        if ((s->best.forbidden & bit) == 0) {
            s->candidate.forbidden |= bit;
            try_candidate(s);
        }
    }
}

/* --- strikes ---------------------------------------------------------------------------- */

/* Leaves out `count` strikes, starting at position `from`. */
static bool try_without(struct shrink *s, uint32_t from, uint32_t count)
{
    struct trial_limits *c = &s->candidate;

    memmove(c->strikes + from, c->strikes + from + count,
            (c->strike_count - from - count) * sizeof *c->strikes);
    c->strike_count -= count;
    return try_candidate(s);
}

static void shrink_strikes(struct shrink *s)
{
    take_strikes_that_happened(s);
    for (uint32_t chunk = s->best.strike_count; chunk > 0; chunk /= 2) {
        /* From the end, because the last strikes are usually not needed. */
        for (uint32_t end = s->best.strike_count; end > 0;) {
            uint32_t count = end < chunk ? end : chunk;

            try_without(s, end - count, count);
            end -= count;
            if (end > s->best.strike_count) {
                end = s->best.strike_count;
            }
        }
    }
}

/* --- limits ----------------------------------------------------------------------------- */

static void shrink_nodes(struct shrink *s)
{
    uint32_t count = s->failure.outcome.node_count;

    for (uint32_t n = 1; n < count; n++) {
        s->candidate.node_count = n;
        if (try_candidate(s)) {
            return;
        }
    }
}

static void shrink_users(struct shrink *s)
{
    uint32_t count = s->failure.outcome.user_count;

    for (uint32_t n = 0; n < count; n++) {
        s->candidate.user_max = n;
        if (try_candidate(s)) {
            return;
        }
    }
}

/* Halves a number while that succeeds, then tries ever smaller steps down. */
static void shrink_number(struct shrink *s, uint64_t *number, uint64_t least, uint64_t grain)
{
    for (uint64_t step = (*number - least) / 2; step >= grain; step /= 2) {
        do {
            if (*number < least + step) {
                break;
            }
            *number -= step;
        } while (try_candidate(s));
    }
}

static void shrink_commands(struct shrink *s)
{
    uint64_t count = s->failure.outcome.command_count;

    if (s->best.user_max == 0 || count < 2) {
        return;
    }
    if (s->best.command_max == 0 || s->best.command_max > count) {
        s->candidate.command_max = count;
        if (!try_candidate(s)) {
            return;
        }
    }
    shrink_number(s, &s->candidate.command_max, 1, 1);
}

/* --- the whole -------------------------------------------------------------------------- */

static void report(const struct shrink *s, const char *what)
{
    const struct trial_outcome *o = &s->failure.outcome;

    fprintf(stderr,
            "%-9s %5u runs: fails at %.3f s after %u strikes, with %u nodes, %u clients, "
            "%" PRIu64 " commands of one at most\n",
            what, s->run_count, (double)o->at_ns / 1e9, o->strike_count, o->node_count,
            o->user_count, o->command_count);
}

static void shrink_round(struct shrink *s, bool is_quiet)
{
    static const struct {
        const char *name;
        void (*run)(struct shrink *s);
    } steps[] = {{"kinds", shrink_kinds},
                 {"strikes", shrink_strikes},
                 {"nodes", shrink_nodes},
                 {"clients", shrink_users},
                 {"commands", shrink_commands}};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        steps[i].run(s);
        if (!is_quiet) {
            report(s, steps[i].name);
        }
    }
    shrink_number(s, &s->candidate.fault_ns, 0, SIM_S / 10);
    if (!is_quiet) {
        report(s, "seconds");
    }
}

bool shrink_run(struct trial_limits *limits, uint64_t seed, const char *mutant, bool is_quiet)
{
    struct shrink *s = memory_take_zeroed(1, sizeof *s);
    bool has_failed;

    s->seed = seed;
    s->best = *limits;
    s->candidate = *limits;
    has_failed = crew_try(limits, seed, NULL, &s->failure);
    if (has_failed) {
        if (!is_quiet) {
            fprintf(stderr, "seed %" PRIu64 " breaks a rule: %s\n", seed, s->failure.name);
            report(s, "");
        }
        s->has_progress = true;
        for (int round = 0; s->has_progress && round < ROUNDS_MAX; round++) {
            s->has_progress = false;
            shrink_round(s, is_quiet);
        }
        *limits = s->best;
        if (!is_quiet) {
            failure_print_events(&s->failure, limits);
        }
        failure_print(&s->failure, limits, mutant);
        failure_print_strikes(&s->failure);
    }
    free(s);
    return has_failed;
}
