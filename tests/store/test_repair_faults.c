/* Each file call may fail while a start keeps damage aside (I-173): the start is refused or goes
 * on, and the next one, which works, still knows that entries are missing. */
#include <errno.h>
#include <string.h>

#include "spoil.h"
#include "tap.h"

static const char first_segment[] = "log-0000000000000001.seg";

static void damage_the_first_segment(struct fixture *f)
{
    make_log(f, 10);
    fixture_crash(f);
    flip_bit(f, first_segment, 40);
}

static void damage_a_record(struct fixture *f)
{
    make_log(f, 10);
    fixture_crash(f);
    flip_bit(f, first_segment, 4 * 512 + 600);
}

static void damage_what_follows_the_origin(struct fixture *f)
{
    struct image image;

    make_log(f, 21);
    fixture_move_origin(f, 21);
    fixture_crash(f);
    image = image_read(f, "log-0000000000000003.seg");
    memset(image.data + 512, 0, 15 * 512);
    image_write(f, "log-0000000000000003.seg", &image);
    image_free(&image);
}

static void damage_the_origin(struct fixture *f)
{
    make_log(f, 21);
    fixture_move_origin(f, 21);
    fixture_crash(f);
    flip_bit(f, "origin", 20);
}

static void damage_the_snapshot(struct fixture *f)
{
    make_short_log(f);
    flip_bit(f, "snapshot-000000000000000f.snap", 100);
}

/* False: there were not so many calls. */
static bool fails_at(uint32_t n, int error, void (*damage)(struct fixture *f))
{
    void *state = NULL;
    struct fixture *f;
    bool has_failed;

    assert_int_equal(fixture_setup(&state), 0);
    f = state;
    damage(f);
    f->has_peers = true;
    tap_reset();
    tap_fail_nth(n, error);
    if (fixture_try_open(f) == 0) {
        fixture_crash(f);
    } else {
        assert_int_not_equal(f->text[0], '\0');
    }
    has_failed = tap_has_failed();
    tap_fail_nth(0, 0);
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    fixture_close(f);
    fixture_teardown(&state);
    return has_failed;
}

static void fail_each_call(void (*damage)(struct fixture *f), int error)
{
    uint32_t n = 1;

    while (fails_at(n, error, damage)) {
        n++;
    }
    assert_true(n > 20);
}

static void test_repair__any_call_may_fail(void **state)
{
    (void)state;
    fail_each_call(damage_the_first_segment, -EIO);
    fail_each_call(damage_a_record, -ENOSPC);
    fail_each_call(damage_what_follows_the_origin, -EIO);
    fail_each_call(damage_the_origin, -ENOSPC);
    fail_each_call(damage_the_snapshot, -EIO);
    fail_each_call(damage_a_record, -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* --- the mark ---------------------------------------------------------------------------- */

/* What can't be read may say anything, so everything may be missing. */
static void test_mark__that_is_unreadable_names_no_end(void **state)
{
    struct fixture *f = *state;
    struct image image;

    damage_a_record(f);
    f->has_peers = true;
    fixture_open(f);
    assert_true(f->recovered.lost_first_index > 0);
    fixture_close(f);
    tap_reset();
    tap_fail(TAP_OPEN, "repair", -EIO, false);
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    assert_int_equal(f->recovered.lost_first_index, 0);
    assert_int_equal(f->recovered.lost_last_index, 0);
    fixture_close(f);
    tap_reset();
    image = image_read(f, "repair");
    image.size = 100;
    image_write(f, "repair", &image);
    image_free(&image);
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    assert_int_equal(f->recovered.lost_last_index, 0);
}

/* Otherwise the next start would abstain for nothing; but that is all. */
static void test_mark__that_stays_is_reported_and_harmless(void **state)
{
    struct fixture *f = *state;

    damage_a_record(f);
    f->has_peers = true;
    fixture_open(f);
    tap_reset();
    tap_fail(TAP_OTHER, "repair", -EIO, false);
    store_end_repair(f->store);
    store_end_repair(f->store); /* Once is enough. */
    fixture_run_ms(f, 50);
    assert_non_null(strstr(f->logged, "cannot remove the file that marks a repair"));
    assert_int_equal(f->failed_count, 0);
    fixture_close(f);
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    store_end_repair(f->store);
    fixture_run_ms(f, 50);
    fixture_close(f);
    fixture_open(f);
    assert_false(f->recovered.lacks_entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair__any_call_may_fail),
        TEST(test_mark__that_is_unreadable_names_no_end),
        TEST(test_mark__that_stays_is_reported_and_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
