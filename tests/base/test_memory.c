/* Zeros, by pages that are given back if there are many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/memory.h"

enum { WHOLE_BYTES = 20 * 1024 * 1024 };

static bool is_filled(const char *from, const char *to, char with)
{
    while (from < to && *from == with) {
        from++;
    }
    return from == to;
}

static void test_memory_zero__clears_that_part_and_no_more(void **state)
{
    static const size_t begins[] = {0, 1, 4095, 4096, 5000};
    static const size_t sizes[] = {0, 1, 4096, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 17};
    char *memory = memory_take(WHOLE_BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            char *begin = memory + begins[i];

            memset(memory, 'x', WHOLE_BYTES);
            memory_zero(begin, sizes[k]);
            assert_true(is_filled(memory, begin, 'x'));
            assert_true(is_filled(begin, begin + sizes[k], '\0'));
            assert_true(is_filled(begin + sizes[k], memory + WHOLE_BYTES, 'x'));
        }
    }
    free(memory);
}

/* Sanitizers have an allocator of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifndef IS_SANITIZED
static long fault_count(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

/* A copy would touch 25600 pages. */
static void test_memory_resize__moves_the_pages_of_a_large_part(void **state)
{
    enum { LARGE_BYTES = 100 * 1024 * 1024 };
    char *memory = memory_take(LARGE_BYTES);
    long before;

    (void)state;
    memset(memory, 'x', LARGE_BYTES);
    before = fault_count();
    memory = memory_resize(memory, LARGE_BYTES / 4 * 5);
    assert_true(fault_count() - before < 1000);
    assert_true(is_filled(memory, memory + LARGE_BYTES, 'x'));
    free(memory);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_zero__clears_that_part_and_no_more),
#ifndef IS_SANITIZED
        cmocka_unit_test(test_memory_resize__moves_the_pages_of_a_large_part),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
