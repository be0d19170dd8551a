/* Segments that somebody has removed (I-35): a log without one of its segments is never taken
 * for a shorter log, wherever that was and however the node ended; only empty ones are made
 * again. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fixture.h"
#include "store/files.h"

enum { SEGMENT_BYTES = 8192 };

static void remove_segment(const struct fixture *f, uint64_t number)
{
    char name[NAME_BYTES_MAX];
    char path[400];

    segment_name(name, number);
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_int_equal(unlink(path), 0);
}

static bool has_segment(const struct fixture *f, uint64_t number)
{
    char name[NAME_BYTES_MAX];

    segment_name(name, number);
    return fixture_has_file(f, name) != 0;
}

static bool is_empty(const struct fixture *f, uint64_t number)
{
    char name[NAME_BYTES_MAX];
    struct image image;
    bool is_zero = true;

    segment_name(name, number);
    image = image_read(f, name);
    for (size_t i = SECTOR_BYTES; i < image.size; i++) {
        is_zero = is_zero && image.data[i] == 0;
    }
    image_free(&image);
    return is_zero;
}

/* The last segment that contains anything. */
static uint64_t last_used(const struct fixture *f)
{
    uint64_t number = 1;

    while (has_segment(f, number)) {
        number++;
    }
    do {
        number--;
    } while (number > 0 && is_empty(f, number));
    return number;
}

/* Removes the segments from the last one down to `first`: however many are gone, it must be
 * noticed. */
static void check_all_missed(struct fixture *f, uint64_t first)
{
    uint64_t last = first;
    char word[128];

    while (has_segment(f, last + 1)) {
        last++;
    }
    for (uint64_t number = last; number >= first && number > 0; number--) {
        bool was_empty = is_empty(f, number);

        remove_segment(f, number);
        if (!was_empty) {
            snprintf(word, sizeof word, "segment %llu of the log (log-%016llx.seg) is missing",
                     (unsigned long long)number, (unsigned long long)number);
            fixture_check_refused(f, STORE_EDAMAGED, word);
        }
    }
}

static void test_missing__segment_in_the_middle_refuses(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 30, 500);
    fixture_crash(f);
    for (uint64_t number = 1; number <= 2; number++) {
        char name[NAME_BYTES_MAX];
        struct image image;

        segment_name(name, number);
        image = image_read(f, name);
        remove_segment(f, number);
        fixture_check_refused(f, STORE_EDAMAGED, "missing");
        image_write(f, name, &image);
        image_free(&image);
    }
    fixture_open(f);
    fixture_check_log(f, 30);
}

static void test_missing__last_segments_after_a_crash_refuse(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 40, 500);
    fixture_crash(f);
    assert_true(last_used(f) >= 3);
    check_all_missed(f, 1);
}

static void test_missing__last_segments_after_an_orderly_end_refuse(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 40, 500);
    fixture_close(f);
    check_all_missed(f, 1);
}

/* With a single entry in it, acknowledged a moment ago. */
static void test_missing__segment_that_was_just_begun_refuses(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_run_ms(f, 20);
    do {
        fixture_append_durable(f, 1, 500);
        fixture_run_ms(f, 2);
    } while (!has_segment(f, 3)); /* It is made once the second one is used. */
    fixture_crash(f);
    assert_int_equal(last_used(f), 2);
    check_all_missed(f, 2);
}

static void test_missing__segment_of_one_large_entry_refuses(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_append_durable(f, 1, 30000);
    fixture_crash(f);
    assert_int_equal(last_used(f), 2);
    check_all_missed(f, 1);
}

static void test_missing__empty_segment_is_made_again(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    fixture_crash(f);
    assert_true(is_empty(f, 2));
    remove_segment(f, 2);
    fixture_open(f);
    fixture_check_log(f, 3);
    fixture_append_durable(f, 30, 500);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 33);
}

