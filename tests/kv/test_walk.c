/* A walk compared with a twin of the same history: during the walk, random commands change
 * everything. The loaded state must be that of the walk's beginning, and the same commands must
 * turn it into the state of its end, with the same order of keys and the same replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/kv_private.h"
#include "kv/load.h"
#include "kv/walk.h"
#include "run_command.h"

enum { SEED = 77, ARGUMENTS_MAX = 40, VALUE_BYTES_MAX = 300 * 1024 };

/* --- commands that can be given again ------------------------------------------------------ */

struct script_line {
    uint32_t database, argument_count;
    char *bytes[ARGUMENTS_MAX];
    struct slice arguments[ARGUMENTS_MAX];
};

struct script {
    struct script_line *lines;
    size_t count, capacity;
};

static struct script_line *script_add(struct script *s, uint32_t database)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 64 : 2 * s->capacity;
        s->lines = memory_resize(s->lines, s->capacity * sizeof s->lines[0]);
    }
    s->lines[s->count] = (struct script_line){.database = database};
    return &s->lines[s->count++];
}

static void line_add(struct script_line *line, struct slice argument)
{
    assert_true(line->argument_count < ARGUMENTS_MAX);
    line->bytes[line->argument_count] = memory_copy(argument.data, argument.size);
    line->arguments[line->argument_count] =
        slice_of(line->bytes[line->argument_count], argument.size);
    line->argument_count++;
}

static void script_clear(struct script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        for (uint32_t j = 0; j < s->lines[i].argument_count; j++) {
            free(s->lines[i].bytes[j]);
        }
    }
    free(s->lines);
    *s = (struct script){0};
}

static void run(struct keyspace *k, const struct script_line *line, struct buffer *replies)
{
    assert_true(
        run_arguments(k, line->database, 3, line->argument_count, line->arguments, replies));
}

/* --- a world ------------------------------------------------------------------------------- */

struct world {
    struct keyspace *walked;
    struct keyspace *twin; /* Has the same history. */
    struct prng prng;
    uint64_t key_count; /* Commands choose among so many keys. */
    uint32_t growth;    /* So many of ten commands that set or delete set a key. */
    char value[VALUE_BYTES_MAX];
};

static void line_add_key(struct world *w, struct script_line *line)
{
    char text[400];
    uint64_t number = prng_below(&w->prng, w->key_count);
    int size = sprintf(text, number % 40 == 0 ? "%0300lu" : "k%lu", (unsigned long)number);

    line_add(line, slice_of(text, (size_t)size));
}

static void line_add_number(struct world *w, struct script_line *line, uint64_t below)
{
    char text[24];

    line_add(line, slice_of(text, (size_t)sprintf(text, "%lu",
                                                  (unsigned long)prng_below(&w->prng, below))));
}

static void line_add_value(struct world *w, struct script_line *line)
{
    static const size_t limits[] = {20, 20, 20, 20, 20, 300, 300, 300, 1000, 20000};
    size_t limit = limits[prng_below(&w->prng, sizeof limits / sizeof limits[0])];

    if (prng_chance(&w->prng, 1, 100)) {
        limit = VALUE_BYTES_MAX;
    }

    size_t size = (size_t)prng_below(&w->prng, limit);

    memset(w->value, (int)prng_next(&w->prng), size);
    for (size_t i = 0; i < size; i += 500) {
        w->value[i] = (char)prng_next(&w->prng);
    }
    line_add(line, slice_of(w->value, size));
}

enum shape { KEY, KEYS, KEY_VALUE, KEYS_VALUES, KEY_AT_VALUE, KEY_BIT, KEY_DATABASE, TWO, NOTHING };

struct choice {
    const char *name;
    enum shape shape;
    uint32_t weight;
};

static void complete_line(struct world *w, struct script_line *line, enum shape shape)
{
    uint64_t count = shape == KEYS || shape == KEYS_VALUES ? prng_between(&w->prng, 1, 10) : 1;

    for (uint64_t i = 0; shape <= KEY_DATABASE && i < count; i++) {
        line_add_key(w, line);
        if (shape == KEY_AT_VALUE) {
            line_add_number(w, line, 50 * 1000);
        }
        if (shape == KEY_VALUE || shape == KEYS_VALUES || shape == KEY_AT_VALUE) {
            line_add_value(w, line);
        }
    }
    if (shape == KEY_BIT) {
        line_add_number(w, line, 8 * 100 * 1000);
        line_add_number(w, line, 2);
    } else if (shape == KEY_DATABASE) {
        line_add_number(w, line, 4);
    } else if (shape == TWO) {
        line_add_number(w, line, 4);
        line_add_number(w, line, 4);
    }
}

