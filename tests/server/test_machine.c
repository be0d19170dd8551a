/* What the machine's settings mean for a node's ports, and which directories a node accepts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/machine.h"

static void test_machine__a_port_is_ephemeral_within_the_range(void **state)
{
    assert_false(machine_port_is_ephemeral(32767, "32768\t60999\n", ""));
    assert_true(machine_port_is_ephemeral(32768, "32768\t60999\n", ""));
    assert_true(machine_port_is_ephemeral(60999, "32768\t60999\n", "\n"));
    assert_false(machine_port_is_ephemeral(61000, "32768\t60999\n", ""));
}

static void test_machine__a_reserved_port_is_not_ephemeral(void **state)
{
    const char *reserved = "8080,40000,41000-41002\n";

    assert_false(machine_port_is_ephemeral(40000, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(40001, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(40999, "32768\t60999\n", reserved));
    assert_false(machine_port_is_ephemeral(41000, "32768\t60999\n", reserved));
    assert_false(machine_port_is_ephemeral(41002, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(41003, "32768\t60999\n", reserved));
}

static void test_machine__what_is_not_understood_is_empty(void **state)
{
    assert_false(machine_port_is_ephemeral(40000, "", ""));
    assert_false(machine_port_is_ephemeral(40000, "all of them", ""));
    assert_true(machine_port_is_ephemeral(40000, "32768\t60999\n", "none, 40000"));
    assert_true(machine_port_is_ephemeral(40000, "32768\t60999\n", "39000-"));
}

/* Whether a node may begin in a directory with only a file of that name; NULL: an empty one. */
static bool may_begin(const char *name, bool has_contact, char text[1024])
{
    char directory[] = "/tmp/rakit-machine-XXXXXX";
    char path[1024];

    text[0] = '\0';
    assert_non_null(mkdtemp(directory));
    if (name != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, name);
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }

    bool may = machine_may_begin(directory, has_contact, text, 1024);

    if (name != NULL) {
        unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
    return may;
}

static void test_machine__a_directory_with_other_files_is_refused(void **state)
{
    char text[1024];

    assert_false(may_begin("letter", false, text));
    assert_non_null(strstr(text, "letter is in it"));
    assert_non_null(strstr(text, "--new-cluster"));
    assert_false(may_begin("letter", true, text));
    assert_non_null(strstr(text, "letter is in it"));
    assert_null(strstr(text, "--new-cluster"));
}

static void test_machine__an_empty_directory_is_for_joining(void **state)
{
    static const char *const empty[] = {NULL, "lost+found", ".snapshot"};
    char text[1024];

    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        assert_false(may_begin(empty[i], false, text));
        assert_non_null(strstr(text, "there, but empty"));
        assert_true(may_begin(empty[i], true, text));
    }
    assert_true(machine_may_begin("/tmp/rakit-machine-is-not-there", false, text, sizeof text));
}

/* The store handles it. */
static void test_machine__what_a_start_left_behind_may_be_started_again(void **state)
{
    static const char *const left[] = {"lock",   "identity.tmp", "identity",
                                       "vote-a", "cluster-key",  "log-0000000000000001.seg"};
    char text[1024];

    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        assert_true(may_begin(left[i], false, text));
        assert_true(may_begin(left[i], true, text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine__a_port_is_ephemeral_within_the_range),
        cmocka_unit_test(test_machine__a_reserved_port_is_not_ephemeral),
        cmocka_unit_test(test_machine__what_is_not_understood_is_empty),
        cmocka_unit_test(test_machine__a_directory_with_other_files_is_refused),
        cmocka_unit_test(test_machine__an_empty_directory_is_for_joining),
        cmocka_unit_test(test_machine__what_a_start_left_behind_may_be_started_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
