/* Sizes of memory as people write them: Redis's units, and shares of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/memory_size.h"

static uint64_t bytes_of(const char *text, uint64_t machine_bytes)
{
    struct memory_size size;

    assert_true(memory_size_read(slice_str(text), &size));
    return memory_size_bytes(&size, machine_bytes);
}

static void test_memory_size__knows_the_units_of_redis(void **state)
{
    (void)state;
    assert_int_equal(bytes_of("0", 0), 0);
    assert_int_equal(bytes_of("1048577", 0), 1048577);
    assert_int_equal(bytes_of("7b", 0), 7);
    assert_int_equal(bytes_of("7k", 0), 7000);
    assert_int_equal(bytes_of("7KB", 0), 7 * 1024);
    assert_int_equal(bytes_of("7m", 0), 7000000);
    assert_int_equal(bytes_of("7Mb", 0), 7 * 1024 * 1024);
    assert_int_equal(bytes_of("7g", 0), 7000000000);
    assert_int_equal(bytes_of("7gb", 0), 7516192768);
    assert_int_equal(bytes_of("18446744073709551615", 0), UINT64_MAX);
}

static void test_memory_size__takes_a_share_of_the_machine(void **state)
{
    (void)state;
    assert_int_equal(bytes_of("60%", 1000), 600);
    assert_int_equal(bytes_of("100%", 12345600), 12345600);
    assert_int_equal(bytes_of("60%", 0), 0);
}

static void test_memory_size__refuses_what_is_none(void **state)
{
    static const char *const texts[] = {"",     "x",
                                        "-1",   "1.5gb",
                                        "1 mb", "mb",
                                        "1tb",  "0%",
                                        "101%", "50%%",
                                        "%",    "18446744073709551616",
                                        "+1",   "9999999999999gb"};
    struct memory_size size = {.bytes = 5};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (memory_size_read(slice_str(texts[i]), &size) || size.bytes != 5) {
            fail_msg("'%s' was taken", texts[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_size__knows_the_units_of_redis),
        cmocka_unit_test(test_memory_size__takes_a_share_of_the_machine),
        cmocka_unit_test(test_memory_size__refuses_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