/* As written by programs that did not record it. */
static void test_missing__vote_that_names_no_segment_is_as_good(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    enum { LAST_SEGMENT_AT = 64 }; /* docs/DISK_FORMAT.md, "vote-a, vote-b". */
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_append_durable(f, 30, 500);
    fixture_close(f);
    for (int i = 0; i < 2; i++) {
        struct image image = image_read(f, names[i]);

        assert_int_equal(get_u64(image.data + LAST_SEGMENT_AT), last_used(f));
        put_u64(image.data + LAST_SEGMENT_AT, 0);
        head_seal(image.data);
        image_write(f, names[i], &image);
        image_free(&image);
    }
    fixture_open(f);
    fixture_check_log(f, 30);
    fixture_crash(f); /* Since that start it is recorded. */
    check_all_missed(f, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* --- under a running store ------------------------------------------------- */

static void open_and_write(struct fixture *f)
{
    f->failed_count = 0;
    f->last_index = 0;
    f->current_term = 0;
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_vote(f, 7, FIXTURE_NODE);
    fixture_await(f);
}

static void await_failure(struct fixture *f)
{
    for (int i = 0; f->failed_count == 0 && i < 1000; i++) {
        fixture_run_ms(f, 10);
    }
    assert_int_equal(f->failed_count, 1);
    assert_int_equal(f->failed_error, -ENOENT);
}

/* Nothing is acknowledged any more, with or without further writes. */
static void check_noticed(struct fixture *f, bool by_writing)
{
    uint64_t durable_seq = f->durable_seq;

    if (by_writing) {
        fixture_append(f, 1, 100);
    }
    await_failure(f);
    assert_int_equal(f->durable_seq, durable_seq);
}

static void test_missing__directory_that_is_removed_is_noticed(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct fixture *f = *state;

        fixture_enter(f, i == 0 ? "by-writing" : "by-looking");
        open_and_write(f);
        fixture_remove(f->dir);
        check_noticed(f, i == 0);
        fixture_close(f);
    }
}

static void test_missing__directory_that_is_moved_is_noticed(void **state)
{
    struct fixture *f = *state;
    char away[400];

    open_and_write(f);
    snprintf(away, sizeof away, "%s.away", f->dir);
    assert_int_equal(rename(f->dir, away), 0);
    check_noticed(f, true);
    fixture_close(f);
    /* If the directory is put back, it has what was acknowledged; the rest may be there as well. */
    assert_int_equal(rename(away, f->dir), 0);
    fixture_open(f);
    assert_in_range(f->recovered.last_index, 3, 4);
    assert_int_equal(f->recovered.current_term, 7);
}

static void test_missing__copy_in_the_place_of_a_file_is_noticed(void **state)
{
    static const char *const names[] = {"log-0000000000000001.seg", "vote-a", "vote-b"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[400];
        struct image image;

        fixture_enter(f, names[i]);
        open_and_write(f);
        image = image_read(f, names[i]);
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        assert_int_equal(unlink(path), 0);
        image_write(f, names[i], &image);
        image_free(&image);
        check_noticed(f, false);
        fixture_close(f);
    }
}

static void test_missing__vote_that_is_removed_is_not_acknowledged(void **state)
{
    struct fixture *f = *state;
    char path[400];

    open_and_write(f);
    uint64_t durable_seq = f->durable_seq;

    snprintf(path, sizeof path, "%s/vote-b", f->dir);
    assert_int_equal(unlink(path), 0);
    fixture_vote(f, 8, FIXTURE_NODE);
    await_failure(f);
    assert_int_equal(f->durable_seq, durable_seq);
}

/* As under a mount: an entry that fits into no segment gets its own, which is created by name,
 * and the new directory is noticed. */
static void test_missing__segment_made_in_another_directory_is_not_acknowledged(void **state)
{
    struct fixture *f = *state;
    char away[400];

    f->segment_bytes = SEGMENT_BYTES;
    open_and_write(f);
    fixture_run_ms(f, 30); /* No segment is being made any more, which would fail first. */
    uint64_t durable_seq = f->durable_seq;

    snprintf(away, sizeof away, "%s.away", f->dir);
    assert_int_equal(rename(f->dir, away), 0);
    assert_int_equal(mkdir(f->dir, 0700), 0);
    fixture_append(f, 1, 30000);
    await_failure(f);
    assert_int_equal(f->durable_seq, durable_seq);
    fixture_close(f);
    /* What was covered is unchanged. */
    fixture_remove(f->dir);
    assert_int_equal(rename(away, f->dir), 0);
    fixture_open(f);
    assert_int_equal(f->recovered.last_index, 3);
    assert_int_equal(f->recovered.current_term, 7);
}

/* Writes must not postpone the check. */
static void test_missing__file_that_is_removed_under_writes_is_noticed(void **state)
{
    static const char *const names[] = {"identity", "cluster-key"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[400];

        fixture_enter(f, names[i]);
        open_and_write(f);
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        assert_int_equal(unlink(path), 0);
        for (int j = 0; f->failed_count == 0 && j < 100; j++) {
            fixture_append(f, 1, 100);
            fixture_run_ms(f, 50);
        }
        assert_int_equal(f->failed_count, 1);
        assert_int_equal(f->failed_error, -ENOENT);
        fixture_close(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_missing__segment_in_the_middle_refuses),
        TEST(test_missing__last_segments_after_a_crash_refuse),
        TEST(test_missing__last_segments_after_an_orderly_end_refuse),
        TEST(test_missing__segment_that_was_just_begun_refuses),
        TEST(test_missing__segment_of_one_large_entry_refuses),
        TEST(test_missing__empty_segment_is_made_again),
        TEST(test_missing__vote_that_names_no_segment_is_as_good),
        TEST(test_missing__directory_that_is_removed_is_noticed),
        TEST(test_missing__directory_that_is_moved_is_noticed),
        TEST(test_missing__copy_in_the_place_of_a_file_is_noticed),
        TEST(test_missing__vote_that_is_removed_is_not_acknowledged),
        TEST(test_missing__segment_made_in_another_directory_is_not_acknowledged),
        TEST(test_missing__file_that_is_removed_under_writes_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
