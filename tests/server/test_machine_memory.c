/* How much memory a process may have, according to the files of its control groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/machine_memory.h"

/* A directory that stands for "/". */
static int up(void **state)
{
    char *root = strdup("/tmp/rakit-memory-XXXXXX");

    *state = root;
    return mkdtemp(root) == NULL;
}

static int down(void **state)
{
    char command[256];

    snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    free(*state);
    return 0;
}

static void put(const char *root, const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }

    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_cgroups__none_limit_where_there_are_none(void **state)
{
    assert_true(cgroup_memory_bytes(*state) == UINT64_MAX);
    put(*state, "proc/self/cgroup", "0::/\n");
    assert_true(cgroup_memory_bytes(*state) == UINT64_MAX);
    put(*state, "sys/fs/cgroup/memory.max", "max\n");
    assert_true(cgroup_memory_bytes(*state) == UINT64_MAX);
}

static void test_cgroups__version_2_has_the_least_along_its_path(void **state)
{
    put(*state, "proc/self/cgroup", "0::/a.slice/b.service\n");
    put(*state, "sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
    put(*state, "sys/fs/cgroup/a.slice/memory.max", "1000000\n");
    assert_int_equal(cgroup_memory_bytes(*state), 1000000);
    put(*state, "sys/fs/cgroup/a.slice/b.service/memory.max", "500000\n");
    assert_int_equal(cgroup_memory_bytes(*state), 500000);
}

/* In a container, the file system of control groups begins at the container's group. */
static void test_cgroups__a_container_has_its_limit_at_the_top(void **state)
{
    put(*state, "proc/self/cgroup", "0::/docker/0123\n");
    put(*state, "sys/fs/cgroup/memory.max", "2000000\n");
    assert_int_equal(cgroup_memory_bytes(*state), 2000000);
}

static void test_cgroups__version_1_is_understood_as_well(void **state)
{
    put(*state, "proc/self/cgroup",
        "9:name=systemd:/memory\n5:cpu,memory:/jobs/7\n3:hugememory:/huge\n0::/\n");
    put(*state, "sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes", "9223372036854771712\n");
    put(*state, "sys/fs/cgroup/memory/huge/memory.limit_in_bytes", "5\n");
    put(*state, "sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "300000\n");
    assert_int_equal(cgroup_memory_bytes(*state), 300000);
}

static void test_machine__has_some_memory(void **state)
{
    (void)state;
    assert_true(machine_memory_bytes() > 1024 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cgroups__none_limit_where_there_are_none, up, down),
        cmocka_unit_test_setup_teardown(test_cgroups__version_2_has_the_least_along_its_path, up,
                                        down),
        cmocka_unit_test_setup_teardown(test_cgroups__a_container_has_its_limit_at_the_top, up,
                                        down),
        cmocka_unit_test_setup_teardown(test_cgroups__version_1_is_understood_as_well, up, down),
        cmocka_unit_test(test_machine__has_some_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
