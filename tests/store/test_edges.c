/* Rare situations: unusual directories, files left by a crash or a person, payloads of many
 * megabytes, very many truncations at once, and reads in the background from a failing disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture.h"
#include "tap.h"

/* --- the directory ---------------------------------------------------------------------- */

static int open_dir(struct fixture *f, const char *dir, char *text, size_t text_size)
{
    struct store_options options = {.dir = dir, .segment_bytes = 65536};

    return store_open(f->io, &options, FIXTURE_NODE, &f->store, &f->recovered, text, text_size);
}

static void test_edges__directory_without_or_with_a_too_long_name_is_refused(void **state)
{
    struct fixture *f = *state;
    char name[8192];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(open_dir(f, name, f->text, sizeof f->text), STORE_EIO);
    assert_non_null(strstr(f->text, "empty or too long"));
    assert_int_equal(open_dir(f, "", f->text, sizeof f->text), STORE_EIO);
    assert_int_equal(open_dir(f, "", NULL, 0), STORE_EIO); /* The caller does not want a message. */
    f->store = NULL;
}

static void test_edges__directory_may_end_with_slashes_or_be_relative(void **state)
{
    struct fixture *f = *state;
    char name[400];
    char before[400];

    snprintf(name, sizeof name, "%s//", f->dir);
    assert_int_equal(open_dir(f, name, f->text, sizeof f->text), STORE_OK);
    assert_true(f->recovered.is_new);
    fixture_close(f);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->root), 0);
    assert_int_equal(open_dir(f, "data", f->text, sizeof f->text), STORE_OK);
    assert_false(f->recovered.is_new);
    fixture_close(f);
    assert_int_equal(chdir(before), 0);
}

static void test_edges__files_of_other_names_are_left_alone(void **state)
{
    static const char *const names[] = {
        "log-",          "log-12.seg",   "vote-",     "x.tmp",       "log-0000000000000001.seg.old",
        "README.md.tmp", "identity.old", "lock.tmp~", "vote-b.old~",
    };
    struct fixture *f = *state;
    char long_name[120];

    fixture_open(f);
    fixture_append_durable(f, 2, 10);
    fixture_close(f);
    snprintf(long_name, sizeof long_name, "vote-%0100d.tmp", 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        image_write(f, names[i], &(struct image){.data = long_name, .size = 3});
    }
    image_write(f, long_name, &(struct image){.data = long_name, .size = 3});
    fixture_open(f);
    fixture_check_log(f, 2);
    fixture_close(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(fixture_has_file(f, names[i]));
    }
    assert_true(fixture_has_file(f, long_name));
}

static void test_edges__second_server_is_refused_whatever_the_lock_file_says(void **state)
{
    struct fixture *f = *state;
    struct store *first;
    struct image empty = {.data = f->text, .size = 0};

    fixture_open(f);
    first = f->store;
    image_write(f, "lock", &empty);
    assert_int_equal(fixture_try_open(f), STORE_ELOCKED);
    assert_non_null(strstr(f->text, "(unknown)"));
    tap_reset();
    tap_fail_nth(2, -EIO); /* Reading it fails. */
    assert_int_equal(fixture_try_open(f), STORE_ELOCKED);
    assert_non_null(strstr(f->text, "(unknown)"));
    tap_reset();
    f->store = first;
}

static void test_edges__second_server_is_refused_though_the_lock_file_was_removed(void **state)
{
    struct fixture *f = *state;
    struct store *first;
    char path[400];

    fixture_open(f);
    first = f->store;
    snprintf(path, sizeof path, "%s/lock", f->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fixture_try_open(f), STORE_ELOCKED);
    assert_non_null(strstr(f->text, "in use"));
    f->store = first;
    fixture_close(f);
    fixture_open(f); /* The lock is released when its holder closes. */
}

static void test_edges__directory_of_a_start_that_failed_can_be_given_back(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_try_open(f), 0);
    assert_true(fixture_has_file(f, "identity"));
    store_discard(f->store);
    fixture_close(f);
    assert_false(fixture_has_file(f, "identity"));
    assert_false(fixture_has_file(f, "lock"));

    /* If they can't be removed, they do no harm. */
    tap_reset();
    assert_int_equal(fixture_try_open(f), 0);
    tap_fail(TAP_OTHER, "/", -EIO, true);
    store_discard(f->store);
    fixture_close(f);
    tap_reset();
    fixture_open(f);
    assert_false(f->recovered.is_new);
    fixture_append_durable(f, 1, 10);
}

