/* ACL LOG: what is alike is counted, and the oldest goes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "table.h"
#include "users/denials.h"

static void add(struct denials *d, const char *object, uint64_t now_ms)
{
    struct denial denial = {.reason = DENIAL_KEY,
                            .object = slice_str(object),
                            .user = slice_str("bob"),
                            .client = slice_str("id=1")};

    denials_add(d, &denial, now_ms);
}

static void expect_count(const struct denials *d, const char *count)
{
    struct buffer text = {0};
    struct resp_writer w = {.out = &text, .version = 2};

    denials_reply(d, UINT64_MAX, 2000, &w);
    assert_memory_equal(buffer_begin(&text), count, strlen(count));
    buffer_deinit(&text);
}

static void test_denials__alike_are_one_entry(void **state)
{
    struct denials *d = denials_new();

    (void)state;
    add(d, "k", 1000);
    add(d, "k", 1500);
    expect_count(d, "*1\r\n*20\r\n$5\r\ncount\r\n:2\r\n$6\r\nreason\r\n$3\r\nkey\r\n");
    add(d, "other", 1500);
    expect_count(d, "*2\r\n*20\r\n$5\r\ncount\r\n:1\r\n");
    add(d, "k", 1500 + 60001);
    expect_count(d, "*3\r\n");
    assert_int_equal(denials_count(d, DENIAL_KEY), 4);
    denials_reset(d);
    expect_count(d, "*0\r\n");
    denials_free(d);
}

static void test_denials__are_limited(void **state)
{
    struct denials *d = denials_new();
    char name[16];

    (void)state;
    for (int i = 0; i < DENIALS_MAX + 5; i++) {
        snprintf(name, sizeof name, "k%d", i);
        add(d, name, 1000);
    }
    expect_count(d, "*128\r\n");
    denials_limit(d, 2);
    expect_count(d, "*128\r\n");
    add(d, "k", 1000);
    expect_count(d, "*2\r\n");
    denials_limit(d, 0);
    add(d, "again", 1000);
    expect_count(d, "*0\r\n");
    denials_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denials__alike_are_one_entry),
        cmocka_unit_test(test_denials__are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
