/* failure.h - a failed seed, told to people: what noticed, what happened last, and how to
 * see it again. */
#ifndef RAKIT_SIM_RUNNER_FAILURE_H
#define RAKIT_SIM_RUNNER_FAILURE_H

#include "base/buffer.h"
#include "sim/runner/crew.h"

/* Names the failure by what its process left behind: `status` is waitpid()'s. */
void failure_name(struct crew_failure *f, int status);

/* The arguments of the shortest command that shows this run again, from "--seed" on.
 * `mutant` may be NULL. */
void failure_command(struct buffer *out, const struct trial_limits *limits, uint64_t seed,
                     const char *mutant);

/* The last events before it, on stderr: runs the seed again. */
void failure_print_events(const struct crew_failure *f, const struct trial_limits *limits);
/* What it is, and the command that replays it, on stderr. */
void failure_print(const struct crew_failure *f, const struct trial_limits *limits,
                   const char *mutant);

/* The strikes before it, a line each. */
void failure_print_strikes(const struct crew_failure *f);

#endif /* RAKIT_SIM_RUNNER_FAILURE_H */
