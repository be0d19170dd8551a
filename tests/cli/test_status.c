/* RAFT STATUS on the screen. */
#include "given.h"

#include <string.h>

#include "cli/status.h"

struct node {
    const char *address, *role, *membership, *health;
    int applied_index;
};

struct part {
    const char *name, *replaces;
};

static void put(struct buffer *wire, const char *text)
{
    buffer_printf(wire, "$%zu\r\n", strlen(text));
    buffer_append(wire, text, strlen(text));
    buffer_append(wire, "\r\n", 2);
}

static void put_pair(struct buffer *wire, const char *key, const char *value)
{
    put(wire, key);
    put(wire, value);
}

static void put_number(struct buffer *wire, const char *key, int value)
{
    put(wire, key);
    buffer_printf(wire, ":%d\r\n", value);
}

/* Node 1 answers; it leads if `leader` says so. `parts`: one for each node; NULL: not in the
 * reply, as of an older server. */
static redisReply *status_with(const struct node *nodes, const struct part *parts, size_t count,
                               const char *leader, const char *configuration)
{
    struct buffer wire = {0};

    buffer_printf(&wire, "*14\r\n");
    put_pair(&wire, "cluster_id", "0123456789abcdef");
    put_pair(&wire, "node_id", "1000000000000000");
    put_pair(&wire, "leader_id", leader);
    put_number(&wire, "term", 4);
    put_number(&wire, "commit_index", 20);
    put_pair(&wire, "configuration", configuration);
    put(&wire, "nodes");
    buffer_printf(&wire, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        char id[32];

        snprintf(id, sizeof id, "%zu000000000000000", i + 1);
        buffer_printf(&wire, "*%d\r\n", parts == NULL ? 16 : 20);
        put_pair(&wire, "id", id);
        put_pair(&wire, "address", nodes[i].address);
        put_pair(&wire, "role", nodes[i].role);
        put_pair(&wire, "membership", nodes[i].membership);
        put_number(&wire, "term", 4);
        put_number(&wire, "applied_index", nodes[i].applied_index);
        put_pair(&wire, "health", nodes[i].health);
        put_number(&wire, "silent_ms", 15700);
        if (parts != NULL) {
            put_pair(&wire, "name", parts[i].name);
            put_pair(&wire, "replaces", parts[i].replaces);
        }
    }
    redisReply *reply = given_reply(buffer_begin(&wire), buffer_size(&wire));

    buffer_deinit(&wire);
    return reply;
}

static redisReply *status_of(const struct node *nodes, size_t count, const char *leader,
                             const char *configuration)
{
    return status_with(nodes, NULL, count, leader, configuration);
}

static const struct node healthy[] = {
    {"h:1", "leader", "voter", "ok", 20},
    {"h:2", "follower", "voter", "ok", 18},
    {"h:3", "follower", "voter", "ok", 20},
};

