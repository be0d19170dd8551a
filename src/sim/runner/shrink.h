/* shrink.h - makes a failing run small: fewer faults, nodes, clients and commands, and a shorter
 * time, as long as the same check fails. */
#ifndef RAKIT_SIM_RUNNER_SHRINK_H
#define RAKIT_SIM_RUNNER_SHRINK_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/runner/trial.h"

/* Shrinks `limits` in place, and reports progress on stderr unless `is_quiet`. Returns whether
 * the seed failed at all. */
bool shrink_run(struct trial_limits *limits, uint64_t seed, const char *mutant, bool is_quiet);

#endif /* RAKIT_SIM_RUNNER_SHRINK_H */
