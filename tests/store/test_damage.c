/* Damage is not absence (I-35): what a crash may leave at the end of the log is dropped; with
 * any other damage the store refuses to start, gives a reason, and changes nothing.
 * docs/SCENARIOS.md: 38, 41, 47, 48, 68. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture.h"
#include "store/segment.h"

static const char first_segment[] = "log-0000000000000001.seg";
static const char second_segment[] = "log-0000000000000002.seg";

/* The range of sectors in which two images differ. */
static void find_difference(const struct image *a, const struct image *b, size_t *ret_from,
                            size_t *ret_to)
{
    size_t from = 0;
    size_t to = a->size;

    assert_int_equal(a->size, b->size);
    while (from < to && memcmp(a->data + from, b->data + from, SECTOR_BYTES) == 0) {
        from += SECTOR_BYTES;
    }
    while (to > from &&
           memcmp(a->data + to - SECTOR_BYTES, b->data + to - SECTOR_BYTES, SECTOR_BYTES) == 0) {
        to -= SECTOR_BYTES;
    }
    assert_true(from < to);
    *ret_from = from;
    *ret_to = to;
}

/* --- the tail --- */

enum { SPOIL_ZERO, SPOIL_FLIP, SPOIL_KINDS };

static void spoil_sector(struct image *image, size_t at, int spoil)
{
    if (spoil == SPOIL_ZERO) {
        memset(image->data + at, 0, SECTOR_BYTES);
    } else {
        image->data[at + 5] ^= 0x10;
    }
}

/* A log with two acknowledged jobs and a last one of three batches, after a crash. */
static void make_tail(struct fixture *f, size_t *ret_from, size_t *ret_to, uint64_t *ret_kept)
{
    struct image before;
    struct image after;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_vote(f, 2, 1);
    fixture_append_durable(f, 1, 10);
    fixture_run_ms(f, 20);
    before = image_read(f, first_segment);
    *ret_kept = f->last_index;
    fixture_vote(f, 3, 1); /* Written at once; what follows collects in one job. */
    fixture_append(f, 2, 300);
    fixture_truncate(f, f->last_index, 1, 600);
    fixture_truncate(f, f->last_index, 2, 20);
    fixture_await(f);
    after = image_read(f, first_segment);
    find_difference(&before, &after, ret_from, ret_to);
    fixture_crash(f);
    image_free(&before);
    image_free(&after);
}

static void test_damage__any_part_of_the_last_job_may_be_missing(void **state)
{
    struct fixture *f = *state;
    uint64_t kept = 0;
    size_t from = 0;
    size_t to = 0;
    unsigned sector_count;

    f->segment_bytes = 16384;
    make_tail(f, &from, &to, &kept);

    struct image image = image_read(f, first_segment);
    struct image vote_a = image_read(f, "vote-a");
    struct image vote_b = image_read(f, "vote-b");

    sector_count = (unsigned)((to - from) / SECTOR_BYTES);
    assert_true(sector_count >= 6 && sector_count <= 9);
    for (unsigned subset = 1; subset < 1u << sector_count; subset++) {
        for (int spoil = 0; spoil < SPOIL_KINDS; spoil++) {
            struct image torn = {.data = memory_copy(image.data, image.size), .size = image.size};

            for (unsigned i = 0; i < sector_count; i++) {
                if ((subset >> i & 1) != 0) {
                    spoil_sector(&torn, from + (size_t)i * SECTOR_BYTES, spoil);
                }
            }
            image_write(f, first_segment, &torn);
            image_write(f, "vote-a", &vote_a);
            image_write(f, "vote-b", &vote_b);
            image_free(&torn);
            if (fixture_try_open(f) != 0) {
                fail_msg("subset %x: %s", subset, f->text);
            }
            assert_true(f->recovered.last_index >= kept);
            assert_true(f->recovered.last_index < kept + 4);
            assert_int_equal(f->recovered.current_term, 3);
            fixture_close(f);
        }
    }
    image_free(&image);
    image_free(&vote_a);
    image_free(&vote_b);
}

