#include "replica/promises.h"

#include "base/check.h"

enum { KEEP_BYTES = 64 * 1024 };

struct batch_promise {
    raft_index last_index;
    uint64_t bytes;
};

static struct batch_promise *oldest(const struct promises *p)
{
    return (struct batch_promise *)(void *)buffer_begin(&p->batches);
}

void promises_deinit(struct promises *p)
{
    buffer_deinit(&p->batches);
}

void promises_add(struct promises *p, raft_index last_index, uint64_t bytes)
{
    if (bytes == 0) {
        return;
    }

    struct batch_promise batch = {.last_index = last_index, .bytes = bytes};

    buffer_append(&p->batches, (const char *)&batch, sizeof batch);
    p->bytes += bytes;
}

void promises_keep(struct promises *p, raft_index applied_index)
{
    while (buffer_size(&p->batches) > 0 && oldest(p)->last_index <= applied_index) {
        CHECK(p->bytes >= oldest(p)->bytes);
        p->bytes -= oldest(p)->bytes;
        buffer_consume(&p->batches, sizeof(struct batch_promise));
    }
    if (buffer_size(&p->batches) == 0) {
        buffer_trim(&p->batches, KEEP_BYTES);
    }
}

void promises_forget(struct promises *p)
{
    buffer_trim(&p->batches, 0);
    p->bytes = 0;
}
