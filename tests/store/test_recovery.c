/* The table of verdicts (I-35): each row has the test with its name here, which makes a real log
 * or vote, changes bytes or files, and checks that this row and no other decides the start.
 * docs/DISK_FORMAT.md has the same rows, word for word. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "spoil.h"
#include "store/recovery.h"

static const char first_segment[] = "log-0000000000000001.seg";
static const char second_segment[] = "log-0000000000000002.seg";
static const char third_segment[] = "log-0000000000000003.seg";

enum {
    COMMIT_INDEX_AT = 104, /* docs/DISK_FORMAT.md: in a batch. */
    TRUNCATE_FROM_AT = 112,
    VOTE_ROWS = 6, /* The first ones of the table. */
};

/* --- what is changed ---------------------------------------------------------------------- */

static void zero_sectors(const struct fixture *f, const char *name, size_t first, size_t count)
{
    struct image image = image_read(f, name);

    memset(image.data + first * SECTOR_BYTES, 0, count * SECTOR_BYTES);
    image_write(f, name, &image);
    image_free(&image);
}

static void forge_batch(const struct fixture *f, uint64_t batch, uint32_t field, uint64_t value)
{
    struct image image = image_read(f, first_segment);

    image_forge(&image, batch, field, value);
    image_write(f, first_segment, &image);
    image_free(&image);
}

static void check_starts(struct fixture *f, const char *vote_case, const char *log_case,
                         uint64_t last_index)
{
    fixture_open(f);
    assert_string_equal(f->recovered.vote_case, vote_case);
    assert_string_equal(f->recovered.log_case, log_case);
    fixture_check_log(f, last_index);
}

/* --- votes --------------------------------------------------------------------------------- */

static void test_recovery__vote_unopened(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_close(f);
    put_directory(f, "vote-b");
    check_refused_unseen(f, "vote-unopened");
    assert_non_null(strstr(f->text, "cannot open vote-b"));
}

static void test_recovery__vote_version(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_close(f);
    forge_first_sector(f, "vote-b", VERSION_AT);
    check_refused(f, STORE_EFORMAT, "vote-version");
    assert_non_null(strstr(f->text, "vote-b"));
}

static void test_recovery__vote_foreign(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_close(f);
    forge_first_sector(f, "vote-b", NODE_AT);
    flip_bit(f, "vote-a", 100); /* Neither an own copy nor a missing one would excuse it. */
    check_refused(f, STORE_EDAMAGED, "vote-foreign");
    assert_non_null(strstr(f->text, "vote-b"));
    forge_first_sector(f, "vote-b", NODE_AT);
    forge_first_sector(f, "vote-b", GROUP_AT);
    check_refused(f, STORE_EDAMAGED, "vote-foreign");
}

static void test_recovery__votes_lost(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_close(f);
    flip_bit(f, "vote-a", 41);
    remove_file(f, "vote-b");
    check_refused(f, STORE_EDAMAGED, "votes-lost");
}

static void test_recovery__vote_copy_lost(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_close(f);
    flip_bit(f, "vote-a", 41);
    check_starts(f, "vote-copy-lost", "log-whole", 2);
    assert_non_null(strstr(f->logged, "made again file=\"vote-a\""));
    fixture_close(f);
    remove_file(f, "vote-b");
    check_starts(f, "vote-copy-lost", "log-whole", 2);
    assert_non_null(strstr(f->logged, "made again file=\"vote-b\""));
    fixture_close(f);
    check_starts(f, "votes-whole", "log-whole", 2); /* It was repaired. */
    assert_null(strstr(f->logged, "vote"));
}

static void test_recovery__votes_whole(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_vote(f, 4, 99);
    fixture_await(f);
    fixture_crash(f);
    check_starts(f, "votes-whole", "log-whole", 2);
    assert_int_equal(f->recovered.current_term, 4);
    assert_int_equal(f->recovered.voted_for, 99);
}

