/* fuzz_store.c - fuzz target: a data directory after damage. A store writes a small log to a
 * simulated disk. The input says what then happens to its files: bytes changed, sectors zeroed
 * or misplaced, files cut, removed or replaced, checksums recomputed. Then the directory is
 * opened.
 *
 * Whatever was done: no crash; a refusal gives a reason and does not change the files; what
 * opens once, opens again with the same log. If no checksum can have been forged: the log is
 * what it was after one of the writes, not older than the vote file says, and the vote is the
 * last one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/list.h"
#include "fuzz_input.h"
#include "raft/raft.h"
#include "sim/world/sim.h"
#include "store/segment.h"
#include "store/snapshot.h"
#include "store/store.h"

enum {
    SEGMENT_BYTES = 16384,
    WRITES = 12,
    WRITES_BEFORE_RESTART = 8,
    LOG_MAX = 64,
    EDITS_MAX = 16,
    /* Fewer bytes than a checksum has can't match it by design. */
    HARMLESS_BYTES = 7,
    ORIGIN = 2, /* Where the log begins: in the middle of the first segment. */
};

static const char *const file_names[] = {
    "data/identity",
    "data/vote-a",
    "data/vote-b",
    "data/log-0000000000000001.seg",
    "data/log-0000000000000002.seg",
    "data/log-0000000000000003.seg",
    "data/log-0000000000000004.seg",
    "data/vote-b.tmp",
    "data/cluster-key",
    "data/origin",
    "data/snapshot-0000000000000002.snap",
};
static const struct store_key the_key = {"the thirty-two bytes of the key."};

enum { FILES = sizeof file_names / sizeof file_names[0] };

/* A log, identified by the chain of its entries' checksums. */
struct state {
    uint64_t last;
    uint64_t chain[LOG_MAX];
};

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store;
    struct store_recovered recovered;
    struct state log;
    struct state states[WRITES + 1]; /* After each write. */
    uint32_t state_count;
    uint32_t floor;     /* The first of them that may be found. */
    uint32_t ran_count; /* How many were durable when the store last ran. */
    uint64_t current_term;
    uint64_t seq;
    uint64_t durable_seq;
    struct store_move move;
    struct snapshot_making making;
    bool has_moved;
    uint64_t edited_bytes;
    bool is_forged;
};

/* --- the store ------------------------------------------------------------------- */

static void state_put(struct state *s, const struct entry *e)
{
    CHECK(e->index > 0 && e->index < LOG_MAX);
    s->chain[e->index] =
        checksum_seeded(e->data, e->size, s->chain[e->index - 1] + e->term * 31 + e->index);
    s->last = e->index;
}

static bool state_equal(const struct state *a, const struct state *b)
{
    return a->last == b->last && a->chain[a->last] == b->chain[b->last];
}

static void on_durable(void *context, uint64_t seq)
{
    ((struct world *)context)->durable_seq = seq;
}

static void on_failed(void *context, int error, const char *text)
{
    (void)context;
    fprintf(stderr, "the store failed: %d %s\n", error, text);
    abort();
}

static void on_room(void *context)
{
    (void)context;
}

static int on_entry(void *context, struct entry *e)
{
    struct state *found = context;

    CHECK(e->index == found->last + 1);
    if (e->index >= LOG_MAX) {
        return 1; /* Forged: no entry was so long. */
    }
    state_put(found, e);
    return 0;
}

static int world_open(struct world *w, char *text, size_t text_size)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = SEGMENT_BYTES,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room,
                                    .context = w};

    w->io = sim_boot(w->machine);
    w->store = NULL;
    return store_open(w->io, &options, 7, &w->store, &w->recovered, text, text_size);
}

static void world_close(struct world *w)
{
    sim_die(w->io, SIM_KILLED);
    if (w->store != NULL) {
        store_close(w->store);
        w->store = NULL;
    }
    sim_bury(w->io);
}

static uint64_t noted_segment(struct world *w)
{
    enum { LAST_SEGMENT_AT = 64 };
    char sector[SECTOR_BYTES] = {0};
    struct io_file *file = NULL;

    CHECK(io_file_open(w->io, "data/vote-a", IO_READ_ONLY, &file) == 0);
    CHECK(io_file_read(file, 0, sector, sizeof sector) == SECTOR_BYTES);
    io_file_close(file);
    return get_u64(sector + LAST_SEGMENT_AT);
}

