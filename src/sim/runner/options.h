/* options.h - the command line of rakit-sim. */
#ifndef RAKIT_SIM_RUNNER_OPTIONS_H
#define RAKIT_SIM_RUNNER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/runner/trial.h"

/* Defaults; a command that replays a run can omit them. */
#define OPTIONS_FAULT_NS    (UINT64_C(20) * 1000000000u)
#define OPTIONS_JUDGE_EVERY 16u

enum options_mode {
    OPTIONS_RUN,
    OPTIONS_SHRINK,
    OPTIONS_MUTANTS,
    OPTIONS_LIST_MUTANTS,
    OPTIONS_LIST_FAULTS,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

struct options {
    enum options_mode mode;
    struct trial_limits limits;
    uint64_t from;
    uint64_t count;
    bool has_count;  /* It was given. */
    uint64_t for_ns; /* 0: no limit. */
    uint32_t jobs;
    bool trace;
    bool quiet;
    bool progress;
    bool twice;
    bool keep_going;
    const char *mutant;
    const char *seeds_file;
    const char *json_file;
};

extern const char options_usage[];

/* -1: wrong usage; a message was printed. */
int options_read(struct options *o, int count, char **words);

#endif /* RAKIT_SIM_RUNNER_OPTIONS_H */
