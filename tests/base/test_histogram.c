/* Percentiles of recent values, in fixed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/histogram.h"

static const uint64_t S = 1000 * 1000 * 1000ull;

static int up(void **state)
{
    *state = calloc(1, sizeof(struct histogram));
    return *state == NULL;
}

static int down(void **state)
{
    free(*state);
    return 0;
}

static void add(struct histogram *h, uint64_t value, int count, uint64_t now_ns)
{
    for (int i = 0; i < count; i++) {
        histogram_add(h, value, now_ns);
    }
}

static void test_histogram__is_empty_at_first(void **state)
{
    const struct histogram *h = *state;

    assert_int_equal(histogram_count(h), 0);
    assert_int_equal(histogram_percentile(h, 50), 0);
    assert_int_equal(histogram_percentile(h, 99), 0);
    assert_int_equal(histogram_max(h), 0);
}

static void test_histogram__percentiles_are_at_most_a_sixteenth_too_high(void **state)
{
    struct histogram *h = *state;

    for (uint64_t v = 1; v <= 100000; v++) {
        histogram_add(h, v, 1);
    }
    for (unsigned percent = 1; percent < 100; percent++) {
        uint64_t exact = percent * 1000;
        uint64_t found = histogram_percentile(h, percent);

        assert_true(found >= exact);
        assert_true(found <= exact + exact / 16 + 1);
    }
    assert_int_equal(histogram_percentile(h, 100), 100000);
    assert_int_equal(histogram_max(h), 100000);
}

static void test_histogram__takes_every_value(void **state)
{
    struct histogram *h = *state;

    histogram_add(h, 0, 1);
    assert_int_equal(histogram_percentile(h, 50), 0);
    for (unsigned bit = 0; bit < 64; bit++) {
        histogram_add(h, 1ull << bit, 1);
        histogram_add(h, (1ull << bit) - 1, 1);
    }
    histogram_add(h, UINT64_MAX, 1);
    assert_int_equal(histogram_max(h), UINT64_MAX);
    assert_int_equal(histogram_percentile(h, 100), UINT64_MAX);
    assert_int_equal(histogram_count(h), 130);
}

static void test_histogram__of_equal_values_is_exact(void **state)
{
    struct histogram *h = *state;

    add(h, 123456789, 10, 1);
    assert_int_equal(histogram_percentile(h, 50), 123456789);
    assert_int_equal(histogram_percentile(h, 99), 123456789);
}

/* One of two hundred is not the 99th of a hundred; three are. */
static void test_histogram__shows_rare_values_by_their_share(void **state)
{
    struct histogram *h = *state;

    add(h, 1000, 199, 1);
    add(h, 900000, 1, 1);
    assert_true(histogram_percentile(h, 99) < 1100);
    add(h, 900000, 2, 1);
    assert_int_equal(histogram_percentile(h, 99), 900000);
    assert_true(histogram_percentile(h, 50) < 1100);
}

static void test_histogram__forgets_what_is_old(void **state)
{
    struct histogram *h = *state;

    add(h, 900000, 100, 1 * S);
    add(h, 1000, 100, 32 * S); /* The slow ones are in the older window now. */
    assert_int_equal(histogram_max(h), 900000);
    add(h, 1000, 100, 63 * S);
    assert_int_equal(histogram_max(h), 1000);
    assert_int_equal(histogram_count(h), 200);
}

/* In a quiet time a percentile must not come from a few values. */
static void test_histogram__keeps_a_window_until_it_has_enough_values(void **state)
{
    struct histogram *h = *state;

    add(h, 1000, 99, 1 * S);
    add(h, 2000, 1, 1000 * S);
    assert_int_equal(histogram_count(h), 100);
    add(h, 2000, 1, 1001 * S);
    add(h, 2000, 99, 1002 * S);
    assert_int_equal(histogram_count(h), 200);
    add(h, 2000, 1, 1040 * S);
    assert_int_equal(histogram_count(h), 101);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_histogram__is_empty_at_first),
        TEST(test_histogram__percentiles_are_at_most_a_sixteenth_too_high),
        TEST(test_histogram__takes_every_value),
        TEST(test_histogram__of_equal_values_is_exact),
        TEST(test_histogram__shows_rare_values_by_their_share),
        TEST(test_histogram__forgets_what_is_old),
        TEST(test_histogram__keeps_a_window_until_it_has_enough_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
