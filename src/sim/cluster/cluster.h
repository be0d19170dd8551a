/* cluster.h - whole nodes, started by the server's own code on simulated machines,
 * users that talk to them, an operator that changes the membership, and checkers that
 * watch everything. nemesis.c breaks it; cluster_run.c runs it from its founding to
 * the final accounts. */
#ifndef RAKIT_SIM_CLUSTER_CLUSTER_H
#define RAKIT_SIM_CLUSTER_CLUSTER_H

#include "command/probe.h"
#include "server/server.h"
#include "sim/checks/budget.h"
#include "sim/checks/checker.h"
#include "sim/checks/sometimes.h"
#include "sim/checks/witness.h"
#include "sim/cluster/faults.h"
#include "sim/cluster/heavy.h"
#include "sim/cluster/talk.h"
#include "sim/cluster/user.h"
#include "sim/world/sim.h"

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
    char host[8]; /* Its address: at first its name. */
    bool has_moved;
    const struct node *contact; /* To be named to it when it starts next; or NULL. */
    enum node_phase phase;
    struct io *io;
    struct server *server;
    struct server_config config;
    struct server_probe probe;
    struct log log;
    struct checker_node *checker;
    struct sometimes_node sometimes;
    uint64_t id;           /* 0: not known yet. */
    bool is_founder;       /* Starts without a contact. */
    bool was_member;       /* It has been seen in a committed configuration. */
    bool is_retired;       /* Was asked to leave: is not started again as it is. */
    bool has_disk_trouble; /* A fault was injected that may end it. */
    bool has_damage;       /* Its disk is to be damaged before it starts next: */
    enum fault damage;     /* so. */
    struct prng damage_prng;
    uint32_t start_count;
    bool is_broken;         /* It does not start on what is left of its disk. */
    bool has_forgotten;     /* It has started without what its disk had lost. */
    bool is_outside;        /* Of those that are healed in the end. */
    bool stays_down;        /* Then it is not started any more. */
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
    bool is_recorded;     /* What users see is judged in the end by lincheck as well. */
    struct faults faults; /* Which strikes happen, and who is told of them. */
    bool is_beyond;       /* Damage knows no budget. */
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
    uint64_t move_count;      /* Nodes that were started at another address, */
    uint64_t recontact_count; /* or with another contact in the end. */
    uint64_t refused_count;   /* Starts refused for damage. */
    uint64_t survived_count;  /* Starts with damage that did no harm, or was forgotten. */
    uint64_t replaced_count;  /* Disks. */
    uint64_t lie_shown_count; /* Power was lost, and with it what was "synced". */
    uint64_t spared_count;    /* Damage that was not in the budget. */
    uint64_t damage_count;    /* Damage at rest that was. */
    uint64_t core_count;      /* Runs in which only a majority was healed. */
    uint64_t halted_count;    /* Runs beyond the budget that nobody could lead any more. */
    uint64_t heal_ns;         /* From the end of faults to a leader that answers. */
    uint64_t settle_ns;       /* From there to equal states. */
};

struct cluster {
    struct cluster_options options;
    struct sim *sim;
    struct prng prng;
    struct verdict verdict;
    struct checker *checker;
    struct witness *witness;
    struct recorder *recorder; /* NULL: see is_recorded. */
    struct recorder_stats recorded;
    struct node nodes[CLUSTER_NODES_MAX];
    uint32_t node_count;
    struct server_config config;  /* What all nodes have in common. */
    struct sim_disk_profile disk; /* The same. */
    struct user *users[CLUSTER_USERS_MAX];
    uint32_t user_count;
    bool has_heavy; /* One more asks for much, and also in the calm. */
    struct heavy heavy;
    bool has_later; /* One more sends commands of a later program. */
    struct heavy later;
    uint32_t level;       /* The highest feature level applied anywhere, */
    uint64_t level_index; /* and the index of its entry. */
    bool users_queue;     /* Their commands wait for those before them, or for room. */
    struct operator operator;
    struct nemesis *nemesis;
    struct budget *budget;
    struct damage *damage;
    struct mover *mover;
    struct faults faults;
    uint64_t last_change_ns; /* When the operator last began to change the membership. */
    bool is_over;            /* Nothing can be asked of it any more. */
    struct sometimes sometimes;
    uint32_t founder_count;             /* Nodes at first. */
    bool are_all_down;                  /* At the last look. */
    uint64_t healed_last_index;         /* Of the leader, when the faults ended. */
    uint32_t served;                    /* Users that had an answer since healing, as bits. */
    uint64_t members[RAFT_MEMBERS_MAX]; /* Of the newest configuration applied anywhere. */
    uint32_t member_count;
    bool votes[RAFT_MEMBERS_MAX]; /* The member does. */
    bool is_joint;
    bool is_calm; /* No faults (any more): ended nodes are wrong. */
    struct cluster_stats stats;
};

