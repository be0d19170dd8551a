/* test_term_log.c - the log as runs of terms, against a plain array of terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "raft/term_log.h"

enum { RUNS_MAX = 16, MODEL_MAX = 4000 };

struct fixture {
    struct term_run runs[RUNS_MAX + 1];
    struct term_log log;
};

static void begin(struct fixture *f)
{
    term_log_init(&f->log, f->runs, RUNS_MAX);
}

/* Figure 7, the leader. */
static void append_figure_7(struct fixture *f)
{
    begin(f);
    term_log_append(&f->log, 1, 3);
    term_log_append(&f->log, 4, 2);
    term_log_append(&f->log, 5, 2);
    term_log_append(&f->log, 6, 3);
}

static void test_term_log__before_the_log_is_index_0_of_term_0(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(f.log.last_index, 0);
    assert_int_equal(term_log_last_term(&f.log), 0);
    assert_int_equal(term_log_term_at(&f.log, 0), 0);
    assert_int_equal(term_log_last_not_above(&f.log, 10, 10), 0);
    assert_int_equal(term_log_runs_up_to(&f.log, 0), 0);
}

static void test_term_log__knows_the_term_of_each_index(void **state)
{
    const raft_term expected[] = {0, 1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
    struct fixture f;

    (void)state;
    append_figure_7(&f);
    for (raft_index i = 0; i <= 10; i++) {
        assert_int_equal(term_log_term_at(&f.log, i), expected[i]);
    }
    assert_int_equal(term_log_first_of_run(&f.log, 3), 1);
    assert_int_equal(term_log_first_of_run(&f.log, 7), 6);
    assert_int_equal(f.log.run_count, 4);
}

/* §5.3: where two logs may agree at the latest. */
static void test_term_log__finds_the_last_entry_of_a_term_or_below(void **state)
{
    struct fixture f;

    (void)state;
    append_figure_7(&f);
    assert_int_equal(term_log_last_not_above(&f.log, 10, 4), 5);
    assert_int_equal(term_log_last_not_above(&f.log, 10, 3), 3);
    assert_int_equal(term_log_last_not_above(&f.log, 4, 4), 4);
    assert_int_equal(term_log_last_not_above(&f.log, 10, 9), 10);
    assert_int_equal(term_log_last_not_above(&f.log, 10, 0), 0);
    assert_int_equal(term_log_last_not_above(&f.log, 99, 6), 10);
}

static void test_term_log__truncates_within_a_run_and_at_its_edge(void **state)
{
    struct fixture f;

    (void)state;
    append_figure_7(&f);
    term_log_truncate_from(&f.log, 9);
    assert_int_equal(f.log.last_index, 8);
    assert_int_equal(term_log_last_term(&f.log), 6);
    term_log_truncate_from(&f.log, 8);
    assert_int_equal(term_log_last_term(&f.log), 5);
    term_log_truncate_from(&f.log, 1);
    assert_int_equal(f.log.last_index, 0);
    assert_int_equal(f.log.run_count, 0);
}

static void test_term_log__reports_that_another_term_has_no_room(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (raft_term term = 1; term <= RUNS_MAX; term++) {
        assert_true(term_log_has_room(&f.log, term));
        term_log_append(&f.log, term, 2);
    }
    assert_true(term_log_has_room(&f.log, RUNS_MAX)); /* More of the newest term is no run. */
    assert_false(term_log_has_room(&f.log, RUNS_MAX + 1));
    assert_int_equal(term_log_runs_up_to(&f.log, 7), 4);
}

/* Behind an entry of term 4 at index 100: one more of that term, and two of term 6. */
static void append_behind_an_origin(struct fixture *f)
{
    begin(f);
    term_log_begin(&f->log, 100, 4);
    term_log_append(&f->log, 4, 1);
    term_log_append(&f->log, 6, 2);
}

static void test_term_log__begins_after_its_origin(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    term_log_begin(&f.log, 100, 4);
    assert_int_equal(term_log_origin(&f.log), 100);
    assert_int_equal(f.log.last_index, 100);
    assert_int_equal(term_log_last_term(&f.log), 4);
    assert_int_equal(term_log_term_at(&f.log, 100), 4);
    assert_int_equal(term_log_runs_up_to(&f.log, 100), 0);

    append_behind_an_origin(&f);
    assert_int_equal(f.log.last_index, 103);
    assert_int_equal(f.log.run_count, 1); /* The origin's term takes no room. */
    assert_int_equal(term_log_term_at(&f.log, 100), 4);
    assert_int_equal(term_log_term_at(&f.log, 101), 4);
    assert_int_equal(term_log_term_at(&f.log, 102), 6);
    assert_int_equal(term_log_first_of_run(&f.log, 101), 100);
    term_log_truncate_from(&f.log, 101);
    assert_int_equal(f.log.last_index, 100);
    assert_int_equal(term_log_last_term(&f.log), 4);
}

static void test_term_log__knows_below_its_origin_only_that_terms_do_not_fall(void **state)
{
    struct fixture f;

    (void)state;
    append_behind_an_origin(&f);
    assert_true(term_log_agrees(&f.log, 99, 4));
    assert_true(term_log_agrees(&f.log, 99, 1));
    assert_false(term_log_agrees(&f.log, 99, 5));
    assert_true(term_log_agrees(&f.log, 100, 4));
    assert_false(term_log_agrees(&f.log, 100, 3));
    assert_true(term_log_agrees(&f.log, 103, 6));
    assert_false(term_log_agrees(&f.log, 104, 6));
}

static void test_term_log__looks_for_a_term_down_to_its_origin(void **state)
{
    struct fixture f;

    (void)state;
    append_behind_an_origin(&f);
    assert_int_equal(term_log_last_not_above(&f.log, 103, 6), 103);
    assert_int_equal(term_log_last_not_above(&f.log, 103, 5), 101);
    assert_int_equal(term_log_last_not_above(&f.log, 100, 4), 100);
    assert_int_equal(term_log_last_not_above(&f.log, 103, 3), 0);
}

static void test_term_log__has_room_again_in_larger_memory(void **state)
{
    struct term_run larger[RUNS_MAX + 2];
    struct fixture f;

    (void)state;
    begin(&f);
    for (raft_term term = 1; term <= RUNS_MAX; term++) {
        term_log_append(&f.log, term, 2);
    }
    term_log_move(&f.log, larger, RUNS_MAX + 1);
    assert_true(term_log_has_room(&f.log, RUNS_MAX + 1));
    term_log_append(&f.log, RUNS_MAX + 1, 1);
    assert_false(term_log_has_room(&f.log, RUNS_MAX + 2));
    for (raft_term term = 1; term <= RUNS_MAX; term++) {
        assert_int_equal(term_log_term_at(&f.log, 2 * term), term);
    }
    assert_int_equal(term_log_last_term(&f.log), RUNS_MAX + 1);
}

static void compare_with_an_array(raft_index origin)
{
    static raft_term model[MODEL_MAX + 1];
    struct prng p = {.state = origin + 7};
    struct fixture f;
    raft_index last = origin;
    raft_term term = 1;

    begin(&f);
    model[origin] = origin == 0 ? 0 : 3;
    term_log_begin(&f.log, origin, model[origin]);
    for (int round = 0; round < 20000; round++) {
        if (prng_chance(&p, 1, 20) && origin < MODEL_MAX * 3 / 4) {
            origin = prng_between(&p, origin, origin + (last - origin) / 50);
            term_log_compact(&f.log, origin);
        } else if (prng_chance(&p, 1, 4) && last > origin) {
            last = prng_between(&p, origin, last - 1);
            term_log_truncate_from(&f.log, last + 1);
        } else if (last + 9 < MODEL_MAX) {
            term = last == 0 ? 1 : model[last];
            term += term_log_has_room(&f.log, term + 1) ? prng_below(&p, 3) : 0;
            for (uint64_t count = prng_between(&p, 1, 8); count > 0; count--) {
                model[++last] = term;
                term_log_append(&f.log, term, 1);
            }
        }
        assert_int_equal(f.log.last_index, last);
        raft_index index = prng_between(&p, origin, last);

        assert_int_equal(term_log_term_at(&f.log, index), model[index]);
        assert_int_equal(term_log_origin(&f.log), origin);
    }
}

static void test_term_log__equals_a_plain_array(void **state)
{
    (void)state;
    compare_with_an_array(0);
    compare_with_an_array(MODEL_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_term_log__before_the_log_is_index_0_of_term_0),
        cmocka_unit_test(test_term_log__knows_the_term_of_each_index),
        cmocka_unit_test(test_term_log__finds_the_last_entry_of_a_term_or_below),
        cmocka_unit_test(test_term_log__truncates_within_a_run_and_at_its_edge),
        cmocka_unit_test(test_term_log__reports_that_another_term_has_no_room),
        cmocka_unit_test(test_term_log__has_room_again_in_larger_memory),
        cmocka_unit_test(test_term_log__begins_after_its_origin),
        cmocka_unit_test(test_term_log__knows_below_its_origin_only_that_terms_do_not_fall),
        cmocka_unit_test(test_term_log__looks_for_a_term_down_to_its_origin),
        cmocka_unit_test(test_term_log__equals_a_plain_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
