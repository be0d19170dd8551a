/* cluster.h - whole nodes, started by the server's own code on simulated machines,
 * users that talk to them, an operator that changes the membership, and checkers that
 * watch everything. nemesis.c breaks it; cluster_run.c runs it from its founding to
 * the final accounts. */
#ifndef RAKIT_SIM_CLUSTER_H
#define RAKIT_SIM_CLUSTER_H

#include "server/probe.h"
#include "server/server.h"
#include "sim/checker.h"
#include "sim/faults.h"
#include "sim/sim.h"
#include "sim/talk.h"
#include "sim/user.h"
#include "sim/witness.h"

enum {
    CLUSTER_NODES_MAX = 16,
    CLUSTER_USERS_MAX = 8,
    CLUSTER_PORT = 8000,
    CLUSTER_PEER_PORT = 18000,
};

struct cluster;

enum node_phase {
    NODE_DOWN,
    NODE_UP,
    NODE_ENDED, /* Stopped by itself; the world will bury it. */
};

struct node {
    struct cluster *cluster;
    uint32_t number;
    char name[8];
    struct sim_machine *machine;
    enum node_phase phase;
    struct io *io;
    struct server *server;
    struct server_config config;
    struct server_probe probe;
    struct log log;
    struct checker_node *checker;
    uint64_t id;            /* 0: not known yet. */
    bool is_founder;        /* Starts without a contact. */
    bool was_member;        /* It has been seen in a committed configuration. */
    bool is_retired;        /* Was asked to leave: is not started again as it is. */
    bool has_disk_trouble;  /* A fault was injected that may end it. */
    struct sim_event start; /* When it starts (again). */
    struct sim_event bury;
    int exit_status;
    char last_error[256];
};

/* Sends one administrative command at a time. */
struct operator
{
    struct cluster *cluster;
    struct sim_machine *machine;
    struct io *io;
    struct talk talk;
    struct io_timer timer; /* Its patience. */
    char words[4][64];
    uint32_t word_count;
    bool is_busy;
    uint64_t done_count;
};

struct cluster_options {
    uint64_t seed;
    uint32_t node_count;  /* 0: drawn. */
    uint64_t fault_ns;    /* How long the nemesis is at work. */
    FILE *trace;          /* NULL: none. */
    uint64_t forbidden;   /* Faults that do not strike, a bit for each kind. */
    uint32_t user_max;    /* Of those that the seed draws, so many at most; the others rest. */
    uint64_t command_max; /* Each user sends so many at most while faults happen; 0: no limit. */
    struct faults faults; /* Which strikes happen, and who is told of them. */
};

struct cluster_stats {
    uint64_t kill_count;
    uint64_t power_count;
    uint64_t recovery_crash_count; /* Died again before it had recovered. */
    uint64_t freeze_count;
    uint64_t partition_count;
    uint64_t reset_count;
    uint64_t stop_count;
    uint64_t stall_count;
    uint64_t full_count;
    uint64_t sync_error_count;
    uint64_t add_count;
    uint64_t remove_count;
    uint64_t transfer_count;
    uint64_t clock_count;
    uint64_t heal_ns;   /* From the end of faults to a leader that answers. */
    uint64_t settle_ns; /* From there to equal states. */
};

struct cluster {
    struct cluster_options options;
    struct sim *sim;
    struct prng prng;
    struct verdict verdict;
    struct checker *checker;
    struct witness *witness;
    struct node nodes[CLUSTER_NODES_MAX];
    uint32_t node_count;
    struct server_config config;  /* What all nodes have in common. */
    struct sim_disk_profile disk; /* The same. */
    struct user *users[CLUSTER_USERS_MAX];
    uint32_t user_count;
    bool users_queue; /* Their commands wait for those before them, or for room. */
    struct operator operator;
    struct nemesis *nemesis;
    struct faults faults;
    uint32_t served;                    /* Users that had an answer since healing, as bits. */
    uint64_t members[RAFT_MEMBERS_MAX]; /* Of the newest configuration applied anywhere. */
    uint32_t member_count;
    bool is_calm; /* No faults (any more): ended nodes are wrong. */
    struct cluster_stats stats;
};

/* Runs one seed from beginning to end; the verdict is in it. */
struct cluster *cluster_new(const struct cluster_options *options);
void cluster_run(struct cluster *c);
void cluster_free(struct cluster *c);

/* A new machine; starts at cluster_start(). NULL: there are enough. */
struct node *cluster_add_machine(struct cluster *c);
void cluster_start(struct node *n);
/* Starts it that much later. */
void cluster_start_later(struct node *n, uint64_t in_ns);
void cluster_kill(struct node *n, enum sim_death death);
void cluster_stop(struct node *n); /* In order, as on SIGTERM. */
/* A node that leads, in the highest term; NULL: none. */
struct node *cluster_leader(struct cluster *c);
/* Whether the newest configuration that was applied anywhere names that node. */
bool cluster_is_member(const struct node *n);
uint32_t cluster_up_count(const struct cluster *c);
struct node *cluster_pick_up(struct cluster *c, struct prng *prng); /* NULL: none is up. */

/* A line about each node, for the account of a failure. */
void cluster_describe(const struct cluster *c, FILE *file);

/* operator.c */
void operator_init(struct operator* o, struct cluster *c);
void operator_deinit(struct operator* o);
/* Sends it to some node; does nothing while another is under way. */
void operator_command(struct operator* o, const char *a, const char *b, const char *c);
/* The same, of that node; NULL: nobody is asked. */
void operator_command_to(struct operator* o, const struct node *n, const char *a, const char *b,
                         const char *c);

/* nemesis.c */
struct nemesis *nemesis_new(struct cluster *c);
void nemesis_free(struct nemesis *n);
void nemesis_start(struct nemesis *n);
/* Makes its disk as good as it was at first. */
void nemesis_mend_disk(struct node *n);
/* Mends everything, and starts every node that may live. */
void nemesis_heal(struct nemesis *n);

#endif /* RAKIT_SIM_CLUSTER_H */
