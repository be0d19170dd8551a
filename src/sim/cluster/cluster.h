/* cluster.h - whole nodes, started by the server's own code on simulated machines; users that
 * send them commands; an operator that changes the membership; and checkers of everything.
 * nemesis.c injects faults; cluster_run.c runs the cluster from its founding to the final
 * checks. */
#ifndef RAKIT_SIM_CLUSTER_CLUSTER_H
#define RAKIT_SIM_CLUSTER_CLUSTER_H

#include "command/probe.h"
#include "server/server.h"
#include "sim/checks/budget.h"
#include "sim/checks/checker.h"
#include "sim/checks/sometimes.h"
#include "sim/checks/witness.h"
#include "sim/cluster/cacher.h"
#include "sim/cluster/faults.h"
#include "sim/cluster/follower.h"
#include "sim/cluster/heavy.h"
#include "sim/cluster/retrier.h"
#include "sim/cluster/roles.h"
#include "sim/cluster/talk.h"
#include "sim/cluster/user.h"
#include "sim/world/sim.h"

enum {
    CLUSTER_NODES_MAX = 16,
    CLUSTER_USERS_MAX = 8,
    CLUSTER_FOLLOWERS = 2,
    CLUSTER_PORT = 8000,
    CLUSTER_PEER_PORT = 18000,
    OPERATOR_WORDS_MAX = 6,
};

struct cluster;

enum node_phase {
    NODE_DOWN,
    NODE_UP,
    NODE_ENDED, /* It has ended by itself; the world will bury it. */
};

struct node {
    struct cluster *cluster;
    uint32_t number;
    char name[8];
    struct sim_machine *machine;
    char host[8];      /* Its address, which is its name at first. */
    char label[24];    /* What people call it, if anything: in its config. */
    char replaces[24]; /* The id of the node whose place it takes, if any: in its config. */
    uint32_t patience; /* In so many starts it tries to. */
    bool has_moved;
    const struct node *contact; /* Its contact for the next start, or NULL. */
    enum node_phase phase;
    struct io *io;
    struct server *server;
    struct server_config config;
    struct server_probe probe;
    struct log log;
    struct checker_node *checker;
    struct sometimes_node sometimes;
    uint64_t id;           /* 0: not known yet. */
    bool has_begun;        /* This process has begun to recover its disk. */
    bool is_founder;       /* It starts without a contact. */
    bool is_former;        /* It is of an earlier epoch. */
    bool was_member;       /* It has been in a committed configuration. */
    bool is_retired;       /* It was asked to leave, and will not be restarted as it is. */
    bool has_disk_trouble; /* A fault was injected that may end it. */
    bool has_damage;       /* Its disk will be damaged before its next start. */
    enum fault damage;     /* In this way. */
    struct prng damage_prng;
    uint32_t start_count;
    bool is_broken;         /* It does not start with what is left of its disk. */
    bool has_forgotten;     /* It has started without something that its disk had lost. */
    bool is_outside;        /* It is not among those that are healed in the end. */
    bool stays_down;        /* It is not started any more. */
    bool has_flipped;       /* A bit in its memory was flipped, and it does not know. */
    bool was_flipped;       /* The same, since it has this state. */
    bool is_isolated;       /* It knew, when last looked at; */
    bool has_fetched;       /* and needed the snapshot of another node. */
    struct sim_event start; /* When it starts, or starts again. */
    struct sim_event bury;
    int exit_status;
    char last_error[256];
};

/* Sends one administrator's command at a time. */
struct operator
{
    struct cluster *cluster;
    struct sim_machine *machine;
    struct io *io;
    struct talk talk;
    struct io_timer timer; /* How long it waits for a reply. */
    char words[OPERATOR_WORDS_MAX][64];
    uint32_t word_count;
    bool is_busy;
    uint64_t done_count;
};

struct cluster_options {
    uint64_t seed;
    uint32_t node_count;  /* 0: drawn. */
    uint64_t fault_ns;    /* How long faults are injected. */
    FILE *trace;          /* NULL: none. */
    uint64_t forbidden;   /* Faults that must not happen, a bit for each kind. */
    uint32_t user_max;    /* At most so many of the users that the seed draws are active. */
    uint64_t command_max; /* Each user sends at most so many commands during faults; 0: no limit. */
    bool is_recorded;     /* At the end lincheck judges what users saw, too. */
    struct faults faults; /* Which faults happen, and who is notified. */
    bool is_beyond;       /* Damage may exceed the budget. */
};

