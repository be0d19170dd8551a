/* io_uv_file.c - files and directories, as blocking POSIX calls. Any thread may use them, but
 * only one thread at a time may use a file. A call that is interrupted by a signal, or cut short
 * by the kernel, is continued until it is done or has failed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io.h"

struct file_identity {
    uint64_t inode;
    uint32_t device_major;
    uint32_t device_minor;
};

struct io_file {
    int fd;
    int direct_fd; /* Bypasses the page cache, for durable writes; see direct_fd(). */
    struct file_identity identity;
};

enum { FD_UNTRIED = -1, FD_NONE = -2 };

/* Does not ask for times: once a file's times were asked for, Linux gives its next write new
 * times, and an ext4 without a journal then writes the inode with each sync. */
static int identify(int fd, const char *path, int flags, struct file_identity *ret_identity,
                    uint32_t *ret_mode)
{
    struct statx found;

    if (statx(fd, path, flags, STATX_TYPE | STATX_INO, &found) != 0) {
        return -errno;
    }
    *ret_identity = (struct file_identity){found.stx_ino, found.stx_dev_major, found.stx_dev_minor};
    *ret_mode = found.stx_mode;
    return 0;
}

static int open_fd(const char *path, int flags)
{
    int fd;

    do {
        fd = open(path, flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file)
{
    int posix_flags = flags & IO_READ_ONLY ? O_RDONLY : O_RDWR;
    struct file_identity identity = {0};
    uint32_t mode = 0;
    int fd;
    int rv;

    CHECK((flags & IO_EXCLUSIVE) == 0 || (flags & IO_CREATE) != 0);
    if (flags & IO_CREATE) {
        posix_flags |= O_CREAT;
    }
    if (flags & IO_EXCLUSIVE) {
        posix_flags |= O_EXCL;
    }
    fd = open_fd(path, posix_flags | O_NONBLOCK); /* Opening a fifo must not block either. */
    if (fd < 0) {
        return fd;
    }
    rv = identify(fd, "", AT_EMPTY_PATH, &identity, &mode);
    if (rv == 0 && S_ISFIFO(mode)) {
        rv = -EINVAL; /* Opening a fifo for reading would block for ever. */
    }
    if (rv != 0) {
        (void)close(fd);
        return rv;
    }
    if (flags & IO_FROM_DISK) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    *ret_file = memory_take(sizeof **ret_file);
    **ret_file = (struct io_file){.fd = fd, .direct_fd = FD_UNTRIED, .identity = identity};
    return 0;
}

void io_file_close(struct io_file *file)
{
    /* Not repeated after EINTR, because the descriptor is closed in any case. io_file_sync()
     * reports whether the data was written. */
    (void)close(file->fd);
    if (file->direct_fd >= 0) {
        (void)close(file->direct_fd);
    }
    free(file);
}

int64_t io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size)
{
    char *at = data;
    size_t done = 0;

    while (done < size) {
        ssize_t count = pread(file->fd, at + done, size - done, (off_t)(offset + done));

        if (count == 0) {
            break; /* The end of the file. */
        }
        if (count > 0) {
            done += (size_t)count;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return (int64_t)done;
}

/* Repeats pwritev2() with `flags` until all is written. */
static int write_all(int fd, uint64_t offset, const void *data, size_t size, int flags)
{
    size_t done = 0;

    while (done < size) {
        struct iovec rest = {.iov_base = (char *)(uintptr_t)data + done, .iov_len = size - done};
        ssize_t count = pwritev2(fd, &rest, 1, (off_t)(offset + done), flags);

        if (count == 0) {
            return -EIO; /* No progress and no error: do not try for ever. */
        }
        if (count > 0) {
            done += (size_t)count;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size)
{
    return write_all(file->fd, offset, data, size, 0);
}

/* Opens the same file again for writing past the page cache, if its file system supports it
 * (tmpfs, for one, may not). The file may have been renamed, so this opens it through /proc. */
static int direct_fd(struct io_file *file)
{
    char path[32];

    if (file->direct_fd == FD_UNTRIED) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
        file->direct_fd = open_fd(path, O_WRONLY | O_DIRECT | O_DSYNC);
        if (file->direct_fd < 0) {
            file->direct_fd = FD_NONE;
        }
    }
    return file->direct_fd;
}

static bool is_aligned(uint64_t offset, const void *data, size_t size)
{
    return (offset | (uintptr_t)data | size) % IO_BLOCK_BYTES == 0;
}

int io_file_write_durable(struct io_file *file, uint64_t offset, const void *data, size_t size)
{
    if (is_aligned(offset, data, size) && direct_fd(file) >= 0) {
        int result = write_all(file->direct_fd, offset, data, size, 0);

        if (result != -EINVAL) {
            return result;
        }
        /* The device wants larger blocks than ours: no such write will ever succeed, and this
         * one has not written anything. */
        (void)close(file->direct_fd);
        file->direct_fd = FD_NONE;
    }
    return write_all(file->fd, offset, data, size, RWF_DSYNC);
}

int io_file_sync(struct io_file *file)
{
    /* Never repeated: after a failed sync the kernel may have dropped the data, and would report
     * the next sync as a success. */
    return fdatasync(file->fd) == 0 ? 0 : -errno;
}

int64_t io_file_size(struct io_file *file)
{
    struct stat status;

    return fstat(file->fd, &status) == 0 ? (int64_t)status.st_size : -errno;
}

bool io_file_is_private(struct io_file *file)
{
    struct stat status;

    return fstat(file->fd, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

int io_file_truncate(struct io_file *file, uint64_t size)
{
    int result;

    do {
        result = ftruncate(file->fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int io_file_lock(struct io_file *file)
{
    /* flock() and not fcntl(): the lock belongs to this open file, so a second open in the same
     * process conflicts too, and closing another descriptor of the file does not release it. */
    return flock(file->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

/* --- names ----------------------------------------------------------------- */

bool io_file_is_at(struct io_file *file, const char *path)
{
    struct file_identity there = {0};
    uint32_t mode = 0;
    int rv = identify(AT_FDCWD, path, 0, &there, &mode);

    if (rv != 0) {
        return rv != -ENOENT && rv != -ENOTDIR;
    }
    return there.inode == file->identity.inode &&
           there.device_major == file->identity.device_major &&
           there.device_minor == file->identity.device_minor;
}

int io_dir_make(struct io *io, const char *path)
{
    struct stat status;

    if (mkdir(path, 0700) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return -errno;
    }
    if (stat(path, &status) != 0) {
        return -errno;
    }
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int io_dir_sync(struct io *io, const char *path)
{
    int fd = open_fd(path, O_RDONLY | O_DIRECTORY);
    int result;

    if (fd < 0) {
        return fd;
    }
    result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

/* Not by opendir(), which the thread sanitizer does not know: a number that was a socket's before
 * would look like a race. */
static DIR *open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && dir == NULL) {
        close(fd);
        errno = ENOMEM; /* The only reason. */
    }
    return dir;
}

int io_dir_list(struct io *io, const char *path, void (*each)(void *context, const char *name),
                void *context)
{
    DIR *dir = open_directory(path);
    int result;

    if (dir == NULL) {
        return -errno;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            each(context, entry->d_name);
        }
    }
    closedir(dir);
    return result;
}

/* Adds up files; one that has just been removed counts nothing. */
static int add_up_files(const char *path, uint64_t *ret_bytes)
{
    enum { BLOCK_BYTES = 512 }; /* The unit of st_blocks. */
    DIR *dir = open_directory(path);
    const struct dirent *entry;

    if (dir == NULL) {
        return -errno;
    }
    *ret_bytes = 0;
    while ((entry = readdir(dir)) != NULL) {
        struct stat status;

        if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode)) {
            *ret_bytes += (uint64_t)status.st_blocks * BLOCK_BYTES;
        }
    }
    closedir(dir);
    return 0;
}

int io_space(struct io *io, const char *path, struct io_space *ret_space)
{
    struct statvfs found;

    if (statvfs(path, &found) != 0) {
        return -errno;
    }
    ret_space->free_bytes = (uint64_t)found.f_bavail * found.f_frsize;
    ret_space->total_bytes = (uint64_t)found.f_blocks * found.f_frsize;
    return add_up_files(path, &ret_space->used_bytes);
}

int io_rename(struct io *io, const char *from, const char *to)
{
    return rename(from, to) == 0 ? 0 : -errno;
}

int io_unlink(struct io *io, const char *path)
{
    return unlink(path) == 0 ? 0 : -errno;
}