/* --- segments ------------------------------------------------------------------------------ */

static void test_recovery__origin_unreadable(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    put_directory(f, "origin");
    check_refused_unseen(f, "origin-unreadable");
}

static void test_recovery__origin_version(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    forge_first_sector(f, "origin", VERSION_AT);
    check_refused(f, STORE_EFORMAT, "origin-version");
    assert_non_null(strstr(f->text, "format version 2"));
    assert_non_null(strstr(f->text, "an older version"));
}

static void test_recovery__origin_damaged(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    flip_bit(f, "origin", 40);
    check_refused(f, STORE_EDAMAGED, "origin-damaged");
    flip_bit(f, "origin", 40);
    forge_first_sector(f, "origin", 39); /* An index that no log ever has. */
    check_refused(f, STORE_EDAMAGED, "origin-damaged");
}

static void test_recovery__origin_foreign(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    forge_first_sector(f, "origin", NODE_AT);
    check_refused(f, STORE_EDAMAGED, "origin-foreign");
    forge_first_sector(f, "origin", NODE_AT);
    forge_first_sector(f, "origin", GROUP_AT);
    check_refused(f, STORE_EDAMAGED, "origin-foreign");
}

static void test_recovery__segment_gap(void **state)
{
    struct fixture *f = *state;

    make_log(f, 8);
    fixture_crash(f);
    remove_file(f, first_segment);
    check_refused(f, STORE_EDAMAGED, "segment-gap");
    assert_non_null(strstr(f->text, "segment 1 of the log (log-0000000000000001.seg)"));
}

static void test_recovery__segment_end_missing(void **state)
{
    struct fixture *f = *state;

    make_log(f, 8);
    fixture_crash(f);
    remove_file(f, second_segment);
    if (fixture_has_file(f, "log-0000000000000003.seg")) {
        remove_file(f, "log-0000000000000003.seg");
    }
    check_refused(f, STORE_EDAMAGED, "segment-end-missing");
    assert_non_null(strstr(f->text, "segment 2 of the log (log-0000000000000002.seg)"));
}

/* No test can make a real disk do that. */
static void test_recovery__segment_bad_sectors(void **state)
{
    struct vote_files votes = {.found = {FILE_GOOD, FILE_GOOD}};
    struct vote vote = {.generation = 1};
    struct recovery_facts f = {.dir = "dir",
                               .votes = &votes,
                               .vote = &vote,
                               .origin.first_segment = 1,
                               .segment_count = 3,
                               .bad_segment = 2,
                               .bad_state = FILE_UNREADABLE,
                               .error = -EIO};
    const struct recovery_row *row = recovery_decide(&f, RECOVERY_LOG);
    char text[500];

    (void)state;
    assert_string_equal(row->id, "segment-bad-sectors");
    recovery_sentence(row, &f, text, sizeof text);
    assert_non_null(strstr(text, "segment 2 of the log (log-0000000000000002.seg)"));
}

static void test_recovery__segment_unreadable(void **state)
{
    struct fixture *f = *state;

    make_log(f, 8);
    fixture_crash(f);
    put_directory(f, second_segment);
    check_refused_unseen(f, "segment-unreadable");
    assert_non_null(strstr(f->text, second_segment));
}

static void test_recovery__segment_version(void **state)
{
    struct fixture *f = *state;

    make_log(f, 8);
    fixture_crash(f);
    forge_first_sector(f, second_segment, VERSION_AT);
    check_refused(f, STORE_EFORMAT, "segment-version");
    assert_non_null(strstr(f->text, second_segment));
}

static void test_recovery__segment_head_damaged(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_run_ms(f, 20);
    fixture_crash(f);
    flip_bit(f, second_segment, 40); /* Although it contains nothing. */
    check_refused(f, STORE_EDAMAGED, "segment-head-damaged");
    assert_non_null(strstr(f->text, second_segment));
}

