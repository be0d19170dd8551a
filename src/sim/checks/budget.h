/* budget.h - how much damage to disks a cluster must survive.
 *
 * A node's promises are what it has on its disk: its term, its vote, and the entries that it has
 * acknowledged. Two rules say when a disk may break them. Both consider every configuration that
 * a node may use, and both halves of joint ones.
 *
 * - A disk may forget (any damage, noticed or not) if each of the node's promises is kept by a
 *   majority of the voters without it: the same entries, and a vote that excludes any other in
 *   its term. Then, whatever the node says afterwards, no majority is possible without a node
 *   that remembers.
 * - A disk may be lost, and the node's identity with it, if the remaining nodes are a majority
 *   of the voters. Then every majority that acknowledged anything shares a node that still
 *   exists with any majority of them.
 *
 * The remaining nodes do not include those that are damaged and have not recovered since, those
 * that were asked to leave (their votes will be missing), and those that are lost. Such learners
 * count as voters already, and so does one whose own disk is asked about, because they may be
 * promoted before anybody notices. */
#ifndef RAKIT_SIM_CHECKS_BUDGET_H
#define RAKIT_SIM_CHECKS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "sim/checks/checker.h"

enum budget_mark {
    BUDGET_SOUND,
    BUDGET_DAMAGED, /* Nobody knows what it will find at its next start. */
    BUDGET_LEAVING, /* It was asked to leave. */
    BUDGET_GONE,    /* It will never come back. */
};

struct budget;

struct budget *budget_new(const struct checker *checker);
void budget_free(struct budget *b);

/* Notes a configuration entry that some node has written. */
void budget_note_configuration(struct budget *b, uint64_t index, uint64_t term,
                               const struct raft_configuration *configuration);
void budget_mark(struct budget *b, uint64_t id, enum budget_mark mark);
/* Whether any node was ever damaged or lost. */
bool budget_has_damage(const struct budget *b);
enum budget_mark budget_mark_of(const struct budget *b, uint64_t id);

bool budget_may_forget(const struct budget *b, uint64_t id, enum checker_loss loss);
bool budget_may_fall_silent(const struct budget *b, uint64_t id);
/* Whether the nodes for which `is_in` returns true are a majority in every configuration. */
bool budget_is_majority(const struct budget *b, bool (*is_in)(void *context, uint64_t id),
                        void *context);

#endif /* RAKIT_SIM_CHECKS_BUDGET_H */