static void test_damage__torn_rest_is_gone_after_one_start(void **state)
{
    struct fixture *f = *state;
    uint64_t kept = 0;
    size_t from = 0;
    size_t to = 0;

    make_tail(f, &from, &to, &kept);

    struct image image = image_read(f, first_segment);

    spoil_sector(&image, from, SPOIL_FLIP);
    image_write(f, first_segment, &image);
    image_free(&image);
    f->last_index = kept;
    fixture_open(f);
    assert_int_equal(f->recovered.torn_bytes, to - from);
    fixture_check_log(f, kept);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(f->recovered.torn_bytes, 0);
    fixture_check_log(f, kept);
    f->current_term = 3;
    fixture_append_durable(f, 4, 100);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, kept + 4);
}

/* --- the middle --- */

/* Damages each sector of [from, to) of the first segment in turn, in two ways. */
static void check_each_sector_refused(struct fixture *f, size_t from, size_t to)
{
    struct image image = image_read(f, first_segment);

    for (size_t at = from; at < to; at += SECTOR_BYTES) {
        for (int spoil = 0; spoil < SPOIL_KINDS; spoil++) {
            struct image spoilt = {.data = memory_copy(image.data, image.size), .size = image.size};

            spoil_sector(&spoilt, at, spoil);
            image_write(f, first_segment, &spoilt);
            fixture_check_refused(f, STORE_EDAMAGED, first_segment);
            image_free(&spoilt);
        }
    }
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_open(f); /* Restored. */
    fixture_check_log(f, f->last_index);
}

static void test_damage__before_the_last_job_refuses(void **state)
{
    struct fixture *f = *state;
    struct image before;
    struct image after;
    size_t from = 0;
    size_t to = 0;

    fixture_open(f);
    fixture_append_durable(f, 3, 700);
    before = image_read(f, first_segment);
    fixture_append(f, 20, 50);
    fixture_append(f, 3, 200);
    fixture_await(f);
    after = image_read(f, first_segment);
    find_difference(&before, &after, &from, &to);
    fixture_append_durable(f, 1, 10); /* Records that everything before is durable. */
    fixture_crash(f);
    check_each_sector_refused(f, SECTOR_BYTES, to);
    image_free(&before);
    image_free(&after);
}

static void test_damage__in_an_earlier_segment_refuses(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 8192;
    fixture_open(f);
    fixture_append_durable(f, 7, 900);
    fixture_append_durable(f, 7, 900);
    fixture_append_durable(f, 7, 900);
    fixture_crash(f);
    check_each_sector_refused(f, 0, 8192 - SECTOR_BYTES);
}

static void test_damage__after_a_clean_end_refuses_even_in_the_last_job(void **state)
{
    struct fixture *f = *state;
    struct image before;
    struct image after;
    size_t from = 0;
    size_t to = 0;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    before = image_read(f, first_segment);
    fixture_append_durable(f, 2, 400);
    after = image_read(f, first_segment);
    find_difference(&before, &after, &from, &to);
    fixture_close(f);
    check_each_sector_refused(f, from, to);
    image_free(&before);
    image_free(&after);
}

static void test_damage__segment_cut_short_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    image.size -= SECTOR_BYTES;
    image_write(f, first_segment, &image);
    fixture_check_refused(f, STORE_EDAMAGED, "cut short");
    image_free(&image);
}

static void test_damage__flipped_bit_in_a_head_is_not_believed(void **state)
{
    enum { COMMIT_INDEX_AT = 104 }; /* docs/DISK_FORMAT.md, "Batch". */
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 1, 100); /* Two sectors each, from sector 1 on. */
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    image.data[3 * SECTOR_BYTES + COMMIT_INDEX_AT] ^= 1;
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_open(f); /* The last job can't be distinguished from a torn one. */
    fixture_check_log(f, 1);
    assert_int_equal(f->recovered.commit_index, 0);
    fixture_crash(f);
}

/* --- records in the wrong place --- */

