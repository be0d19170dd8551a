/* checker_node.h - what the checker knows of each node and of all together. Private to its own
 * files, checker*.c. */
#ifndef RAKIT_SIM_CHECKS_CHECKER_NODE_H
#define RAKIT_SIM_CHECKS_CHECKER_NODE_H

#include "sim/checks/checker.h"
#include "sim/checks/checker_disk.h"
#include "sim/checks/checker_matches.h"

/* What is known about a node over all its lives. */
struct checker_life {
    struct list link;
    struct checker_disk disk;
    uint64_t *votes; /* For each term, the node that it voted for; 0: none. */
    uint64_t vote_capacity;
    uint64_t acknowledged_term; /* The newest term in which it acknowledged entries. */
    uint64_t acknowledged_last; /* Up to where it acknowledged them. */
};

struct checker_node {
    struct checker *checker;
    char name[16];
    struct checker_life *life; /* NULL until recovered. */
    struct checker_log log;    /* As the core has it. */
    uint64_t commit_index;     /* Compared with other nodes up to here. */
    uint64_t core_commit;      /* According to the core: its entries may not be written yet. */
    uint64_t applied_index;
    enum raft_role role;
    uint64_t current_term; /* The core's. */
    struct raft_observation before;
    struct raft_configuration config;   /* Of a leader, before the step. */
    uint64_t matches[RAFT_MEMBERS_MAX]; /* Its match index of each member, before the step. */
    uint64_t configured_at;             /* The newest configuration in its log. */
    bool is_state_doubted;              /* Its digests are not compared. */
    uint64_t origin;                    /* The entry after which its own log begins. */
};

/* An entry that is committed. */
struct committed {
    struct checker_entry entry;
    uint64_t commit_term; /* The term in which a node first knew it to be committed. */
    uint64_t digest;
    bool has_digest;
};

struct checker {
    struct verdict *verdict;
    struct list lives;
    uint64_t *leaders; /* By term; 0: none known. */
    uint64_t leader_capacity;
    struct committed *committed; /* By index, from 1. */
    uint64_t committed_last;
    uint64_t committed_capacity;
    struct checker_matches matches;
    bool has_doubted_states; /* Some node's state was doubted. */
    struct checker_stats stats;
};

#define BROKEN(n, rule, ...) verdict_broken((n)->checker->verdict, rule, __VA_ARGS__)
#define ULL(x)               ((unsigned long long)(x))

struct checker_life *checker_life_new(struct checker *c, uint64_t id);
/* The node's log is new from `from` on. */
void checker_note_configurations(struct checker_node *n, uint64_t from);

#endif /* RAKIT_SIM_CHECKS_CHECKER_NODE_H */