/* A random command in one of four databases. */
static struct script_line *add_command(struct world *w, struct script *s)
{
    static const struct choice growing[] = {
        {"SET", KEY_VALUE, 30},     {"MSET", KEYS_VALUES, 6}, {"SETNX", KEY_VALUE, 5},
        {"GETSET", KEY_VALUE, 3},   {"INCR", KEY, 5},         {"MSETNX", KEYS_VALUES, 2},
        {"APPEND", KEY_VALUE, 10},  {"SETBIT", KEY_BIT, 6},   {"SETRANGE", KEY_AT_VALUE, 6},
        {"MOVE", KEY_DATABASE, 10}, {"GET", KEY, 5},
    };
    static const struct choice shrinking[] = {
        {"DEL", KEYS, 300}, {"GETDEL", KEY, 150},    {"UNLINK", KEYS, 100},
        {"SWAPDB", TWO, 8}, {"FLUSHDB", NOTHING, 3}, {"FLUSHALL", NOTHING, 1},
    };
    bool grows = prng_below(&w->prng, 10) < w->growth;
    const struct choice *choice = grows ? growing : shrinking;
    size_t count =
        grows ? sizeof growing / sizeof growing[0] : sizeof shrinking / sizeof shrinking[0];
    uint64_t weight = 0;

    for (size_t i = 0; i < count; i++) {
        weight += choice[i].weight;
    }
    weight = prng_below(&w->prng, weight);
    while (weight >= choice->weight) {
        weight -= choice->weight;
        choice++;
    }

    struct script_line *line = script_add(s, (uint32_t)prng_below(&w->prng, 4));

    line_add(line, slice_str(choice->name));
    complete_line(w, line, choice->shape);
    return line;
}

/* --- comparing ------------------------------------------------------------------------------ */

static void note_item(void *context, struct slice key, const struct kv_value *value)
{
    struct buffer *out = context;

    buffer_append(out, &key.size, sizeof key.size);
    buffer_append(out, &value->bytes.size, sizeof value->bytes.size);
    buffer_append(out, &value->traits.type, sizeof value->traits.type);
    buffer_append(out, &value->traits.expires_ms, sizeof value->traits.expires_ms);
    buffer_append_slice(out, key);
    buffer_append_slice(out, value->bytes);
}

/* All items, bucket by bucket. */
static void note_database(struct keyspace *k, uint32_t database, struct buffer *out)
{
    uint64_t cursor = 0;

    do {
        cursor = kv_scan(keyspace_database(k, database), cursor, 1, note_item, out);
        buffer_append(out, &cursor, sizeof cursor);
    } while (cursor != 0);
}

static void expect_same(struct keyspace *a, struct keyspace *b)
{
    assert_true(keyspace_digest(a) == keyspace_digest(b));
    assert_true(keyspace_digest(b) == keyspace_digest_recomputed(b));
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        struct buffer of_a = {0};
        struct buffer of_b = {0};

        assert_int_equal(keyspace_count(a, i), keyspace_count(b, i));
        note_database(a, i, &of_a);
        note_database(b, i, &of_b);
        assert_true(slice_equal(buffer_slice(&of_a), buffer_slice(&of_b)));
        buffer_deinit(&of_a);
        buffer_deinit(&of_b);
    }
}

/* Loads records in pieces of random size. */
static struct keyspace *load(struct prng *prng, struct slice records)
{
    struct keyspace *k = keyspace_new(SEED);
    struct keyspace_loader *loader = keyspace_loader_new(k);
    uint64_t limit = prng_chance(prng, 1, 2) ? 30 : 100 * 1000;

    while (records.size > 0) {
        size_t size = (size_t)prng_between(prng, 1, limit);

        size = size < records.size ? size : records.size;
        assert_true(keyspace_loader_take(loader, slice_of(records.data, size)));
        records = slice_of(records.data + size, records.size - size);
    }
    assert_true(keyspace_loader_finish(loader));
    keyspace_loader_free(loader);
    return k;
}

/* --- random walks ----------------------------------------------------------------------------- */

static void run_both(struct world *w, uint64_t count)
{
    struct buffer replies = {0};

    for (uint64_t i = 0; i < count; i++) {
        struct script script = {0};
        const struct script_line *line = add_command(w, &script);

        run(w->walked, line, &replies);
        run(w->twin, line, &replies);
        buffer_clear(&replies);
        script_clear(&script);
    }
    buffer_deinit(&replies);
}

