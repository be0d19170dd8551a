/* test_short.c - a system that does less than requested: file calls on the libuv backend
 * transfer only a few bytes, or are interrupted. Calls of io.h must do all of it or fail. The
 * linker wraps the system calls, under the names that they have with 64-bit offsets; each test
 * checks that they are used. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIZE = 24 * IO_BLOCK_BYTES };

/* What the system does from the first call on. */
static struct {
    size_t bytes_max;     /* Limit for one call; 0: none. */
    int interrupts;       /* So many of the next calls are interrupted first. */
    uint64_t fail_beyond; /* Writing beyond this offset fails with `error`. */
    int error;
    int call_count;
    unsigned asked; /* All that any call has asked for: STATX_... */
} behaviour;

/* Names that the linker gives. */
ssize_t __real_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __real_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);

int __real_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_found);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_found);

static bool is_interrupted(void)
{
    behaviour.call_count++;
    if (behaviour.interrupts > 0) {
        behaviour.interrupts--;
        errno = EINTR;
        return true;
    }
    return false;
}

static size_t cut(size_t size)
{
    return behaviour.bytes_max > 0 && size > behaviour.bytes_max ? behaviour.bytes_max : size;
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset)
{
    return is_interrupted() ? -1 : __real_pread64(fd, data, cut(size), offset);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    struct iovec part = {.iov_base = parts[0].iov_base, .iov_len = cut(parts[0].iov_len)};

    assert_int_equal(count, 1);
    if (is_interrupted()) {
        return -1;
    }
    if (behaviour.error != 0 && (uint64_t)offset >= behaviour.fail_beyond) {
        errno = behaviour.error;
        return -1;
    }
    return __real_pwritev64v2(fd, &part, 1, offset, flags);
}

int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret_found)
{
    behaviour.asked |= mask;
    return __real_statx(fd, path, flags, mask, ret_found);
}

struct room {
    struct fixture *f;
    struct io_file *file;
    char path[64];
    char *out; /* SIZE bytes, aligned, in which neighbouring bytes differ. */
    char *in;
};

static int setup(void **state)
{
    struct room *r = memory_take_zeroed(1, sizeof *r);
    void *f;

    memset(&behaviour, 0, sizeof behaviour);
    fixture_setup(&f);
    r->f = f;
    snprintf(r->path, sizeof r->path, "/tmp/rakit-test-short-%ld", (long)getpid());
    unlink(r->path);
    if (io_file_open(r->f->io, r->path, IO_CREATE | IO_EXCLUSIVE, &r->file) != 0) {
        return -1;
    }
    r->out = memory_take_aligned(SIZE, IO_BLOCK_BYTES);
    r->in = memory_take_zeroed(1, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        r->out[i] = (char)(i % 251 + i / IO_BLOCK_BYTES);
    }
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    void *f = r->f;

    memset(&behaviour, 0, sizeof behaviour);
    io_file_close(r->file);
    unlink(r->path);
    free(r->out);
    free(r->in);
    fixture_teardown(&f);
    free(r);
    return 0;
}

static void assert_written(struct room *r)
{
    memset(&behaviour, 0, sizeof behaviour);
    assert_int_equal(io_file_read(r->file, 0, r->in, SIZE), SIZE);
    assert_memory_equal(r->in, r->out, SIZE);
}

static void test_short__writes_go_on_where_they_stopped(void **state)
{
    struct room *r = *state;

    behaviour.bytes_max = 777;
    behaviour.interrupts = 3;
    assert_int_equal(io_file_write(r->file, 0, r->out, SIZE), 0);
    assert_in_range(behaviour.call_count, SIZE / 777 + 3, SIZE);
    assert_written(r);
}

/* A short direct write leaves an unaligned rest, which the file system may refuse; then the
 * whole is written again through the page cache. */
static void test_short__durable_writes_end_whole(void **state)
{
    static const size_t pieces[] = {777, 512, IO_BLOCK_BYTES};
    struct room *r = *state;

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        memset(&behaviour, 0, sizeof behaviour);
        r->out[i] ^= 1;
        behaviour.bytes_max = pieces[i];
        behaviour.interrupts = 2;
        assert_int_equal(io_file_write_durable(r->file, 0, r->out, SIZE), 0);
        assert_in_range(behaviour.call_count, SIZE / pieces[i] + 2, SIZE);
        assert_written(r);
    }
}

/* Half is written, then the disk is full or broken: a failure, not a short success. */
static void test_short__writes_that_break_off_fail(void **state)
{
    static const int errors[] = {ENOSPC, EIO};
    struct room *r = *state;

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        memset(&behaviour, 0, sizeof behaviour);
        behaviour.bytes_max = 512;
        behaviour.fail_beyond = SIZE / 2;
        behaviour.error = errors[i];
        assert_int_equal(io_file_write(r->file, 0, r->out, SIZE), -errors[i]);
        assert_int_equal(io_file_write_durable(r->file, 0, r->out, SIZE), -errors[i]);
    }
}

static void test_short__reads_go_on_until_the_end_of_the_file(void **state)
{
    struct room *r = *state;

    assert_int_equal(io_file_write(r->file, 0, r->out, SIZE), 0);
    behaviour.bytes_max = 333;
    behaviour.interrupts = 3;
    assert_int_equal(io_file_read(r->file, 0, r->in, SIZE), SIZE);
    assert_memory_equal(r->in, r->out, SIZE);
    assert_int_equal(io_file_read(r->file, SIZE - 1000, r->in, SIZE), 1000);
    assert_memory_equal(r->in, r->out + SIZE - 1000, 1000);
    assert_int_equal(io_file_read(r->file, SIZE + 5, r->in, SIZE), 0);
}

/* The log's writer looks for its file after each sync. On some file systems, asking for times
 * would cost one more write to the disk for each sync. */
static void test_short__looking_for_a_file_asks_for_no_times(void **state)
{
    struct room *r = *state;

    assert_true(io_file_is_at(r->file, r->path));
    assert_int_equal(behaviour.asked, STATX_TYPE | STATX_INO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_short__writes_go_on_where_they_stopped),
        TEST(test_short__durable_writes_end_whole),
        TEST(test_short__writes_that_break_off_fail),
        TEST(test_short__reads_go_on_until_the_end_of_the_file),
        TEST(test_short__looking_for_a_file_asks_for_no_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