static void test_recovery__segment_foreign(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_run_ms(f, 20);
    fixture_crash(f);
    forge_first_sector(f, second_segment, NODE_AT);
    check_refused(f, STORE_EDAMAGED, "segment-foreign");
    assert_non_null(strstr(f->text, second_segment));
    forge_first_sector(f, second_segment, NODE_AT);
    forge_first_sector(f, second_segment, GROUP_AT);
    check_refused(f, STORE_EDAMAGED, "segment-foreign");
}

static void test_recovery__segment_short(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_log(f, 2);
    fixture_crash(f);
    image = image_read(f, first_segment);
    image.size -= SECTOR_BYTES; /* Only zeros are missing. */
    image_write(f, first_segment, &image);
    image_free(&image);
    check_refused(f, STORE_EDAMAGED, "segment-short");
    assert_non_null(strstr(f->text, first_segment));
}

/* --- batches that make no sense ------------------------------------------------------------- */

static void test_recovery__batch_drops_committed(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    f->commit_index = 2;
    fixture_append_durable(f, 1, 100);
    fixture_truncate(f, 3, 1, 100);
    fixture_await(f);
    fixture_close(f);
    forge_batch(f, 4, TRUNCATE_FROM_AT, 2);
    check_refused(f, STORE_EDAMAGED, "batch-drops-committed");
    forge_batch(f, 4, TRUNCATE_FROM_AT, 5); /* Beyond the end. */
    check_refused(f, STORE_EDAMAGED, "batch-drops-committed");
    assert_non_null(strstr(f->text, "batch 4 of the log"));
}

static void test_recovery__batch_leaves_gap(void **state)
{
    enum { FIRST_INDEX_AT = 120 };
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_truncate(f, 3, 0, 0); /* A batch without entries has no records to judge. */
    fixture_await(f);
    fixture_close(f);
    forge_batch(f, 3, FIRST_INDEX_AT, 4);
    check_refused(f, STORE_EDAMAGED, "batch-leaves-gap");
    forge_batch(f, 3, FIRST_INDEX_AT, 3);
    forge_batch(f, 3, COMMIT_INDEX_AT, 3);
    check_refused(f, STORE_EDAMAGED, "batch-leaves-gap");
    assert_non_null(strstr(f->text, "batch 3 of the log"));
}

/* --- behind the end -------------------------------------------------------------------------- */

static void test_recovery__origin_ahead(void **state)
{
    enum { CHECKSUM_AT = 72 };
    struct fixture *f = *state;

    make_log(f, 21);
    fixture_move_origin(f, 21);
    fixture_crash(f);
    forge_first_sector(f, "origin", CHECKSUM_AT); /* Another batch was there. */
    check_refused(f, STORE_EDAMAGED, "origin-ahead");
    forge_first_sector(f, "origin", CHECKSUM_AT);
    zero_sectors(f, third_segment, 1, 15);
    check_refused(f, STORE_EDAMAGED, "origin-ahead");
    assert_non_null(strstr(f->text, ": entries from 22 on are missing, and the file origin"));
}

static void test_recovery__later_batch(void **state)
{
    struct fixture *f = *state;

    make_log(f, 4);
    fixture_crash(f);
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50); /* The record of batch 2. */
    check_refused(f, STORE_EDAMAGED, "later-batch");
    assert_non_null(strstr(f->text, "at byte 1536 of segment 1 (log-0000000000000001.seg): "
                                    "entries 2 to 2 cannot be read, and a later part"));
}

static void test_recovery__stray_batch(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_log(f, 2);
    fixture_crash(f);
    image = image_read(f, first_segment);
    memcpy(image.data + 9 * SECTOR_BYTES, image.data + 3 * SECTOR_BYTES, 2 * SECTOR_BYTES);
    memset(image.data + 3 * SECTOR_BYTES, 0, 2 * SECTOR_BYTES);
    image_write(f, first_segment, &image);
    image_free(&image);
    check_refused(f, STORE_EDAMAGED, "stray-batch");
    assert_non_null(strstr(f->text, ": entries from 2 on are missing, and"));
}

