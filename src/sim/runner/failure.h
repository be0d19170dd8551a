/* failure.h - reports a failed seed: which check noticed, what happened last, and how to replay
 * it. */
#ifndef RAKIT_SIM_RUNNER_FAILURE_H
#define RAKIT_SIM_RUNNER_FAILURE_H

#include "base/buffer.h"
#include "sim/runner/crew.h"

/* Names the failure from what its process left behind: `status` is waitpid()'s. */
void failure_name(struct crew_failure *f, int status);

/* The arguments of the shortest command that replays this run, from "--seed" on. `mutant` may be
 * NULL. */
void failure_command(struct buffer *out, const struct trial_limits *limits, uint64_t seed,
                     const char *mutant);

/* Prints the last events before the failure on stderr: runs the seed again. */
void failure_print_events(const struct crew_failure *f, const struct trial_limits *limits);
/* Prints the failure, and the command that replays it, on stderr. */
void failure_print(const struct crew_failure *f, const struct trial_limits *limits,
                   const char *mutant);

/* Prints the strikes before the failure, one per line. */
void failure_print_strikes(const struct crew_failure *f);

#endif /* RAKIT_SIM_RUNNER_FAILURE_H */