struct cluster_stats {
    uint64_t kill_count;
    uint64_t power_count;
    uint64_t recovery_crash_count; /* Nodes that died again before they had recovered. */
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
    uint64_t move_count;      /* Nodes started at another address. */
    uint64_t recontact_count; /* Nodes started with another contact at the end. */
    uint64_t refused_count;   /* Starts refused because of damage. */
    uint64_t survived_count;  /* Starts with damage that was harmless, or was forgotten. */
    uint64_t replaced_count;  /* Disks replaced. */
    uint64_t lie_shown_count; /* Power losses that took what was reported as synced. */
    uint64_t spared_count;    /* Damage not done because it exceeded the budget. */
    uint64_t damage_count;    /* Damage at rest, within the budget. */
    uint64_t core_count;      /* Runs in which only a majority was healed. */
    uint64_t halted_count;    /* Runs beyond the budget in which no node could lead any more. */
    uint64_t heal_ns;         /* From the end of faults to a leader that answers. */
    uint64_t settle_ns;       /* From then to equal states. */
};

struct cluster {
    struct cluster_options options;
    struct sim *sim;
    struct prng prng;
    struct verdict verdict;
    struct checker *checker;
    struct checker *former; /* Of the members of an earlier epoch; NULL: there was no recovery. */
    struct witness *witness;
    struct recorder *recorder; /* NULL: see is_recorded. */
    struct recorder_stats recorded;
    struct node nodes[CLUSTER_NODES_MAX];
    uint32_t node_count;
    struct server_config config;  /* Common to all nodes. */
    struct sim_disk_profile disk; /* Common to all nodes. */
    struct user *users[CLUSTER_USERS_MAX];
    uint32_t user_count;
    bool has_heavy; /* An extra client sends costly commands, also in the calm. */
    struct heavy heavy;
    bool has_retrier; /* An extra client sends commands until they are answered. */
    struct retrier retrier;
    uint32_t follower_count; /* Extra clients that follow the changes of keys. */
    struct follower followers[CLUSTER_FOLLOWERS];
    bool has_cacher; /* An extra client caches what it reads. */
    struct cacher cacher;
    bool has_later; /* An extra client sends commands of a later program. */
    struct heavy later;
    uint32_t level;       /* The highest feature level applied anywhere. */
    uint64_t level_index; /* The index of its entry. */
    bool users_queue;     /* Their commands wait for earlier ones, or for room. */
    struct operator operator;
    struct nemesis *nemesis;
    struct budget *budget;
    struct damage *damage;
    struct mover *mover;
    struct roles *roles;
    struct flipper *flipper;
    struct faults faults;
    uint64_t last_change_ns; /* When the operator last began to change the membership. */
    bool is_over;            /* No more commands can be sent to it. */
    struct sometimes sometimes;
    uint32_t founder_count;             /* Nodes at the beginning. */
    bool are_all_down;                  /* When last looked at. */
    uint64_t healed_last_index;         /* Of the leader when the faults ended. */
    uint32_t served;                    /* Users that were answered since healing, a bit for
                                         * each. */
    uint64_t members[RAFT_MEMBERS_MAX]; /* Of the newest configuration applied anywhere. */
    uint32_t member_count;
    bool votes[RAFT_MEMBERS_MAX];            /* Whether that member votes. */
    struct raft_configuration configuration; /* The same as a whole. */
    bool is_joint;
    bool is_calm; /* There are no faults now, so a node must not end. */
    struct cluster_stats stats;
};

/* Runs one seed from beginning to end. The result is in the verdict. */
struct cluster *cluster_new(const struct cluster_options *options);
void cluster_run(struct cluster *c);
void cluster_free(struct cluster *c);

/* cluster_draw.c: all that is drawn when a run begins. */
void cluster_draw(struct cluster *c);

/* From now on the node has that address. It must be down. */
void cluster_move(struct node *n, const char *host);
/* A new machine, to be started by cluster_start(). NULL: there are enough. */
struct node *cluster_add_machine(struct cluster *c);
void cluster_start(struct node *n);
/* Whether nodes may be of different versions in this run. */
bool cluster_upgrades(const struct cluster *c);
/* In some runs no machine is trusted: the key of the cluster is in a file on each. */
bool cluster_has_key_files(const struct cluster *c);
/* Starts it after that time. */
void cluster_start_later(struct node *n, uint64_t in_ns);
void cluster_kill(struct node *n, enum sim_death death);
/* A node that is down gets a new disk, and loses its id. */
void cluster_renew(struct node *n);
/* A node that is down begins a new epoch with what it has, as by --recover, and is the only member.
 * All others, and none of them may run, are of the former epoch until cluster_renew(). Once in a
 * run. False: it could not. */
