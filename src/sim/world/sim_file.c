/* sim_file.c - the file calls of io.h on a simulated disk. Each operation that changes something
 * is counted, and can be the last one before a crash. A full disk accepts what fits of a write
 * and then fails. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/world/sim_disk.h"

struct io_file {
    struct io *io;
    struct list link;
    struct sim_inode *inode;
    bool is_read_only;
    bool has_lock;
    char path[];
};

void sim_disk_bury(struct io *io)
{
    while (!list_is_empty(&io->files)) {
        io_file_close(container_of(list_first(&io->files), struct io_file, link));
    }
}

uint64_t sim_file_operations(const struct io *io)
{
    return io->file_operations;
}

void sim_limit_file_operations(struct io *io, uint64_t count)
{
    io->file_limit = io->file_operations + count;
}

/* --- io.h: files ---------------------------------------------------------------------- */

/* Counts an operation that changes something; fails from the crash point on. */
static int begin(struct io *io, const char *word, const char *path, uint64_t a, uint64_t b)
{
    if (io->is_dead || io->file_operations >= io->file_limit) {
        return -EIO;
    }
    io->file_operations++;
    if (io->sim->trace != NULL) {
        sim_trace(io->sim, io->machine->name, "disk %s %s %llu %llu", word, path,
                  (unsigned long long)a, (unsigned long long)b);
    }
    return 0;
}

static struct io_file *file_new(struct io *io, const char *path, struct sim_inode *inode, int flags)
{
    struct io_file *file = memory_take_zeroed(1, sizeof *file + strlen(path) + 1);

    memcpy(file->path, path, strlen(path) + 1);
    file->io = io;
    file->inode = inode;
    file->is_read_only = (flags & IO_READ_ONLY) != 0;
    inode->references++;
    list_init(&file->link);
    list_append(&io->files, &file->link);
    return file;
}

/* Creates a name for a new, empty inode. */
static int inode_make(struct io *io, const char *path, bool is_directory,
                      struct sim_inode **ret_inode)
{
    struct sim_disk *disk = io->machine->disk;

    if (!sim_path_has_parent(&disk->names, path)) {
        return -ENOENT;
    }
    int error = begin(io, is_directory ? "mkdir" : "create", path, 0, 0);

    if (error < 0) {
        return error;
    }
    struct sim_inode *inode = memory_take_zeroed(1, sizeof *inode);

    inode->is_directory = is_directory;
    sim_names_put(disk, &disk->names, path, inode);
    sim_change_add(disk, path, NULL, inode);
    *ret_inode = inode;
    return 0;
}

static int file_open_plain(struct io *io, const char *path, int flags, struct io_file **ret_file)
{
    struct sim_inode *inode = sim_names_find(&io->machine->disk->names, path);

    if (io->is_dead || io->file_operations >= io->file_limit) {
        return -EIO;
    }
    if (inode != NULL && (flags & IO_EXCLUSIVE) != 0) {
        return -EEXIST;
    }
    if (inode != NULL && inode->is_directory && flags != IO_READ_ONLY) {
        return -EISDIR;
    }
    if (inode == NULL) {
        if ((flags & IO_CREATE) == 0) {
            return -ENOENT;
        }
        int error = inode_make(io, path, false, &inode);

        if (error < 0) {
            return error;
        }
    }
    *ret_file = file_new(io, path, inode, flags);
    return 0;
}

int io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file)
{
    char *plain = sim_path_plain(path);
    int result = file_open_plain(io, plain, flags, ret_file);

    free(plain);
    return result;
}

void io_file_close(struct io_file *file)
{
    if (file->has_lock) {
        file->inode->is_locked = false;
    }
    list_remove(&file->link);
    sim_inode_release(file->io->machine->disk, file->inode);
    free(file);
}

int64_t io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size)
{
    const struct sim_inode *inode = file->inode;
    struct io *io = file->io;

    if (io->is_dead || (io->file_operations >= io->file_limit)) {
        return -EIO;
    }
    if (offset >= inode->size) {
        return 0;
    }
    if (inode->unreadable_count > 0 && !sim_inode_is_readable(inode, offset, size)) {
        return -EIO;
    }
    uint64_t count = inode->size - offset < size ? inode->size - offset : size;

    memcpy(data, inode->data + offset, count);
    return (int64_t)count;
}

