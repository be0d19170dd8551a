/* prepared.h - the item of a very large value is made in steps before the command that sets it is
 * executed, so that no turn copies all of it. Private to kv. */
#ifndef RAKIT_KV_PREPARED_H
#define RAKIT_KV_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/item.h"

/* Zeroed: there is none. */
struct prepared {
    uint64_t id;
    struct item *item;
    struct slice source; /* The value that is copied; borrowed until the item is taken. */
    uint64_t copied;
};

/* Copies up to `bytes` more of the value; true: all is copied. Another id begins anew. */
bool prepared_step(struct prepared *p, uint64_t id, struct slice key, struct slice value,
                   uint64_t bytes);
/* The item, if it is complete and of that key and that very value; otherwise NULL. */
struct item *prepared_take(struct prepared *p, struct slice key, struct slice value);
void prepared_drop(struct prepared *p);

#endif /* RAKIT_KV_PREPARED_H */
