/* Zeros, by pages that are given back if there are many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_zero__clears_that_part_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
