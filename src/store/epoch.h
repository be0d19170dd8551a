/* epoch.h - numbers the lives of a cluster. It is founded in epoch 0. When its majority is lost for
 * good and one member goes on alone (rakit-server --recover, ADR 30), that begins the next epoch,
 * and nodes of earlier ones are not let in any more.
 *
 * The upper bits count, so later epochs are higher. The rest is random, so that two clusters made
 * of two members of the same one are not taken for each other. */
#ifndef RAKIT_STORE_EPOCH_H
#define RAKIT_STORE_EPOCH_H

#include <stdint.h>

enum { EPOCH_RANDOM_BITS = 48 };

/* 0: the cluster was never recovered. */
static inline uint64_t epoch_number(uint64_t epoch)
{
    return epoch >> EPOCH_RANDOM_BITS;
}

static inline uint64_t epoch_after(uint64_t epoch, uint64_t random)
{
    uint64_t mask = (UINT64_C(1) << EPOCH_RANDOM_BITS) - 1;

    return ((epoch_number(epoch) + 1) << EPOCH_RANDOM_BITS) | (random & mask);
}

#endif /* RAKIT_STORE_EPOCH_H */
