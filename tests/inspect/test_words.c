/* Numbers, times and changes of members in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inspect/words.h"

static void check(struct buffer *out, const char *expected)
{
    buffer_append(out, "", 1);
    assert_string_equal(buffer_begin(out), expected);
    buffer_deinit(out);
}

/* A membership of nodes numbered from 1, with a letter for each (v voter, l learner, j joining,
 * o leaving, b in both parts of a joint state), or a dot for one that is not a member. */
static struct membership members_of(const char *parts)
{
    struct membership m = {0};

    for (uint32_t i = 0; parts[i] != '\0'; i++) {
        uint32_t at = m.configuration.member_count;
        char part = parts[i];

        if (part == '.') {
            continue;
        }
        m.configuration.members[at] = (struct raft_member){
            .id = i + 1,
            .incoming = part == 'v' || part == 'j' || part == 'b',
            .outgoing = part == 'o' || part == 'b',
        };
        m.addresses[at] = (struct member_address){
            .id = i + 1, .client.port = (uint16_t)(8001 + i), .peer_port = (uint16_t)(18001 + i)};
        snprintf(m.addresses[at].client.host, sizeof m.addresses[at].client.host, "h");
        m.configuration.member_count++;
    }
    return m;
}

static void check_change(const char *before, const char *after, const char *expected)
{
    struct membership was = members_of(before);
    struct membership is = members_of(after);
    struct buffer out = {0};

    words_change(&out, &was, &is);
    check(&out, expected);
}

static void test_words__of_a_change_of_members(void **state)
{
    check_change("v", "vl", "adds h:8002 as a learner");
    check_change("vl", "bj", "promotes h:8002 to voter, a joint state begins");
    check_change("bj", "vv", "the joint state ends");
    check_change("vvv", "bbo", "lets h:8003 leave, a joint state begins");
    check_change("bbo", "vv.", "removes h:8003, the joint state ends");
    check_change("vvl", "vv.", "removes h:8003");
    check_change("bbo", "vvl", "makes h:8003 a learner, the joint state ends");
    check_change("v", "v", "changes nothing");
}

static void test_words__of_a_move(void **state)
{
    struct membership was = members_of("vv");
    struct membership is = members_of("vv");
    struct buffer out = {0};

    is.addresses[1].client.port = 9000;
    is.addresses[1].peer_port = 19000;
    words_change(&out, &was, &is);
    check(&out, "moves h:8002 to h:9000 (peer port 19000)");
}

static void test_words__list_members_if_nothing_is_known_of_before(void **state)
{
    struct membership m = members_of("bjol");
    struct buffer out = {0};

    words_change(&out, NULL, &m);
    check(&out, "h:8001 voter, h:8002 joining, h:8003 leaving, h:8004 learner");
}

static void test_words__quote_a_host_that_is_none(void **state)
{
    struct membership m = members_of("v");
    struct buffer out = {0};

    snprintf(m.addresses[0].client.host, sizeof m.addresses[0].client.host, "\x1b[2J");
    words_address(&out, &m.addresses[0]);
    check(&out, "\"\\x1b[2J\":8001");
}

static void test_words__of_sizes(void **state)
{
    struct buffer out = {0};

    words_bytes(&out, 1023);
    buffer_printf(&out, ", ");
    words_bytes(&out, 1024);
    buffer_printf(&out, ", ");
    words_bytes(&out, (uint64_t)1024 * 1024 - 1);
    buffer_printf(&out, ", ");
    words_bytes(&out, UINT64_MAX);
    check(&out, "1023 bytes, 1.0 KB, 1.0 MB, 16384.0 PB");
}

static void test_words__of_times(void **state)
{
    struct buffer out = {0};

    setenv("TZ", "XYZ-2", 1);
    words_local_time(&out, 1796053311061955, 3);
    buffer_printf(&out, ", ");
    words_utc_time(&out, 1796053311061955);
    buffer_printf(&out, ", ");
    words_utc_time(&out, UINT64_MAX);
    check(&out, "2026-11-30 17:41:51.061, 2026-11-30T15:41:51.061955Z, 18446744073709551615 us");
}

static void test_words__break_lines_at_blanks(void **state)
{
    struct buffer out = {0};

    buffer_printf(&out, "ab: ");
    words_wrap(&out, slice_str("one two three verylongword x"), 4, 12);
    check(&out, "ab: one two\n    three\n    verylongword\n    x");
    words_wrap(&out, slice_str("one two three"), 4, 0);
    check(&out, "one two three");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words__of_a_change_of_members),
        cmocka_unit_test(test_words__of_a_move),
        cmocka_unit_test(test_words__list_members_if_nothing_is_known_of_before),
        cmocka_unit_test(test_words__quote_a_host_that_is_none),
        cmocka_unit_test(test_words__of_sizes),
        cmocka_unit_test(test_words__of_times),
        cmocka_unit_test(test_words__break_lines_at_blanks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
