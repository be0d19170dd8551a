/* crew.h - runs seeds in separate processes, several at a time. They may abort, crash or hang:
 * whatever happens is recorded as a finding, and the next seed follows. */
#ifndef RAKIT_SIM_RUNNER_CREW_H
#define RAKIT_SIM_RUNNER_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/runner/trial.h"

enum { CREW_WORKERS_MAX = 64, CREW_SAID_MAX = 16384 };

/* A seed that failed: it broke a rule, died, did not end, or wrote to stderr (as sanitizers do). */
struct crew_failure {
    struct trial_outcome outcome; /* As far as the run got. */
    char name[320];               /* The check that noticed, in a line. */
    char check[256];              /* The same for all failures that the same check notices. */
    char said[CREW_SAID_MAX];     /* On stderr. */
};

/* Runs one seed, and waits for it. False: it did not fail, and only the outcome is filled in. */
bool crew_try(const struct trial_limits *limits, uint64_t seed, FILE *trace,
              struct crew_failure *ret_failure);

struct crew_options {
    const struct trial_limits *limits;
    const uint64_t *seeds; /* NULL: seeds from `from` on. */
    uint64_t from;
    uint64_t seed_count;
    uint64_t for_ns; /* Real time after which no seed is begun; 0: no limit. */
    uint32_t worker_count;
    bool goes_on;  /* After failures. */
    bool is_twice; /* Runs each seed twice; the second run must be the same. */
    /* Called for each failure, and every fifth of a second. */
    void (*failed)(void *context, const struct crew_failure *failure);
    void (*passing)(void *context, const struct tally *so_far, uint64_t seed);
    void *context;
};

struct crew_result {
    struct tally tally;
    uint64_t begun_count; /* Seeds. */
    uint64_t failure_count;
    bool is_interrupted; /* By SIGINT or SIGTERM; seeds that were begun were finished. */
};

void crew_run(const struct crew_options *options, struct crew_result *ret_result);

#endif /* RAKIT_SIM_RUNNER_CREW_H */