int io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size)
{
    struct sim_disk *disk = file->io->machine->disk;
    struct sim_inode *inode = file->inode;
    int error = begin(file->io, "write", file->path, offset, size);

    if (error < 0) {
        return error;
    }
    if (file->is_read_only) {
        return -EBADF;
    }
    uint64_t end = offset + size;

    if (end > inode->size &&
        disk->used_bytes + (end - inode->size) > disk->profile.capacity_bytes) {
        /* What fits is written, as on a real file system. */
        uint64_t room = disk->profile.capacity_bytes > disk->used_bytes
                            ? disk->profile.capacity_bytes - disk->used_bytes
                            : 0;

        end = inode->size + room;
        if (end <= offset) {
            return -ENOSPC;
        }
        size = end - offset;
        error = -ENOSPC;
    }
    sim_inode_reserve(inode, end);
    sim_inode_dirty(inode, offset, size);
    if (disk->is_misdirecting) {
        sim_astray_take(file->io->machine, inode, offset, data, size);
    }
    if (inode->unreadable_count > 0) {
        sim_inode_remap(inode, offset, size);
    }
    if (end > inode->size) {
        sim_inode_resize(disk, inode, end);
    }
    memcpy(inode->data + offset, data, size);
    return error;
}

int io_file_sync(struct io_file *file)
{
    const struct sim_disk_profile *profile = &file->io->machine->disk->profile;
    int error = begin(file->io, "sync", file->path, file->inode->saved_count, 0);

    if (error < 0) {
        return error;
    }
    if (profile->sync_error_ppm > 0 &&
        prng_chance(&file->io->sim->disk_prng, profile->sync_error_ppm, 1000000)) {
        sim_trace(file->io->sim, file->io->machine->name, "disk sync fails");
        sim_inode_fail_sync(file->inode, &file->io->sim->disk_prng);
        return -EIO;
    }
    if (file->io->machine->disk->is_lying) {
        sim_inode_claim(file->inode);
    } else {
        sim_inode_sync(file->inode);
    }
    return 0;
}

int io_file_write_durable(struct io_file *file, uint64_t offset, const void *data, size_t size)
{
    int error = io_file_write(file, offset, data, size);

    return error < 0 ? error : io_file_sync(file);
}

int64_t io_file_size(struct io_file *file)
{
    return file->io->is_dead ? -EIO : (int64_t)file->inode->size;
}

/* A simulated machine has no other users. */
bool io_file_is_private(struct io_file *file)
{
    return file != NULL;
}

int io_file_truncate(struct io_file *file, uint64_t size)
{
    struct sim_disk *disk = file->io->machine->disk;
    struct sim_inode *inode = file->inode;
    int error = begin(file->io, "truncate", file->path, size, 0);

    if (error < 0) {
        return error;
    }
    if (size > inode->size &&
        disk->used_bytes + (size - inode->size) > disk->profile.capacity_bytes) {
        return -ENOSPC;
    }
    sim_inode_resize(disk, inode, size);
    return 0;
}

int io_file_lock(struct io_file *file)
{
    if (file->inode->is_locked && !file->has_lock) {
        return -EWOULDBLOCK;
    }
    file->inode->is_locked = true;
    file->has_lock = true;
    return 0;
}

bool io_file_is_at(struct io_file *file, const char *path)
{
    char *plain = sim_path_plain(path);
    bool is_there = sim_names_find(&file->io->machine->disk->names, plain) == file->inode;

    free(plain);
    return is_there || file->io->is_dead;
}

/* --- io.h: names ---------------------------------------------------------------------- */

int io_dir_make(struct io *io, const char *path)
{
    char *plain = sim_path_plain(path);
    struct sim_inode *inode = sim_names_find(&io->machine->disk->names, plain);
    int result = 0;

    if (inode == NULL && plain[0] != '\0') {
        result = inode_make(io, plain, true, &inode);
    } else if (inode != NULL && !inode->is_directory) {
        result = -ENOTDIR;
    }
    free(plain);
    return result;
}

