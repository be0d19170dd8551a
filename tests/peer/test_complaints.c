/* How often a faulty peer may be logged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer/complaints.h"

static const uint64_t MINUTE_NS = 60 * 1000 * 1000 * 1000ull;

static void test_complaints__one_line_a_minute_of_each_peer(void **state)
{
    struct complaints c = {0};
    uint64_t count = 0;

    (void)state;
    assert_true(complaints_is_due(&c, 7, 5, &count));
    assert_int_equal(count, 1);
    assert_false(complaints_is_due(&c, 7, 6, &count));
    assert_false(complaints_is_due(&c, 7, 4 + MINUTE_NS, &count));
    assert_true(complaints_is_due(&c, 8, 6, &count)); /* Another peer has its own limit. */
    assert_int_equal(count, 1);
    assert_true(complaints_is_due(&c, 7, 5 + MINUTE_NS, &count));
    assert_int_equal(count, 3); /* With those that were not logged. */
    assert_false(complaints_is_due(&c, 7, 6 + MINUTE_NS, &count));
}

/* More peers than there is room for: each is logged sooner or later. */
static void test_complaints__of_too_many_peers_the_oldest_is_replaced(void **state)
{
    struct complaints c = {0};
    uint64_t count = 0;

    (void)state;
    for (raft_id id = 1; id <= COMPLAINTS_PEERS_MAX + 1; id++) {
        assert_true(complaints_is_due(&c, id, id, &count));
        assert_int_equal(count, 1);
    }
    assert_false(complaints_is_due(&c, COMPLAINTS_PEERS_MAX + 1, 100, &count));
    assert_false(complaints_is_due(&c, 2, 100, &count));
    assert_true(complaints_is_due(&c, 1, 100, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complaints__one_line_a_minute_of_each_peer),
        cmocka_unit_test(test_complaints__of_too_many_peers_the_oldest_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
