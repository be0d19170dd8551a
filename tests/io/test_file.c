/* Files and directories of io.h on the libuv backend. Each test runs in a new temporary
 * directory. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct room {
    struct fixture *f;
    struct io *io;
    char path[64];
    int before; /* The previous working directory. */
};

static int room_setup(void **state)
{
    struct room *r = memory_take_zeroed(1, sizeof *r);
    void *f;

    fixture_setup(&f);
    r->f = f;
    r->io = r->f->io;
    snprintf(r->path, sizeof r->path, "/tmp/rakit-test-io-XXXXXX");
    r->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mkdtemp(r->path) == NULL || chdir(r->path) != 0) {
        return -1;
    }
    *state = r;
    return 0;
}

static void unlink_each(void *context, const char *name)
{
    if (unlink(name) != 0) {
        rmdir(name);
    }
}

static int room_teardown(void **state)
{
    struct room *r = *state;
    void *f = r->f;
    int status;

    io_dir_list(r->io, ".", unlink_each, NULL);
    status = fchdir(r->before) == 0 && rmdir(r->path) == 0 ? 0 : -1;
    close(r->before);
    fixture_teardown(&f);
    free(r);
    return status;
}

static struct io_file *open_new(struct room *r, const char *name)
{
    struct io_file *file;

    assert_int_equal(io_file_open(r->io, name, IO_CREATE | IO_EXCLUSIVE, &file), 0);
    return file;
}

/* --- files ----------------------------------------------------------------- */

/* Direct writes, buffered writes, and both on the same bytes. */
static void test_file__keeps_what_is_written_durably(void **state)
{
    enum { SIZE = 8 * IO_BLOCK_BYTES };
    struct room *r = *state;
    struct io_file *file = open_new(r, "a");
    char *blocks = memory_take_aligned(SIZE, 4096);
    char read[SIZE];

    memset(blocks, 'a', SIZE);
    assert_int_equal(io_file_write(file, 0, blocks, SIZE), 0);
    memset(blocks, 'b', SIZE);
    assert_int_equal(io_file_write_durable(file, IO_BLOCK_BYTES, blocks, 2 * IO_BLOCK_BYTES), 0);
    assert_int_equal(io_file_write_durable(file, 100, "not aligned", 11), 0);
    assert_int_equal(io_file_write_durable(file, 0, blocks + 1, IO_BLOCK_BYTES), 0);
    assert_int_equal(io_file_write_durable(file, 3 * IO_BLOCK_BYTES, blocks, IO_BLOCK_BYTES), 0);
    assert_int_equal(io_file_read(file, 0, read, SIZE), SIZE);
    for (int i = 0; i < SIZE; i++) {
        assert_int_equal(read[i], i < 4 * IO_BLOCK_BYTES ? 'b' : 'a');
    }
    free(blocks);
    io_file_close(file);
}

static void test_file__keeps_what_is_written(void **state)
{
    struct room *r = *state;
    struct io_file *file = open_new(r, "a");
    char read[16] = "";

    assert_int_equal(io_file_write(file, 0, "hello world", 11), 0);
    assert_int_equal(io_file_write(file, 6, "there", 5), 0);
    assert_int_equal(io_file_sync(file), 0);
    assert_int_equal(io_file_size(file), 11);
    io_file_close(file);

    assert_int_equal(io_file_open(r->io, "a", IO_READ_ONLY, &file), 0);
    assert_int_equal(io_file_read(file, 0, read, 11), 11);
    assert_string_equal(read, "hello there");
    io_file_close(file);
}

static void test_file__gives_what_is_there_at_the_end(void **state)
{
    struct io_file *file = open_new(*state, "a");
    char read[16];

    assert_int_equal(io_file_write(file, 0, "12345", 5), 0);
    assert_int_equal(io_file_read(file, 3, read, sizeof read), 2);
    assert_memory_equal(read, "45", 2);
    assert_int_equal(io_file_read(file, 5, read, sizeof read), 0);
    assert_int_equal(io_file_read(file, 500, read, sizeof read), 0);
    assert_int_equal(io_file_read(file, 0, read, 0), 0);
    io_file_close(file);
}

static void test_file__written_past_its_end_has_zeros_between(void **state)
{
    struct io_file *file = open_new(*state, "a");
    const uint64_t far = 5ull << 30; /* Beyond what 32 bits hold. */
    char read[3] = "xx";

    assert_int_equal(io_file_write(file, far, "!", 1), 0);
    assert_int_equal(io_file_size(file), (int64_t)far + 1);
    assert_int_equal(io_file_read(file, far - 2, read, 3), 3);
    assert_memory_equal(read, "\0\0!", 3);
    io_file_close(file);
}

static void test_file__can_be_cut_and_stretched(void **state)
{
    struct io_file *file = open_new(*state, "a");
    char read[8];

    assert_int_equal(io_file_write(file, 0, "abcdef", 6), 0);
    assert_int_equal(io_file_truncate(file, 2), 0);
    assert_int_equal(io_file_truncate(file, 4), 0);
    assert_int_equal(io_file_read(file, 0, read, sizeof read), 4);
    assert_memory_equal(read, "ab\0\0", 4);
    io_file_close(file);
}

