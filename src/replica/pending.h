/* pending.h - requests found again by a rising number: writes in the log by their
 * index, forwarded commands by their correlation. A ring, since the numbers follow
 * each other and are mostly taken in order. Holds no references. */
#ifndef RAKIT_REPLICA_PENDING_H
#define RAKIT_REPLICA_PENDING_H

#include <stdint.h>

struct request;

struct pending {
    struct request **ring;
    uint64_t capacity; /* A power of two. */
    uint64_t first;    /* Lowest number in use; == next where it is empty. */
    uint64_t next;     /* Where the next one goes at least. */
    uint64_t count;    /* Requests in it. */
};

void pending_init(struct pending *p, uint64_t first);
void pending_deinit(struct pending *p);
/* `number` is at least p->next, but where it is empty; numbers left out in between stay
 * empty. */
void pending_put(struct pending *p, uint64_t number, struct request *request);
/* Numbers beyond the highest request may be given again. */
void pending_rewind(struct pending *p);
/* The request of that number; NULL where there is none. */
struct request *pending_at(const struct pending *p, uint64_t number);
/* Takes the request of that number out; NULL where there is none. */
struct request *pending_take(struct pending *p, uint64_t number);
/* Takes the request of the lowest number; NULL where it is empty. */
struct request *pending_take_first(struct pending *p);
/* The request of the lowest number, and that number; NULL where it is empty. */
struct request *pending_first(const struct pending *p, uint64_t *ret_number);

#endif /* RAKIT_REPLICA_PENDING_H */
