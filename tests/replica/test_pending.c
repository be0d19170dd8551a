/* The ring of requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "command/request.h"
#include "replica/pending.h"

static void test_pending__gives_each_request_once(void **state)
{
    struct pending p;
    struct request a;
    struct request b;
    uint64_t number;

    pending_init(&p, 100);
    assert_null(pending_first(&p, &number));
    pending_put(&p, 105, &a);
    pending_put(&p, 107, &b);
    assert_null(pending_take(&p, 104));
    assert_null(pending_take(&p, 106));
    assert_null(pending_take(&p, 108));
    assert_ptr_equal(pending_take(&p, 105), &a);
    assert_null(pending_take(&p, 105));
    assert_ptr_equal(pending_first(&p, &number), &b);
    assert_int_equal(number, 107);
    assert_ptr_equal(pending_take_first(&p), &b);
    assert_null(pending_take_first(&p));
    pending_deinit(&p);
}

static void test_pending__grows_and_keeps_its_order_across_the_ring(void **state)
{
    enum { COUNT = 5000 };
    struct pending p;
    struct request requests[COUNT];

    pending_init(&p, UINT64_MAX - 1000); /* Numbers may even wrap around. */
    for (uint64_t i = 0; i < COUNT; i++) {
        pending_put(&p, UINT64_MAX - 1000 + i, &requests[i]);
    }
    assert_int_equal(p.count, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(pending_take_first(&p), &requests[i]);
    }
    pending_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending__gives_each_request_once),
        cmocka_unit_test(test_pending__grows_and_keeps_its_order_across_the_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
