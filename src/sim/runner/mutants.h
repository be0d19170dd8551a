/* mutants.h - whether the simulator notices mistakes: rakit-sim --mutants. Only in builds with
 * meson's option `mutants`; in others each call fails with a message. */
#ifndef RAKIT_SIM_RUNNER_MUTANTS_H
#define RAKIT_SIM_RUNNER_MUTANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/runner/trial.h"

/* Switches that mutant on for the rest of the process. False, with a message on stderr: there is
 * no such mutant. */
bool mutants_choose(const char *name);
/* Prints all mutants and what they do. */
bool mutants_list(void);
/* For each mutant that the simulator must notice (or only for `only`, if it is not NULL): runs
 * up to `count` seeds, starting with `from`, until one fails, and prints which check noticed.
 * True: all were noticed. */
bool mutants_run(const char *only, const struct trial_limits *limits, uint64_t from,
                 uint64_t count);

#endif /* RAKIT_SIM_RUNNER_MUTANTS_H */