static void assert_headlines(redisReply *reply, const char *expected)
{
    struct buffer out = {0};

    assert_true(status_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    buffer_append(&out, "", 1);
    /* The verdict ends where the table begins. */
    char *table = strstr(buffer_begin(&out), "NODE");

    assert_non_null(table);
    table[0] = '\0';
    assert_string_equal(buffer_begin(&out), expected);
    buffer_deinit(&out);
}

static void test_status__draws_headlines_and_a_table(void **state)
{
    struct buffer out = {0};
    redisReply *reply = status_of(healthy, 3, "1000000000000000", "stable");

    assert_true(status_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    assert_text(&out, "healthy: tolerates 1 failure\n"
                      "cluster 01234567, leader h:1, 3 voters, term 4\n"
                      "NODE      ADDRESS  ROLE      TERM  COMMIT  APPLIED  LAG  HEALTH\n"
                      "10000000  h:1      leader       4       -       20    0  ok\n"
                      "20000000  h:2      follower     4       -       18    2  ok\n"
                      "30000000  h:3      follower     4       -       20    0  ok\n");
}

static void test_status__shows_names_and_who_replaces_whom(void **state)
{
    const struct node nodes[] = {
        {"h:1", "leader", "voter", "ok", 20},
        {"h:2", "follower", "voter", "ok", 20},
        {"h:3", "learner", "learner", "ok", 0},
    };
    const struct part parts[] = {{"north", ""}, {"", ""}, {"fresh", "2000000000000000"}};
    struct buffer out = {0};
    redisReply *reply = status_with(nodes, parts, 3, "1000000000000000", "stable");

    (void)state;
    assert_true(status_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    assert_text(&out,
                "healthy: tolerates no failure\n"
                "cluster 01234567, leader h:1, 2 voters, 1 learner, term 4, h:3 is to replace "
                "h:2\n"
                "NODE      ADDRESS  ROLE      TERM  COMMIT  APPLIED  LAG  HEALTH\n"
                "north     h:1      leader       4       -       20    0  ok\n"
                "20000000  h:2      follower     4       -       20    0  ok\n"
                "fresh     h:3      learner      4       -        0   20  ok\n");
}

static void test_status__counts_what_can_still_fail(void **state)
{
    struct node nodes[5];

    for (size_t i = 0; i < 5; i++) {
        nodes[i] = healthy[0];
    }
    assert_headlines(status_of(nodes, 5, "1000000000000000", "stable"),
                     "healthy: tolerates 2 failures\n"
                     "cluster 01234567, leader h:1, 5 voters, term 4\n");
    nodes[4].health = "unreachable";
    assert_headlines(status_of(nodes, 5, "1000000000000000", "stable"),
                     "degraded: 1 of 5 voters unreachable, tolerates 1 more failure\n"
                     "cluster 01234567, leader h:1, 5 voters, term 4\n");
    nodes[3].health = "lagging";
    nodes[2].health = "unreachable";
    assert_headlines(status_of(nodes, 5, "1000000000000000", "stable"),
                     "degraded: 2 of 5 voters unreachable, 1 of 5 voters lagging, "
                     "tolerates no further failures\n"
                     "cluster 01234567, leader h:1, 5 voters, term 4\n");
    assert_headlines(status_of(nodes, 1, "1000000000000000", "stable"),
                     "healthy: tolerates no failure\n"
                     "cluster 01234567, leader h:1, 1 voter, term 4\n");
}

static void test_status__a_voter_with_a_full_disk_is_no_help(void **state)
{
    struct node nodes[] = {healthy[0], healthy[1], healthy[2]};
    struct buffer out = {0};
    redisReply *reply;

    nodes[0].health = "disk-full";
    assert_headlines(status_of(nodes, 3, "1000000000000000", "stable"),
                     "degraded: 1 of 3 voters with a full disk, tolerates no further failures\n"
                     "cluster 01234567, leader h:1, 3 voters, term 4\n");
    reply = status_of(nodes, 1, "1000000000000000", "stable");
    assert_true(status_draw(&out, reply, &colourful));
    freeReplyObject(reply);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "\x1b[31mdegraded"));
    assert_non_null(strstr(buffer_begin(&out), "\x1b[31mdisk-full"));
    buffer_deinit(&out);
}

static void test_status__a_voter_without_memory_holds_all_back(void **state)
{
    struct node nodes[] = {healthy[0], healthy[1], healthy[2]};

    nodes[1].health = "memory-full";
    assert_headlines(status_of(nodes, 3, "1000000000000000", "stable"),
                     "degraded: 1 of 3 voters with no memory for more data, tolerates 1 more "
                     "failure\n"
                     "cluster 01234567, leader h:1, 3 voters, term 4\n");
}

static void test_status__learners_do_not_count_as_voters(void **state)
{
    struct node nodes[] = {
        healthy[0], healthy[1], healthy[2], {"h:4", "learner", "learner", "unreachable", 0}};

    assert_headlines(status_of(nodes, 4, "1000000000000000", "joint"),
                     "healthy: tolerates 1 failure\n"
                     "cluster 01234567, leader h:1, 3 voters, 1 learner, term 4, "
                     "membership is changing\n");
}

static void test_status__shows_that_the_node_was_removed(void **state)
{
    assert_headlines(status_of(healthy, 3, "1000000000000000", "removed"),
                     "removed: this node serves nothing any more; ask another one\n"
                     "cluster 01234567, leader h:1, 3 voters, term 4\n");
}

static void test_status__shows_no_number_that_is_not_known(void **state)
{
    struct node nodes[] = {healthy[0], {"h:2", "unknown", "voter", "unreachable", 0}};
    struct buffer out = {0};
    redisReply *reply = status_of(nodes, 2, "1000000000000000", "stable");
    const redisReply *rows = reply->element[reply->elements - 1];

    /* Its term, the tenth field, is 0: no answer from it was ever heard. */
    rows->element[1]->element[9]->integer = 0;
    rows->element[1]->element[15]->integer = -1;
    assert_true(status_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "20000000  h:2      unknown     -       -        -"
                                               "    -  unreachable\n"));
    buffer_deinit(&out);
}

