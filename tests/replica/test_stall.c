/* For how long a disk has stood still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/stall.h"

#define MS 1000000ull

static void test_stall__is_long_if_nothing_becomes_durable(void **state)
{
    struct stall s;

    (void)state;
    stall_init(&s, 300 * MS);
    assert_false(stall_is_long(&s, 100000 * MS)); /* There is nothing to write. */
    stall_note_written(&s, 1, 100000 * MS);
    stall_note_written(&s, 2, 100800 * MS);
    assert_false(stall_is_long(&s, 100899 * MS));
    assert_true(stall_is_long(&s, 100900 * MS));
    stall_note_durable(&s, 1, 100950 * MS); /* It goes on, if slowly. */
    assert_false(stall_is_long(&s, 101800 * MS));
    assert_true(stall_is_long(&s, 101850 * MS));
    stall_note_durable(&s, 2, 102000 * MS);
    assert_false(stall_is_long(&s, 200000 * MS));
    stall_note_written(&s, 3, 200000 * MS);
    assert_false(stall_is_long(&s, 200800 * MS));
}

static void test_stall__hands_over_now_and_then(void **state)
{
    struct stall s;

    (void)state;
    stall_init(&s, 300 * MS);
    assert_true(stall_may_hand_over(&s, 1000 * MS));
    assert_false(stall_may_hand_over(&s, 6999 * MS));
    assert_true(stall_may_hand_over(&s, 7000 * MS));
    assert_false(stall_may_hand_over(&s, 18999 * MS)); /* The pauses grow. */
    assert_true(stall_may_hand_over(&s, 19000 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stall__is_long_if_nothing_becomes_durable),
        cmocka_unit_test(test_stall__hands_over_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
