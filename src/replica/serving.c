/* serving.c - see serving.h. */
#include "replica/serving.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"

enum { READS_MAX = 16, GROUP = 0 };

/* A node that has requested nothing for so long is no longer fetching it. */
static const uint64_t KEEP_NS = 10 * 1000 * 1000 * 1000ull;

struct serving_read {
    struct list node;
    struct serving *serving;
    struct snapshot_read read;
    uint64_t connection;
};

void serving_init(struct serving *s, struct io *io, struct store *store)
{
    *s = (struct serving){.io = io, .store = store};
    list_init(&s->reads);
}

static void free_read(struct serving_read *r)
{
    list_remove(&r->node);
    r->serving->read_count--;
    free(r);
}

void serving_deinit(struct serving *s)
{
    list_for_each(node, &s->reads)
    {
        free_read(container_of(node, struct serving_read, node));
    }
}

static void read_done(struct snapshot_read *read, int error, struct slice bytes)
{
    struct serving_read *r = container_of(read, struct serving_read, read);
    struct buffer *out = peers_answer(r->serving->peers, r->connection);
    struct wire_part part = {
        .group = GROUP,
        .index = read->snapshot.index,
        .checksum = read->snapshot.checksum,
        .offset = read->offset,
        .outcome = error == 0 ? WIRE_PART_IS_HERE : WIRE_SNAPSHOT_GONE,
        .bytes = error == 0 ? bytes : slice_of("", 0),
    };

    if (out != NULL) {
        wire_put_part(out, &part);
        io_turn_soon(r->serving->io);
    }
    free_read(r);
}

static void note(struct serving *s, uint64_t index)
{
    uint32_t place = 0;

    for (uint32_t i = 0; i < SERVING_SNAPSHOTS_MAX; i++) {
        if (s->indexes[i] == index) {
            place = i;
            break;
        }
        if (s->asked_ns[i] < s->asked_ns[place]) {
            place = i;
        }
    }
    s->indexes[place] = index;
    s->asked_ns[place] = io_now_ns(s->io);
}

void serving_on_fetch(struct serving *s, uint64_t connection, const struct wire_fetch *f)
{
    struct serving_read *r;

    if (s->read_count == READS_MAX) {
        return; /* It asks again. */
    }
    r = memory_take_zeroed(1, sizeof *r);
    r->serving = s;
    r->connection = connection;
    r->read = (struct snapshot_read){
        .snapshot = {.index = f->index,
                     .term = f->term,
                     .bytes = f->bytes,
                     .checksum = f->checksum},
        .offset = f->offset,
        .size = f->size,
        .done = read_done,
    };
    list_append(&s->reads, &r->node);
    s->read_count++;
    note(s, f->index);
    snapshot_read(s->store, &r->read);
}

uint64_t serving_oldest(const struct serving *s)
{
    uint64_t now_ns = io_now_ns(s->io);
    uint64_t oldest = UINT64_MAX;

    for (uint32_t i = 0; i < SERVING_SNAPSHOTS_MAX; i++) {
        bool is_fetched = s->asked_ns[i] != 0 && now_ns - s->asked_ns[i] < KEEP_NS;

        if (is_fetched && s->indexes[i] < oldest && !MUTANT(fetched_snapshot_removed)) {
            oldest = s->indexes[i];
        }
    }
    return oldest;
}
