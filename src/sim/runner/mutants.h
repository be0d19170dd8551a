/* mutants.h - whether the simulator notices mistakes: rakit-sim --mutants. In builds with
 * meson's option `mutants` only; in others each call says so and refuses. */
#ifndef RAKIT_SIM_RUNNER_MUTANTS_H
#define RAKIT_SIM_RUNNER_MUTANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/runner/trial.h"

/* Switches that mutant on for the rest of the process. False, and words on stderr: there
 * is none of that name. */
bool mutants_choose(const char *name);
/* Prints all mutants and what they do. */
bool mutants_list(void);
/* For each mutant that is the simulator's to notice (or for `only`, where that is no NULL):
 * runs seeds until one fails, from `from` on and `count` at most, and prints which check
 * noticed. True: none survived. */
bool mutants_run(const char *only, const struct trial_limits *limits, uint64_t from,
                 uint64_t count);

#endif /* RAKIT_SIM_RUNNER_MUTANTS_H */
