/* The newest changes of keys: what is kept, what a reader is shown, and when it is said that
 * changes are missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "replica/feed.h"
#include "resp/decimal.h"

static void add(struct feed *f, const char *key, const char *value)
{
    struct key_event event = {
        .database = 1, .class = EVENT_STRING, .name = "set", .key = slice_str(key)};
    struct kv_value now = {.bytes = slice_str(value)};

    feed_add(f, &event, &now);
}

static struct feed_id id(uint64_t index, uint32_t order)
{
    return (struct feed_id){index, order};
}

static void assert_shown(const struct feed_record *r, struct feed_id at, const char *key,
                         const char *value)
{
    struct feed_change change;

    assert_non_null(r);
    change = feed_show(r);
    assert_int_equal(feed_compare(change.id, at), 0);
    assert_true(slice_equal(change.key, slice_str(key)));
    assert_true(slice_equal(change.value, slice_str(value)));
    assert_string_equal(change.event, "set");
    assert_int_equal(change.database, 1);
    assert_true(change.has_value);
}

static void test_feed__shows_what_is_behind_an_id(void **state)
{
    struct feed f;
    const struct feed_record *r;

    (void)state;
    feed_init(&f, 64 * 1024);
    assert_null(feed_first_behind(&f, id(0, 0)));
    feed_begin_entry(&f, 5);
    add(&f, "a", "1");
    add(&f, "b", "");
    feed_begin_entry(&f, 7);
    add(&f, "a", "2");
    r = feed_first_behind(&f, id(0, 0));
    assert_shown(r, id(5, 0), "a", "1");
    r = feed_next(&f, r);
    assert_shown(r, id(5, 1), "b", "");
    r = feed_next(&f, r);
    assert_shown(r, id(7, 0), "a", "2");
    assert_null(feed_next(&f, r));
    assert_shown(feed_first_behind(&f, id(5, 0)), id(5, 1), "b", "");
    assert_shown(feed_first_behind(&f, id(6, 0)), id(7, 0), "a", "2");
    assert_null(feed_first_behind(&f, id(7, 0)));
    assert_true(feed_reaches(&f, id(0, 0)));
    feed_deinit(&f);
}

static void test_feed__shows_no_value_of_keys_that_are_gone_or_no_short_string(void **state)
{
    static char bytes[FEED_VALUE_BYTES_MAX + 1];
    struct key_event event = {.class = EVENT_GENERIC, .name = "del", .key = slice_str("k")};
    struct kv_value hash = {.bytes = slice_str("h"), .traits = {.type = VALUE_HASH}};
    struct kv_value large = {.bytes = slice_of(bytes, sizeof bytes)};
    struct feed_change change;
    struct feed f;

    (void)state;
    feed_init(&f, 1024 * 1024);
    feed_begin_entry(&f, 1);
    feed_add(&f, &event, NULL);
    feed_add(&f, &event, &hash);
    feed_add(&f, &event, &large);
    change = feed_show(feed_first_behind(&f, id(0, 0)));
    assert_false(change.has_value);
    assert_null(change.type);
    change = feed_show(feed_first_behind(&f, id(1, 0)));
    assert_false(change.has_value);
    assert_string_equal(change.type, "hash");
    change = feed_show(feed_first_behind(&f, id(1, 1)));
    assert_false(change.has_value);
    assert_string_equal(change.type, "string");
    feed_deinit(&f);
}

static void test_feed__says_what_is_missing(void **state)
{
    struct feed f;

    (void)state;
    feed_init(&f, 4096);
    for (uint64_t index = 1; index <= 1000; index++) {
        feed_begin_entry(&f, index);
        add(&f, "key", "value");
    }
    assert_false(feed_reaches(&f, id(0, 0)));
    assert_true(feed_reaches(&f, f.floor));
    assert_true(f.floor.index > 900 && f.floor.index < 1000);
    assert_shown(feed_first_behind(&f, f.floor), id(f.floor.index + 1, 0), "key", "value");
    feed_restart(&f, 2000);
    assert_null(feed_first_behind(&f, id(0, 0)));
    assert_false(feed_reaches(&f, id(1000, 0)));
    assert_false(feed_reaches(&f, id(2000, 7)));
    assert_true(feed_reaches(&f, id(2000, UINT32_MAX)));
    feed_begin_entry(&f, 2001);
    add(&f, "key", "value");
    assert_true(feed_reaches(&f, id(2001, 0)));
    assert_shown(feed_first_behind(&f, id(2000, UINT32_MAX)), id(2001, 0), "key", "value");
    feed_deinit(&f);
}

/* Whatever sizes come, a reader that goes on from its last id sees each change once, in order, or
 * learns that some are missing. */
static void test_feed__gives_each_reader_all_in_order(void **state)
{
    static char bytes[3000];
    struct prng prng = {3};
    struct feed f;
    struct feed_id seen = id(0, 0);
    uint64_t order = 0;
    uint64_t missing = 0;
    uint64_t read = 0;
    char key[32];

    (void)state;
    feed_init(&f, 16 * 1024);
    for (uint64_t index = 1; index <= 20000; index++) {
        feed_begin_entry(&f, index);
        for (uint64_t n = prng_below(&prng, 3); n > 0; n--) {
            snprintf(key, sizeof key, "%llu", (unsigned long long)++order);

            struct key_event event = {.name = "set", .key = slice_str(key)};
            struct kv_value now = {.bytes =
                                       slice_of(bytes, (size_t)prng_below(&prng, sizeof bytes))};

            feed_add(&f, &event, prng_chance(&prng, 1, 3) ? NULL : &now);
        }
        if (prng_chance(&prng, 1, 4)) {
            continue;
        }
        if (!feed_reaches(&f, seen)) {
            missing++;
            seen = f.floor;
            read = 0;
        }
        for (const struct feed_record *r = feed_first_behind(&f, seen); r != NULL;
             r = feed_next(&f, r)) {
            struct feed_change change = feed_show(r);
            int64_t number = 0;

            assert_true(decimal_read(change.key, &number));
            assert_true(feed_compare(change.id, seen) > 0);
            assert_true(read == 0 || (uint64_t)number == read + 1);
            read = (uint64_t)number;
            seen = change.id;
        }
        assert_true(read == 0 || read == order);
    }
    assert_true(missing < 1000);
    feed_deinit(&f);
}

/* What happens meanwhile is missing, and a reader must learn that. */
static void test_feed__begins_anew_after_a_pause(void **state)
{
    struct feed f;

    (void)state;
    feed_init(&f, 64 * 1024);
    assert_true(feed_hears(&f));
    feed_begin_entry(&f, 1);
    add(&f, "a", "1");
    feed_pause(&f);
    assert_true(feed_is_on(&f));
    assert_false(feed_hears(&f));
    feed_resume(&f, 9);
    assert_true(feed_hears(&f));
    feed_begin_entry(&f, 10);
    add(&f, "a", "2");
    assert_false(feed_reaches(&f, id(1, 0)));
    assert_true(feed_reaches(&f, id(9, UINT32_MAX)));
    assert_shown(feed_first_behind(&f, id(9, UINT32_MAX)), id(10, 0), "a", "2");
    feed_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed__shows_what_is_behind_an_id),
        cmocka_unit_test(test_feed__shows_no_value_of_keys_that_are_gone_or_no_short_string),
        cmocka_unit_test(test_feed__says_what_is_missing),
        cmocka_unit_test(test_feed__gives_each_reader_all_in_order),
        cmocka_unit_test(test_feed__begins_anew_after_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
