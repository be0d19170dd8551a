/* bench_store.c - how fast the store writes, opens and replays. Not a test: it prints figures.
 * Usage: bench_store [directory [entries]] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "io/io_uv.h"
#include "store/store.h"

enum { ENTRY_BYTES = 100, WRITE_ENTRIES = 64, SINGLE_WRITES = 2000, LEAD_WRITES = 512 };

struct bench {
    struct io *io;
    struct store *store;
    uint64_t seq;
    uint64_t durable_seq;
    uint64_t last_index;
    uint64_t target_index;
    uint32_t write_entries;
    uint64_t lead; /* The most writes submitted and not yet durable. */
    uint64_t replayed;
};

static double now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_some(struct bench *b)
{
    while (b->seq - b->durable_seq < b->lead && b->last_index < b->target_index) {
        struct entry *entries[WRITE_ENTRIES];
        struct store_write w = {
            .seq = ++b->seq,
            .write_vote = b->seq == 1,
            .current_term = 1,
            .entries = entries,
            .entry_count = b->write_entries,
        };

        for (uint32_t i = 0; i < b->write_entries; i++) {
            entries[i] = entry_new(2, ENTRY_BYTES);
            entries[i]->index = ++b->last_index;
            entries[i]->term = 1;
            memset(entries[i]->data, (int)i, ENTRY_BYTES);
        }
        store_write(b->store, &w);
        for (uint32_t i = 0; i < b->write_entries; i++) {
            entry_release(entries[i]);
        }
    }
    store_flush(b->store);
}

static void on_durable(void *context, uint64_t seq)
{
    struct bench *b = context;

    b->durable_seq = seq;
    write_some(b);
    if (b->durable_seq == b->seq) {
        io_uv_stop(b->io);
    }
}

static void on_failed(void *context, int error, const char *text)
{
    (void)context;
    fprintf(stderr, "%s (%d)\n", text, error);
    exit(1);
}

static void on_room(void *context)
{
    (void)context;
}

static struct store_recovered open_store(struct bench *b, const char *dir)
{
    struct store_options options = {
        .dir = dir,
        .segment_bytes = 64 * 1024 * 1024,
        .durable = on_durable,
        .failed = on_failed,
        .room = on_room,
        .context = b,
    };
    struct store_recovered recovered;
    char text[1024];

    if (store_open(b->io, &options, 1, &b->store, &recovered, text, sizeof text) != STORE_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    return recovered;
}

static double run(struct bench *b, uint64_t entries, uint32_t write_entries, uint64_t lead)
{
    double start = now_seconds();

    b->target_index = b->last_index + entries;
    b->write_entries = write_entries;
    b->lead = lead;
    write_some(b);
    io_uv_run(b->io);
    return now_seconds() - start;
}

static int count_entry(void *context, struct entry *e)
{
    struct bench *b = context;

    CHECK(e->index == ++b->replayed);
    return 0;
}

int main(int argc, char **argv)
{
    const char *base = argc > 1 ? argv[1] : "/tmp";
    uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
    struct bench b = {.io = io_uv_new()};
    struct store_stats stats;
    char dir[512];
    char command[600];
    double seconds;
    double opened;

    snprintf(dir, sizeof dir, "%s/rakit-bench-XXXXXX", base);
    CHECK(mkdtemp(dir) != NULL);
    open_store(&b, dir);
    CHECK(store_set_cluster(b.store, 1, 0, &(struct store_key){{0}}) == 0);
    run(&b, WRITE_ENTRIES, WRITE_ENTRIES, 1);

    seconds = run(&b, SINGLE_WRITES, 1, 1);
    store_get_stats(b.store, &stats);
    printf("one by one: %.1f us a write of one %d-byte entry; p50 %.1f us, p99 %.1f us\n",
           seconds * 1e6 / SINGLE_WRITES, ENTRY_BYTES, (double)stats.sync_p50_ns / 1e3,
           (double)stats.sync_p99_ns / 1e3);

    seconds = run(&b, entries / WRITE_ENTRIES * WRITE_ENTRIES, WRITE_ENTRIES, LEAD_WRITES);
    store_get_stats(b.store, &stats);
    printf("streaming: %.2f M entries/s, %" PRIu64 " syncs, %" PRIu64 " MB\n",
           (double)entries / seconds / 1e6, stats.sync_count, stats.log_bytes / 1000000);
    store_close(b.store);

    for (int round = 0; round < 3; round++) {
        double start = now_seconds();

        b.replayed = 0;
        open_store(&b, dir);
        opened = now_seconds() - start;
        CHECK(store_replay(b.store, count_entry, &b) == 0);
        CHECK(b.replayed == b.last_index);
        seconds = now_seconds() - start;
        printf("start: open %.3f s, replay %.3f s, together %.2f M entries/s\n", opened,
               seconds - opened, (double)b.last_index / seconds / 1e6);
        store_close(b.store);
    }
    io_uv_free(b.io);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command) == 0 ? 0 : 1;
}
