/* store_host.h - a store on a simulated machine, a script of what it is asked to write,
 * and a checker that knows what its disk has to hold. Tests break it in the midst. */
#ifndef RAKIT_TESTS_SIM_STORE_HOST_H
#define RAKIT_TESTS_SIM_STORE_HOST_H

#include "power_loss.h"
#include "sim/checks/checker_disk.h"
#include "store/store.h"

/* One write, as the core would ask for it. */
struct step {
    bool with_vote;     /* In the next term. */
    bool is_gathered;   /* Handed over together with the next one. */
    uint32_t cut_count; /* Entries to drop from the end first. */
    uint32_t entry_count;
    uint32_t size;  /* Of each. */
    bool with_move; /* Then, once it is durable, the log is to begin behind the last entry but */
    uint32_t keep_count; /* so many. */
};

struct script {
    const struct step *steps;
    uint32_t step_count;
    uint64_t segment_bytes;
};

/* In it is all that the store does, in segments of 8 kB. */
extern const struct script script_short;
/* The log begins behind an origin, again and again. */
extern const struct script script_origin;
/* Payloads that are written from where they are. */
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
    uint64_t asked_origin; /* That of the last move, */
    uint64_t origin;       /* and of the last one done. */
    bool is_moving;
    struct verdict verdict;
    uint64_t current_term;
    uint64_t seq;
    uint64_t durable_seq;
    uint64_t limit; /* Of file operations: then the process is cut off. */
    /* Files may fail: the store may refuse to open, or fail once. Otherwise either of them
     * fails the test. */
    bool may_fail;
    int refusal; /* What store_open() said last, or store_replay(). */
    char text[512];
    uint32_t failed_count;
    uint32_t room_count;
};

void host_init(struct store_host *h, const struct script *script);
void host_deinit(struct store_host *h);

/* Boots and opens the store, and compares what it holds with what it has to. After `limit`
 * operations on files all others fail (UINT64_MAX: none does). False: it came to that, or
 * it refused where it may. */
bool host_open(struct store_host *h, uint64_t limit);
void host_write(struct store_host *h, const struct step *step);
/* Runs until all writes are durable. False: it was cut off, or the store failed before. */
bool host_await(struct store_host *h);
/* Has the log begin behind the last entry but `keep_count`. False: as above. */
bool host_move(struct store_host *h, uint32_t keep_count);
/* Opens it, writes the whole script and ends in order, or stops where it is cut off. */
void host_live(struct store_host *h, uint64_t limit);

/* Ends it where it is: the disk becomes this state of those that were surveyed. */
void host_lose_power(struct store_host *h, const struct power_loss *loss, uint64_t state);
/* The process alone dies: the system still has all that was written. */
void host_kill(struct store_host *h);

/* What is left opens, is right, takes more, and has that after the next loss of power. */
void host_judge(struct store_host *h);

#endif /* RAKIT_TESTS_SIM_STORE_HOST_H */
