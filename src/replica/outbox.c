#include "replica/outbox.h"

#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_CAPACITY = 64 };

void outbox_deinit(struct outbox *o)
{
    free(o->held);
    *o = (struct outbox){0};
}

void outbox_hold(struct outbox *o, const struct raft_outbound *outbound)
{
    if (o->count == o->capacity) {
        o->capacity = o->capacity == 0 ? FIRST_CAPACITY : o->capacity * 2;
        o->held = memory_resize(o->held, o->capacity * sizeof *o->held);
    }
    o->held[o->count++] = *outbound;
}

void outbox_release(struct outbox *o, raft_seq durable_seq,
                    void (*send)(void *context, const struct raft_message *m), void *context)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < o->count; i++) {
        if (o->held[i].after <= durable_seq) {
            send(context, &o->held[i].message);
        } else {
            o->held[kept++] = o->held[i];
        }
    }
    o->count = kept;
}

bool outbox_is_empty(const struct outbox *o)
{
    return o->count == 0;
}
