/* pending.h - requests by a rising number: writes in the log by their index, forwarded commands
 * by their correlation number. A ring, because the numbers are consecutive and requests are
 * usually taken in order. Holds no references. */
#ifndef RAKIT_REPLICA_PENDING_H
#define RAKIT_REPLICA_PENDING_H

#include <stdint.h>

struct request;

struct pending {
    struct request **ring;
    uint64_t capacity; /* A power of two. */
    uint64_t first;    /* Lowest number in use; == next if it is empty. */
    uint64_t next;     /* The lowest number for the next one. */
    uint64_t count;    /* Requests in it. */
};

void pending_init(struct pending *p, uint64_t first);
void pending_deinit(struct pending *p);
/* `number` is at least p->next, unless it is empty; numbers left out in between stay empty. */
void pending_put(struct pending *p, uint64_t number, struct request *request);
/* Numbers after the highest request may be used again. */
void pending_rewind(struct pending *p);
/* The request with that number; NULL if there is none. */
struct request *pending_at(const struct pending *p, uint64_t number);
/* Removes and returns the request with that number; NULL if there is none. */
struct request *pending_take(struct pending *p, uint64_t number);
/* Removes and returns the request with the lowest number; NULL if it is empty. */
struct request *pending_take_first(struct pending *p);
/* The request with the lowest number, and that number; NULL if it is empty. */
struct request *pending_first(const struct pending *p, uint64_t *ret_number);

#endif /* RAKIT_REPLICA_PENDING_H */
