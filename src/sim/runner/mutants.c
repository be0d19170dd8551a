/* mutants.c - see mutants.h. A run that aborts, crashes or hangs has noticed, too. */
#include "sim/runner/mutants.h"

#include <stdio.h>

#include "base/mutant.h"

#ifdef RAKIT_MUTANTS

#include <inttypes.h>
#include <string.h>

#include "sim/runner/crew.h"

bool mutants_choose(const char *name)
{
    mutant_on = mutant_named(name);
    if (mutant_on == MUTANT_NONE) {
        fprintf(stderr, "rakit-sim: there is no mutant %s; --list-mutants shows them\n", name);
    }
    return mutant_on != MUTANT_NONE;
}

bool mutants_list(void)
{
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
        const char *killer = mutant_killer((enum mutant)m);

        printf("%-28s %-8s %-16s %s\n", mutant_name((enum mutant)m), mutant_rule((enum mutant)m),
               killer == NULL ? "simulator" : killer, mutant_meaning((enum mutant)m));
    }
    return true;
}

/* Runs seeds until one fails. False: none did. `failure` is that of the last one. */
static bool try_mutant(enum mutant m, const struct trial_limits *limits, uint64_t from,
                       uint64_t count, struct crew_failure *failure)
{
    bool is_noticed = false;

    mutant_on = m; /* The seeds' processes inherit it. */
    for (uint64_t seed = from; !is_noticed && seed < from + count; seed++) {
        is_noticed = crew_try(limits, seed, NULL, failure);
    }
    mutant_on = MUTANT_NONE;
    return is_noticed;
}

/* Whether the seed breaks no rule without a mutant. */
static bool is_good_without(uint64_t seed, const struct trial_limits *limits)
{
    static struct crew_failure failure; /* Large, so not on the stack. */

    if (crew_try(limits, seed, NULL, &failure)) {
        printf("(seed %" PRIu64 " breaks a rule without any mutant: %s)\n", seed, failure.name);
        return false;
    }
    return true;
}

bool mutants_run(const char *only, const struct trial_limits *limits, uint64_t from, uint64_t count)
{
    static struct crew_failure failure;
    uint32_t survivor_count = 0;

    printf("%-28s %5s  %s\n", "mutant", "seeds", "noticed by");
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
        const char *name = mutant_name((enum mutant)m);

        if (only != NULL ? strcmp(only, name) != 0 : mutant_killer((enum mutant)m) != NULL) {
            continue; /* A test must notice it, which scripts/mutants runs. */
        }
        bool is_killed = try_mutant((enum mutant)m, limits, from, count, &failure);
        uint64_t seed = is_killed ? failure.outcome.seed : from + count - 1;

        if (is_killed && !is_good_without(seed, limits)) {
            is_killed = false; /* The seed fails without the mutant, too. */
        }
        printf("%-28s %5" PRIu64 "  %s\n", name, seed - from + 1,
               is_killed ? failure.name : "SURVIVED");
        fflush(stdout);
        survivor_count += !is_killed;
    }
    return survivor_count == 0;
}

#else

static bool refuse(void)
{
    fputs("rakit-sim: this build has no mutants; meson setup -Dmutants=true makes one\n", stderr);
    return false;
}

bool mutants_choose(const char *name)
{
    (void)name;
    return refuse();
}

bool mutants_list(void)
{
    return refuse();
}

bool mutants_run(const char *only, const struct trial_limits *limits, uint64_t from, uint64_t count)
{
    (void)only;
    (void)limits;
    (void)from;
    (void)count;
    return refuse();
}

#endif /* RAKIT_MUTANTS */
