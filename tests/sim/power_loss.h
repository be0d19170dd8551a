/* power_loss.h - enumerates all states in which a power loss may leave a simulated disk.
 *
 * Of what was not synced, each sector is kept or lost independently, and so is each change of a
 * file's size; of the changes to names a first part is kept. If there are more than
 * POWER_LOSS_BITS yes-or-no choices, the states are a sample: nothing kept, everything kept, and
 * random ones. The content of a file with only a temporary name is random and not counted,
 * because nobody reads it after a crash. */
#ifndef RAKIT_TESTS_SIM_POWER_LOSS_H
#define RAKIT_TESTS_SIM_POWER_LOSS_H

#include "sim/world/sim.h"

enum {
    POWER_LOSS_BITS = 6,    /* All subsets of so many sectors and sizes. */
    POWER_LOSS_SAMPLE = 64, /* The number of states if there are more. */
};

struct power_loss {
    uint32_t bit_count;    /* Sectors and sizes that are not synced. */
    uint32_t change_count; /* Changes of names that are not synced. */
    bool is_sample;
    uint64_t count; /* Of states. */
};

/* What may happen to the machine's disk now. */
void power_loss_survey(struct sim_machine *machine, struct power_loss *ret_loss);
/* Puts the disk into the state with this number, from 0. The machine's process must be dead, or
 * die next by SIM_POWER, which then finds nothing more to lose. */
void power_loss_strike(struct sim_machine *machine, const struct power_loss *loss, uint64_t number);
/* No further file operation of the process succeeds, not even while it dies. */
void power_loss_cut(struct io *io);

#endif /* RAKIT_TESTS_SIM_POWER_LOSS_H */