static void test_file__carries_large_blocks_whole(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 + 3 };
    struct io_file *file = open_new(*state, "a");
    char *data = memory_take(SIZE);
    char *read = memory_take(SIZE);

    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (char)(i * 7 + (i >> 11));
    }
    assert_int_equal(io_file_write(file, 1, data, SIZE), 0);
    assert_int_equal(io_file_read(file, 1, read, SIZE), SIZE);
    assert_memory_equal(read, data, SIZE);
    free(data);
    free(read);
    io_file_close(file);
}

static void test_file__is_private(void **state)
{
    struct stat status;

    io_file_close(open_new(*state, "a"));
    assert_int_equal(stat("a", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_file__open_says_what_is_wrong(void **state)
{
    struct room *r = *state;
    struct io_file *file = NULL;

    assert_int_equal(io_file_open(r->io, "missing", 0, &file), -ENOENT);
    assert_int_equal(io_file_open(r->io, "missing", IO_READ_ONLY, &file), -ENOENT);
    assert_int_equal(io_file_open(r->io, "no/dir", IO_CREATE, &file), -ENOENT);
    assert_int_equal(io_file_open(r->io, ".", 0, &file), -EISDIR);
    io_file_close(open_new(r, "a"));
    assert_int_equal(io_file_open(r->io, "a", IO_CREATE | IO_EXCLUSIVE, &file), -EEXIST);
    assert_null(file);
    assert_int_equal(io_file_open(r->io, "a", IO_CREATE, &file), 0);
    io_file_close(file);
}

static void test_file__a_fifo_is_refused_and_does_not_block(void **state)
{
    struct room *r = *state;
    struct io_file *file = NULL;

    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(io_file_open(r->io, "fifo", IO_READ_ONLY, &file), -EINVAL);
    assert_int_equal(io_file_open(r->io, "fifo", IO_CREATE, &file), -EINVAL);
    assert_null(file);
}

static void test_file__read_only_refuses_writes(void **state)
{
    struct room *r = *state;
    struct io_file *file;

    io_file_close(open_new(r, "a"));
    assert_int_equal(io_file_open(r->io, "a", IO_READ_ONLY, &file), 0);
    assert_true(io_file_write(file, 0, "x", 1) < 0);
    assert_true(io_file_truncate(file, 0) < 0);
    io_file_close(file);
}

static void test_file__on_a_full_disk_reports_that(void **state)
{
    struct room *r = *state;
    struct io_file *file;

    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(io_file_open(r->io, "/dev/full", 0, &file), 0);
    assert_int_equal(io_file_write(file, 0, "x", 1), -ENOSPC);
    io_file_close(file);
}

static void test_file__is_not_inherited_by_programs_started(void **state)
{
    struct io_file *file = open_new(*state, "a");
    int found = 0;

    for (int fd = 0; fd < 256; fd++) {
        struct stat own;
        struct stat named;

        if (fstat(fd, &own) == 0 && stat("a", &named) == 0 && own.st_ino == named.st_ino &&
            own.st_dev == named.st_dev) {
            found++;
            assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    assert_int_equal(found, 1);
    io_file_close(file);
}

/* --- locks ----------------------------------------------------------------- */

static void test_lock__conflicts_within_one_process(void **state)
{
    struct room *r = *state;
    struct io_file *first = open_new(r, "lock");
    struct io_file *second;

    assert_int_equal(io_file_open(r->io, "lock", 0, &second), 0);
    assert_int_equal(io_file_lock(first), 0);
    assert_int_equal(io_file_lock(first), 0); /* Its own lock does not conflict. */
    assert_int_equal(io_file_lock(second), -EWOULDBLOCK);
    io_file_close(first);
    assert_int_equal(io_file_lock(second), 0);
    io_file_close(second);
}

/* Opens and locks "lock" in another process, which reports that through the pipe and then waits
 * to be killed. */
static pid_t lock_elsewhere(struct room *r)
{
    int ends[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct io_file *file;

        if (io_file_open(r->io, "lock", IO_CREATE, &file) != 0 || io_file_lock(file) != 0 ||
            write(ends[1], "!", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static void test_lock__conflicts_between_processes_and_dies_with_its_holder(void **state)
{
    struct room *r = *state;
    pid_t child = lock_elsewhere(r);
    struct io_file *file;

    assert_int_equal(io_file_open(r->io, "lock", 0, &file), 0);
    assert_int_equal(io_file_lock(file), -EWOULDBLOCK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(io_file_lock(file), 0);
    io_file_close(file);
}

/* --- directories and names ------------------------------------------------- */

static void test_dir__is_made_private_and_only_once(void **state)
{
    struct room *r = *state;
    struct stat status;

    assert_int_equal(io_dir_make(r->io, "d"), 0);
    assert_int_equal(io_dir_make(r->io, "d"), 0);
    assert_int_equal(stat("d", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(io_dir_make(r->io, "no/d"), -ENOENT);
    io_file_close(open_new(r, "a"));
    assert_int_equal(io_dir_make(r->io, "a"), -ENOTDIR);
}

static void test_dir__can_be_synced(void **state)
{
    struct room *r = *state;

    assert_int_equal(io_dir_sync(r->io, "."), 0);
    assert_int_equal(io_dir_sync(r->io, "missing"), -ENOENT);
    io_file_close(open_new(r, "a"));
    assert_int_equal(io_dir_sync(r->io, "a"), -ENOTDIR);
}

struct names {
    int a_count;
    int b_count;
    int all_count;
};

static void count_name(void *context, const char *name)
{
    struct names *names = context;

    names->a_count += strcmp(name, "a") == 0;
    names->b_count += strcmp(name, "b") == 0;
    names->all_count++;
}

static void test_dir__lists_its_names(void **state)
{
    struct room *r = *state;
    struct names names = {0};

    assert_int_equal(io_dir_list(r->io, ".", count_name, &names), 0);
    assert_int_equal(names.all_count, 0);
    io_file_close(open_new(r, "a"));
    io_file_close(open_new(r, "b"));
    assert_int_equal(io_dir_list(r->io, ".", count_name, &names), 0);
    assert_int_equal(names.a_count, 1);
    assert_int_equal(names.b_count, 1);
    assert_int_equal(names.all_count, 2);
    assert_int_equal(io_dir_list(r->io, "missing", count_name, &names), -ENOENT);
    assert_int_equal(io_dir_list(r->io, "a", count_name, &names), -ENOTDIR);
}

static void test_name__can_be_changed_and_replaces(void **state)
{
    struct room *r = *state;
    struct io_file *file = open_new(r, "new");
    char read;

    assert_int_equal(io_file_write(file, 0, "n", 1), 0);
    io_file_close(open_new(r, "old"));
    assert_int_equal(io_rename(r->io, "new", "old"), 0);
    io_file_close(file);
    assert_int_equal(io_rename(r->io, "new", "old"), -ENOENT);
    assert_int_equal(io_file_open(r->io, "old", IO_READ_ONLY, &file), 0);
    assert_int_equal(io_file_read(file, 0, &read, 1), 1);
    assert_int_equal(read, 'n');
    io_file_close(file);
}

static void test_name__can_be_removed(void **state)
{
    struct room *r = *state;

    io_file_close(open_new(r, "a"));
    assert_int_equal(io_unlink(r->io, "a"), 0);
    assert_int_equal(io_unlink(r->io, "a"), -ENOENT);
}

/* As an operator moves, replaces and removes files while a server runs. */
static void test_name__leads_to_a_file_until_it_is_moved_or_removed(void **state)
{
    struct room *r = *state;
    struct io_file *file;

    assert_int_equal(io_dir_make(r->io, "d"), 0);
    file = open_new(r, "d/a");
    assert_true(io_file_is_at(file, "d/a"));
    assert_int_equal(io_rename(r->io, "d", "e"), 0);
    assert_false(io_file_is_at(file, "d/a"));
    assert_true(io_file_is_at(file, "e/a"));
    assert_false(io_file_is_at(file, "e/a/b")); /* Not a directory. */
    assert_int_equal(io_rename(r->io, "e/a", "b"), 0);
    io_file_close(open_new(r, "e/a"));
    assert_false(io_file_is_at(file, "e/a")); /* Another file with its name. */
    assert_true(io_file_is_at(file, "b"));
    assert_int_equal(io_unlink(r->io, "b"), 0);
    assert_false(io_file_is_at(file, "b"));
    assert_int_equal(io_unlink(r->io, "e/a"), 0);
    io_file_close(file);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_file__keeps_what_is_written),
        FILE_TEST(test_file__keeps_what_is_written_durably),
        FILE_TEST(test_file__gives_what_is_there_at_the_end),
        FILE_TEST(test_file__written_past_its_end_has_zeros_between),
        FILE_TEST(test_file__can_be_cut_and_stretched),
        FILE_TEST(test_file__carries_large_blocks_whole),
        FILE_TEST(test_file__is_private),
        FILE_TEST(test_file__open_says_what_is_wrong),
        FILE_TEST(test_file__a_fifo_is_refused_and_does_not_block),
        FILE_TEST(test_file__read_only_refuses_writes),
        FILE_TEST(test_file__on_a_full_disk_reports_that),
        FILE_TEST(test_file__is_not_inherited_by_programs_started),
        FILE_TEST(test_lock__conflicts_within_one_process),
        FILE_TEST(test_lock__conflicts_between_processes_and_dies_with_its_holder),
        FILE_TEST(test_dir__is_made_private_and_only_once),
        FILE_TEST(test_dir__can_be_synced),
        FILE_TEST(test_dir__lists_its_names),
        FILE_TEST(test_name__can_be_changed_and_replaces),
        FILE_TEST(test_name__can_be_removed),
        FILE_TEST(test_name__leads_to_a_file_until_it_is_moved_or_removed),
    };

    return cmocka_run_group_tests_name("io/file", tests, NULL, NULL);
}
