/* admin_task.h - a RAFT command under way at the leader: between admin.c, which begins and
 * ends it, changes.c, adding.c and show_log.c. */
#ifndef RAKIT_REPLICA_ADMIN_TASK_H
#define RAKIT_REPLICA_ADMIN_TASK_H

#include "peer/verify.h"
#include "replica/state.h"

struct admin {
    struct list tasks;           /* In the order in which they began. */
    uint64_t handed_over_ns;     /* When this node last handed over to be removed; 0: never. */
    struct member_address fresh; /* Of the change that is being proposed; id 0: none. */
};

enum admin_kind { ADMIN_ADD, ADMIN_REMOVE, ADMIN_TRANSFER, ADMIN_LOG };

struct admin_task {
    struct list node; /* In r->admin->tasks. */
    struct replica *replica;
    struct request *request;
    enum admin_kind kind;
    uint64_t begun_ns;
    bool is_begun;        /* The core has taken it. */
    bool is_handing_over; /* ADMIN_REMOVE of this leader: another one is to do it. */
    raft_id id;           /* Of the member in question; 0 with TRANSFER: the best one. */
    /* ADMIN_ADD; see adding.c. */
    struct member_address address;
    struct verify *verify; /* Under way; NULL: not. */
    uint32_t level;        /* It is to know that feature level. */
    bool is_verified;      /* It is over: */
    enum verify_result verified;
    raft_index index; /* Of the configuration that must commit. */
    /* ADMIN_LOG: what to show, and its read from the disk. */
    raft_index first;
    raft_index last;
    struct store_read read;
    struct buffer shown; /* Entries as replies, gathered before their count is known. */
    uint32_t shown_count;
    bool is_reading;
};

/* These end it, and free it: */
void admin_task_ok(struct admin_task *t);
void admin_task_end(struct admin_task *t); /* the reply is written; */
void admin_task_fail(struct admin_task *t, const char *error);
void admin_task_wait_again(struct admin_task *t); /* its leader is lost. */

/* changes.c: what is to be done next for it, which may end it. */
void changes_progress_add(struct admin_task *t);
void changes_progress_remove(struct admin_task *t);
void changes_progress_transfer(struct admin_task *t);

/* Whether the node to be added has proven that it may. If it never will, the task ends here, and
 * is freed. */
bool adding_is_proven(struct admin_task *t, bool is_member);
/* Nobody waits for that proof any more. */
void adding_stop(struct admin_task *t);

/* Digits alone, to that base. */
bool admin_parse_number(struct slice text, int base, uint64_t max, uint64_t *ret_value);

/* Arguments behind the command's name. Returns NULL, or what is wrong with them. */
const char *admin_log_begin(struct admin_task *t, uint32_t count, const struct slice *arguments);

#endif /* RAKIT_REPLICA_ADMIN_TASK_H */