static void tidy_at_times(struct world *w)
{
    if (prng_chance(&w->prng, 1, 5)) {
        keyspace_tidy(w->walked, prng_below(&w->prng, 30));
    }
}

/* Walks; between the steps it runs commands, and records them in `script` with their replies. */
static void walk_under_change(struct world *w, uint64_t step_bytes, uint64_t command_count,
                              struct buffer *records, struct script *script, struct buffer *replies)
{
    bool is_over = false;

    keyspace_walk_begin(w->walked, records);
    while (!is_over) {
        is_over = keyspace_walk_step(w->walked, step_bytes);
        for (uint64_t i = prng_below(&w->prng, command_count); i > 0; i--) {
            run(w->walked, add_command(w, script), replies);
            tidy_at_times(w);
        }
        assert_true(keyspace_walk_permille(w->walked) <= 1000);
    }
    keyspace_walk_end(w->walked);
    assert_int_equal(w->walked->common.walk_bytes, 0);
    assert_int_equal(keyspace_walk_held_bytes(w->walked), 0);
}

/* Some steps of a walk that is then given up. */
static void give_up_a_walk(struct world *w)
{
    struct buffer records = {0};

    keyspace_walk_begin(w->walked, &records);
    for (uint64_t i = prng_below(&w->prng, 20); i > 0; i--) {
        keyspace_walk_step(w->walked, 1000);
        run_both(w, prng_below(&w->prng, 10));
        tidy_at_times(w);
    }
    keyspace_walk_end(w->walked);
    assert_int_equal(w->walked->common.walk_bytes, 0);
    assert_int_equal(keyspace_walk_held_bytes(w->walked), 0);
    buffer_deinit(&records);
}

/* One walk: the records hold the twin's state, and the same commands change both alike. */
static void expect_walk(struct world *w, uint64_t step_bytes, uint64_t command_count)
{
    struct buffer records = {0};
    struct buffer replies = {0};
    struct buffer replies_again = {0};
    struct script script = {0};

    walk_under_change(w, step_bytes, command_count, &records, &script, &replies);

    struct keyspace *loaded = load(&w->prng, buffer_slice(&records));

    expect_same(w->twin, loaded);
    for (size_t i = 0; i < script.count; i++) {
        run(loaded, &script.lines[i], &replies_again);
    }
    assert_true(slice_equal(buffer_slice(&replies), buffer_slice(&replies_again)));
    expect_same(w->walked, loaded);
    keyspace_free(w->twin);
    w->twin = loaded;
    script_clear(&script);
    buffer_deinit(&records);
    buffer_deinit(&replies);
    buffer_deinit(&replies_again);
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);

    w->walked = keyspace_new(SEED);
    w->twin = keyspace_new(SEED);
    w->prng.state = seed;
    w->key_count = 400;
    w->growth = 8;
    return w;
}

static void world_free(struct world *w)
{
    keyspace_free(w->walked);
    keyspace_free(w->twin);
    free(w);
}

static void test_walk__gives_the_state_at_its_beginning(void **state)
{
    static const uint64_t key_counts[] = {3, 40, 400, 4000};
    static const uint64_t steps[] = {1, 300, 5000, 300 * 1000};

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world *w = world_new(seed);

        for (int i = 0; i < 4; i++) {
            w->key_count = key_counts[prng_below(&w->prng, 4)];
            w->growth = (uint32_t)prng_between(&w->prng, 2, 9);
            run_both(w, prng_below(&w->prng, 600));
            w->growth = (uint32_t)prng_between(&w->prng, 1, 10);
            if (prng_chance(&w->prng, 1, 2)) {
                give_up_a_walk(w);
            }
            expect_walk(w, steps[prng_below(&w->prng, 4)], prng_between(&w->prng, 1, 9));
        }
        world_free(w);
    }
}

/* --- one thing at a time --------------------------------------------------------------------- */

enum { LARGE_BYTES = 3 * 1000 * 1000, STEP_BYTES_MAX = 50 * 1000 };

struct bench {
    struct keyspace *k;
    struct kv *kv; /* Database 0. */
    struct buffer records;
    struct prng prng;
};

static struct bench bench_new(void)
{
    struct bench b = {.k = keyspace_new(SEED), .prng = {5}};

    b.kv = keyspace_database(b.k, 0);
    return b;
}