/* Runs one seed from beginning to end; the verdict is in it. */
struct cluster *cluster_new(const struct cluster_options *options);
void cluster_run(struct cluster *c);
void cluster_free(struct cluster *c);

/* From now on that is its address. It is down. */
void cluster_move(struct node *n, const char *host);
/* A new machine; starts at cluster_start(). NULL: there are enough. */
struct node *cluster_add_machine(struct cluster *c);
void cluster_start(struct node *n);
/* Whether nodes may be of different versions in this run. */
bool cluster_upgrades(const struct cluster *c);
/* In part of the runs no machine trusts another: the key of the cluster is in a file on each. */
bool cluster_has_key_files(const struct cluster *c);
/* Starts it that much later. */
void cluster_start_later(struct node *n, uint64_t in_ns);
void cluster_kill(struct node *n, enum sim_death death);
/* A node that is down gets a new disk, and is nobody. */
void cluster_renew(struct node *n);
void cluster_stop(struct node *n); /* In order, as on SIGTERM. */
/* A node that leads, in the highest term; NULL: none. */
struct node *cluster_leader(struct cluster *c);
bool cluster_has_log(const struct node *n); /* It is up, and has joined. */
/* Whether the newest configuration that was applied anywhere names that node. */
bool cluster_is_member(const struct node *n);
bool cluster_is_voter(const struct node *n); /* The same, and that it votes. */
uint32_t cluster_up_count(const struct cluster *c);
struct node *cluster_pick_up(struct cluster *c, struct prng *prng); /* NULL: none is up. */

/* A line about each node, for the account of a failure. */
void cluster_describe(const struct cluster *c, FILE *file);

/* damage.c */
struct damage *damage_new(struct cluster *c);
void damage_free(struct damage *x);
void damage_start(struct damage *x);
void damage_heal(struct damage *x);
/* A node's process is about to die with its machine; it is about to start; it has. */
void damage_before_power_loss(struct node *n);
void damage_before_start(struct node *n);
void damage_recovered(struct node *n);
/* It has not recovered since its disk was damaged. */
bool damage_is_known(const struct node *n);
/* No damaged node waits for a new disk, or for its removal. */
bool damage_is_tended(const struct cluster *c);

/* mover.c */
struct mover *mover_new(struct cluster *c);
void mover_free(struct mover *m);
void mover_start(struct mover *m);
/* No more moves; from now on who can't be found by the others is told a contact. */
void mover_heal(struct mover *m);
/* Whom to name as its contact to a node that starts again; NULL: anybody will do. */
const struct node *mover_contact(struct mover *m, struct node *n);
/* Whether nodes were moved. */
bool mover_has_struck(const struct mover *m);

/* core.c */
/* After healing: in part of the runs some nodes stay outside, down or half connected, so
 * that those left are just a majority. Whether this is such a run. */
bool core_choose(struct cluster *c);

/* bounds.c */
void bounds_check(struct cluster *c); /* At any time. */
bool bounds_are_given_back(struct cluster *c);
void bounds_check_idle(struct cluster *c); /* Nobody has wanted anything for a while. */

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

#endif /* RAKIT_SIM_CLUSTER_CLUSTER_H */
