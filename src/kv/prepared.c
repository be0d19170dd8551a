#include "kv/prepared.h"

#include <string.h>

#include "base/mutant.h"

void prepared_drop(struct prepared *p)
{
    if (p->item != NULL) {
        item_free(p->item);
    }
    *p = (struct prepared){.id = 0};
}

bool prepared_step(struct prepared *p, uint64_t id, struct slice key, struct slice value,
                   uint64_t bytes)
{
    if (p->item == NULL || p->id != id) {
        prepared_drop(p);
        p->id = id;
        p->source = value;
        p->item = item_new((struct traits){0}, key, slice_of(NULL, value.size));
    }

    uint64_t left = value.size - p->copied;
    uint64_t size = left < bytes ? left : bytes;

    memcpy(item_value_bytes(p->item) + p->copied, value.data + p->copied, size);
    p->copied += size;
    return p->copied == value.size;
}

struct item *prepared_take(struct prepared *p, struct slice key, struct slice value)
{
    struct item *item = p->item;

    if (item == NULL || value.data != p->source.data || value.size != p->source.size ||
        (p->copied < value.size && !MUTANT(half_prepared_taken)) ||
        !slice_equal(item_key(item), key)) {
        return NULL;
    }
    *p = (struct prepared){.id = 0};
    return item;
}
