/* checker.h - checks the rules of Raft from outside while a cluster runs. Each node is followed
 * by its id over all its restarts: its log as the core has it, and its disk as the store has
 * acknowledged it. The numbers in checker.c are those of docs/INVARIANTS.md. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_H
#define RAKIT_SIM_CHECKS_CHECKER_H

#include <stdbool.h>
#include <stdint.h>

#include "command/probe.h"
#include "raft/raft.h"
#include "sim/checks/checker_disk.h"
#include "sim/checks/verdict.h"

struct checker;
struct checker_node; /* One life of a node, from its start to its death. */

struct checker_stats {
    uint64_t election_count; /* Leaders elected. */
    uint64_t term;           /* The highest with a leader. */
    uint64_t commit_index;   /* The highest on any node. */
    uint64_t truncation_count;
    uint64_t lost_write_count; /* Unacknowledged writes that a crash undid. */
    uint64_t change_count;     /* Configurations committed. */
    uint64_t forgotten_count;  /* Restarts without something that had been acknowledged. */
};

struct checker *checker_new(struct verdict *verdict);
void checker_free(struct checker *c);
void checker_get_stats(const struct checker *c, struct checker_stats *ret_stats);

/* A node starts. Its id is known only once it has recovered. */
struct checker_node *checker_start(struct checker *c, const char *name);
void checker_end(struct checker_node *n);

/* The probe's calls (command/probe.h). */
void checker_recovered_origin(struct checker_node *n, uint64_t index, uint64_t term);
void checker_recovered_entry(struct checker_node *n, const struct entry *e);
void checker_recovered(struct checker_node *n, const struct raft *r,
                       const struct store_recovered *found);
void checker_before_step(struct checker_node *n, const struct raft *r);
void checker_after_step(struct checker_node *n, const struct raft *r,
                        const struct raft_effects *effects);
/* The same of RAFT_INSTALLED, before the step. */
void checker_installed(struct checker_node *n, const struct raft_installed *s);
void checker_written(struct checker_node *n, const struct store_write *w);
void checker_durable(struct checker_node *n, uint64_t seq);
void checker_sent(struct checker_node *n, const struct raft_message *m);
void checker_applied(struct checker_node *n, const struct entry *e, uint64_t kv_digest,
                     uint64_t kv_time_us);
/* What it lacked is durable again. */
void checker_repaired(struct checker_node *n);
void checker_restored(struct checker_node *n, const struct store_snapshot *s, uint64_t kv_digest,
                      uint64_t kv_time_us);
/* Its state may be wrong from now on, or is believed again. */
void checker_doubt_state(struct checker_node *n, bool is_doubted);
/* Whether a node that is not doubted has had a state after the entry that this one has applied
 * last. */
bool checker_knows_state(const struct checker_node *n);
/* Whether that state is known, and has this digest. */
bool checker_has_state(const struct checker_node *n, uint64_t kv_digest);
void checker_compacted(struct checker_node *n, uint64_t origin);

/* After a lost majority one node begins a new epoch (docs/adr/0030) with what it has, which is
 * committed from then on: a checker for that epoch, which continues from `before`. First this, with
 * the entry after which the log on the disk begins; then its entries, in order; then the vote. The
 * former members stay with the former checker. */
struct checker *checker_new_epoch(const struct checker *before, uint64_t origin);
void checker_epoch_entry(struct checker *c, const struct checker *before, const struct entry *e);
void checker_epoch_vote(struct checker *c, uint64_t id, uint64_t current_term, uint64_t voted_for);

/* What damage may do to a disk unnoticed, until the next recovery. */
void checker_allow_loss(struct checker *c, uint64_t id, enum checker_loss loss);
void checker_doubt(struct checker *c, uint64_t id); /* Its disk may lie from now on. */
/* Its disk is honest again, and everything that it ever reported as synced is synced. */
void checker_trust(struct checker *c, uint64_t id);
/* What a node's disk must contain; NULL: no such node was ever seen. */
const struct checker_disk *checker_disk_of(const struct checker *c, uint64_t id);
void checker_each_disk(const struct checker *c,
                       void (*each)(void *context, const struct checker_disk *d), void *context);
/* How many entries at the beginning of a log are committed, or may be. */
uint64_t checker_promised_last(const struct checker *c, const struct checker_log *log);

uint64_t checker_node_applied(const struct checker_node *n);
uint64_t checker_node_id(const struct checker_node *n); /* 0: not known yet. */

#endif /* RAKIT_SIM_CHECKS_CHECKER_H */