/* Opens, which must have that result, and closes again. */
static void open_as(struct fixture *f, bool is_joining, bool is_new_cluster, int expected)
{
    f->is_joining = is_joining;
    f->is_new_cluster = is_new_cluster;
    assert_int_equal(fixture_try_open(f), expected);
    if (expected == STORE_OK) {
        fixture_close(f);
    } else {
        f->store = NULL;
    }
}

static void test_edges__a_directory_made_to_join_founds_no_cluster(void **state)
{
    struct fixture *f = *state;

    open_as(f, true, false, STORE_OK);
    open_as(f, false, false, STORE_EJOINS);
    assert_non_null(strstr(f->text, "name a contact"));
    assert_non_null(strstr(f->text, "--new-cluster"));
    open_as(f, true, false, STORE_OK);
    open_as(f, false, true, STORE_OK);
    open_as(f, true, false, STORE_OK);
    f->is_joining = true;
    fixture_open(f); /* Joins. */
    fixture_close(f);
    open_as(f, false, false, STORE_OK);
    assert_int_equal(f->recovered.identity.node_id, FIXTURE_NODE);
}

static void test_edges__a_founder_that_gets_a_contact_joins(void **state)
{
    struct fixture *f = *state;

    open_as(f, false, false, STORE_OK);
    open_as(f, false, false, STORE_OK); /* The first start was interrupted. */
    open_as(f, true, false, STORE_OK);
    open_as(f, false, false, STORE_EJOINS);
}

static void test_edges__figures_of_an_empty_store_are_zero(void **state)
{
    struct fixture *f = *state;
    struct store_stats stats;

    fixture_open(f);
    store_get_stats(f->store, &stats);
    assert_int_equal(stats.first_index, 0);
    assert_int_equal(stats.last_index, 0);
    assert_int_equal(stats.sync_p50_ns, 0);
    assert_int_equal(stats.sync_p99_ns, 0);
    fixture_append_durable(f, 2, 10);
    store_get_stats(f->store, &stats);
    assert_int_equal(stats.first_index, 1);
    assert_int_equal(stats.last_index, 2);
    assert_true(stats.sync_p50_ns > 0);
    assert_true(stats.sync_p99_ns >= stats.sync_p50_ns);
}

/* A copy of the vote is missing: it is made again, or the start is refused, whatever fails
 * meanwhile; the vote does not change. */
static void test_edges__missing_copy_of_the_vote_is_made_again(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    struct fixture *f = *state;
    uint32_t failures = 0;
    bool has_failed = true;

    fixture_open(f);
    fixture_vote(f, 4, 9);
    fixture_append_durable(f, 2, 10);
    fixture_close(f);
    for (uint32_t n = 1; has_failed; n++) {
        char path[400];

        snprintf(path, sizeof path, "%s/%s", f->dir, names[n % 2]);
        assert_int_equal(unlink(path), 0);
        tap_reset();
        tap_fail_nth(n, -EIO);
        if (fixture_try_open(f) == 0) {
            assert_int_equal(f->recovered.current_term, 4);
            fixture_close(f);
        } else {
            failures++;
            assert_true(f->text[0] != '\0');
        }
        has_failed = tap_has_failed();
        tap_reset();
        fixture_open(f);
        assert_int_equal(f->recovered.current_term, 4);
        assert_int_equal(f->recovered.voted_for, 9);
        fixture_check_log(f, 2);
        fixture_close(f);
        assert_true(fixture_has_file(f, names[0]));
        assert_true(fixture_has_file(f, names[1]));
    }
    assert_true(failures > 20);
}

/* --- large things, and many ------------------------------------------------------------------ */

static void test_edges__payloads_of_many_megabytes_come_back(void **state)
{
    static const uint32_t sizes[] = {9 * 1024 * 1024, 1049056, 100, 400 * 1000, 40 * 1024 * 1024};
    struct fixture *f = *state;
    uint64_t last = 0;

    f->segment_bytes = 32 * 1024 * 1024;
    fixture_open(f);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            fixture_append(f, sizes[i] < 1000000 ? 25 : 1, sizes[i]);
            if (round == 0) {
                fixture_await(f);
            }
        }
        fixture_append(f, 3, 50);
        while (f->durable_seq < f->seq) {
            fixture_await(f);
        }
    }
    last = f->last_index;
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, last);
}

static void test_edges__very_many_truncations_at_once_keep_their_order(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append(f, 60, 20);
    for (uint32_t i = 0; i < 50; i++) { /* All of them wait for the first job. */
        fixture_truncate(f, 60 - i, 1, 10 + i);
    }
    fixture_await(f);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, 11);
}

/* --- reading in the background --- */

struct reading {
    struct store_read read;
    struct fixture *f;
    bool is_done;
    int error;
    uint64_t next;
};