static void test_damage__batch_written_to_the_wrong_place_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 1, 100); /* Two sectors each, from sector 1 on. */
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    memcpy(image.data + 5 * SECTOR_BYTES, image.data + 3 * SECTOR_BYTES, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    fixture_open(f);
    fixture_check_log(f, 2);
    assert_int_equal(f->recovered.torn_bytes, 2 * SECTOR_BYTES);
    fixture_crash(f);

    memcpy(image.data + 3 * SECTOR_BYTES, image.data + SECTOR_BYTES, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    fixture_check_refused(f, STORE_EDAMAGED, "wrong place"); /* Where the second batch was. */
    memset(image.data + 5 * SECTOR_BYTES, 0, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    fixture_check_refused(f, STORE_EDAMAGED, "vote"); /* It recorded the second batch. */
    image_free(&image);
}

/* What was written at `from` went to `to` instead. */
static void go_astray(const struct image *from_segment, size_t from, const struct image *to_segment,
                      size_t to, size_t size)
{
    memcpy(to_segment->data + to, from_segment->data + from, size);
    memset(from_segment->data + from, 0, size);
}

/* Over the records of one batch and the head of the next: except for its own head, which is
 * there, this looks like a torn job (seed 900018098 of rakit-sim --beyond). */
static void test_damage__last_job_written_over_older_ones_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    for (int i = 0; i < 4; i++) {
        fixture_append_durable(f, 1, 100); /* Two sectors each, from sector 1 on. */
    }
    fixture_crash(f);
    image = image_read(f, first_segment);
    go_astray(&image, 7 * SECTOR_BYTES, &image, 4 * SECTOR_BYTES, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, "entries 2 to 2 cannot be read");
}

/* Then it is only missing itself; a crash would not have left it there. */
static void test_damage__last_job_written_where_nothing_was_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    go_astray(&image, 3 * SECTOR_BYTES, &image, 9 * SECTOR_BYTES, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, "wrong place");
}

/* Its salt is not that of the segment in which it was written. */
static void test_damage__first_job_of_a_segment_written_into_the_one_before_refuses(void **state)
{
    struct fixture *f = *state;
    struct image first;
    struct image second;

    f->segment_bytes = 8192; /* Sixteen sectors: seven batches of two. */
    fixture_open(f);
    for (int i = 0; i < 7; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_run_ms(f, 20);
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    first = image_read(f, first_segment);
    second = image_read(f, second_segment);
    go_astray(&second, SECTOR_BYTES, &first, 12 * SECTOR_BYTES, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &first);
    image_write(f, second_segment, &second);
    image_free(&first);
    image_free(&second);
    fixture_check_refused(f, STORE_EDAMAGED, "entries 6 to 6 cannot be read");
}

static void test_damage__old_records_on_a_recycled_segment_are_not_believed(void **state)
{
    struct fixture *f = *state;
    struct store_identity identity = {.cluster_id = FIXTURE_CLUSTER, .node_id = FIXTURE_NODE};
    struct image image;
    struct segment_head head;

    f->segment_bytes = 8192;
    fixture_open(f);
    fixture_append_durable(f, 14, 900); /* Fills two segments. */
    fixture_run_ms(f, 20);
    fixture_crash(f);
    assert_false(fixture_has_file(f, "log-0000000000000004.seg"));
    image = image_read(f, first_segment);
    segment_head_decode(image.data, &head);
    head.number = 3;
    for (int i = 0; i < 2; i++) { /* Even if the salts were equal. */
        head.salt += (uint64_t)i;
        segment_head_encode(image.data, &identity, &head);
        image_write(f, "log-0000000000000003.seg", &image);
        fixture_open(f);
        fixture_check_log(f, 14);
        assert_true(f->recovered.torn_bytes > 0);
        fixture_crash(f);
    }
    image_free(&image);
    fixture_open(f);
    fixture_append_durable(f, 2, 10);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 16);
}

static void test_damage__segment_under_another_name_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_run_ms(f, 20);
    fixture_crash(f);
    image = image_read(f, first_segment);
    image_write(f, second_segment, &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, second_segment);
}