static void test_recovery__vote_ahead(void **state)
{
    struct fixture *f = *state;

    make_log(f, 3);
    fixture_close(f); /* The vote records batch 3. */
    zero_sectors(f, first_segment, 5, 2);
    check_refused(f, STORE_EDAMAGED, "vote-ahead");
    assert_non_null(strstr(f->text, ": entries from 3 on are missing, and"));
}

static void test_recovery__vote_behind(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    struct fixture *f = *state;
    struct image old;

    make_log(f, 2);
    fixture_crash(f);
    old = image_read(f, "vote-a");
    fixture_open(f);
    fixture_vote(f, 4, 99);
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    for (int i = 0; i < 2; i++) {
        image_write(f, names[i], &old);
    }
    image_free(&old);
    check_refused(f, STORE_EDAMAGED, "vote-behind");
}

static void test_recovery__spare_segments(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_run_ms(f, 20);
    fixture_close(f);
    for (uint64_t number = 2; number <= READY_MAX; number++) {
        fixture_write_empty_segment(f, number, FIXTURE_CLUSTER);
    }
    check_starts(f, "votes-whole", "log-whole", 2); /* Crashes may leave so many. */
    fixture_close(f);
    fixture_write_empty_segment(f, READY_MAX + 1, FIXTURE_CLUSTER);
    check_refused(f, STORE_EDAMAGED, "spare-segments");
}

static void test_recovery__torn_tail(void **state)
{
    struct fixture *f = *state;

    make_log(f, 3);
    fixture_crash(f); /* Nothing but batch 3 itself refers to it. */
    zero_sectors(f, first_segment, 6, 1);
    check_starts(f, "votes-whole", "torn-tail", 2);
    assert_int_equal(f->recovered.torn_bytes, SECTOR_BYTES);
    fixture_close(f);
    check_starts(f, "votes-whole", "log-whole", 2); /* It is gone. */
}

static void test_recovery__log_whole(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    fixture_crash(f);
    check_starts(f, "votes-whole", "log-whole", 0); /* Without a single batch. */
    fixture_append_durable(f, 3, 100);
    fixture_crash(f);
    check_starts(f, "votes-whole", "log-whole", 3); /* After a crash. */
    fixture_close(f);
    check_starts(f, "votes-whole", "log-whole", 3); /* And after an orderly end. */
    assert_int_equal(f->recovered.torn_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static const struct CMUnitTest row_tests[] = {
    TEST(test_recovery__vote_unopened),
    TEST(test_recovery__vote_version),
    TEST(test_recovery__vote_foreign),
    TEST(test_recovery__votes_lost),
    TEST(test_recovery__vote_copy_lost),
    TEST(test_recovery__votes_whole),
    TEST(test_recovery__origin_unreadable),
    TEST(test_recovery__origin_version),
    TEST(test_recovery__origin_damaged),
    TEST(test_recovery__origin_foreign),
    TEST(test_recovery__segment_gap),
    TEST(test_recovery__segment_end_missing),
    TEST(test_recovery__segment_bad_sectors),
    TEST(test_recovery__segment_unreadable),
    TEST(test_recovery__segment_version),
    TEST(test_recovery__segment_head_damaged),
    TEST(test_recovery__segment_foreign),
    TEST(test_recovery__segment_short),
    TEST(test_recovery__batch_drops_committed),
    TEST(test_recovery__batch_leaves_gap),
    TEST(test_recovery__origin_ahead),
    TEST(test_recovery__later_batch),
    TEST(test_recovery__stray_batch),
    TEST(test_recovery__vote_ahead),
    TEST(test_recovery__vote_behind),
    TEST(test_recovery__spare_segments),
    TEST(test_recovery__torn_tail),
    TEST(test_recovery__log_whole),
};

/* --- which entries are lost ----------------------------------------------------------------- */

/* The second of a batch's three entries; the third one is known to be good. */
static void test_lost__only_entries_with_bad_records_are_named(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_log(f, 1);
    fixture_append_durable(f, 3, 500); /* Head in sector 3; its records from sector 4 on. */
    fixture_append_durable(f, 1, 100);
    fixture_append_durable(f, 1, 100);
    fixture_crash(f);
    image = image_read(f, first_segment);
    image.data[4 * SECTOR_BYTES + record_bytes(500) + 40] ^= 1;
    image_batch(&image, 3)[SECTOR_BYTES + 40] ^= 1; /* And of the next batch. */
    image_write(f, first_segment, &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, ": entries 3 to 3, 5 to 5 cannot be read, and a");
}

/* With a lost head, the identities are lost, too. */
static void test_lost__entries_without_identities_are_missing(void **state)
{
    struct fixture *f = *state;

    make_log(f, 5);
    fixture_crash(f);
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50); /* The record of batch 2. */
    flip_bit(f, first_segment, 5 * SECTOR_BYTES + 50); /* The head of batch 3. */
    fixture_check_refused(f, STORE_EDAMAGED,
                          ": entries 2 to 2 cannot be read, entries from 3 on are missing, and a");
}

/* The last job was not acknowledged, as far as log and vote show. */
static void test_lost__entries_of_a_torn_job_are_not_named(void **state)
{
    struct fixture *f = *state;

    make_log(f, 3);
    fixture_crash(f);
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50); /* The record of batch 2. */
    flip_bit(f, first_segment, 6 * SECTOR_BYTES + 50); /* The record of the last batch. */
    fixture_check_refused(f, STORE_EDAMAGED, ": entries 2 to 2 cannot be read, and a");
}

