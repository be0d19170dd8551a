/* Segments that the log does not need any more become its next ones (I-86): what they held before
 * is neither believed nor reported. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "spoil.h"
#include "store/files.h"

static uint64_t file_id(const struct fixture *f, uint64_t number)
{
    char path[PATH_BYTES_MAX];
    struct stat status;

    segment_path(f->dir, number, path);
    return stat(path, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static int count_spares(const struct fixture *f)
{
    DIR *dir = opendir(f->dir);
    struct dirent *item;
    int count = 0;

    assert_non_null(dir);
    while ((item = readdir(dir)) != NULL) {
        count += strstr(item->d_name, ".seg.tmp") != NULL;
    }
    closedir(dir);
    return count;
}

static void append(struct fixture *f, int batches)
{
    for (int i = 0; i < batches; i++) {
        fixture_append_durable(f, 1, 100);
        fixture_run_ms(f, i % 7 == 6 ? 20 : 0);
    }
}

static void check_found(struct fixture *f)
{
    fixture_crash(f);
    fixture_open(f);
    assert_string_equal(f->recovered.log_case, "log-whole");
    assert_int_equal(f->recovered.torn_bytes, 0);
    fixture_check_log(f, f->last_index);
}

static void test_reuse__a_dropped_segment_is_the_next_one(void **state)
{
    struct fixture *f = *state;
    uint64_t ids[3];

    make_log(f, 20); /* The third segment is written to; the fourth is ready. */
    for (uint64_t i = 0; i < 3; i++) {
        ids[i] = file_id(f, i + 1);
    }
    fixture_move_origin(f, 15);
    assert_int_equal(count_spares(f), 2);
    assert_int_equal(file_id(f, 1), 0);
    append(f, 14);
    assert_int_equal(file_id(f, 5), ids[1]);
    assert_int_equal(file_id(f, 6), ids[0]);
    assert_int_equal(count_spares(f), 0);
    for (int i = 0; i < 20; i++) { /* Batch by batch over what they held. */
        append(f, 1);
        check_found(f);
    }
    assert_int_equal(f->recovered.origin.index, 15);
}

static void test_reuse__again_and_again(void **state)
{
    struct fixture *f = *state;

    make_log(f, 10);
    for (int i = 0; i < 20; i++) {
        append(f, 11);
        fixture_move_origin(f, f->last_index - 2);
        append(f, 1);
        if (i % 5 == 4) {
            check_found(f);
        }
    }
    assert_true(file_id(f, 36) != 0);
}

static void test_reuse__is_of_few(void **state)
{
    struct fixture *f = *state;

    make_log(f, 60);
    fixture_move_origin(f, 60);
    assert_int_equal(count_spares(f), SPARES_MAX);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(count_spares(f), 0); /* Not after a start. */
}

static void test_reuse__segments_of_other_sizes_are_not(void **state)
{
    struct fixture *f = *state;

    make_log(f, 7);
    fixture_append_durable(f, 1, 9000); /* In a segment of its own. */
    append(f, 8);
    fixture_move_origin(f, 15);
    append(f, 30);
    check_found(f);
}

/* What a torn job leaves in a reused segment is found, and nothing else. */
static void test_reuse__a_torn_job_is_known_by_its_head(void **state)
{
    struct fixture *f = *state;
    char name[NAME_BYTES_MAX];

    make_log(f, 20);
    fixture_move_origin(f, 15);
    append(f, 10);
    assert_true(file_id(f, 5) != 0);
    segment_name(name, 5);
    fixture_crash(f);
    flip_bit(f, name, 4 * SECTOR_BYTES + 50); /* The record of its second batch. */
    fixture_open(f);
    assert_string_equal(f->recovered.log_case, "torn-tail");
    assert_int_equal(f->recovered.torn_bytes, 2 * SECTOR_BYTES);
    fixture_check_log(f, f->last_index - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reuse__a_dropped_segment_is_the_next_one),
        TEST(test_reuse__again_and_again),
        TEST(test_reuse__is_of_few),
        TEST(test_reuse__segments_of_other_sizes_are_not),
        TEST(test_reuse__a_torn_job_is_known_by_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
