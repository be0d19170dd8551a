/* checker_disk.h - what a node's disk must contain: everything that the store acknowledged, and
 * perhaps some of what was being written. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_DISK_H
#define RAKIT_SIM_CHECKS_CHECKER_DISK_H

#include "base/list.h"
#include "sim/checks/checker_log.h"
#include "sim/checks/verdict.h"
#include "store/store.h"

/* What damage may have taken from a disk without leaving a trace. */
enum checker_loss {
    LOSS_NONE,
    LOSS_LAST_JOB, /* Its last job may look like one that never became durable. */
    LOSS_DOUBTED,  /* Anything since it was first doubted: a disk that lies can lose that. */
};

struct checker_disk {
    uint64_t id;
    uint64_t current_term; /* Acknowledged. */
    uint64_t voted_for;
    struct checker_log log;
    struct list pending; /* Not acknowledged yet, in order. */
    enum checker_loss may_lose;
    uint64_t before_last; /* Up to here the log was durable before the last job. */
    uint64_t honest_last; /* Up to here it was durable before the disk was doubted. */
    bool is_doubted;
    uint64_t forgotten_count; /* How often something acknowledged was not found again. */
    uint64_t forgotten_last;  /* Up to where the log had reached at the last of these. */
    uint64_t lacked_count;    /* How often the node came back and said that it may lack entries, */
    uint64_t loss_count;      /* and how often it did lack some. */
    bool is_lacking;          /* It still does. */
    struct checker_log lost;  /* What it had acknowledged at the last loss. */
};

void checker_disk_init(struct checker_disk *d, uint64_t id);
void checker_disk_deinit(struct checker_disk *d);

/* A write was given to the store. `log` is the log as its owner sees it; it contains the write
 * at once. */
void checker_disk_write(struct checker_disk *d, const struct store_write *w,
                        struct checker_log *log, const char *name, struct verdict *verdict);
void checker_disk_durable(struct checker_disk *d, uint64_t seq);
/* The node has recovered with this log, which begins behind `origin`, and with this vote: with
 * everything that was acknowledged, then a first part of what was not, the last write of it
 * perhaps partly. What was found is durable from now on. Returns how many writes were lost. If
 * `may_lose` allows it, the node may have forgotten what it had acknowledged. With `lacks` it says
 * that entries are missing: it may have any beginning of a log that it had, but no other vote. */
uint32_t checker_disk_recover(struct checker_disk *d, const struct checker_log *found,
                              uint64_t origin, uint64_t current_term, uint64_t voted_for,
                              bool lacks, const char *name, struct verdict *verdict);
/* Whether its word for that log up to there stands: it holds that, or it lacks it, says so, and
 * elects nobody without it, like a node that is down. */
bool checker_disk_vouches(const struct checker_disk *d, const struct checker_log *log,
                          uint64_t index);
/* A snapshot was installed: its log is that one, durably. */
void checker_disk_replace(struct checker_disk *d, const struct checker_log *log);
/* The disk may lie from now on. */
void checker_disk_doubt(struct checker_disk *d);
/* Calls `each` for every configuration that the node may use when it starts again after such a
 * loss. */
void checker_disk_each_configuration(const struct checker_disk *d, enum checker_loss loss,
                                     void (*each)(void *context, uint64_t index, uint64_t term),
                                     void *context);

#endif /* RAKIT_SIM_CHECKS_CHECKER_DISK_H */
