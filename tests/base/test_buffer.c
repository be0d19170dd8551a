/* A buffer: bytes go in at the end and out at the front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"

static void assert_holds(const struct buffer *b, const char *expected)
{
    assert_int_equal(buffer_size(b), strlen(expected));
    assert_memory_equal(buffer_slice(b).data, expected, strlen(expected));
}

/* The sanitizers of clang report an offset to a null pointer, even if it is 0. */
static void test_buffer__a_zeroed_one_is_empty_and_can_be_looked_at(void **state)
{
    struct buffer b = {0};

    assert_null(buffer_begin(&b));
    assert_holds(&b, "");
    buffer_consume(&b, 0);
    buffer_clear(&b);
    assert_holds(&b, "");
    buffer_deinit(&b);
}

static void test_buffer__consumed_room_is_used_again(void **state)
{
    struct buffer b = {0};

    buffer_append(&b, "0123456789", 10);

    size_t capacity = b.capacity;

    for (int i = 0; i < 1000; i++) {
        buffer_consume(&b, 9);
        assert_holds(&b, "9");
        buffer_append(&b, "12345678", 8);
        buffer_append(&b, "9", 1);
        assert_holds(&b, "9123456789");
    }
    assert_int_equal(b.capacity, capacity);
    buffer_deinit(&b);
}

static void test_buffer__growing_keeps_what_was_not_consumed(void **state)
{
    struct buffer b = {0};
    char large[5000];

    memset(large, 'x', sizeof large);
    buffer_append(&b, "abcdef", 6);
    buffer_consume(&b, 4);
    buffer_append(&b, large, sizeof large);
    buffer_consume(&b, 1);
    assert_int_equal(buffer_size(&b), 1 + sizeof large);
    assert_int_equal(buffer_begin(&b)[0], 'f');
    assert_memory_equal(buffer_begin(&b) + 1, large, sizeof large);
    buffer_deinit(&b);
}

static void test_buffer__trimming_frees_only_what_is_too_large(void **state)
{
    struct buffer b = {0};

    buffer_append(&b, "abc", 3);
    buffer_trim(&b, b.capacity);
    assert_non_null(b.data);
    assert_holds(&b, "");
    buffer_trim(&b, b.capacity - 1);
    assert_null(b.data);
}

static void test_buffer__printf_appends(void **state)
{
    struct buffer b = {0};

    buffer_append(&b, "a", 1);
    buffer_printf(&b, "%d-%s", 42, "b");
    assert_holds(&b, "a42-b");
    buffer_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer__a_zeroed_one_is_empty_and_can_be_looked_at),
        cmocka_unit_test(test_buffer__consumed_room_is_used_again),
        cmocka_unit_test(test_buffer__growing_keeps_what_was_not_consumed),
        cmocka_unit_test(test_buffer__trimming_frees_only_what_is_too_large),
        cmocka_unit_test(test_buffer__printf_appends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
