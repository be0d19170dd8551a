/* "top": the rate of entries as bars, and a text made to fit the screen. */
#include "given.h"

#include <string.h>

#include "cli/top_view.h"

static const struct style narrow = {.terminal = true, .columns = 35};

static void draw(const struct top_rates *r, const struct style *style, const char *expected)
{
    struct buffer out = {0};

    top_rates_draw(r, style, &out);
    assert_text(&out, expected);
}

static void test_top__a_rate_needs_two_looks(void **state)
{
    struct top_rates r;

    (void)state;
    top_rates_init(&r);
    draw(&r, &narrow, "");
    top_rates_add(&r, 1000, 5000);
    draw(&r, &narrow, "");
    top_rates_add(&r, 1100, 5500);
    draw(&r, &narrow, "entries committed: 200 a second  #\n");
}

static void test_top__bars_show_the_newest_rates_as_far_as_there_is_room(void **state)
{
    struct style wide = {.terminal = true, .columns = 60};
    struct style blocks = {.terminal = true, .utf8 = true, .columns = 60};
    struct top_rates r;
    long long index = 0;
    const long long steps[] = {8, 0, 1, 4, 8, 1000, 0};
    uint64_t now_ms = 0;

    (void)state;
    top_rates_init(&r);
    top_rates_add(&r, index, now_ms);
    for (size_t i = 0; i < 5; i++) {
        index += steps[i];
        now_ms += 1000;
        top_rates_add(&r, index, now_ms);
    }
    draw(&r, &wide, "entries committed: 8 a second  # .:#\n");
    draw(&r, &blocks, "entries committed: 8 a second  █ ▁▄█\n");
    draw(&r, &narrow, "entries committed: 8 a second   .:#\n");
}

/* Another node was asked, and it lags; or nothing was asked for a while. */
static void test_top__an_older_index_and_no_time_are_no_rate(void **state)
{
    struct top_rates r;

    (void)state;
    top_rates_init(&r);
    top_rates_add(&r, 100, 1000);
    top_rates_add(&r, 90, 2000);
    top_rates_add(&r, 110, 1000);
    assert_int_equal(r.count, 0);
    top_rates_add(&r, 120, 3000);
    draw(&r, &narrow, "entries committed: 10 a second  #\n");
}

static void test_top__keeps_a_bounded_number_of_rates(void **state)
{
    struct style endless = {.terminal = true, .columns = 100000};
    struct buffer out = {0};
    struct top_rates r;

    (void)state;
    top_rates_init(&r);
    for (long long i = 0; i <= 2 * TOP_RATES_MAX; i++) {
        top_rates_add(&r, 5 * i, 1000 * (uint64_t)i);
    }
    assert_int_equal(r.count, TOP_RATES_MAX);
    top_rates_draw(&r, &endless, &out);
    assert_int_equal(buffer_size(&out), strlen("entries committed: 5 a second  \n") + r.count);
    buffer_deinit(&out);
}

static void fit(const char *text, size_t rows, const char *expected)
{
    struct buffer out = {0};

    top_fit(&out, slice_str(text), rows);
    assert_text(&out, expected);
}

static void test_top__a_text_fits_the_screen(void **state)
{
    (void)state;
    fit("a\nbc\n", 5, "a\x1b[K\nbc\x1b[K\x1b[J");
    fit("a\n\nbc", 3, "a\x1b[K\n\x1b[K\nbc\x1b[K\x1b[J");
    fit("a\nb\nc\n", 2, "a\x1b[K\nb\x1b[K\x1b[J");
    fit("", 2, "\x1b[J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_top__a_rate_needs_two_looks),
        TEST(test_top__bars_show_the_newest_rates_as_far_as_there_is_room),
        TEST(test_top__an_older_index_and_no_time_are_no_rate),
        TEST(test_top__keeps_a_bounded_number_of_rates),
        TEST(test_top__a_text_fits_the_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
