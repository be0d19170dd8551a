/* power_loss.h - every state that a loss of power may leave a simulated disk in, one
 * after the other.
 *
 * Of what was not synced, each sector is kept or lost on its own, and so is each change
 * of a file's size; of the changes to names a first part is kept. Where these are more
 * than POWER_LOSS_BITS yes-or-no choices, the states are a sample: nothing kept,
 * everything, and others by chance. What stands in a file that has only a temporary
 * name is left to chance and not counted: nobody reads it after a crash. */
#ifndef RAKIT_TESTS_SIM_POWER_LOSS_H
#define RAKIT_TESTS_SIM_POWER_LOSS_H

#include "sim/world/sim.h"

enum {
    POWER_LOSS_BITS = 6,    /* All subsets of so many sectors and sizes, */
    POWER_LOSS_SAMPLE = 64, /* or so many states where there are more. */
};

struct power_loss {
    uint32_t bit_count;    /* Sectors and sizes that are not synced. */
    uint32_t change_count; /* Changes of names that are not. */
    bool is_sample;
    uint64_t count; /* Of states. */
};

/* What may happen to the machine's disk now. */
void power_loss_survey(struct sim_machine *machine, struct power_loss *ret_loss);
/* Makes the disk one of these states, by its number from 0. The machine's process must be
 * dead, or die next by SIM_POWER, which then finds nothing more to lose. */
void power_loss_strike(struct sim_machine *machine, const struct power_loss *loss, uint64_t number);
/* No file operation of the process happens any more, not even while it dies. */
void power_loss_cut(struct io *io);

#endif /* RAKIT_TESTS_SIM_POWER_LOSS_H */