/* When a new segment is begun, the vote file records everything before it. */
static void world_run(struct world *w)
{
    uint64_t segment = noted_segment(w);

    store_flush(w->store);
    sim_run_until(w->sim, sim_now_ns(w->sim) + SIM_S);
    if (noted_segment(w) != segment) {
        w->floor = w->ran_count == 0 ? 0 : w->ran_count - 1;
    }
    w->ran_count = w->state_count;
}

static void world_write(struct world *w, uint32_t number)
{
    struct entry *e = entry_new(RAFT_COMMAND, number % 3 == 2 ? 5000 : 10 * number);
    struct store_write write = {.seq = ++w->seq, .entries = &e, .entry_count = 1};

    if (number == 4) { /* A new leader had another entry at this index. */
        write.truncate_from = w->log.last;
        w->log.last--;
    }
    if (number % 4 == 0) {
        write.write_vote = true;
        w->current_term++;
    }
    write.current_term = w->current_term;
    write.voted_for = w->current_term * 3;
    e->index = w->log.last + 1;
    e->term = w->current_term;
    e->time_us = 1000 + w->seq;
    memset(e->data, (int)('a' + number), e->size);
    write.commit_index = e->index > 2 && number > 4 ? e->index - 2 : 0;
    store_write(w->store, &write);
    state_put(&w->log, e);
    entry_release(e);
    w->states[w->state_count++] = w->log;
}

static void on_moved(struct store_move *move, int error)
{
    CHECK(error == 0);
    container_of(move, struct world, move)->has_moved = true;
}

static void on_wrote(struct snapshot_making *making, int error)
{
    (void)making;
    CHECK(error == 0);
}

static void on_made(struct snapshot_making *making, int error)
{
    (void)making;
    CHECK(error == 0);
}

/* Makes a snapshot of the entries before the origin. */
static void world_make_snapshot(struct world *w)
{
    struct buffer content = {0};

    w->making = (struct snapshot_making){
        .index = ORIGIN, .term = 1, .time_us = 1, .wrote = on_wrote, .done = on_made};
    buffer_append(&content, "content", 7);
    snapshot_begin(w->store, &w->making);
    snapshot_put(&w->making, "items", 0, &content);
    snapshot_finish(&w->making);
    world_run(w);
    CHECK(snapshot_newest(w->store).index == ORIGIN);
}

static void world_move_origin(struct world *w)
{
    world_make_snapshot(w);
    w->move =
        (struct store_move){.origin = {.index = ORIGIN, .term = 1, .time_us = 1}, .done = on_moved};
    store_move_origin(w->store, &w->move);
    world_run(w);
    CHECK(w->has_moved);
}

/* A directory after an undisturbed life. The restart makes the vote file record what was written
 * before it. */
static void write_base(struct world *w)
{
    char text[512];

    CHECK(world_open(w, text, sizeof text) == STORE_OK);
    CHECK(store_set_cluster(w->store, 99, 0, &the_key) == 0);
    w->state_count = 1;
    for (uint32_t i = 0; i < WRITES; i++) {
        if (i == WRITES_BEFORE_RESTART) {
            world_run(w);
            world_close(w);
            CHECK(world_open(w, text, sizeof text) == STORE_OK);
            CHECK(w->recovered.last_index == w->log.last);
            w->floor = w->state_count - 1;
        }
        world_write(w, i);
        if (i % 3 != 0) { /* Otherwise the next write would join the same job. */
            world_run(w);
        }
    }
    world_run(w);
    CHECK(w->durable_seq == w->seq);
    world_move_origin(w);
    world_close(w);
}

/* --- damage ---------------------------------------------------------------------- */

static void read_file(struct io *io, const char *name, struct buffer *content)
{
    struct io_file *file = NULL;

    if (io_file_open(io, name, IO_READ_ONLY, &file) == 0) {
        uint64_t size = (uint64_t)io_file_size(file);

        CHECK(io_file_read(file, 0, buffer_reserve(content, size), size) == (int64_t)size);
        buffer_commit(content, size);
        io_file_close(file);
    }
}

