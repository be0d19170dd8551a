/* trial.h - one run of one seed in this process: the limits it is under, and what came
 * of it. The outcome is filled in as the run goes on, so that where it lies in shared
 * memory another process can read it after this one has died. */
#ifndef RAKIT_SIM_RUNNER_TRIAL_H
#define RAKIT_SIM_RUNNER_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/cluster/faults.h"
#include "sim/runner/tally.h"

enum { TRIAL_STRIKES_MAX = 4096 };

struct trial_limits {
    uint32_t node_count;  /* 0: drawn. */
    uint32_t user_max;    /* Of those that are drawn. */
    uint64_t command_max; /* Of each user while faults happen; 0: no limit. */
    uint64_t fault_ns;
    uint64_t forbidden;   /* Faults, a bit for each kind. */
    bool is_beyond;       /* Damage knows no budget. */
    uint64_t judge_every; /* Each so many-th seed is judged by lincheck as well; 0: none. */
    bool picks_strikes;   /* Of the strikes only these happen: */
    uint32_t strike_count;
    uint32_t strikes[TRIAL_STRIKES_MAX]; /* Their numbers, rising. */
};

struct trial_outcome {
    uint64_t seed;
    bool is_over;    /* The run came to its end; else the process died in it. */
    bool is_guilty;  /* It broke a rule: */
    char rule[64];   /* this one; */
    char check[256]; /* by this check, the same for all runs; */
    char text[1024]; /* and so. */
    uint64_t at_ns;  /* Simulated. */
    uint64_t hash;
    uint32_t node_count;    /* At first. */
    uint32_t user_count;    /* That did something. */
    uint64_t command_count; /* Of the user that sent the most. */
    uint32_t strike_count;
    struct fault_strike strikes[TRIAL_STRIKES_MAX]; /* That happened. */
};

/* `trace` may be NULL. Adds to `tally`, where it is not NULL. */
void trial_run(const struct trial_limits *limits, uint64_t seed, FILE *trace,
               struct trial_outcome *outcome, struct tally *tally);

/* For a handler of SIGABRT: notes when, and describes the nodes on stderr. */
void trial_note_abort(void);

#endif /* RAKIT_SIM_RUNNER_TRIAL_H */
