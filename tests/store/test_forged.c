/* Files with right checksums whose content makes no sense: this program never writes that, so
 * nothing of it is believed. The node refuses to start, gives a reason, and changes no byte
 * (I-34, I-35). */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "fixture.h"
#include "store/segment.h"

static const char first_segment[] = "log-0000000000000001.seg";

/* --- batches ------------------------------------------------------------------------- */

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

    image_forge(&bad, forgery->batch, forgery->field, forgery->value);
    image_write(f, first_segment, &bad);
    image_free(&bad);
}

static void test_forged__batch_that_makes_no_sense_refuses(void **state)
{
    static const struct forgery forgeries[] = {
        {4, 56, 1000, "damaged at byte"},          /* The size is not a number of whole sectors. */
        {4, 56, 1ull << 40, "damaged at byte"},    /* The size is beyond the file. */
        {4, 56, 0, "damaged at byte"},             /* The size is less than the head's. */
        {4, 64, 9, "damaged at byte"},             /* A wrong number. */
        {4, 72, 1, "damaged at byte"},             /* A wrong job. */
        {4, 80, 77, "a later part of the log"},    /* A wrong record of what was durable. */
        {4, 88, 77, "damaged at byte"},            /* It does not follow the previous one. */
        {5, 96, 77, "a vote was lost"},            /* A vote that does not exist. */
        {4, 104, 1000, "entries are missing"},     /* A commit index beyond the end. */
        {4, 112, 2, "where committed ones stand"}, /* It cuts committed entries. */
        {4, 112, 9, "where committed ones stand"}, /* It cuts beyond the end. */
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

static void test_forged__too_many_empty_segments_refuse(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    fixture_close(f);
    for (uint64_t number = 2; number <= 4; number++) {
        fixture_write_empty_segment(f, number, FIXTURE_CLUSTER);
    }
    fixture_open(f); /* Crashes may leave so many. */
    fixture_check_log(f, 3);
    fixture_close(f);
    fixture_write_empty_segment(f, 5, FIXTURE_CLUSTER);
    fixture_check_refused(f, STORE_EDAMAGED, "holds 5 log segments from the end of the log on");
}

static void test_forged__segment_of_another_cluster_refuses(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    fixture_close(f);
    fixture_write_empty_segment(f, 2, FIXTURE_CLUSTER + 1);
    fixture_check_refused(f, STORE_EDAMAGED, "belongs to another node, cluster or place");
}

static void test_forged__log_without_a_cluster_refuses(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_try_open(f), 0);
    fixture_close(f);
    fixture_write_empty_segment(f, 1, FIXTURE_CLUSTER);
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