static void test_damage__segment_of_another_node_refuses(void **state)
{
    struct fixture *f = *state;
    struct store_identity other = {.cluster_id = FIXTURE_CLUSTER, .node_id = FIXTURE_NODE + 1};
    struct segment_head head;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    segment_head_decode(image.data, &head);
    segment_head_encode(image.data, &other, &head);
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, "another node");
}

/* --- the vote --- */

/* A closed node with a vote in term 4. */
static void make_vote(struct fixture *f)
{
    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_vote(f, 4, 99);
    fixture_await(f);
    fixture_close(f);
}

static void spoil_file(struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);

    image.data[at] ^= 4;
    image_write(f, name, &image);
    image_free(&image);
}

static void test_damage__one_bad_copy_of_the_vote_is_mended(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    struct fixture *f = *state;

    make_vote(f);
    for (int i = 0; i < 4; i++) {
        char path[400];

        snprintf(path, sizeof path, "%s/%s", f->dir, names[i % 2]);
        if (i < 2) {
            spoil_file(f, names[i], 41);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        fixture_open(f);
        assert_int_equal(f->recovered.current_term, 4);
        assert_int_equal(f->recovered.voted_for, 99);
        fixture_close(f);
        assert_true(fixture_has_file(f, names[i % 2]));
    }
}

static void test_damage__newer_copy_of_the_vote_counts(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    struct fixture *f = *state;
    struct image old;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    old = image_read(f, "vote-a");
    make_vote(f);
    for (int i = 0; i < 2; i++) {
        image_write(f, names[i], &old); /* As if the disk had lost the write. */
        fixture_open(f);
        assert_int_equal(f->recovered.current_term, 4);
        assert_int_equal(f->recovered.voted_for, 99);
        fixture_close(f);
    }
    image_free(&old);
}

static void test_damage__both_copies_of_the_vote_bad_refuses(void **state)
{
    struct fixture *f = *state;
    char path[400];

    make_vote(f);
    spoil_file(f, "vote-a", 41);
    spoil_file(f, "vote-b", 300);
    fixture_check_refused(f, STORE_EDAMAGED, "vote");
    snprintf(path, sizeof path, "%s/vote-a", f->dir);
    assert_int_equal(unlink(path), 0);
    fixture_check_refused(f, STORE_EDAMAGED, "vote");
    snprintf(path, sizeof path, "%s/vote-b", f->dir);
    assert_int_equal(unlink(path), 0);
    fixture_check_refused(f, STORE_EDAMAGED, "vote");
}

static void test_damage__vote_older_than_the_log_refuses(void **state)
{
    struct fixture *f = *state;
    struct image old;

    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    old = image_read(f, "vote-a");
    fixture_open(f);
    fixture_vote(f, 4, 99);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    image_write(f, "vote-a", &old);
    image_write(f, "vote-b", &old);
    image_free(&old);
    fixture_check_refused(f, STORE_EDAMAGED, "vote");
}

/* --- identity, versions, lock --- */

static void test_damage__vote_of_another_node_refuses(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    enum { AT_NODE_ID = 24 };
    struct fixture *f = *state;

    make_vote(f);
    for (int i = 0; i < 2; i++) {
        struct image image = image_read(f, names[i]);
        struct image other = {.data = memory_copy(image.data, image.size), .size = image.size};

        other.data[AT_NODE_ID] ^= 1;
        head_seal(other.data);
        image_write(f, names[i], &other);
        fixture_check_refused(f, STORE_EDAMAGED, names[i]);
        image_write(f, names[i], &image);
        image_free(&image);
        image_free(&other);
    }
    fixture_open(f);
}

static void test_damage__identity_missing_or_bad_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;
    char path[400];

    make_vote(f);
    image = image_read(f, "identity");
    spoil_file(f, "identity", 20);
    fixture_check_refused(f, STORE_EDAMAGED, "identity");
    snprintf(path, sizeof path, "%s/identity", f->dir);
    assert_int_equal(unlink(path), 0);
    fixture_check_refused(f, STORE_EDAMAGED, "identity");
    image_write(f, "identity", &image);
    image_free(&image);
    fixture_open(f);
}

