/* walk_figure.c - what a walk over a keyspace costs. All figures are processor time of one
 * thread, so that they are meaningful on a busy machine too.
 *
 *   table, walked, after   SETs of random keys: before any walk, during one, after it
 *   walk                   a walk while nothing changes
 *   mixed, load            loading the records of the walk under change (into memory that the
 *                          process must request), and of the other one (into memory that it has)
 *
 *   walk-figure [KEYS [VALUE_BYTES]]     (default: 1000000 100) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/load.h"
#include "kv/walk.h"

enum {
    SEED = 2026,
    KEY_BYTES = 16,
    STEP_BYTES = 64 * 1024,
    CHUNK_BYTES = 1024 * 1024,
    SETS_A_STEP = 100,
    SETS = 500 * 1000,
};

static uint64_t cpu_ns(void)
{
    struct timespec at;

    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at) == 0);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

struct figure {
    struct keyspace *keyspace;
    struct buffer out;     /* The output of a walk. */
    struct buffer records; /* What was taken out of it. */
    struct prng prng;
    uint64_t key_count;
    char *value;
    size_t value_bytes;
};

/* Takes what has been written. A host would do that too; its time does not count. */
static void take_out(struct figure *f)
{
    buffer_append_slice(&f->records, buffer_slice(&f->out));
    buffer_clear(&f->out);
}

static void set_key(struct figure *f, uint64_t number)
{
    char text[KEY_BYTES + 1];

    snprintf(text, sizeof text, "key:%012lu", (unsigned long)(number % 1000000000000u));
    f->value[0] = (char)number;
    kv_set(keyspace_database(f->keyspace, 0), slice_of(text, KEY_BYTES),
           slice_of(f->value, f->value_bytes));
}

static void fill(struct figure *f)
{
    uint64_t begin_ns = cpu_ns();

    for (uint64_t i = 0; i < f->key_count; i++) {
        set_key(f, i);
    }
    printf("fill   %7.1f ns an item, %5.1f bytes of heap\n",
           (double)(cpu_ns() - begin_ns) / (double)f->key_count,
           (double)keyspace_memory_bytes(f->keyspace) / (double)f->key_count);
}

/* Random keys. During a walk, its steps come in between, and their time does not count. */
static void measure_sets(struct figure *f, const char *name)
{
    uint64_t set_ns = 0;
    uint64_t longest_ns = 0;

    for (int i = 0; i < SETS / SETS_A_STEP; i++) {
        uint64_t begin_ns = cpu_ns();

        for (int j = 0; j < SETS_A_STEP; j++) {
            set_key(f, prng_below(&f->prng, f->key_count));
        }

        uint64_t took_ns = cpu_ns() - begin_ns;

        set_ns += took_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        if (keyspace_is_walked(f->keyspace)) {
            keyspace_walk_step(f->keyspace, 8 * STEP_BYTES);
            take_out(f);
        }
    }
    printf("%-6s %7.1f ns a SET, the slowest %d %.1f us\n", name, (double)set_ns / SETS,
           SETS_A_STEP, (double)longest_ns / 1000);
}

static void measure_sets_under_walk(struct figure *f)
{
    keyspace_walk_begin(f->keyspace, &f->out);
    measure_sets(f, "walked");
    while (!keyspace_walk_step(f->keyspace, STEP_BYTES)) {
    }
    keyspace_walk_end(f->keyspace);
    take_out(f);
}

static double mb_a_second(uint64_t bytes, uint64_t ns)
{
    return (double)bytes / 1e6 / ((double)ns / 1e9);
}

static void measure_walk(struct figure *f)
{
    uint64_t walk_ns = 0;
    uint64_t longest_ns = 0;
    bool is_over = false;

    keyspace_walk_begin(f->keyspace, &f->out);
    while (!is_over) {
        uint64_t begin_ns = cpu_ns();

        is_over = keyspace_walk_step(f->keyspace, STEP_BYTES);

        uint64_t took_ns = cpu_ns() - begin_ns;

        walk_ns += took_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        take_out(f);
    }
    keyspace_walk_end(f->keyspace);
    printf("walk   %7.1f ns an item, %6.0f MB/s of records, the longest step %.1f us\n",
           (double)walk_ns / (double)f->key_count, mb_a_second(buffer_size(&f->records), walk_ns),
           (double)longest_ns / 1000);
}

static void measure_load(struct figure *f, struct slice records, const char *name)
{
    struct keyspace *k = keyspace_new(SEED);
    uint64_t begin_ns = cpu_ns();
    struct keyspace_loader *loader = keyspace_loader_new(k);

    for (size_t at = 0; at < records.size; at += CHUNK_BYTES) {
        size_t left = records.size - at;

        CHECK(keyspace_loader_take(
            loader, slice_of(records.data + at, left < CHUNK_BYTES ? left : CHUNK_BYTES)));
    }
    CHECK(keyspace_loader_finish(loader));

    uint64_t took_ns = cpu_ns() - begin_ns;

    printf("%-6s %7.1f ns an item, %6.0f MB/s of records\n", name,
           (double)took_ns / (double)f->key_count, mb_a_second(records.size, took_ns));
    keyspace_loader_free(loader);
    keyspace_free(k);
}

int main(int argc, char **argv)
{
    struct figure f = {.keyspace = keyspace_new(SEED), .prng = {SEED}};

    f.key_count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000 * 1000;
    f.value_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    f.value = memory_take_zeroed(1, f.value_bytes + 1);
    kv_prepare_heap();
    fill(&f);
    measure_sets(&f, "table");
    measure_sets_under_walk(&f);
    measure_load(&f, buffer_slice(&f.records), "mixed");
    buffer_clear(&f.records);
    measure_sets(&f, "after");
    measure_walk(&f);
    measure_load(&f, buffer_slice(&f.records), "load");
    buffer_deinit(&f.records);
    buffer_deinit(&f.out);
    keyspace_free(f.keyspace);
    free(f.value);
    return 0;
}