bool cluster_recover(struct node *n);
/* The checker that follows this node. */
struct checker *cluster_checker(const struct node *n);
void cluster_stop(struct node *n); /* In order, as on SIGTERM. */
/* The node that leads in the highest term; NULL: none. */
struct node *cluster_leader(struct cluster *c);
bool cluster_has_log(const struct node *n); /* It is up and has joined. */
/* Whether the newest configuration applied anywhere includes that node. */
bool cluster_is_member(const struct node *n);
bool cluster_is_voter(const struct node *n); /* The same, and it votes. */
uint32_t cluster_up_count(const struct cluster *c);
struct node *cluster_pick_up(struct cluster *c, struct prng *prng); /* NULL: none is up. */

/* A line about each node, for the report of a failure. */
void cluster_describe(const struct cluster *c, FILE *file);

/* damage.c */
struct damage *damage_new(struct cluster *c);
void damage_free(struct damage *x);
void damage_start(struct damage *x);
void damage_heal(struct damage *x);
/* For three moments: before the node's process dies with its machine, before it starts, and
 * after that. */
void damage_before_power_loss(struct node *n);
void damage_before_start(struct node *n);
void damage_recovered(struct node *n);
/* It has not recovered since its disk was damaged. */
bool damage_is_known(const struct node *n);
/* No damaged node is waiting for a new disk, or for its removal. */
bool damage_is_tended(const struct cluster *c);

/* mover.c */
struct mover *mover_new(struct cluster *c);
void mover_free(struct mover *m);
void mover_start(struct mover *m);
/* No more moves. From now on, nodes that the others can't find are given a contact. */
void mover_heal(struct mover *m);
/* The contact for a node that is restarted; NULL: any node. */
const struct node *mover_contact(struct mover *m, struct node *n);
/* Whether nodes were moved. */
bool mover_has_struck(const struct mover *m);

/* flipper.c */
struct flipper *flipper_new(struct cluster *c);
void flipper_free(struct flipper *x);
void flipper_start(struct flipper *x);
void flipper_heal(struct flipper *x);
bool flipper_is_used(const struct flipper *x);
/* For tests as well. False: it has nothing in memory, or is isolated already. */
bool cluster_flip_bit(struct node *n, struct prng *prng);
/* The node has another state: one that it has loaded, or installed. */
void flipper_note_new_state(struct node *n);
/* Its process has ended. */
void flipper_note_end(struct node *n);
/* Called now and then. */
void flipper_look(struct node *n);
/* No node is isolated, and each has in memory what it should. */
bool flipper_is_mended(const struct flipper *x);

/* core.c */
/* After healing, in some runs, some nodes stay down or half connected, so that the others are
 * just a majority. Returns whether this is such a run. */
bool core_choose(struct cluster *c);

/* bounds.c */
void bounds_check(struct cluster *c); /* At any time. */
bool bounds_are_given_back(struct cluster *c);
void bounds_check_idle(struct cluster *c); /* Nothing has been under way for a while. */

/* operator.c */
void operator_init(struct operator* o, struct cluster *c);
void operator_deinit(struct operator* o);
/* Sends the command to some node; does nothing while another one is under way. */
void operator_command(struct operator* o, const char *a, const char *b, const char *c);
/* The same, for that node; NULL: sends nothing. */
void operator_command_to(struct operator* o, const struct node *n, const char *a, const char *b,
                         const char *c);

/* The same for any words; NULL ends them. */
void operator_command_words(struct operator* o, const struct node *n, const char *const *words);

/* nemesis.c */
struct nemesis *nemesis_new(struct cluster *c);
void nemesis_free(struct nemesis *n);
void nemesis_start(struct nemesis *n);
/* A machine without data, new or one that has left, which will join; NULL: there are enough. */
struct node *nemesis_new_node(struct cluster *c);
/* Makes its disk as good as at the beginning. */
void nemesis_mend_disk(struct node *n);
/* Ends all faults, and starts every node that may run. */
void nemesis_heal(struct nemesis *n);

/* --- links.c --- */
/* Whether some member is reached where the log does not say, */
bool links_found_elsewhere(const struct node *n);
/* or by an older version of the protocol. */
bool links_are_older(const struct node *n);

#endif /* RAKIT_SIM_CLUSTER_CLUSTER_H */
