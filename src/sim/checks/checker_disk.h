/* checker_disk.h - what a node's disk has to hold: all that the store acknowledged,
 * and maybe some of what it was asked to write beyond. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_DISK_H
#define RAKIT_SIM_CHECKS_CHECKER_DISK_H

#include "base/list.h"
#include "sim/checks/checker_log.h"
#include "sim/checks/verdict.h"
#include "store/store.h"

/* What damage may have taken from a disk without leaving a trace of it. */
enum checker_loss {
    LOSS_NONE,
    LOSS_LAST_JOB, /* Its last job may look like one that never became durable. */
    LOSS_DOUBTED,  /* Anything since it was first to be doubted: a disk that lies can do that. */
};

struct checker_disk {
    uint64_t id;
    uint64_t current_term; /* Acknowledged, */
    uint64_t voted_for;
    struct checker_log log;
    struct list pending; /* and not yet, in order. */
    enum checker_loss may_lose;
    uint64_t before_last; /* The log up to here was durable before the last job, */
    uint64_t honest_last; /* and up to here before the disk was to be doubted. */
    bool is_doubted;
    uint64_t forgotten_count; /* How often something acknowledged was not found again, */
    uint64_t forgotten_last;  /* and how far its log had gone then. */
};

void checker_disk_init(struct checker_disk *d, uint64_t id);
void checker_disk_deinit(struct checker_disk *d);

/* A write was handed to the store; `log` is the log as its owner sees it and gets the
 * write at once. */
void checker_disk_write(struct checker_disk *d, const struct store_write *w,
                        struct checker_log *log, const char *name, struct verdict *verdict);
void checker_disk_durable(struct checker_disk *d, uint64_t seq);
/* The node has recovered with this log and vote: all that was acknowledged, then some
 * first part of what was not, the last write of it maybe in part. What was found is
 * durable from now on. Returns how many writes were lost. Where `may_lose` allows it, the
 * node may have forgotten what it had acknowledged. */
uint32_t checker_disk_recover(struct checker_disk *d, const struct checker_log *found,
                              uint64_t current_term, uint64_t voted_for, const char *name,
                              struct verdict *verdict);
/* From now on it may lie. */
void checker_disk_doubt(struct checker_disk *d);
/* Calls `each` for the configurations by one of which it goes when it starts again, after
 * such a loss. */
void checker_disk_each_configuration(const struct checker_disk *d, enum checker_loss loss,
                                     void (*each)(void *context, uint64_t index, uint64_t term),
                                     void *context);

#endif /* RAKIT_SIM_CHECKS_CHECKER_DISK_H */
