/* user.h - a simulated user: sends commands to a node, a few at a time, switches to another node
 * if that one is gone or slow, and has every reply checked. */
#ifndef RAKIT_SIM_CLUSTER_USER_H
#define RAKIT_SIM_CLUSTER_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "sim/checks/witness.h"
#include "sim/cluster/recorder.h"
#include "sim/world/sim.h"

struct user;

struct user_options {
    struct sim *sim;
    struct witness *witness;
    struct verdict *verdict;
    struct recorder *recorder; /* NULL: not recorded. */
    uint32_t number;           /* Its machine is "c<number>". */
    /* Which node to use next. */
    struct io_address (*pick_node)(void *context, struct prng *prng);
    void *context;
    uint32_t key_count;
    uint32_t database_count; /* Selects among so many databases; 0: stays in the first. */
    uint32_t pipeline_max;   /* Commands sent at once. */
    uint32_t backlog_max;    /* Sends more while at most so many are unanswered. */
    uint32_t read_percent;
    uint32_t value_bytes_max;
    uint32_t offset_max;  /* Up to this offset for SETRANGE, which takes as much memory; 0: it is
                           * not used. */
    uint64_t command_max; /* Sends no more than this until user_calm(); 0: no limit. */
    uint64_t reads_seed;  /* Some connections weaken their reads, by chances of this seed; 0: none
                           * does. */
    uint64_t exec_seed;   /* Some commands are in transactions, by chances of this seed; 0: none. */
    bool never_watches;   /* What it saw might come from faulty memory, and decide about entries. */
    uint64_t expiry_seed; /* Some keys expire, by chances of this seed; 0: none. */
    uint64_t hash_seed;   /* Some keys are hashes, by chances of this seed; 0: none. */
    uint64_t script_seed; /* Some commands are scripts, by chances of this seed; 0: none. */
    uint64_t think_ns;    /* Between two rounds, on average. */
    uint64_t patience_ns;
};

struct user *user_new(const struct user_options *options);
void user_free(struct user *user);
void user_start(struct user *user);
/* No faults from now on: on connections made from now on, each command must be answered within
 * `patience_ns`, by a reply or an error. */
void user_calm(struct user *user, uint64_t patience_ns);
/* Starts nothing new; see user_is_idle(). */
void user_rest(struct user *user);
/* No command is under way. */
bool user_is_idle(const struct user *user);
/* Commands answered without an error since the last call. */
uint64_t user_take_success_count(struct user *user);
/* Commands sent since the beginning. */
uint64_t user_sent_count(const struct user *user);
/* A node executed request `ordinal` of the connection that has this local port. */
void user_place(struct user *user, uint16_t port, uint64_t ordinal, uint64_t index, bool is_write);

#endif /* RAKIT_SIM_CLUSTER_USER_H */
