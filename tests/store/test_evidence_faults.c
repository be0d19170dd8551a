/* Evidence of wrong states (I-187): the two newest are kept, whatever else is in that directory,
 * and a file call that fails costs no older one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "store/store_state.h"
#include "tap.h"

static void put_file(const struct fixture *f, const char *name)
{
    char path[64 + 128];
    struct image image = {.data = (char[]){'x'}, .size = 1};

    snprintf(path, sizeof path, "evidence/%s", name);
    image_write(f, path, &image);
}

static bool is_there(const struct fixture *f, uint32_t number)
{
    char name[64];

    snprintf(name, sizeof name, "evidence/state-%08u.snap", (unsigned)number);
    return fixture_has_file(f, name);
}

/* As the writer of a snapshot does, between these two calls. */
static void write_one(const struct fixture *f, uint32_t number)
{
    char name[64];

    snprintf(name, sizeof name, "state-%08u.tmp", (unsigned)number);
    put_file(f, name);
}

static void keep_one(struct fixture *f, uint32_t expected)
{
    uint32_t number;

    assert_int_equal(snapshot_evidence_begin(f->store, &number), 0);
    assert_int_equal(number, expected);
    write_one(f, number);
    assert_int_equal(snapshot_evidence_publish(f->store, number), 0);
    assert_true(is_there(f, number));
}

static void test_evidence__is_of_the_two_newest(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    for (uint32_t number = 1; number <= 4; number++) {
        keep_one(f, number);
    }
    assert_false(is_there(f, 1));
    assert_false(is_there(f, 2));
    assert_true(is_there(f, 3));
}

static void test_evidence__leaves_other_files_alone(void **state)
{
    struct fixture *f = *state;
    char name[128];

    fixture_open(f);
    keep_one(f, 1);
    put_file(f, "notes");
    put_file(f, "state-of-the-art");
    snprintf(name, sizeof name, "state-1%0100d", 0);
    put_file(f, name);
    for (uint32_t number = 2; number <= 4; number++) {
        keep_one(f, number);
    }
    assert_true(fixture_has_file(f, "evidence/notes"));
    assert_true(fixture_has_file(f, "evidence/state-of-the-art"));
    assert_false(is_there(f, 1));
}

/* More files than are looked at: somebody has put them there. */
static void test_evidence__goes_on_in_a_full_directory(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    keep_one(f, 1);
    for (int i = 1; i <= 70; i++) {
        char name[32];

        snprintf(name, sizeof name, "state-1-%d", i);
        put_file(f, name);
    }
    keep_one(f, 2);
}

static void test_evidence__is_not_lost_if_a_call_fails(void **state)
{
    struct fixture *f = *state;
    uint32_t failed_count = 0;
    uint32_t number;

    fixture_open(f);
    keep_one(f, 1);
    for (uint32_t n = 1; n <= 2; n++) {
        tap_reset();
        tap_fail_nth(n, -EIO);
        assert_int_equal(snapshot_evidence_begin(f->store, &number), -EIO);
        assert_int_equal(number, 0);
    }
    tap_reset();
    assert_int_equal(snapshot_evidence_begin(f->store, &number), 0);
    for (uint32_t n = 1; n <= 3; n++) {
        write_one(f, number);
        tap_reset();
        tap_fail_nth(n, -EIO);
        failed_count += snapshot_evidence_publish(f->store, number) == -EIO;
    }
    assert_int_equal(failed_count, 3);
    tap_reset();
    assert_true(is_there(f, 1));
    keep_one(f, 3); /* The name of the one before may be durable. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_evidence__is_of_the_two_newest),
        TEST(test_evidence__leaves_other_files_alone),
        TEST(test_evidence__goes_on_in_a_full_directory),
        TEST(test_evidence__is_not_lost_if_a_call_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