static void read_done(struct store_read *read, int error, struct entry **entries, uint32_t count)
{
    struct reading *r = (struct reading *)(void *)read;

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(entries[i]->index, r->next++);
        assert_int_equal(entries[i]->term, r->f->terms[entries[i]->index]);
        assert_int_equal(entries[i]->size, r->f->sizes[entries[i]->index]);
        entry_release(entries[i]);
    }
    r->is_done = true;
    r->error = error;
    io_uv_stop(r->f->io);
}

static struct reading read_from(struct fixture *f, uint64_t first, uint64_t last)
{
    struct reading r = {
        .read = {.first = first, .last = last, .max_bytes = UINT64_MAX, .done = read_done},
        .f = f,
        .next = first,
    };

    store_read(f->store, &r.read);
    while (!r.is_done) {
        io_uv_run(f->io);
    }
    return r;
}

/* Many short runs of entries, in several segments. */
static void write_stretches(struct fixture *f)
{
    f->segment_bytes = 16384;
    fixture_open(f);
    for (uint64_t i = 0; i < 90; i++) {
        fixture_append(f, 2, 300);
        fixture_vote(f, i + 2, 1);
        fixture_truncate(f, f->last_index, 1, 30); /* Ends the previous run. */
        fixture_await(f);
    }
    fixture_run_ms(f, 30); /* No segment is being made. */
}

static void test_edges__read_of_very_many_stretches_gives_a_first_part(void **state)
{
    struct fixture *f = *state;
    uint64_t next = 1;
    uint32_t reads = 0;

    write_stretches(f);
    while (next <= f->last_index) {
        struct reading r = read_from(f, next, f->last_index);

        assert_int_equal(r.error, 0);
        assert_true(r.next > next);
        next = r.next;
        reads++;
    }
    assert_in_range(reads, 2, 10);
}

static void test_edges__read_that_fails_says_so_or_gives_what_came_before(void **state)
{
    struct fixture *f = *state;
    uint32_t error_count = 0;
    uint32_t part_count = 0;
    bool has_failed = true;

    write_stretches(f);
    for (uint32_t n = 1; has_failed; n++) {
        tap_reset();
        tap_fail_nth(n, -EMFILE);

        struct reading r = read_from(f, 5, 80);

        has_failed = tap_has_failed();
        tap_reset();
        if (has_failed) {
            error_count += r.error == -EMFILE;
            part_count += r.error == 0;
            assert_true(r.error == 0 || (r.error == -EMFILE && r.next == 5));
            assert_true(r.next <= 80);
        } else {
            assert_int_equal(r.error, 0);
        }
    }
    assert_true(error_count >= 2); /* Opening the segment, and reading it. */
    assert_true(part_count >= 2);
    /* An error that may be temporary does not stop the store. */
    assert_int_equal(f->failed_count, 0);
    fixture_append_durable(f, 1, 10);
}

static void test_edges__read_from_a_log_that_is_gone_ends_the_store(void **state)
{
    struct fixture *f = *state;
    uint64_t durable_seq;

    write_stretches(f);
    durable_seq = f->durable_seq;
    tap_reset();
    tap_fail_nth(1, -EIO);

    struct reading r = read_from(f, 5, 80);

    tap_reset();
    assert_int_equal(r.error, -EIO);
    assert_int_equal(r.next, 5);
    assert_int_equal(f->failed_count, 1);
    fixture_append(f, 1, 10);
    fixture_run_ms(f, 30);
    assert_int_equal(f->durable_seq, durable_seq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_edges__directory_without_or_with_a_too_long_name_is_refused),
        TEST(test_edges__directory_may_end_with_slashes_or_be_relative),
        TEST(test_edges__files_of_other_names_are_left_alone),
        TEST(test_edges__second_server_is_refused_whatever_the_lock_file_says),
        TEST(test_edges__second_server_is_refused_though_the_lock_file_was_removed),
        TEST(test_edges__directory_of_a_start_that_failed_can_be_given_back),
        TEST(test_edges__a_directory_made_to_join_founds_no_cluster),
        TEST(test_edges__a_founder_that_gets_a_contact_joins),
        TEST(test_edges__figures_of_an_empty_store_are_zero),
        TEST(test_edges__missing_copy_of_the_vote_is_made_again),
        TEST(test_edges__payloads_of_many_megabytes_come_back),
        TEST(test_edges__very_many_truncations_at_once_keep_their_order),
        TEST(test_edges__read_of_very_many_stretches_gives_a_first_part),
        TEST(test_edges__read_that_fails_says_so_or_gives_what_came_before),
        TEST(test_edges__read_from_a_log_that_is_gone_ends_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