static void bench_free(struct bench *b)
{
    keyspace_free(b->k);
    buffer_deinit(&b->records);
}

static void set(struct kv *kv, const char *key, char byte, size_t size)
{
    char *value = memory_take(size + 1);

    memset(value, byte, size);
    kv_set(kv, slice_str(key), slice_of(value, size));
    free(value);
}

static void finish_walk(struct bench *b)
{
    while (!keyspace_walk_step(b->k, 1000)) {
    }
    keyspace_walk_end(b->k);
}

/* Whether the value of a key is `size` times `byte`. */
static bool holds(struct keyspace *k, uint32_t database, const char *key, char byte, size_t size)
{
    struct slice value;

    if (!kv_get(keyspace_database(k, database), slice_str(key), &value) || value.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (value.data[i] != byte) {
            return false;
        }
    }
    return true;
}

static void test_walk__of_nothing_is_over_at_once(void **state)
{
    struct bench b = bench_new();

    (void)state;
    assert_int_equal(keyspace_walk_permille(b.k), 1000);
    keyspace_walk_begin(b.k, &b.records);
    assert_true(keyspace_is_walked(b.k));
    set(b.kv, "new", 'n', 100); /* Not part of the state to be walked. */
    assert_true(keyspace_walk_step(b.k, 1));
    keyspace_walk_end(b.k);
    assert_false(keyspace_is_walked(b.k));
    assert_int_equal(buffer_size(&b.records), 0);
    bench_free(&b);
}

/* Whatever the items are, neither a step nor a change of a small value takes long. */
static void test_walk__goes_in_small_steps(void **state)
{
    struct bench b = bench_new();
    char key[16];
    size_t size = 0;
    bool is_over = false;

    (void)state;
    for (int i = 0; i < 40; i++) {
        sprintf(key, "k%d", i);
        set(b.kv, key, 'v', i % 4 == 0 ? LARGE_BYTES : 10);
    }
    for (int i = 40; i < 1000; i++) {
        sprintf(key, "k%d", i);
        set(b.kv, key, 'v', 1000 + 2 * (size_t)i);
    }
    keyspace_walk_begin(b.k, &b.records);
    for (int i = 1; !is_over; i = (i + 2) % 1000) {
        is_over = keyspace_walk_step(b.k, 1);
        assert_true(buffer_size(&b.records) - size < STEP_BYTES_MAX);
        size = buffer_size(&b.records);
        sprintf(key, "k%d", i);
        set(b.kv, key, 'w', 10);
        assert_true(buffer_size(&b.records) - size < STEP_BYTES_MAX);
        size = buffer_size(&b.records);
        assert_true(keyspace_memory_bytes(b.k) < 10 * (uint64_t)LARGE_BYTES + 3 * 1000 * 1000);
    }
    keyspace_walk_end(b.k);

    struct keyspace *loaded = load(&b.prng, buffer_slice(&b.records));

    assert_true(holds(loaded, 0, "k4", 'v', LARGE_BYTES));
    assert_true(holds(loaded, 0, "k5", 'v', 10));
    keyspace_free(loaded);
    bench_free(&b);
}

/* A value that is replaced, deleted, moved or flushed before it is written is kept until then,
 * and no longer. */
static void test_walk__keeps_large_values_until_written(void **state)
{
    struct bench b = bench_new();
    struct kv *other = keyspace_database(b.k, 1);
    uint64_t empty_bytes = keyspace_memory_bytes(b.k);

    (void)state;
    set(b.kv, "replaced", 'r', LARGE_BYTES);
    set(b.kv, "deleted", 'd', LARGE_BYTES);
    set(b.kv, "moved", 'm', LARGE_BYTES);
    set(b.kv, "flushed", 'f', 20 * 1000);
    keyspace_walk_begin(b.k, &b.records);
    set(b.kv, "replaced", 'R', LARGE_BYTES);
    assert_true(kv_delete(b.kv, slice_str("deleted")));
    assert_true(kv_move(b.kv, other, slice_str("moved")));
    assert_true(kv_move(b.kv, other, slice_str("flushed")));
    kv_append(other, slice_str("moved"), slice_str("!"));
    kv_clear(other); /* This frees items that came from a database under the walk. */
    keyspace_tidy(b.k, UINT64_MAX);
    kv_set_range(b.kv, slice_str("replaced"), 5, slice_str("!"));
    assert_true(keyspace_memory_bytes(b.k) > 4 * (uint64_t)LARGE_BYTES);
    assert_true(keyspace_walk_held_bytes(b.k) > 3 * (uint64_t)LARGE_BYTES);
    finish_walk(&b);
    kv_clear(b.kv);
    while (keyspace_tidy(b.k, 1000)) {
    }
    assert_int_equal(keyspace_memory_bytes(b.k), empty_bytes);

    struct keyspace *loaded = load(&b.prng, buffer_slice(&b.records));

    assert_true(holds(loaded, 0, "replaced", 'r', LARGE_BYTES));
    assert_true(holds(loaded, 0, "deleted", 'd', LARGE_BYTES));
    assert_true(holds(loaded, 0, "moved", 'm', LARGE_BYTES));
    assert_true(holds(loaded, 0, "flushed", 'f', 20 * 1000));
    assert_int_equal(keyspace_count(loaded, 1), 0);
    keyspace_free(loaded);
    bench_free(&b);
}

