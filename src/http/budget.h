/* budget.h - the memory that all requests of the door may take together for bodies and replies. */
#ifndef RAKIT_HTTP_BUDGET_H
#define RAKIT_HTTP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    _Atomic uint64_t held_bytes;
    uint64_t bytes_max;
};

/* What one request has taken of it. */
struct budget_share {
    struct budget *budget;
    uint64_t bytes;
};

/* False: there is not so much left. */
bool budget_take(struct budget_share *share, uint64_t bytes);
void budget_give_back(struct budget_share *share);

#endif /* RAKIT_HTTP_BUDGET_H */
