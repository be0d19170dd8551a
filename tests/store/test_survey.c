/* A survey (survey.h) examines a directory without changing it, and reports about it what a
 * start would. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "fixture.h"
#include "store/log_reader.h"
#include "store/survey.h"

enum { SEGMENT_BYTES = 8192, PAYLOAD_AT = 1024 + 40 };

static const char first_segment[] = "log-0000000000000001.seg";

/* What a watch was called with. */
struct heard {
    struct recovery_watch watch;
    uint32_t segments;
    uint32_t taken;
    uint32_t not_taken;
    uint32_t heads_behind;
    uint32_t sectors_behind;
    uint64_t last_offset;
};

static void hear_segment(struct recovery_watch *watch, const struct recovery_segment *segment)
{
    struct heard *heard = container_of(watch, struct heard, watch);

    heard->segments++;
    assert_int_equal(segment->head.number, heard->segments);
    assert_true(segment->head.bytes > 0);
}

static void hear_batch(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                       const struct batch_head *head, bool is_taken)
{
    struct heard *heard = container_of(watch, struct heard, watch);

    heard->taken += is_taken;
    heard->not_taken += !is_taken;
    heard->last_offset = offset;
    assert_int_equal(head->number, heard->taken + heard->not_taken);
    assert_non_null(log_reader_view(reader, offset, head->batch_bytes));
}

static void hear_rest(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                      const struct batch_head *head, bool is_astray)
{
    struct heard *heard = container_of(watch, struct heard, watch);

    heard->sectors_behind++;
    heard->heads_behind += head != NULL;
    assert_false(is_astray);
}

static struct survey *survey_with(const struct fixture *f, struct heard *heard)
{
    struct survey *s = NULL;
    uint64_t before = fixture_digest(f);

    *heard =
        (struct heard){.watch = {.segment = hear_segment, .batch = hear_batch, .rest = hear_rest}};
    assert_int_equal(survey_take(f->io, f->dir, &heard->watch, &s), 0);
    assert_int_equal(fixture_digest(f), before);
    return s;
}

static void make_log(struct fixture *f, uint32_t batches)
{
    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    for (uint32_t i = 0; i < batches; i++) {
        fixture_append_durable(f, 1, 100);
        fixture_run_ms(f, i % 7 == 6 ? 20 : 0);
    }
}

static void spoil(const struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);

    image.data[at] ^= 4;
    image_write(f, name, &image);
    image_free(&image);
}

static void test_survey__sees_a_log_while_its_node_runs(void **state)
{
    struct fixture *f = *state;
    struct heard heard;

    make_log(f, 10);

    struct survey *s = survey_with(f, &heard);

    assert_true(survey_lets_start(s));
    assert_string_equal(s->vote_row->id, "votes-whole");
    assert_string_equal(s->log_row->id, "log-whole");
    assert_int_equal(s->identity.node_id, FIXTURE_NODE);
    assert_int_equal(s->recovery.facts.last_index, 10);
    assert_int_equal(heard.segments, s->recovery.facts.segment_count);
    assert_true(heard.segments >= 2);
    assert_int_equal(heard.taken, 10);
    assert_int_equal(heard.not_taken + heard.sectors_behind, 0);
    survey_free(s);
    fixture_append_durable(f, 1, 100); /* The store is not disturbed. */
}

static void test_survey__says_what_the_start_says(void **state)
{
    struct fixture *f = *state;
    struct heard heard;
    char word[100];

    make_log(f, 5);
    fixture_close(f);
    spoil(f, first_segment, PAYLOAD_AT + 2 * 1024); /* Of the third batch. */

    struct survey *s = survey_with(f, &heard);

    assert_false(survey_lets_start(s));
    assert_int_equal(heard.taken, 2);
    assert_int_equal(heard.not_taken, 3);
    assert_int_equal(heard.heads_behind, 3);
    assert_int_equal(heard.sectors_behind, 6);
    snprintf(word, sizeof word, "(docs/DISK_FORMAT.md: %s)", s->log_row->id);
    fixture_check_refused(f, STORE_EDAMAGED, word);

    char text[SURVEY_TEXT_BYTES];

    recovery_sentence(s->log_row, &s->recovery.facts, text, sizeof text);
    assert_non_null(strstr(f->text, text));
    assert_non_null(strstr(f->text, recovery_advice(s->log_row, &s->recovery.facts)));
    survey_free(s);
}