/* --- the table and its tests, code and docs ------------------------------------------------- */

static void test_table__has_one_test_for_each_row(void **state)
{
    (void)state;
    check_row_tests(RECOVERY_VOTES, row_tests, VOTE_ROWS);
    check_row_tests(RECOVERY_LOG, row_tests + VOTE_ROWS,
                    sizeof row_tests / sizeof row_tests[0] - VOTE_ROWS);
}

static void test_table__is_that_of_the_docs(void **state)
{
#define START      "start"
#define MEND       "start: mend the copy"
#define DROP       "start: drop the tail"
#define RESTART    "start: drop the log"
#define REPAIR     "repair from other members"
#define DAMAGED    "refuse: damaged"
#define MISSING    "refuse: missing"
#define FOREIGN    "refuse: foreign"
#define VERSION    "refuse: version"
#define UNREADABLE "refuse: unreadable"
#define RECOVERY_ROW(subject, id, condition, verdict, found, why, sentence)                        \
    "| `" id "` | " found " | " verdict " | " why " |\n",
    static const char *const rows[] = {
#include "store/recovery_rows.def"
    };
#undef RECOVERY_ROW
    char line[1000];
    FILE *docs = fopen(DISK_FORMAT, "r");
    bool is_there = false;
    size_t count = 0;

    (void)state;
    assert_non_null(docs);
    while (fgets(line, sizeof line, docs) != NULL) {
        if (line[0] == '#') {
            is_there = strcmp(line, "## Verdicts\n") == 0;
        } else if (is_there && strncmp(line, "| `", 3) == 0) {
            assert_true(count < recovery_row_count);
            assert_string_equal(line, rows[count]);
            count++;
        }
    }
    fclose(docs);
    assert_int_equal(count, recovery_row_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lost__only_entries_with_bad_records_are_named),
        TEST(test_lost__entries_without_identities_are_missing),
        TEST(test_lost__entries_of_a_torn_job_are_not_named),
        TEST(test_table__has_one_test_for_each_row),
        TEST(test_table__is_that_of_the_docs),
    };
    int failed = cmocka_run_group_tests(row_tests, NULL, NULL);

    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
