/* trial.h - one run of one seed in this process: its limits, and its outcome. The outcome is
 * filled in during the run, so if it is in shared memory, another process can read it after this
 * one has died. */
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
    uint32_t user_max;    /* Of the users that are drawn. */
    uint64_t command_max; /* Of each user during faults; 0: no limit. */
    uint64_t fault_ns;
    uint64_t forbidden;   /* Faults, a bit for each kind. */
    bool is_beyond;       /* Damage may exceed the budget. */
    uint64_t judge_every; /* Lincheck judges every so many-th seed, too; 0: none. */
    bool picks_strikes;   /* Only these strikes happen. */
    uint32_t strike_count;
    uint32_t strikes[TRIAL_STRIKES_MAX]; /* Their numbers, rising. */
};

struct trial_outcome {
    uint64_t seed;
    bool is_over;    /* The run came to its end; otherwise the process died in it. */
    bool is_guilty;  /* It broke a rule. */
    char rule[64];   /* The rule. */
    char check[256]; /* The check, the same for all runs. */
    char text[1024]; /* What happened. */
    uint64_t at_ns;  /* Simulated time. */
    uint64_t hash;
    uint32_t node_count;    /* At the beginning. */
    uint32_t user_count;    /* Users that did something. */
    uint64_t command_count; /* Of the user that sent most. */
    uint32_t strike_count;
    struct fault_strike strikes[TRIAL_STRIKES_MAX]; /* Those that happened. */
};

/* `trace` may be NULL. Adds to `tally` if it is not NULL. */
void trial_run(const struct trial_limits *limits, uint64_t seed, FILE *trace,
               struct trial_outcome *outcome, struct tally *tally);

/* For a handler of SIGABRT: records the time, and describes the nodes on stderr. */
void trial_note_abort(void);

#endif /* RAKIT_SIM_RUNNER_TRIAL_H */
