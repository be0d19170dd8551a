/* user_private.h - a simulated user, for the files that make up its commands. */
#ifndef RAKIT_SIM_CLUSTER_USER_PRIVATE_H
#define RAKIT_SIM_CLUSTER_USER_PRIVATE_H

#include "base/prng.h"
#include "command/request.h"
#include "sim/cluster/talk.h"
#include "sim/cluster/user.h"

enum { IN_FLIGHT_MAX = 256, TEXT_MAX = 32 * 1024, VALUE_BYTES_MAX = 12 * 1024, ARGUMENTS_MAX = 16 };
enum { WATCHED_MAX = 2, INNER_MAX = 4, EXEC_SLOTS = INNER_MAX + 2 };
enum { DOUBTS_MAX = 256 };                              /* Remembered per connection. */
enum { RECORDED_KEY_USES = 12, RECORDED_KEY_OPEN = 2 }; /* On average. */

struct in_flight {
    uint64_t operation; /* 0: SELECT, RESET or RAFT READS, which concern only this connection. */
    uint64_t ordinal;   /* On the connection, from 1. */
    uint64_t since_ns;
};

/* What the connection watches. */
struct user_watch {
    uint64_t operation; /* WATCH, while it is under way; 0: it is not. */
    bool is_ready;      /* It was answered. */
    bool has_failed;    /* With an error: the next EXEC executes nothing. */
    uint64_t index;     /* Where it was read. */
    uint32_t database;
    uint32_t count;
    char names[WATCHED_MAX][48];
};

struct user {
    struct user_options options;
    struct sim_machine *machine;
    struct io *io;
    struct prng prng;
    struct talk talk;
    uint16_t port;
    struct prng exec_prng; /* For transactions. */
    struct user_watch watch;
    struct buffer payloads[INNER_MAX]; /* Of the transaction that is being made. */
    struct prng expiry_prng;           /* Which keys expire. */
    struct prng hash_prng;             /* Which commands are about hashes. */
    struct prng script_prng;           /* Which commands are scripts. */
    bool has_run_endless;              /* A script that is ended at the limit: it takes long. */
    bool is_queueing;                  /* The commands that it makes are in a transaction. */
    struct prng reads_prng;            /* How connections want their reads to be served. */
    enum read_mode read_mode;          /* Of this connection. */
    uint64_t max_age_ns;               /* READ_STALE. */
    uint32_t database;                 /* That the connection has selected. */
    uint64_t ordinal;                  /* Of the last request on this connection. */
    uint64_t floor;                    /* Position of the last reply on this connection. */
    uint64_t doubts[DOUBTS_MAX]; /* Operations that were answered INDOUBT on this connection. */
    uint32_t doubt_count;
    struct in_flight ring[IN_FLIGHT_MAX];
    uint32_t first;
    uint32_t count;
    struct io_timer timer;
    uint64_t connecting_since_ns;
    bool is_calm;      /* Each command must be answered, if is_calm_talk. */
    bool is_calm_talk; /* The connection was made after is_calm was set. */
    char node[32];     /* The node that it uses. */
    bool is_resting;
    uint64_t success_count;
    uint64_t sent_count;
    /* The command that is being made. */
    char text[TEXT_MAX];
    uint32_t text_size;
    struct slice arguments[ARGUMENTS_MAX];
    uint32_t argument_count;
};

/* Append to the command that is being made. The value ends with the number of the operation. */
void user_argument(struct user *u, const char *text);
void user_argument_key(struct user *u);
/* The same of another kind of keys. */
void user_argument_name(struct user *u, char letter);
/* "#" and the number of the operation, which no value or field has otherwise. */
void user_argument_operation(struct user *u);
void user_argument_value(struct user *u);
void user_argument_number(struct user *u, uint32_t number);

/* user_expiry.c: whether the next command is about expiry; and commands that are. */
bool user_lets_expire(struct user *u);
void user_make_expiring_write(struct user *u);
void user_make_expiry_read(struct user *u);

/* user_hash.c: the same for hashes. */
bool user_uses_hashes(struct user *u);
void user_make_hash_write(struct user *u);
void user_make_hash_read(struct user *u);

/* user_script.c: the same for scripts. */
bool user_uses_scripts(struct user *u);
void user_make_script_write(struct user *u);
void user_make_script_read(struct user *u);

#endif /* RAKIT_SIM_CLUSTER_USER_PRIVATE_H */
