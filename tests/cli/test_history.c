/* The history file: kept small, private, and without passwords. */
#include "given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/history.h"

struct lines {
    size_t count;
    char first[64];
    char last[64];
};

static void count_line(void *context, const char *line)
{
    struct lines *l = context;

    if (l->count == 0) {
        snprintf(l->first, sizeof l->first, "%s", line);
    }
    snprintf(l->last, sizeof l->last, "%s", line);
    l->count++;
}

static int make_directory(void **state)
{
    char *directory = strdup("/tmp/rakit-history-XXXXXX");

    *state = mkdtemp(directory);
    return *state == NULL;
}

static int remove_directory(void **state)
{
    int status = rmdir(*state);

    free(*state);
    return status;
}

static void path_in(char path[128], void *const *state)
{
    snprintf(path, 128, "%s/history", (const char *)*state);
}

static void test_history__lines_come_back_in_order(void **state)
{
    char path[128];
    struct lines l = {0};
    struct stat info;

    path_in(path, state);
    history_load(path, count_line, &l);
    assert_int_equal(l.count, 0);
    history_append(path, "set a 1");
    history_append(path, "get a");
    history_load(path, count_line, &l);
    assert_int_equal(l.count, 2);
    assert_string_equal(l.first, "set a 1");
    assert_string_equal(l.last, "get a");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(unlink(path), 0);
}

static void test_history__the_last_lines_are_kept(void **state)
{
    char path[128];
    char line[32];
    struct lines l = {0};
    struct lines again = {0};

    path_in(path, state);
    for (int i = 1; i <= 2 * HISTORY_LINES_MAX + 1; i++) {
        snprintf(line, sizeof line, "get %d", i);
        history_append(path, line);
    }
    history_load(path, count_line, &l);
    assert_int_equal(l.count, HISTORY_LINES_MAX);
    assert_string_equal(l.first, "get 1002");
    assert_string_equal(l.last, "get 2001");
    history_load(path, count_line, &again);
    assert_int_equal(again.count, HISTORY_LINES_MAX);
    assert_string_equal(again.first, "get 1002");
    assert_int_equal(unlink(path), 0);
}

static void test_history__passwords_are_secret(void **state)
{
    static const char *const secret[] = {
        "auth pw",
        "AUTH user pw",
        "  Auth \"p w\"",
        "\"auth\" pw",
        "hello 2 auth u pw",
        "auth \"open",
        "acl setuser me on >pw",
        "acl setuser \"open",
        "config set requirepass pw",
    };
    static const char *const open[] = {"get auth",     "author x", "hello 2",
                                       "config get x", "acl list", ""};

    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        assert_true(history_is_secret(slice_str(secret[i])));
    }
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_false(history_is_secret(slice_str(open[i])));
    }
}

static void test_history__the_environment_chooses_the_file(void **state)
{
    setenv("HOME", "/home/me", 1);
    unsetenv("RAKIT_HISTORY");

    char *path = history_path();

    assert_string_equal(path, "/home/me/.rakit_history");
    free(path);
    setenv("RAKIT_HISTORY", "/else/where", 1);
    path = history_path();
    assert_string_equal(path, "/else/where");
    free(path);
    setenv("RAKIT_HISTORY", "", 1);
    assert_null(history_path());
    unsetenv("RAKIT_HISTORY");
    unsetenv("HOME");
    assert_null(history_path());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_history__lines_come_back_in_order, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(test_history__the_last_lines_are_kept, make_directory,
                                        remove_directory),
        TEST(test_history__passwords_are_secret),
        TEST(test_history__the_environment_chooses_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
