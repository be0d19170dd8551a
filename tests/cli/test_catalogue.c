/* The server's command table: what is completed, hinted at and explained. */
#include "given.h"

#include "cli/catalogue.h"
#include "cli/help.h"

static const char docs[] =
    "*12\r\n"
    "$6\r\nclient\r\n*6\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n$6\r\nsyntax\r\n"
    "$9\r\nID | LIST\r\n$11\r\nsubcommands\r\n*4\r\n"
    "$9\r\nclient|id\r\n*2\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n"
    "$11\r\nclient|list\r\n*6\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n"
    "$6\r\nsyntax\r\n$6\r\n[type]\r\n$7\r\nsummary\r\n$11\r\nLists them.\r\n"
    "$3\r\nset\r\n*8\r\n$7\r\nsummary\r\n$11\r\nSets a key.\r\n$5\r\nsince\r\n$5\r\n1.0.0\r\n"
    "$5\r\ngroup\r\n$6\r\nstring\r\n$6\r\nsyntax\r\n$41\r\nkey value [NX | XX] [GET] "
    "[EX seconds|ms]\r\n"
    "$3\r\ndel\r\n*4\r\n$5\r\ngroup\r\n$7\r\ngeneric\r\n$6\r\nsyntax\r\n$13\r\nkey [key ...]\r\n"
    "$6\r\nconfig\r\n*4\r\n$5\r\ngroup\r\n$6\r\nserver\r\n$11\r\nsubcommands\r\n*2\r\n"
    "$10\r\nconfig|get\r\n*2\r\n$6\r\nsyntax\r\n$7\r\npattern\r\n"
    "$4\r\nraft\r\n*4\r\n$5\r\ngroup\r\n$4\r\nraft\r\n$6\r\nsyntax\r\n"
    "$26\r\nSTATUS | REMOVE id | ADD h\r\n"
    "$11\r\nrequest_log\r\n*2\r\n$5\r\ngroup\r\n$4\r\nraft\r\n";

static struct catalogue loaded(void)
{
    struct catalogue c;
    redisReply *reply = GIVEN(docs);

    catalogue_init(&c);
    catalogue_add_server(&c, reply);
    freeReplyObject(reply);
    return c;
}

static void assert_hint(const char *line, const char *expected)
{
    struct catalogue c = loaded();
    struct buffer out = {0};

    catalogue_hint(&c, slice_str(line), &out);
    catalogue_deinit(&c);
    assert_text(&out, expected);
}

static void join(void *context, const char *name)
{
    buffer_printf(context, "%s,", name);
}

static void assert_completed(const char *prefix, const char *expected)
{
    struct catalogue c = loaded();
    struct buffer out = {0};

    catalogue_complete(&c, slice_str(prefix), join, &out);
    catalogue_deinit(&c);
    assert_text(&out, expected);
}

static void test_hint__shows_what_is_still_to_be_typed(void **state)
{
    assert_hint("set", " key value [NX | XX] [GET] [EX seconds|ms]");
    assert_hint("set ", "key value [NX | XX] [GET] [EX seconds|ms]");
    assert_hint("SET k", " value [NX | XX] [GET] [EX seconds|ms]");
    assert_hint("set k v ", "[NX | XX] [GET] [EX seconds|ms]");
}

static void test_hint__a_keyword_answers_its_option(void **state)
{
    assert_hint("set k v get ", "[NX | XX] [EX seconds|ms]");
    assert_hint("set k v xx get ", "[EX seconds|ms]");
    assert_hint("set get nx ", "[NX | XX] [GET] [EX seconds|ms]");
}

static void test_hint__repeated_arguments_stay(void **state)
{
    assert_hint("del ", "key [key ...]");
    assert_hint("del a b c ", "[key ...]");
}

static void test_hint__alternatives_narrow_down(void **state)
{
    assert_hint("raft ", "STATUS | REMOVE id | ADD h");
    assert_hint("raft remove ", "id");
    assert_hint("raft remove x ", "");
    assert_hint("raft status ", "");
    assert_hint("raft nonsense ", "");
}

static void test_hint__knows_commands_of_two_words(void **state)
{
    assert_hint("config get ", "pattern");
    assert_hint("config get x ", "");
}

static void test_hint__is_empty_if_nothing_is_known(void **state)
{
    assert_hint("", "");
    assert_hint("  ", "");
    assert_hint("nosuch ", "");
    assert_hint("se", "");
    assert_hint("set \"open ", "");
}

static void test_complete__finds_names_without_regard_to_case(void **state)
{
    assert_completed("S", "slow,status,SET,");
    assert_completed("se", "SET,");
    assert_completed("zz", "");
}

static void test_complete__finds_second_words(void **state)
{
    assert_completed("config g", "CONFIG GET,");
    assert_completed("raft ", "RAFT STATUS,RAFT REMOVE,RAFT ADD,");
    assert_completed("raft re", "RAFT REMOVE,");
    assert_completed("client ", "CLIENT ID,CLIENT LIST,"); /* Each once. */
    assert_completed("del ", "");
}

static void test_catalogue__the_clients_own_commands_come_first(void **state)
{
    struct catalogue c = loaded();
    const struct catalogue_entry *entry = catalogue_find(&c, slice_str("Request_Log"));

    assert_string_equal(entry->group, "client");
    assert_string_equal(entry->syntax, "[from [count]] [stages]");
    catalogue_deinit(&c);
}

