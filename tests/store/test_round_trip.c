/* What was acknowledged is found again. */
#include "fixture.h"

static void test_round_trip__new_directory_becomes_a_node(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_try_open(f), STORE_OK);
    assert_true(f->recovered.is_new);
    assert_int_equal(f->recovered.identity.node_id, FIXTURE_NODE);
    assert_int_equal(f->recovered.identity.cluster_id, 0);
    assert_int_equal(store_set_cluster(f->store, 7, 0, &fixture_key), 0);
    fixture_close(f);

    assert_int_equal(fixture_try_open(f), STORE_OK);
    assert_false(f->recovered.is_new);
    assert_int_equal(f->recovered.identity.node_id, FIXTURE_NODE);
    assert_int_equal(f->recovered.identity.cluster_id, 7);
    assert_int_equal(f->recovered.last_index, 0);
    assert_int_equal(f->recovered.current_term, 0);
}

static void test_round_trip__node_without_cluster_resumes_as_itself(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fixture_try_open(f), STORE_OK);
    fixture_close(f);
    assert_int_equal(fixture_try_open(f), STORE_OK);
    assert_false(f->recovered.is_new);
    assert_int_equal(f->recovered.identity.node_id, FIXTURE_NODE);
    assert_int_equal(f->recovered.identity.cluster_id, 0);
}

static void test_round_trip__entries_come_back(void **state)
{
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 100, 447, 448, 449, 511, 512, 513, 5000};
    struct fixture *f = *state;

    fixture_open(f);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fixture_append_durable(f, 1 + (uint32_t)i % 3, sizes[i]);
    }
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    fixture_append_durable(f, 5, 50);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    assert_int_equal(f->recovered.torn_bytes, 0);
}

static void test_round_trip__vote_comes_back(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    for (uint64_t term = 3; term < 8; term++) {
        fixture_vote(f, term, 100 + term);
        fixture_await(f);
        fixture_crash(f);
        fixture_open(f);
        assert_int_equal(f->recovered.current_term, term);
        assert_int_equal(f->recovered.voted_for, 100 + term);
    }
}

static void test_round_trip__close_stores_what_was_handed_in(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append(f, 3, 100);
    fixture_append(f, 4, 200);
    fixture_vote(f, 9, 4);
    fixture_close(f);
    fixture_open(f);
    /* The first segment may not have been made by then: all of it is there, or nothing. */
    assert_true(f->recovered.last_index == 0 || f->recovered.last_index == 7);
    fixture_close(f);

    fixture_open(f);
    f->last_index = f->recovered.last_index;
    f->current_term = f->recovered.current_term;
    fixture_append_durable(f, 3, 100);
    fixture_append(f, 3, 100);
    fixture_append(f, 4, 200);
    fixture_vote(f, 10, 4);
    fixture_append(f, 1, 10);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    assert_int_equal(f->recovered.current_term, 10);
}

static void test_round_trip__commit_hint_comes_back(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 5, 10);
    f->commit_index = 4;
    fixture_append_durable(f, 1, 10);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(f->recovered.commit_index, 4);
    assert_int_equal(f->recovered.last_index, 6);
}

/* With one write under way, and more that wait for it. */
static void test_round_trip__what_is_not_durable_yet_is_counted(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    assert_int_equal(store_unwritten_bytes(f->store), 0);
    fixture_append(f, 3, 1000);
    assert_in_range(store_unwritten_bytes(f->store), 3000, 5000);
    fixture_append(f, 3, 1000);
    assert_in_range(store_unwritten_bytes(f->store), 6000, 10000);
    fixture_await(f);
    assert_int_equal(store_unwritten_bytes(f->store), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip__new_directory_becomes_a_node,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__node_without_cluster_resumes_as_itself,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__entries_come_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__vote_comes_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__close_stores_what_was_handed_in,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__commit_hint_comes_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip__what_is_not_durable_yet_is_counted,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
