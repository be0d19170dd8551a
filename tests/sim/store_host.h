/* store_host.h - a store on a simulated machine, a script of what to write, and a checker that
 * knows what its disk must contain. Tests interrupt it. */
#ifndef RAKIT_TESTS_SIM_STORE_HOST_H
#define RAKIT_TESTS_SIM_STORE_HOST_H

#include "power_loss.h"
#include "sim/checks/checker_disk.h"
#include "store/snapshot.h"
#include "store/store.h"

/* One write, as the core would request it. */
struct step {
    bool with_vote;     /* In the next term. */
    bool is_gathered;   /* Given to the store together with the next one. */
    uint32_t cut_count; /* Entries to drop from the end first. */
    uint32_t entry_count;
    uint32_t size;  /* Of each. */
    bool with_move; /* Once the write is durable, the origin moves: `keep_count` entries remain. */
    uint32_t keep_count; /* See with_move. */
    bool with_snapshot;  /* A snapshot is made of all but the last `keep_count` entries. */
    /* A snapshot of another node replaces the log. It ends so many entries after the log. */
    uint32_t install_ahead;
    bool with_conflict; /* Instead, it ends with the last entry's index, but with another entry
                         * there. */
};

struct script {
    const struct step *steps;
    uint32_t step_count;
    uint64_t segment_bytes;
};

/* Covers everything that the store does, in segments of 8 kB. */
extern const struct script script_short;
/* The origin moves again and again. */
extern const struct script script_origin;
/* Snapshots are made and received, and replace the log. */
extern const struct script script_snapshot;
/* Payloads that are written without being copied. */
extern const struct script script_large;

struct store_host {
    const struct script *script;
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store; /* NULL: not open. */
    struct checker_disk disk;
    struct checker_log log; /* As the owner of the store sees it. */
    struct checker_log found;
    struct store_move move;
    struct snapshot_making making;
    struct snapshot_receiving receiving;
    struct checker_log before; /* The log before it was replaced by a snapshot. */
    bool is_replacing;
    uint64_t durable_snapshot; /* The index of the last snapshot that was acknowledged. */
    bool is_busy;              /* With a snapshot. */
    uint64_t asked_origin;     /* Requested by the last move. */
    uint64_t origin;           /* Reached by the last completed move. */
    bool is_moving;
    struct verdict verdict;
    uint64_t current_term;
    uint64_t seq;
    uint64_t durable_seq;
    uint64_t limit; /* Of file operations, after which the process is cut off. */
    /* Files may fail, so the store may refuse to open, or fail once. Otherwise either of them
     * fails the test. */
    bool may_fail;
    int refusal; /* The last result of store_open() or store_replay(). */
    char text[512];
    uint32_t failed_count;
    uint32_t room_count;
};

void host_init(struct store_host *h, const struct script *script);
void host_deinit(struct store_host *h);

/* Boots, opens the store, and compares its content with what is expected. After `limit`
 * operations on files all others fail (UINT64_MAX: none fails). False: that happened, or the
 * store refused and was allowed to. */
bool host_open(struct store_host *h, uint64_t limit);
void host_write(struct store_host *h, const struct step *step);
/* Runs until all writes are durable. False: it was cut off, or the store failed. */
bool host_await(struct store_host *h);
/* Moves the origin so that the last `keep_count` entries remain. False: as above. */
bool host_move(struct store_host *h, uint32_t keep_count);
/* Opens the store, writes the whole script and ends in order, or stops when it is cut off. */
void host_live(struct store_host *h, uint64_t limit);

/* Ends it immediately: the disk gets this state of those that were surveyed. */
void host_lose_power(struct store_host *h, const struct power_loss *loss, uint64_t state);
/* Only the process dies: the system keeps everything that was written. */
void host_kill(struct store_host *h);

/* The remaining directory opens, has the right content, accepts writes, and has those after the
 * next power loss. */
void host_judge(struct store_host *h);

#endif /* RAKIT_TESTS_SIM_STORE_HOST_H */
