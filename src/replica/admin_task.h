/* admin_task.h - a RAFT command under way at the leader, for admin.c, which begins and ends it,
 * and for admin_arguments.c, changes.c, adding.c and show_log.c. */
#ifndef RAKIT_REPLICA_ADMIN_TASK_H
#define RAKIT_REPLICA_ADMIN_TASK_H

#include "peer/verify.h"
#include "replica/state.h"

struct admin {
    struct list tasks;           /* In the order in which they began. */
    uint64_t handed_over_ns;     /* When this node last transferred leadership in order to be
                                  * removed; 0: never. */
    struct member_address fresh; /* For the change that is being proposed; id 0: none. */
};

enum admin_kind { ADMIN_ADD, ADMIN_CHANGE, ADMIN_TRANSFER, ADMIN_LOG };

struct admin_task {
    struct list node; /* In r->admin->tasks. */
    struct replica *replica;
    struct request *request;
    enum admin_kind kind;
    uint64_t begun_ns;
    bool is_begun;        /* The core has accepted it. */
    bool is_handing_over; /* This leader is to vote no more: another leader will do it. */
    bool is_forced;       /* Even if the cluster may stand still then. */
    /* ADMIN_ADD, ADMIN_CHANGE: what is to be done. With ADMIN_TRANSFER only its id; 0: the best
     * voter. */
    struct raft_change change;
    /* ADMIN_ADD; see adding.c. */
    struct member_address address;
    struct verify *verify; /* Under way; NULL: not. */
    uint32_t level;        /* The feature level that the node must know. */
    bool is_verified;      /* The verification has ended. */
    enum verify_result verified;
    raft_index index; /* Of the configuration that must commit. */
    /* ADMIN_LOG: what to show, and its read from the disk. */
    raft_index first;
    raft_index last;
    struct store_read read;
    struct buffer shown; /* Entries as replies, collected before their count is known. */
    uint32_t shown_count;
    bool has_stages; /* To be shown, too. */
    bool is_reading;
};

/* These end the task and free it. */
void admin_task_ok(struct admin_task *t);
void admin_task_end(struct admin_task *t); /* The reply is written. */
void admin_task_fail(struct admin_task *t, const char *error);
void admin_task_wait_again(struct admin_task *t); /* Its leader is lost. */

/* changes.c: does the next step for the task, which may end it. */
void changes_progress_add(struct admin_task *t);
void changes_progress(struct admin_task *t);
void changes_progress_transfer(struct admin_task *t);
/* ADMIN_ADD: whether a membership has the node as it is to be added; `there` is its member with
 * that id, or NULL. */
bool changes_are_added(const struct admin_task *t, const struct member_address *there);
/* ADMIN_CHANGE: whether the configuration in force, committed or not, has what is asked for. */
bool changes_are_made(const struct admin_task *t);

/* live_quorum.c: NULL if the cluster would go on after the change, as far as nodes are in reach;
 * otherwise an error. */
const char *live_quorum_fault(const struct replica *r, const struct raft_change *change);

/* Whether the node to be added has proved that it may be. If it never will, the task ends here,
 * and is freed. */
bool adding_is_proven(struct admin_task *t, bool is_member);
/* The proof is not needed any more. */
void adding_stop(struct admin_task *t);

/* Accepts only digits, to that base. */
bool admin_parse_number(struct slice text, int base, uint64_t max, uint64_t *ret_value);

/* Each takes the arguments, the second one those after the command's name. Returns NULL, or an
 * error. */
const char *admin_read_arguments(struct admin_task *t, uint32_t count,
                                 const struct slice *arguments);
const char *admin_log_begin(struct admin_task *t, uint32_t count, const struct slice *arguments);

#endif /* RAKIT_REPLICA_ADMIN_TASK_H */
