/* cacher.h - a simulated client that keeps what it has read in a cache (CLIENT TRACKING), and
 * checks that no value stays there when it should not: when a request is answered, all changes
 * that its node had applied when the request was sent must have been invalidated. */
#ifndef RAKIT_SIM_CLUSTER_CACHER_H
#define RAKIT_SIM_CLUSTER_CACHER_H

#include "sim/checks/witness.h"
#include "sim/cluster/line.h"

enum { CACHER_KEYS_MAX = 32, CACHER_REQUESTS_MAX = 64 };

struct cacher_value {
    bool is_there;
    uint64_t index;    /* Of the state that was read. */
    uint64_t since_ns; /* When it came. */
};

struct cacher_request {
    bool is_probe;      /* PING */
    bool is_write;      /* APPEND: a GET behind it goes through the log. */
    uint64_t operation; /* Of GET or APPEND; 0: it is neither. */
    uint32_t key;
    uint64_t sent_ns;
    uint64_t applied_index; /* Of the node, when PING was sent. */
};

struct cacher {
    struct line line;
    struct witness *witness;
    struct verdict *verdict;
    /* What the node at that host has applied; 0: unknown. `ret_life` differs for each process. */
    uint64_t (*applied)(void *context, const char *host, uint64_t *ret_life);
    uint32_t key_count;
    bool is_broadcast; /* It gets invalidations of all keys with a prefix. */
    uint64_t life;     /* Of the node's process when the connection was made. */
    uint64_t floor;
    struct cacher_value cache[CACHER_KEYS_MAX];
    struct cacher_request requests[CACHER_REQUESTS_MAX]; /* By ordinal, modulo. */
};

void cacher_init(struct cacher *r, struct sim *sim, struct witness *witness,
                 struct verdict *verdict);
void cacher_deinit(struct cacher *r);
void cacher_start(struct cacher *r);
/* Ends its connection, and opens no other. */
void cacher_rest(struct cacher *r);
/* As user_place(). */
void cacher_place(struct cacher *r, uint16_t port, uint64_t ordinal, uint64_t index, bool is_write);

#endif /* RAKIT_SIM_CLUSTER_CACHER_H */
