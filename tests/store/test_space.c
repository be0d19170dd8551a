/* Whether there is room on the disk, beside that of the next snapshot (I-210). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/space.h"

enum { MB = 1 << 20 };

static const struct io_space disk = {.used_bytes = 60ull * MB, .free_bytes = 1000ull * MB};

static const struct space_claim claim = {
    .bytes_max = 90ull * MB, .state_bytes = 20 * MB, .wanted_bytes = 10 * MB};

static void test_room__is_what_the_limit_leaves_or_the_file_system(void **state)
{
    assert_int_equal(space_room(&disk, 0), 1000 * MB);
    assert_int_equal(space_room(&disk, 100ull * MB), 40 * MB);
    assert_int_equal(space_room(&disk, 60ull * MB), 0);
    assert_int_equal(space_room(&disk, 10ull * MB), 0);
    assert_int_equal(space_room(&disk, 5000ull * MB), 1000 * MB);
}

static void test_space__leaves_room_for_the_next_snapshot(void **state)
{
    struct space_claim c = claim;

    assert_true(space_is_enough(&disk, &c));
    assert_int_equal(space_left(&disk, &c), 0);
    c.bytes_max++;
    assert_int_equal(space_left(&disk, &c), 1);
    c.bytes_max -= 2;
    assert_false(space_is_enough(&disk, &c));
    assert_int_equal(space_left(&disk, &c), 0);
    c.spare_bytes = 1; /* A snapshot that is being removed. */
    assert_true(space_is_enough(&disk, &c));
}

static void test_space__of_the_file_system_is_left_too(void **state)
{
    struct io_space full = {.used_bytes = 0, .free_bytes = 30ull * MB};
    struct space_claim c = claim;

    c.bytes_max = 0;
    assert_true(space_is_enough(&full, &c));
    full.free_bytes--;
    assert_false(space_is_enough(&full, &c));
}

static void test_space__of_any_size_is_added_up_without_overflow(void **state)
{
    struct io_space huge = {.used_bytes = 1, .free_bytes = UINT64_MAX};
    struct space_claim c = claim;

    c.bytes_max = 0;
    c.spare_bytes = 7;
    assert_true(space_is_enough(&huge, &c));
    assert_int_equal(space_left(&huge, &c), UINT64_MAX - 30ull * MB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__is_what_the_limit_leaves_or_the_file_system),
        cmocka_unit_test(test_space__leaves_room_for_the_next_snapshot),
        cmocka_unit_test(test_space__of_the_file_system_is_left_too),
        cmocka_unit_test(test_space__of_any_size_is_added_up_without_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