static void test_catalogue__replies_of_another_shape_add_nothing(void **state)
{
    static const char *const shapes[] = {
        "-ERR unknown command\r\n",
        ":1\r\n",
        "*1\r\n$3\r\nget\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "*2\r\n*0\r\n*2\r\n$1\r\na\r\n:1\r\n",
    };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct catalogue c;
        redisReply *reply = given_reply(shapes[i], strlen(shapes[i]));

        catalogue_init(&c);
        size_t count = c.count;

        catalogue_add_server(&c, reply);
        assert_int_equal(c.count, count);
        freeReplyObject(reply);
        catalogue_deinit(&c);
    }
}

static void assert_help_at(size_t columns, const char *line, const char *expected)
{
    struct style style = {.terminal = true, .columns = columns};
    struct catalogue c = loaded();
    struct buffer out = {0};
    struct words w;

    assert_int_equal(words_split(slice_str(line), &w), 0);
    assert_int_equal(help_topic(&out, &c, &w, &style), expected != NULL);
    assert_text(&out, expected == NULL ? "" : expected);
    words_deinit(&w);
    catalogue_deinit(&c);
}

static void assert_help(const char *line, const char *expected)
{
    assert_help_at(0, line, expected);
}

static void test_help__explains_a_command(void **state)
{
    assert_help("help Set", "SET key value [NX | XX] [GET] [EX seconds|ms]\n  Sets a key.\n"
                            "  group string, since 1.0.0\n");
}

static void test_help__explains_a_group(void **state)
{
    assert_help("help @string", "SET key value [NX | XX] [GET] [EX seconds|ms]\n"
                                "                              Sets a key.\n");
}

static void test_help__explains_members_of_a_family(void **state)
{
#define ROW "CLIENT LIST [type]            Lists them.\n"
    assert_help("help client list", "CLIENT LIST [type]\n  Lists them.\n  group connection\n");
    assert_help("help client", "CLIENT subcommand ...\n  \n  group connection\n\n"
                               "CLIENT ID                     \n" ROW);
    assert_help("help connection", "CLIENT subcommand ...         \n"
                                   "CLIENT ID                     \n" ROW);
#undef ROW
}

static void test_help__breaks_lines_between_words(void **state)
{
    assert_help_at(46, "help set",
                   "SET key value [NX | XX] [GET] [EX seconds|ms]\n  Sets a key.\n"
                   "  group string, since 1.0.0\n");
    assert_help_at(44, "help set",
                   "SET key value [NX | XX] [GET] [EX\n    seconds|ms]\n  Sets a key.\n"
                   "  group string, since 1.0.0\n");
    assert_help_at(16, "help set",
                   "SET key value\n    [NX | XX]\n    [GET] [EX\n    seconds|ms]\n  Sets a key.\n"
                   "  group string, since 1.0.0\n");
    assert_help_at(80, "help client list",
                   "CLIENT LIST [type]\n  Lists them.\n  group connection\n");
    /* The summary is below the syntax if there is no room on the right. */
    assert_help_at(59, "help @string",
                   "SET key value [NX | XX] [GET] [EX seconds|ms]\n    Sets a key.\n");
    assert_help_at(12, "help @generic", "DEL key [key\n    ...]\n    \n");
}

static void assert_lines_fit(size_t columns)
{
    struct style style = {.terminal = true, .columns = columns};
    struct catalogue c = loaded();
    struct buffer out = {0};
    size_t column = 0;

    help_overview(&out, &c, &style);
    for (const char *at = buffer_begin(&out); at < buffer_begin(&out) + buffer_size(&out); at++) {
        column = *at == '\n' ? 0 : column + 1;
        assert_true(column <= columns);
    }
    buffer_deinit(&out);
    catalogue_deinit(&c);
}

static void test_help__overview_fits_the_terminal(void **state)
{
    assert_lines_fit(80);
    assert_lines_fit(60);
    assert_lines_fit(24);
}

static void test_help__does_not_know_everything(void **state)
{
    assert_help("help nonsense", NULL);
}

static void test_help__overview_names_every_command(void **state)
{
    struct catalogue c = loaded();
    struct buffer out = {0};

    help_overview(&out, &c, &terminal);
    buffer_append(&out, "", 1);
    for (size_t i = 0; i < c.count; i++) {
        /* Shown in the help of its family. */
        bool is_member = strchr(c.entries[i].name, ' ') != NULL;

        assert_true(is_member == (strstr(buffer_begin(&out), c.entries[i].name) == NULL));
    }
    buffer_deinit(&out);
    catalogue_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hint__shows_what_is_still_to_be_typed),
        TEST(test_hint__a_keyword_answers_its_option),
        TEST(test_hint__repeated_arguments_stay),
        TEST(test_hint__alternatives_narrow_down),
        TEST(test_hint__knows_commands_of_two_words),
        TEST(test_hint__is_empty_if_nothing_is_known),
        TEST(test_complete__finds_names_without_regard_to_case),
        TEST(test_complete__finds_second_words),
        TEST(test_catalogue__the_clients_own_commands_come_first),
        TEST(test_catalogue__replies_of_another_shape_add_nothing),
        TEST(test_help__explains_a_command),
        TEST(test_help__explains_a_group),
        TEST(test_help__explains_members_of_a_family),
        TEST(test_help__breaks_lines_between_words),
        TEST(test_help__overview_fits_the_terminal),
        TEST(test_help__does_not_know_everything),
        TEST(test_help__overview_names_every_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