static void test_survey__knows_which_entries_live(void **state)
{
    struct fixture *f = *state;
    struct heard heard;

    make_log(f, 4);
    fixture_truncate(f, 3, 1, 100);
    fixture_await(f);

    struct survey *s = survey_with(f, &heard);
    const struct log_run *run = log_index_find(&s->store->index, 3);

    assert_true(survey_lets_start(s));
    assert_int_equal(heard.taken, 5);
    assert_non_null(run);
    assert_int_equal(run->offset, heard.last_offset);
    assert_null(log_index_find(&s->store->index, 4));
    survey_free(s);
}

static void test_survey__reads_on_without_votes_and_without_an_identity(void **state)
{
    struct fixture *f = *state;
    struct heard heard;
    char path[400];

    make_log(f, 3);
    fixture_close(f);
    spoil(f, "vote-a", 100);
    spoil(f, "vote-b", 100);
    snprintf(path, sizeof path, "%s/identity", f->dir);
    assert_int_equal(unlink(path), 0);

    struct survey *s = survey_with(f, &heard);

    assert_false(survey_lets_start(s));
    assert_non_null(strstr(s->identity_fault, "identity file is missing"));
    assert_true(s->is_identity_borrowed);
    assert_int_equal(s->identity.node_id, FIXTURE_NODE);
    assert_string_equal(s->vote_row->id, "votes-lost");
    assert_null(s->log_row);
    assert_int_equal(heard.taken, 3);
    survey_free(s);
}

/* Whose directory it is stands in any first sector, if that is good. */
static void test_survey__takes_the_identity_only_from_a_good_file(void **state)
{
    struct fixture *f = *state;
    struct heard heard;

    make_log(f, 1);
    fixture_close(f);

    struct image good = image_read(f, "vote-a");
    struct image cut = good;

    cut.size = 100;
    fixture_enter(f, "remains");
    image_write(f, "vote-a", &cut);
    image_write(f, "vote-b", &good);
    spoil(f, "vote-b", 30);

    struct survey *s = survey_with(f, &heard);

    assert_false(s->is_identity_borrowed || s->is_member || survey_lets_start(s));
    survey_free(s);
    image_write(f, "origin", &good); /* Good, but of another kind. */
    s = survey_with(f, &heard);
    assert_false(s->is_identity_borrowed || s->is_member || survey_lets_start(s));
    survey_free(s);
    image_write(f, "vote-b", &good);
    s = survey_with(f, &heard);
    assert_true(s->is_identity_borrowed && s->is_member);
    assert_int_equal(s->identity.cluster_id, FIXTURE_CLUSTER);
    assert_int_equal(s->identity.node_id, FIXTURE_NODE);
    assert_false(survey_lets_start(s));
    survey_free(s);
    image_write(f, "vote-a", &good); /* The first one is enough. */
    s = survey_with(f, &heard);
    assert_int_equal(s->identity.node_id, FIXTURE_NODE);
    survey_free(s);
    image_free(&good);
}

/* What a start needs besides the log. */
static void test_survey__lets_nothing_start_without_its_vote_or_key(void **state)
{
    struct fixture *f = *state;
    struct heard heard;
    char path[400];

    make_log(f, 3);
    fixture_close(f);

    struct image key = image_read(f, "cluster-key");

    snprintf(path, sizeof path, "%s/cluster-key", f->dir);
    assert_int_equal(unlink(path), 0);

    struct survey *s = survey_with(f, &heard);

    assert_int_equal(s->identity_fault[0], '\0');
    assert_non_null(strstr(s->key_fault, "cluster-key"));
    assert_string_equal(s->log_row->id, "log-whole");
    assert_false(survey_lets_start(s));
    survey_free(s);
    image_write(f, "cluster-key", &key);
    image_free(&key);
    spoil(f, "vote-a", 100);
    spoil(f, "vote-b", 100);
    s = survey_with(f, &heard);
    assert_int_equal(s->identity_fault[0], '\0');
    assert_int_equal(s->key_fault[0], '\0');
    assert_string_equal(s->vote_row->id, "votes-lost");
    assert_false(survey_lets_start(s));
    survey_free(s);
}

static void test_survey__of_nobodys_directory_is_empty(void **state)
{
    struct fixture *f = *state;
    struct survey *s = NULL;

    assert_int_equal(survey_take(f->io, f->root, NULL, &s), 0);
    assert_false(s->directory.has_identity || s->directory.has_data || s->is_member);
    assert_true(survey_lets_start(s));
    survey_free(s);
    assert_true(survey_take(f->io, "/does/not/exist", NULL, &s) < 0);
    assert_null(s);
    survey_free(s); /* Like free(). */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_survey__sees_a_log_while_its_node_runs, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__says_what_the_start_says, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__knows_which_entries_live, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__reads_on_without_votes_and_without_an_identity,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__takes_the_identity_only_from_a_good_file,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__lets_nothing_start_without_its_vote_or_key,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_survey__of_nobodys_directory_is_empty, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