/* A change in place costs as much as it changes, not as much as the value. */
static void test_walk__copies_only_what_changes_of_a_large_value(void **state)
{
    struct bench b = bench_new();
    struct slice key = slice_str("large");
    uint64_t bytes = 0;

    (void)state;
    set(b.kv, "large", 'v', LARGE_BYTES);
    keyspace_walk_begin(b.k, &b.records);
    kv_append(b.kv, key, slice_str("!")); /* Has room from now on. */
    bytes = keyspace_memory_bytes(b.k);
    for (size_t at = 5; at < LARGE_BYTES; at += 500 * 1000) {
        kv_set_range(b.kv, key, at, slice_str("?"));
        keyspace_walk_step(b.k, 100 * 1000);
    }
    kv_append(b.kv, key, slice_str("!"));
    assert_true(keyspace_memory_bytes(b.k) < bytes + 200 * 1000);
    finish_walk(&b);
    assert_true(keyspace_memory_bytes(b.k) < bytes);

    struct keyspace *loaded = load(&b.prng, buffer_slice(&b.records));

    assert_true(holds(loaded, 0, "large", 'v', LARGE_BYTES));
    keyspace_free(loaded);
    bench_free(&b);
}

/* A key may be as large as a value. */
static void test_walk__writes_large_keys_down(void **state)
{
    struct bench b = bench_new();
    char *key = memory_take_zeroed(1, LARGE_BYTES);

    (void)state;
    memset(key, 'k', LARGE_BYTES - 1);
    set(b.kv, key, 'v', 10);
    keyspace_walk_begin(b.k, &b.records);
    kv_set_range(b.kv, slice_str(key), 5, slice_str("changed"));
    finish_walk(&b);

    struct keyspace *loaded = load(&b.prng, buffer_slice(&b.records));

    assert_true(holds(loaded, 0, key, 'v', 10));
    keyspace_free(loaded);
    free(key);
    bench_free(&b);
}

/* A flushed table is kept as long as it is walked, and is then freed like any other. */
static void test_walk__frees_a_flushed_database_afterwards(void **state)
{
    struct bench b = bench_new();
    uint64_t empty_bytes = keyspace_memory_bytes(b.k);
    char key[16];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        sprintf(key, "k%d", i);
        set(b.kv, key, 'v', 100);
    }
    keyspace_walk_begin(b.k, &b.records);
    keyspace_clear(b.k);
    set(b.kv, "k0", 'w', 100);
    kv_clear(b.kv); /* The walk does not need this table. */
    while (keyspace_tidy(b.k, 1000)) {
    }
    finish_walk(&b);
    assert_true(keyspace_tidy(b.k, 1));
    while (keyspace_tidy(b.k, 1000)) {
    }
    assert_int_equal(keyspace_memory_bytes(b.k), empty_bytes);

    struct keyspace *loaded = load(&b.prng, buffer_slice(&b.records));

    assert_int_equal(keyspace_count(loaded, 0), 5000);
    assert_true(holds(loaded, 0, "k0", 'v', 100));
    keyspace_free(loaded);
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk__gives_the_state_at_its_beginning),
        cmocka_unit_test(test_walk__of_nothing_is_over_at_once),
        cmocka_unit_test(test_walk__goes_in_small_steps),
        cmocka_unit_test(test_walk__keeps_large_values_until_written),
        cmocka_unit_test(test_walk__copies_only_what_changes_of_a_large_value),
        cmocka_unit_test(test_walk__writes_large_keys_down),
        cmocka_unit_test(test_walk__frees_a_flushed_database_afterwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
