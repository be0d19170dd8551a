/* Entries that are not in memory any more are read in the background. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"
#include "fixture.h"

struct reading {
    struct store_read read;
    struct fixture *f;
    bool is_done;
    int error;
    uint64_t first;
    uint32_t count;
    uint64_t bytes;
};

static void read_done(struct store_read *read, int error, struct entry **entries, uint32_t count)
{
    struct reading *r = (struct reading *)(void *)read;

    r->is_done = true;
    r->error = error;
    r->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct entry *e = entries[i];
        char *expected = memory_take(e->size + 1);

        if (i == 0) {
            r->first = e->index;
        }
        assert_int_equal(e->index, r->first + i);
        assert_int_equal(e->references, 1);
        assert_int_equal(e->term, r->f->terms[e->index]);
        assert_int_equal(e->time_us, fixture_time_us(e->index, e->term));
        assert_int_equal(e->size, r->f->sizes[e->index]);
        fixture_fill(r->f, e->index, e->term, expected, e->size);
        assert_true(memcmp(e->data, expected, e->size) == 0);
        r->bytes += e->size;
        free(expected);
        entry_release(e);
    }
    io_uv_stop(r->f->io);
}

static struct reading read_range(struct fixture *f, uint64_t first, uint64_t last,
                                 uint64_t max_bytes)
{
    struct reading r = {
        .read = {.first = first, .last = last, .max_bytes = max_bytes, .done = read_done},
        .f = f,
    };

    store_read(f->store, &r.read);
    while (!r.is_done) {
        io_uv_run(f->io);
    }
    return r;
}

static void write_mixture(struct fixture *f)
{
    for (uint32_t i = 0; i < 80; i++) {
        fixture_append(f, 1 + i % 7, i * 91 % 2000);
        if (i % 5 == 0) {
            fixture_await(f);
        }
        if (i % 20 == 19) {
            fixture_vote(f, i, 1);
            fixture_truncate(f, f->last_index - 3, 2, 300);
        }
    }
    fixture_await(f);
}

static void test_read__gives_any_range(void **state)
{
    struct fixture *f = *state;
    struct prng p = {.state = 9};

    fixture_open(f);
    write_mixture(f);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            uint64_t first = prng_between(&p, 1, f->last_index);
            uint64_t last = prng_between(&p, first, f->last_index);
            struct reading r = read_range(f, first, last, UINT64_MAX);

            assert_int_equal(r.error, 0);
            assert_int_equal(r.first, first);
            assert_true(r.count > 0 && r.count <= last - first + 1);
        }
        fixture_close(f);
        fixture_open(f);
    }
}

static void test_read__gives_all_of_a_short_range(void **state)
{
    struct fixture *f = *state;
    struct reading r;

    fixture_open(f);
    write_mixture(f);
    r = read_range(f, 5, 60, UINT64_MAX);
    assert_int_equal(r.count, 56);
}

static void test_read__stops_at_the_bound_but_gives_one(void **state)
{
    struct fixture *f = *state;
    struct reading r;

    fixture_open(f);
    fixture_append_durable(f, 20, 1000);
    r = read_range(f, 3, 20, 1);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.first, 3);
    r = read_range(f, 3, 20, 4500);
    assert_int_equal(r.count, 4);
    r = read_range(f, 3, 20, 4000);
    assert_int_equal(r.count, 4);
}

static void test_read__goes_on_while_the_log_is_written(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 10, 100);
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t durable = f->last_index;
        struct reading r;

        fixture_append(f, 5, i);
        r = read_range(f, 1 + i % durable, durable, UINT64_MAX);
        assert_int_equal(r.error, 0);
        fixture_await(f);
    }
}

static void test_read__reports_damage_and_returns_none_of_it(void **state)
{
    struct fixture *f = *state;
    struct image image;
    struct reading r;
    size_t at = 0;

    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_append_durable(f, 1, 700);
    image = image_read(f, "log-0000000000000001.seg");
    at = 512 + 1024 + 512 + 32 + 300; /* In the second entry's payload. */
    image.data[at] ^= 1;
    image_write(f, "log-0000000000000001.seg", &image);
    r = read_range(f, 2, 2, 1000);
    assert_int_equal(r.count, 0);
    assert_int_equal(r.error, -EBADMSG);
    assert_int_equal(f->failed_count, 1); /* The node stops. */
    assert_int_equal(f->failed_error, -EBADMSG);
    r = read_range(f, 1, 2, 1000);
    assert_int_equal(r.count, 1);
    image.data[at] ^= 1;
    image_write(f, "log-0000000000000001.seg", &image);
    image_free(&image);
    r = read_range(f, 1, 2, 1000);
    assert_int_equal(r.count, 2);
}

static void test_read__close_forgets_reads_under_way(void **state)
{
    struct fixture *f = *state;
    struct reading r[5];

    fixture_open(f);
    write_mixture(f);
    memset(r, 0, sizeof r);
    for (int i = 0; i < 5; i++) {
        r[i].f = f;
        r[i].read = (struct store_read){
            .first = 1, .last = f->last_index, .max_bytes = UINT64_MAX, .done = read_done};
        store_read(f->store, &r[i].read);
    }
    fixture_close(f);
    for (int i = 0; i < 5; i++) {
        assert_false(r[i].is_done);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read__gives_any_range),
        TEST(test_read__gives_all_of_a_short_range),
        TEST(test_read__stops_at_the_bound_but_gives_one),
        TEST(test_read__goes_on_while_the_log_is_written),
        TEST(test_read__reports_damage_and_returns_none_of_it),
        TEST(test_read__close_forgets_reads_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