static void test_status__shows_since_when_a_node_is_silent(void **state)
{
    static const struct {
        long long silent_ms;
        const char *shown;
    } cases[] = {
        {15700, "unreachable(15s)\n"},
        {119999, "unreachable(119s)\n"},
        {120000, "unreachable(2min)\n"},
        {7200000, "unreachable(2h)\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct node nodes[] = {healthy[0], {"h:2", "unknown", "voter", "unreachable", 18}};
        struct buffer out = {0};
        redisReply *reply = status_of(nodes, 2, "1000000000000000", "stable");

        /* What it reported last does not count any more. */
        reply->element[reply->elements - 1]->element[1]->element[15]->integer = cases[i].silent_ms;
        assert_true(status_draw(&out, reply, &plain_pipe));
        freeReplyObject(reply);
        buffer_append(&out, "", 1);
        assert_non_null(strstr(buffer_begin(&out), "unknown     -       -        -    -  "));
        assert_non_null(strstr(buffer_begin(&out), cases[i].shown));
        buffer_deinit(&out);
    }
}

static void test_status__sorts_by_address(void **state)
{
    struct node nodes[] = {{"h:8000", "follower", "voter", "ok", 20},
                           {"h:900", "leader", "voter", "ok", 20}};
    struct buffer out = {0};
    redisReply *reply = status_of(nodes, 2, "2000000000000000", "stable");

    assert_true(status_draw(&out, reply, &plain_pipe));
    freeReplyObject(reply);
    buffer_append(&out, "", 1);

    char *first = strstr(buffer_begin(&out), "20000000");

    assert_non_null(first);
    assert_non_null(strstr(first, "10000000"));
    buffer_deinit(&out);
}

static void test_status__shows_that_there_is_no_leader(void **state)
{
    assert_headlines(status_of(healthy, 3, "", "stable"),
                     "no leader: no reads, no writes\n"
                     "cluster 01234567, no leader, 3 voters, term 4\n");
}

static void test_status__other_replies_are_not_drawn(void **state)
{
    struct buffer out = {0};
    redisReply *reply = GIVEN("*2\r\n$5\r\nnodes\r\n*0\r\n");

    assert_false(status_draw(&out, reply, &terminal));
    freeReplyObject(reply);
    assert_text(&out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status__shows_names_and_who_replaces_whom),
        TEST(test_status__draws_headlines_and_a_table),
        TEST(test_status__counts_what_can_still_fail),
        TEST(test_status__a_voter_with_a_full_disk_is_no_help),
        TEST(test_status__a_voter_without_memory_holds_all_back),
        TEST(test_status__learners_do_not_count_as_voters),
        TEST(test_status__shows_that_the_node_was_removed),
        TEST(test_status__shows_no_number_that_is_not_known),
        TEST(test_status__shows_since_when_a_node_is_silent),
        TEST(test_status__sorts_by_address),
        TEST(test_status__shows_that_there_is_no_leader),
        TEST(test_status__other_replies_are_not_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
