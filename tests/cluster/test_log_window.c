/* The newest entries of the log in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/log_window.h"

static void append(struct log_window *w, uint32_t size)
{
    struct entry *e = entry_new(RAFT_COMMAND, size);

    e->index = w->last + 1;
    log_window_append_take(w, e);
}

static void test_log_window__keeps_the_newest_entries(void **state)
{
    struct log_window w;

    log_window_init(&w);
    for (int i = 0; i < 5000; i++) {
        append(&w, 10);
    }
    assert_int_equal(w.bytes, 50000);
    assert_int_equal(log_window_get(&w, 1)->index, 1);
    assert_int_equal(log_window_get(&w, 5000)->index, 5000);
    assert_null(log_window_get(&w, 5001));
    log_window_trim(&w, 4000, 100); /* Never beyond what may be dropped. */
    assert_int_equal(w.first, 4001);
    assert_null(log_window_get(&w, 4000));
    log_window_trim(&w, 5000, 100);
    assert_int_equal(w.bytes, 100);
    assert_int_equal(w.first, 4991);
    log_window_deinit(&w);
}

static void test_log_window__knows_the_size_after_an_entry(void **state)
{
    struct log_window w;

    (void)state;
    log_window_init(&w);
    assert_true(log_window_bytes_after(&w, 0) == 0);
    for (uint32_t i = 1; i <= 3000; i++) { /* It grows on the way. */
        append(&w, i);
    }
    assert_true(log_window_bytes_after(&w, 3000) == 0);
    assert_true(log_window_bytes_after(&w, 2999) == 3000);
    assert_true(log_window_bytes_after(&w, 2990) == 29955);
    assert_true(log_window_bytes_after(&w, 0) == w.bytes);
    log_window_trim(&w, 2000, 0);
    assert_true(log_window_bytes_after(&w, 2000) == w.bytes);
    log_window_truncate(&w, 2991);
    assert_true(log_window_bytes_after(&w, 2985) == 2986 + 2987 + 2988 + 2989 + 2990);
    append(&w, 7);
    assert_true(log_window_bytes_after(&w, 2989) == 2990 + 7);
    log_window_truncate(&w, 2001); /* Empty, and begun again. */
    assert_true(log_window_bytes_after(&w, 2000) == 0);
    append(&w, 5);
    assert_true(log_window_bytes_after(&w, 2000) == 5);
    log_window_deinit(&w);
}

static void test_log_window__cuts_its_tail_even_below_its_first_entry(void **state)
{
    struct log_window w;

    log_window_init(&w);
    for (int i = 0; i < 10; i++) {
        append(&w, 1);
    }
    log_window_truncate(&w, 8);
    assert_int_equal(w.last, 7);
    assert_null(log_window_get(&w, 8));
    append(&w, 2);
    assert_int_equal(log_window_get(&w, 8)->size, 2);
    log_window_trim(&w, 8, 0);
    assert_int_equal(w.first, 9);
    log_window_truncate(&w, 5);
    assert_int_equal(w.last, 4);
    assert_int_equal(w.first, 5);
    append(&w, 1);
    assert_int_equal(log_window_get(&w, 5)->index, 5);
    log_window_deinit(&w);
}

static void test_log_window__of_a_log_behind_an_origin_begins_there(void **state)
{
    struct log_window w;

    (void)state;
    log_window_init(&w);
    log_window_begin(&w, 100, 77);
    assert_int_equal(w.last, 100);
    assert_null(log_window_get(&w, 100));
    assert_int_equal(log_window_time_us(&w, 100), 77);
    assert_int_equal(log_window_time_us(&w, 99), 0);
    assert_int_equal(log_window_bytes_after(&w, 100), 0);
    for (uint32_t i = 0; i < 3000; i++) {
        append(&w, 10);
    }
    assert_int_equal(log_window_get(&w, 101)->index, 101);
    assert_int_equal(log_window_get(&w, 3100)->index, 3100);
    assert_int_equal(log_window_bytes_after(&w, 100), 30000);
    log_window_truncate(&w, 101);
    assert_int_equal(w.last, 100);
    assert_int_equal(log_window_time_us(&w, 100), 77);
    append(&w, 10);
    assert_int_equal(log_window_bytes_after(&w, 100), 10);
    log_window_deinit(&w);
}

/* A snapshot replaces the log. */
static void test_log_window__begins_again_after_another_entry(void **state)
{
    struct log_window w;

    (void)state;
    log_window_init(&w);
    for (uint32_t i = 0; i < 20; i++) {
        append(&w, 10);
    }
    log_window_begin(&w, 5000, 99);
    assert_int_equal(w.bytes, 0);
    assert_null(log_window_get(&w, 5));
    assert_null(log_window_get(&w, 5000));
    assert_int_equal(log_window_time_us(&w, 5000), 99);
    append(&w, 10);
    assert_int_equal(log_window_get(&w, 5001)->index, 5001);
    assert_int_equal(w.bytes, 10);
    log_window_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_window__keeps_the_newest_entries),
        cmocka_unit_test(test_log_window__knows_the_size_after_an_entry),
        cmocka_unit_test(test_log_window__cuts_its_tail_even_below_its_first_entry),
        cmocka_unit_test(test_log_window__of_a_log_behind_an_origin_begins_there),
        cmocka_unit_test(test_log_window__begins_again_after_another_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