static void write_file(struct io *io, const char *name, uint64_t offset, struct slice bytes)
{
    struct io_file *file = NULL;

    CHECK(io_file_open(io, name, IO_CREATE, &file) == 0);
    if (bytes.size > 0) {
        CHECK(io_file_write(file, offset, bytes.data, bytes.size) == 0);
    }
    CHECK(io_file_sync(file) == 0);
    io_file_close(file);
}

static void cut_file(struct io *io, const char *name, uint64_t size)
{
    struct io_file *file = NULL;

    if (io_file_open(io, name, 0, &file) == 0) {
        CHECK(io_file_truncate(file, size) == 0);
        io_file_close(file);
    }
}

static void sector_of(struct io *io, struct slice *input, char *sector)
{
    const char *name = file_names[fuzz_number(input, 1) % FILES];
    uint64_t at = fuzz_number(input, 1) * SECTOR_BYTES;
    struct buffer content = {0};

    read_file(io, name, &content);
    if (at + SECTOR_BYTES <= buffer_size(&content)) {
        memcpy(sector, buffer_begin(&content) + at, SECTOR_BYTES);
    }
    buffer_deinit(&content);
}

/* Recomputes the checksum of a file's first sector, or of the batch there. */
static void seal(struct io *io, const char *name, uint64_t at)
{
    struct buffer content = {0};

    read_file(io, name, &content);
    if (buffer_size(&content) == 0) {
        buffer_deinit(&content);
        return;
    }

    char *data = buffer_begin(&content);
    uint64_t size = buffer_size(&content);

    if (at == 0 && size >= SECTOR_BYTES) {
        head_seal(data);
        write_file(io, name, 0, slice_of(data, SECTOR_BYTES));
    } else if (at > 0 && at + SECTOR_BYTES <= size) {
        uint64_t head_bytes = batch_head_expect(data + at);
        struct segment_head head;

        segment_head_decode(data, &head);
        if (head_bytes > 0 && at + head_bytes <= size) {
            put_u64(data + at + 8, checksum_seeded(data + at + 16, head_bytes - 16, head.salt));
            write_file(io, name, at, slice_of(data + at, 16));
        }
    }
    buffer_deinit(&content);
}

static void edit(struct world *w, struct slice *input)
{
    uint64_t kind = fuzz_number(input, 1) % 8;
    const char *name = file_names[fuzz_number(input, 1) % FILES];
    char sector[SECTOR_BYTES] = {0};
    struct slice bytes;

    switch (kind) {
    case 0: /* Zeroes a sector. */
        write_file(w->io, name, fuzz_number(input, 1) * SECTOR_BYTES,
                   slice_of(sector, sizeof sector));
        break;
    case 1: /* Copies a sector to another place. */
        sector_of(w->io, input, sector);
        write_file(w->io, name, fuzz_number(input, 1) * SECTOR_BYTES,
                   slice_of(sector, sizeof sector));
        break;
    case 2:
        cut_file(w->io, name, fuzz_number(input, 2));
        break;
    case 3:
        io_unlink(w->io, name);
        break;
    case 4: /* Writes a file from the input. */
        bytes = fuzz_piece(input);
        io_unlink(w->io, name);
        write_file(w->io, name, 0, bytes);
        w->edited_bytes += bytes.size;
        break;
    case 5:
        seal(w->io, name, fuzz_number(input, 1) * SECTOR_BYTES);
        w->is_forged = true;
        break;
    default: { /* Changes some bytes. */
        uint64_t offset = fuzz_number(input, 2);

        bytes = fuzz_bytes(input, fuzz_number(input, 1) % 64);
        write_file(w->io, name, offset, bytes);
        w->edited_bytes += bytes.size;
    }
    }
}

static void damage(struct world *w, struct slice input)
{
    w->io = sim_boot(w->machine);
    for (int i = 0; i < EDITS_MAX && input.size > 0; i++) {
        edit(w, &input);
    }
    CHECK(io_dir_sync(w->io, "data") == 0);
    world_close(w);
}