static void test_damage__unknown_version_refuses(void **state)
{
    static const char *const names[] = {"identity", "cluster-key", "vote-a", "vote-b",
                                        "log-0000000000000001.seg"};
    struct fixture *f = *state;

    make_vote(f);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct image image = image_read(f, names[i]);
        struct image other = {.data = memory_copy(image.data, image.size), .size = image.size};

        for (int version = 1; version <= FORMAT_VERSION + 1; version++) {
            if (version == FORMAT_VERSION) {
                continue;
            }
            other.data[8] = (char)version;
            head_seal(other.data);
            image_write(f, names[i], &other);
            fixture_check_refused(f, STORE_EFORMAT, names[i]);
            assert_non_null(strstr(f->text, version < FORMAT_VERSION
                                                ? "let it join its cluster, or, for a whole"
                                                : "with the program that wrote it"));
        }
        image_write(f, names[i], &image);
        image_free(&image);
        image_free(&other);
    }
    fixture_open(f);
}

static void test_damage__second_server_is_refused_by_name_of_the_holder(void **state)
{
    struct fixture *f = *state;
    struct store *first;
    char pid[32];

    fixture_open(f);
    fixture_append_durable(f, 1, 10);
    fixture_run_ms(f, 50); /* The next segment is being made. */
    first = f->store;
    snprintf(pid, sizeof pid, "process %ld;", (long)getpid());
    fixture_check_refused(f, STORE_ELOCKED, pid);
    fixture_check_refused(f, STORE_ELOCKED, f->dir);
    f->store = first;
    fixture_append_durable(f, 1, 10);
}

static void test_damage__files_left_under_temporary_names_are_removed(void **state)
{
    static const char *const names[] = {"identity.tmp", "vote-a.tmp",
                                        "log-0000000000000002.seg.tmp"};
    struct fixture *f = *state;
    struct image rubbish = {.data = memory_copy("rubbish", 7), .size = 7};

    make_vote(f);
    for (int i = 0; i < 3; i++) {
        image_write(f, names[i], &rubbish);
    }
    image_write(f, "notes.txt", &rubbish);
    fixture_open(f);
    fixture_run_ms(f, 20);
    for (int i = 0; i < 3; i++) {
        assert_false(fixture_has_file(f, names[i]));
    }
    assert_true(fixture_has_file(f, "notes.txt"));
    image_free(&rubbish);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_damage__any_part_of_the_last_job_may_be_missing),
        TEST(test_damage__torn_rest_is_gone_after_one_start),
        TEST(test_damage__before_the_last_job_refuses),
        TEST(test_damage__in_an_earlier_segment_refuses),
        TEST(test_damage__after_a_clean_end_refuses_even_in_the_last_job),
        TEST(test_damage__segment_cut_short_refuses),
        TEST(test_damage__flipped_bit_in_a_head_is_not_believed),
        TEST(test_damage__batch_written_to_the_wrong_place_is_not_believed),
        TEST(test_damage__last_job_written_over_older_ones_refuses),
        TEST(test_damage__last_job_written_where_nothing_was_refuses),
        TEST(test_damage__first_job_of_a_segment_written_into_the_one_before_refuses),
        TEST(test_damage__old_records_on_a_recycled_segment_are_not_believed),
        TEST(test_damage__segment_under_another_name_refuses),
        TEST(test_damage__segment_of_another_node_refuses),
        TEST(test_damage__one_bad_copy_of_the_vote_is_mended),
        TEST(test_damage__newer_copy_of_the_vote_counts),
        TEST(test_damage__both_copies_of_the_vote_bad_refuses),
        TEST(test_damage__vote_older_than_the_log_refuses),
        TEST(test_damage__vote_of_another_node_refuses),
        TEST(test_damage__identity_missing_or_bad_refuses),
        TEST(test_damage__unknown_version_refuses),
        TEST(test_damage__second_server_is_refused_by_name_of_the_holder),
        TEST(test_damage__files_left_under_temporary_names_are_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
