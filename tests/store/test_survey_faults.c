/* A survey (survey.h) in which a file call fails changes nothing, and does not report that the
 * node would start, unless what could not be read exists twice. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "store/survey.h"
#include "tap.h"

static void make_log(struct fixture *f)
{
    f->segment_bytes = 8192;
    fixture_open(f);
    for (int i = 0; i < 20; i++) {
        fixture_append_durable(f, 1, 100);
    }
}

/* One copy of the vote could not be read, which a start mends from the other one. */
static bool has_lost_copy(const struct survey *s)
{
    return strcmp(s->vote_row->id, "vote-copy-lost") == 0;
}

/* Takes a survey whose `n`th call fails. Returns whether there was such a call. */
static bool check_survey(struct fixture *f, uint32_t n)
{
    struct survey *s = NULL;
    uint64_t before = fixture_digest(f);

    tap_reset();
    tap_fail_nth(n, -EIO);

    int rv = survey_take(f->io, f->dir, NULL, &s);
    bool has_failed = tap_has_failed();

    tap_reset();
    assert_int_equal(fixture_digest(f), before);
    if (rv != 0) {
        assert_true(has_failed);
        assert_int_equal(rv, -EIO);
        assert_null(s);
    } else if (has_failed) {
        assert_true(!survey_lets_start(s) || has_lost_copy(s));
    }
    survey_free(s);
    return has_failed;
}

static uint32_t count_failures(struct fixture *f)
{
    uint32_t n = 1;

    while (check_survey(f, n)) {
        n++;
    }
    return n - 1;
}

static void test_survey__whose_calls_fail_lets_nothing_start(void **state)
{
    struct fixture *f = *state;
    struct survey *s = NULL;

    make_log(f);
    fixture_move_origin(f, 15);
    fixture_close(f);
    assert_true(count_failures(f) > 15);
    assert_int_equal(survey_take(f->io, f->dir, NULL, &s), 0);
    assert_true(survey_lets_start(s));
    assert_string_equal(s->snapshot_row->id, "snapshot-good");
    survey_free(s);
}

/* Then it looks for one in the other files. */
static void test_survey__whose_calls_fail_without_an_identity(void **state)
{
    struct fixture *f = *state;
    struct survey *s = NULL;
    char path[400];

    make_log(f);
    fixture_close(f);
    snprintf(path, sizeof path, "%s/identity", f->dir);
    assert_int_equal(unlink(path), 0);
    assert_true(count_failures(f) > 15);
    assert_int_equal(survey_take(f->io, f->dir, NULL, &s), 0);
    assert_true(s->is_identity_borrowed);
    assert_false(survey_lets_start(s));
    survey_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_survey__whose_calls_fail_lets_nothing_start),
        TEST(test_survey__whose_calls_fail_without_an_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
