/* Files whose checksums are right and whose content makes no sense: nothing that this
 * program writes, so nothing of it is believed. The node refuses to start, says why, and
 * changes no byte (I-34, I-35). */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "fixture.h"
#include "store/segment.h"

static const char first_segment[] = "log-0000000000000001.seg";

enum { SALT_AT = 48, HEAD_BYTES_AT = 16, CHECKSUM_AT = 8 };

/* --- batches ------------------------------------------------------------------------- */

/* The log's batches stand one behind the other, from the second sector on. */
static char *batch_at(const struct image *segment, uint32_t number)
{
    char *at = segment->data + SECTOR_BYTES;

    for (uint32_t i = 1; i < number; i++) {
        at += get_u64(at + 56);
    }
    assert_int_equal(get_u64(at + 64), number);
    return at;
}

/* A log of five jobs, of which the last two cut entries; ended in order. */
static struct image make_log(struct fixture *f)
{
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    f->commit_index = 2;
    fixture_append_durable(f, 2, 100);
    fixture_append_durable(f, 2, 100);
    fixture_truncate(f, 6, 1, 50);
    fixture_await(f);
    fixture_truncate(f, 6, 0, 0); /* A batch without entries. */
    fixture_await(f);
    fixture_close(f);
    return image_read(f, first_segment);
}

struct forgery {
    uint32_t batch;
    uint32_t field; /* docs/DISK_FORMAT.md: its offset in the batch. */
    uint64_t value;
    const char *word;
};

static void forge(struct fixture *f, const struct image *good, const struct forgery *forgery)
{
    struct image bad = {.data = memory_copy(good->data, good->size), .size = good->size};
    char *batch = batch_at(&bad, forgery->batch);
    uint64_t salt = get_u64(bad.data + SALT_AT);

    put_u64(batch + forgery->field, forgery->value);
    put_u64(batch + CHECKSUM_AT,
            checksum_seeded(batch + HEAD_BYTES_AT, get_u32(batch + HEAD_BYTES_AT) - HEAD_BYTES_AT,
                            salt));
    image_write(f, first_segment, &bad);
    image_free(&bad);
}

static void test_forged__batch_that_makes_no_sense_refuses(void **state)
{
    static const struct forgery forgeries[] = {
        {4, 56, 1000, "damaged at byte"},          /* Its size is no whole sectors, */
        {4, 56, 1ull << 40, "damaged at byte"},    /* or beyond the file, */
        {4, 56, 0, "damaged at byte"},             /* or less than its head. */
        {4, 64, 9, "damaged at byte"},             /* Its number, */
        {4, 72, 1, "damaged at byte"},             /* its job, */
        {4, 80, 77, "a later part of the log"},    /* or what was durable is not so. */
        {4, 88, 77, "damaged at byte"},            /* It does not follow the one before. */
        {5, 96, 77, "a vote was lost"},            /* A vote that nobody knows. */
        {4, 104, 1000, "entries are missing"},     /* Committed beyond its end. */
        {4, 112, 2, "where committed ones stand"}, /* It cuts what was committed, */
        {4, 112, 9, "where committed ones stand"}, /* or beyond the end. */
        {4, 120, 8, "a later part of the log"},    /* Its entries have another index. */
        {5, 120, 8, "entries are missing"},        /* A gap. */
    };
    struct fixture *f = *state;
    struct image good = make_log(f);

    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        print_message("forgery %zu\n", i);
        forge(f, &good, &forgeries[i]);
        fixture_check_refused(f, STORE_EDAMAGED, forgeries[i].word);
    }
    image_write(f, first_segment, &good);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    image_free(&good);
}

/* --- segments and identities ------------------------------------------------------------ */

static void write_empty_segment(struct fixture *f, uint64_t number, uint64_t cluster_id)
{
    struct store_identity identity = {.cluster_id = cluster_id, .node_id = FIXTURE_NODE};
    struct segment_head head = {.number = number, .bytes = 8192, .salt = number};
    struct image image = {.data = memory_take_zeroed(1, 8192), .size = 8192};
    char name[64];

    segment_head_encode(image.data, &identity, &head);
    segment_name(name, number);
    image_write(f, name, &image);
    image_free(&image);
}

static void test_forged__too_many_empty_segments_refuse(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    fixture_close(f);
    for (uint64_t number = 2; number <= 4; number++) {
        write_empty_segment(f, number, FIXTURE_CLUSTER);
    }
    fixture_open(f); /* So many may be left by crashes. */
    fixture_check_log(f, 3);
    fixture_close(f);
    write_empty_segment(f, 5, FIXTURE_CLUSTER);
    fixture_check_refused(f, STORE_EDAMAGED, "holds 5 log segments from the end of the log on");
}

static void test_forged__segment_of_another_cluster_refuses(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    fixture_close(f);
    write_empty_segment(f, 2, FIXTURE_CLUSTER + 1);
    fixture_check_refused(f, STORE_EDAMAGED, "belongs to another node, cluster or place");
}

static void test_forged__log_without_a_cluster_refuses(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_try_open(f), 0);
    fixture_close(f);
    write_empty_segment(f, 1, FIXTURE_CLUSTER);
    fixture_check_refused(f, STORE_EDAMAGED, "knows no cluster");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forged__batch_that_makes_no_sense_refuses),
        TEST(test_forged__too_many_empty_segments_refuse),
        TEST(test_forged__segment_of_another_cluster_refuses),
        TEST(test_forged__log_without_a_cluster_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
