/* budget.h - how much damage to disks a cluster must survive, and what is more.
 *
 * A node promises by what it has on its disk: its term, its vote, and the entries that
 * it has acknowledged. Two rules say when a disk may break that; both look at all
 * configurations that a node may go by, the joint ones in both halves.
 *
 * - It may forget (any damage, noticed or not) while each of its promises is kept by
 *   a majority of the voters without it: the same entries, and a vote that leaves no
 *   room for another one in its term. Then whatever it says after forgetting, no
 *   majority can come about without somebody who remembers.
 * - It may fall silent (its disk is gone, and with it who it was) while those left
 *   are a majority of the voters. Then a majority of those who can still speak meets
 *   every majority that ever acknowledged anything, in one of those who can.
 *
 * Not counted among those left: who is damaged and has not recovered since, who was
 * asked to leave (the votes would be missing once it has), and who is gone. Learners of
 * that kind count as voters already, and so does one whose own disk is asked about: they
 * may be promoted before anybody notices. */
#ifndef RAKIT_SIM_CHECKS_BUDGET_H
#define RAKIT_SIM_CHECKS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "sim/checks/checker.h"

enum budget_mark {
    BUDGET_SOUND,
    BUDGET_DAMAGED, /* What it finds when it starts next, nobody knows. */
    BUDGET_LEAVING, /* It was asked to. */
    BUDGET_GONE,    /* It will never be heard of again. */
};

struct budget;

struct budget *budget_new(const struct checker *checker);
void budget_free(struct budget *b);

/* A configuration entry that some node has written. */
void budget_note_configuration(struct budget *b, uint64_t index, uint64_t term,
                               const struct raft_configuration *configuration);
void budget_mark(struct budget *b, uint64_t id, enum budget_mark mark);
/* Whether anybody ever was damaged, or gone. */
bool budget_has_damage(const struct budget *b);
enum budget_mark budget_mark_of(const struct budget *b, uint64_t id);

bool budget_may_forget(const struct budget *b, uint64_t id, enum checker_loss loss);
bool budget_may_fall_silent(const struct budget *b, uint64_t id);
/* Whether those of whom `is_in` says so are a majority everywhere. */
bool budget_is_majority(const struct budget *b, bool (*is_in)(void *context, uint64_t id),
                        void *context);

#endif /* RAKIT_SIM_CHECKS_BUDGET_H */
