/* serving.c - see serving.h. */
#include "replica/serving.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"

enum { READS_MAX = 16, GROUP = 0 };

/* A node that has asked for nothing for so long fetches it no more. Loading a large one takes
 * minutes, and so may a restart. */
static const uint64_t KEEP_NS = 600 * 1000 * 1000 * 1000ull;
static const uint64_t CHECK_PAUSE_NS = 600 * 1000 * 1000 * 1000ull; /* A check reads all of it. */

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

static void send_part(struct serving *s, uint64_t connection, const struct wire_part *part)
{
    struct buffer *out = peers_answer(s->peers, connection);

    if (out != NULL) {
        wire_put_part(out, part);
        io_turn_soon(s->io);
    }
}

void serving_refuse(struct serving *s, uint64_t connection, const struct wire_fetch *f)
{
    struct wire_part part = {.group = GROUP,
                             .index = f->index,
                             .checksum = f->checksum,
                             .offset = f->offset,
                             .outcome = WIRE_SNAPSHOT_GONE};

    send_part(s, connection, &part);
}

static void read_done(struct snapshot_read *read, int error, struct slice bytes)
{
    struct serving_read *r = container_of(read, struct serving_read, read);
    struct wire_part part = {
        .group = GROUP,
        .index = read->snapshot.index,
        .checksum = read->snapshot.checksum,
        .offset = read->offset,
        .outcome = error == 0 ? WIRE_PART_IS_HERE : WIRE_SNAPSHOT_GONE,
        .bytes = error == 0 ? bytes : slice_of("", 0),
    };

    send_part(r->serving, r->connection, &part);
    free_read(r);
}

void serving_note(struct serving *s, uint64_t index)
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

/* A link that is slower than the node's patience would be asked for the same part again and again:
 * one that is not sent yet is enough. */
static bool is_busy(const struct serving *s, uint64_t connection, uint32_t size)
{
    const struct buffer *out = peers_answer(s->peers, connection);

    list_for_each(node, &s->reads)
    {
        if (container_of(node, struct serving_read, node)->connection == connection) {
            return true;
        }
    }
    return out != NULL && buffer_size(out) >= size;
}

void serving_on_fetch(struct serving *s, uint64_t connection, const struct wire_fetch *f)
{
    const struct store_snapshot *found = snapshot_find(s->store, f->index);
    struct serving_read *r;

    if (s->read_count == READS_MAX ||
        (is_busy(s, connection, f->size) && !MUTANT(part_sent_twice))) {
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
    if (found != NULL && snapshot_is_same(found, &r->read.snapshot)) {
        serving_note(s, f->index);
    }
    snapshot_read(s->store, &r->read);
}

static bool is_fetched(const struct serving *s, uint32_t place)
{
    return s->asked_ns[place] != 0 && io_now_ns(s->io) - s->asked_ns[place] < KEEP_NS &&
           !MUTANT(fetched_snapshot_removed);
}

bool serving_has(const struct serving *s, uint64_t index)
{
    for (uint32_t i = 0; i < SERVING_SNAPSHOTS_MAX; i++) {
        if (is_fetched(s, i) && s->indexes[i] == index) {
            return true;
        }
    }
    return false;
}

uint64_t serving_oldest(const struct serving *s)
{
    uint64_t oldest = UINT64_MAX;

    for (uint32_t i = 0; i < SERVING_SNAPSHOTS_MAX; i++) {
        if (is_fetched(s, i) && s->indexes[i] < oldest) {
            oldest = s->indexes[i];
        }
    }
    return oldest;
}

/* --- files that may be damaged -------------------------------------------------------- */

/* The reader verifies each chunk. */
static int pass_over(struct snapshot_load *load, const struct snapshot_chunk *chunk)
{
    return 0;
}

static void check_done(struct snapshot_load *load, int error)
{
    struct serving *s = container_of(load, struct serving, check);

    s->is_checking = false;
    if (error == -EBADMSG || error == -EIO) {
        s->damaged(s->context, &load->snapshot);
    }
}

void serving_on_damaged(struct serving *s, const struct wire_damaged *d)
{
    struct store_snapshot snapshot = {
        .index = d->index, .term = d->term, .bytes = d->bytes, .checksum = d->checksum};
    const struct store_snapshot *found = snapshot_find(s->store, d->index);
    uint64_t now_ns = io_now_ns(s->io);

    if (found == NULL || !snapshot_is_same(found, &snapshot) || s->is_checking ||
        now_ns < s->check_next_ns || MUTANT(complaint_ignored)) {
        return;
    }
    s->is_checking = true;
    s->check_next_ns = now_ns + CHECK_PAUSE_NS;
    s->check = (struct snapshot_load){.snapshot = *found, .each = pass_over, .done = check_done};
    snapshot_load(s->store, &s->check);
}