int io_dir_sync(struct io *io, const char *path)
{
    struct sim_disk *disk = io->machine->disk;
    char *plain = sim_path_plain(path);
    int error = begin(io, "dirsync", plain, 0, 0);
    uint32_t kept = 0;

    for (uint32_t i = 0; error == 0 && i < disk->change_count; i++) {
        struct sim_change *change = &disk->changes[i];

        if (sim_path_is_in(change->path, plain) && disk->is_lying) {
            change->is_claimed = true;
            disk->changes[kept++] = *change;
        } else if (sim_path_is_in(change->path, plain)) {
            sim_change_apply(disk, change);
            sim_change_free(disk, change);
        } else {
            disk->changes[kept++] = *change;
        }
    }
    if (error == 0) {
        disk->change_count = kept;
    }
    free(plain);
    return error;
}

int io_dir_list(struct io *io, const char *path, void (*each)(void *context, const char *name),
                void *context)
{
    const struct sim_names *names = &io->machine->disk->names;
    char *plain = sim_path_plain(path);
    const struct sim_inode *inode = sim_names_find(names, plain);
    int result = 0;

    if (io->is_dead || io->file_operations >= io->file_limit) {
        result = -EIO;
    } else if (plain[0] != '\0' && (inode == NULL || !inode->is_directory)) {
        result = -ENOENT;
    } else {
        uint64_t start = prng_below(&io->prng, names->count); /* In no particular order. */

        for (uint32_t i = 0; i < names->count; i++) {
            const char *name = names->list[(i + start) % names->count].path;

            if (sim_path_is_in(name, plain)) {
                each(context, name + (plain[0] == '\0' ? 0 : strlen(plain) + 1));
            }
        }
    }
    free(plain);
    return result;
}

int io_space(struct io *io, const char *path, struct io_space *ret_space)
{
    const struct sim_disk *disk = io->machine->disk;
    uint64_t capacity = disk->profile.capacity_bytes;
    char *plain = sim_path_plain(path);

    *ret_space = (struct io_space){.total_bytes = capacity};
    ret_space->free_bytes = capacity > disk->used_bytes ? capacity - disk->used_bytes : 0;
    for (uint32_t i = 0; i < disk->names.count; i++) {
        const struct sim_name *name = &disk->names.list[i];

        if (!name->inode->is_directory && sim_path_is_in(name->path, plain)) {
            ret_space->used_bytes += name->inode->size;
        }
    }
    free(plain);
    return io->is_dead ? -EIO : 0;
}

static int rename_plain(struct io *io, const char *from, const char *to)
{
    struct sim_disk *disk = io->machine->disk;
    struct sim_inode *inode = sim_names_find(&disk->names, from);

    if (inode == NULL || !sim_path_has_parent(&disk->names, to)) {
        return -ENOENT;
    }
    int error = begin(io, "rename", to, 0, 0);

    if (error < 0) {
        return error;
    }
    sim_change_add(disk, to, from, inode);
    sim_names_put(disk, &disk->names, to, inode);
    sim_names_remove(disk, &disk->names, from);
    return 0;
}

int io_rename(struct io *io, const char *from, const char *to)
{
    char *plain_from = sim_path_plain(from);
    char *plain_to = sim_path_plain(to);
    int result = rename_plain(io, plain_from, plain_to);

    free(plain_from);
    free(plain_to);
    return result;
}

int io_unlink(struct io *io, const char *path)
{
    struct sim_disk *disk = io->machine->disk;
    char *plain = sim_path_plain(path);
    int result =
        sim_names_find(&disk->names, plain) == NULL ? -ENOENT : begin(io, "unlink", plain, 0, 0);

    if (result == 0) {
        sim_change_add(disk, plain, NULL, NULL);
        sim_names_remove(disk, &disk->names, plain);
    }
    free(plain);
    return result;
}
