/* Memory that a leader's commands may still take counts until they are applied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/promises.h"

static void test_promises__count_until_they_are_kept(void **state)
{
    struct promises p = {0};

    (void)state;
    promises_add(&p, 10, 100);
    promises_add(&p, 12, 20);
    promises_add(&p, 20, 3);
    assert_int_equal(p.bytes, 123);
    promises_keep(&p, 9);
    assert_int_equal(p.bytes, 123);
    promises_keep(&p, 11);
    assert_int_equal(p.bytes, 23);
    promises_keep(&p, 20);
    assert_int_equal(p.bytes, 0);
    promises_add(&p, 21, 7);
    assert_int_equal(p.bytes, 7);
    promises_deinit(&p);
}

static void test_promises__are_void_for_another_leader(void **state)
{
    struct promises p = {0};

    (void)state;
    promises_add(&p, 10, 100);
    promises_forget(&p);
    assert_int_equal(p.bytes, 0);
    promises_add(&p, 5, 1); /* The log was cut. */
    promises_keep(&p, 5);
    assert_int_equal(p.bytes, 0);
    promises_deinit(&p);
}

static void test_promises__many_are_kept_in_order(void **state)
{
    enum { MANY = 10000 };
    struct promises p = {0};

    (void)state;
    for (raft_index i = 1; i <= MANY; i++) {
        promises_add(&p, i, i);
        if (i > MANY / 2) {
            promises_keep(&p, i - MANY / 2);
        }
    }
    for (raft_index i = MANY / 2; i <= MANY; i++) {
        promises_keep(&p, i);
        assert_int_equal(p.bytes, (uint64_t)MANY * (MANY + 1) / 2 - i * (i + 1) / 2);
    }
    promises_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises__count_until_they_are_kept),
        cmocka_unit_test(test_promises__are_void_for_another_leader),
        cmocka_unit_test(test_promises__many_are_kept_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
