/* choose_tests.c - RAKIT_TEST=pattern runs only the tests of a program whose names match, with
 * `*` and `?` as in a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void choose_from_environment(void)
{
    const char *pattern = getenv("RAKIT_TEST");

    if (pattern != NULL) {
        cmocka_set_test_filter(pattern);
    }
}
