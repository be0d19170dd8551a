/* retrier.h - a simulated client that numbers its commands (ONCE), and sends each one until it is
 * answered, by whatever node: soon, or much later. Some of its names are remembered for a second
 * or two only, so some numbers are not known any more when they come again. */
#ifndef RAKIT_SIM_CLUSTER_RETRIER_H
#define RAKIT_SIM_CLUSTER_RETRIER_H

#include "sim/checks/witness.h"
#include "sim/cluster/line.h"

enum { RETRIER_CALLS_MAX = 16, RETRIER_ARGUMENTS_MAX = 12 };

/* A command that has not been answered yet. */
struct retrier_call {
    bool is_used;
    bool is_opening;    /* ONCE name OPEN: sent once, under a new name each time. */
    bool is_sent;       /* On this connection, */
    uint64_t ordinal;   /* as its request number so-and-so. */
    bool is_in_doubt;   /* An earlier attempt may have been executed. */
    uint64_t due_ns;    /* Sent again after that. */
    uint64_t operation; /* The witness's number. */
    uint32_t argument_count;
    uint32_t sizes[RETRIER_ARGUMENTS_MAX];
    char *text; /* Of all arguments. */
};

struct retrier {
    struct line line;
    struct witness *witness;
    uint32_t key_count;       /* Of users, whose keys it shares. */
    uint32_t value_bytes_max; /* The same. */
    char name[24];            /* The present one. */
    uint32_t name_count;
    uint32_t keep_s;      /* 0: a day. */
    uint64_t next_number; /* 0: it is not open yet. */
    bool is_calm;
    bool is_resting;
    struct retrier_call calls[RETRIER_CALLS_MAX];
};

void retrier_init(struct retrier *r, struct sim *sim, struct witness *witness);
void retrier_deinit(struct retrier *r);
void retrier_start(struct retrier *r);
/* No faults from now on: what waits is sent soon. */
void retrier_calm(struct retrier *r);
/* Starts nothing new. */
void retrier_rest(struct retrier *r);
/* All is answered. */
bool retrier_is_idle(const struct retrier *r);
/* As user_place(). */
void retrier_place(struct retrier *r, uint16_t port, uint64_t ordinal, uint64_t index,
                   bool is_write);

#endif /* RAKIT_SIM_CLUSTER_RETRIER_H */