/* --- judging --------------------------------------------------------------------- */

/* The present contents of all files. */
static void take_picture(struct world *w, struct buffer *picture)
{
    for (uint32_t i = 0; i < FILES; i++) {
        struct buffer content = {0};

        read_file(w->io, file_names[i], &content);
        buffer_printf(picture, "%s %zu\n", file_names[i], buffer_size(&content));
        buffer_append_slice(picture, buffer_slice(&content));
        buffer_deinit(&content);
    }
}

static void check_truth(const struct world *w, const struct state *found)
{
    if (w->is_forged || w->edited_bytes > HARMLESS_BYTES) {
        return;
    }
    CHECK(w->recovered.identity.cluster_id == 99);
    CHECK(w->recovered.identity.node_id == 7);
    CHECK(memcmp(&w->recovered.key, &the_key, sizeof the_key) == 0);
    CHECK(w->recovered.current_term == w->current_term);
    CHECK(w->recovered.voted_for == w->current_term * 3);
    CHECK(w->recovered.origin.index == ORIGIN || w->recovered.origin.index == 0);
    for (uint32_t i = w->floor; i < w->state_count; i++) {
        if (state_equal(found, &w->states[i])) {
            return;
        }
    }
    CHECK(false); /* A log that never existed, or that has lost recorded entries. */
}

/* Finds the state with this log; what is at or below the origin is as before. False: there is
 * none. */
static bool find_log(struct world *w, struct state *found)
{
    uint64_t origin = w->recovered.origin.index;

    if (origin > w->log.last) {
        return false;
    }
    memcpy(found->chain, w->log.chain, (origin + 1) * sizeof found->chain[0]);
    found->last = origin;
    return store_replay(w->store, on_entry, found) == 0;
}

/* A store that opened accepts writes, and opens again with the old and the new entries. */
static void check_life(struct world *w, struct state *found)
{
    struct entry *e = entry_new(RAFT_COMMAND, 100);
    struct store_write write = {
        .seq = 1, .current_term = w->recovered.current_term + 1, .entries = &e, .entry_count = 1};
    struct state again = {0};
    char text[512] = "";

    w->durable_seq = 0;
    e->index = found->last + 1;
    e->term = write.current_term;
    e->time_us = 5000;
    memset(e->data, 'z', e->size);
    write.write_vote = true;
    store_write(w->store, &write);
    state_put(found, e);
    entry_release(e);
    world_run(w);
    CHECK(w->durable_seq == 1);
    world_close(w);

    CHECK(world_open(w, text, sizeof text) == STORE_OK);
    CHECK(find_log(w, &again));
    CHECK(state_equal(&again, found));
}

static void judge(struct world *w)
{
    struct buffer before = {0};
    struct buffer after = {0};
    struct state found = {0};
    char text[512] = "";

    w->io = sim_boot(w->machine);
    take_picture(w, &before);
    world_close(w);

    int result = world_open(w, text, sizeof text);

    if (result != STORE_OK) {
        CHECK(text[0] != '\0');
        take_picture(w, &after);
        CHECK(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    } else if (w->recovered.is_new) {
        CHECK(w->recovered.last_index == 0); /* All files were removed. */
    } else if (find_log(w, &found)) {
        CHECK(found.last == w->recovered.last_index);
        check_truth(w, &found);
        if (w->recovered.identity.cluster_id != 0 && found.last + 1 < LOG_MAX) {
            check_life(w, &found);
        }
    } else {
        CHECK(w->is_forged || w->edited_bytes > HARMLESS_BYTES);
    }
    world_close(w);
    buffer_deinit(&before);
    buffer_deinit(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);
    struct sim_disk_profile profile = {
        .latency_min_ns = 1, .latency_max_ns = 1, .capacity_bytes = 1ull << 40};

    CHECK(w != NULL);
    w->sim = sim_new(1);
    w->machine = sim_machine_new(w->sim, "a");
    sim_set_disk(w->machine, &profile);
    write_base(w);
    damage(w, slice_of(data, size));
    judge(w);
    sim_free(w->sim);
    free(w);
    return 0;
}
