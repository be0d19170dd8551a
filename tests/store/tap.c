#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/memory.h"
#include "tap_state.h"

struct tap_state tap = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- settings --- */

void tap_reset(void)
{
    pthread_mutex_lock(&tap.mutex);
    tap_stop();
    tap.failing = 0;
    tap.calls_to_failure = 0;
    tap.room = 0;
    tap.used = 0;
    tap.count_count = 0;
    pthread_mutex_unlock(&tap.mutex);
}

void tap_forget_files(void)
{
    memset(tap.open, 0, sizeof tap.open);
}

void tap_fail(enum tap_call call, const char *name, int error, bool for_good)
{
    pthread_mutex_lock(&tap.mutex);
    tap.failing = call;
    snprintf(tap.failing_name, sizeof tap.failing_name, "%s", name);
    tap.failing_error = error;
    tap.is_failing_for_good = for_good;
    pthread_mutex_unlock(&tap.mutex);
}

void tap_fail_nth(uint32_t n, int error)
{
    pthread_mutex_lock(&tap.mutex);
    tap.calls_to_failure = n;
    tap.nth_error = error;
    pthread_mutex_unlock(&tap.mutex);
}

bool tap_has_failed(void)
{
    pthread_mutex_lock(&tap.mutex);
    bool has_failed = tap.calls_to_failure == 0;

    pthread_mutex_unlock(&tap.mutex);
    return has_failed;
}

void tap_set_room(uint64_t bytes)
{
    pthread_mutex_lock(&tap.mutex);
    tap.room = bytes;
    pthread_mutex_unlock(&tap.mutex);
}

struct tap_counts tap_count(const char *name)
{
    struct tap_counts sum = {0};

    pthread_mutex_lock(&tap.mutex);
    for (int i = 0; i < tap.count_count; i++) {
        if (strstr(tap.counts[i].path, name) != NULL) {
            sum.writes += tap.counts[i].counts.writes;
            sum.syncs += tap.counts[i].counts.syncs;
        }
    }
    pthread_mutex_unlock(&tap.mutex);
    return sum;
}

/* --- recording; under the mutex --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static struct operation *push(enum kind kind, int file)
{
    if (tap.operation_count == tap.operation_capacity) {
        tap.operation_capacity = tap.operation_capacity == 0 ? 256 : tap.operation_capacity * 2;
        tap.operations =
            memory_resize(tap.operations, tap.operation_capacity * sizeof *tap.operations);
    }

    struct operation *o = &tap.operations[tap.operation_count++];

    memset(o, 0, sizeof *o);
    o->kind = kind;
    o->file = file;
    return o;
}

static int file_of_name(const char *name)
{
    for (int i = 0; i < tap.name_count; i++) {
        if (strcmp(tap.names[i].name, name) == 0) {
            return tap.names[i].file;
        }
    }
    return -1;
}

static void set_name(const char *name, int file)
{
    for (int i = 0; i < tap.name_count; i++) {
        if (strcmp(tap.names[i].name, name) == 0) {
            tap.names[i] = tap.names[--tap.name_count];
            break;
        }
    }
    if (file >= 0) {
        CHECK(tap.name_count < NAMES_MAX);
        snprintf(tap.names[tap.name_count].name, sizeof tap.names[0].name, "%s", name);
        tap.names[tap.name_count++].file = file;
    }
}

static int slot_of(const struct io_file *handle)
{
    for (int i = 0; i < OPEN_MAX; i++) {
        if (tap.open[i].handle == handle) {
            return i;
        }
    }
    return -1;
}

void tap_start_name(const char *name, int durable, int current)
{
    int i = tap.start_name_count++;

    CHECK(i < NAMES_MAX);
    snprintf(tap.start_names[i].name, sizeof tap.start_names[i].name, "%.63s", name);
    tap.start_names[i].durable = durable;
    tap.start_names[i].current = current;
    if (current >= 0) {
        set_name(name, current);
    }
}

struct content tap_copy(const char *data, size_t size)
{
    return (struct content){.data = size == 0 ? NULL : memory_copy(data, size), .size = size};
}

void tap_record(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *item;

    CHECK(d != NULL);
    tap_stop();
    snprintf(tap.dir, sizeof tap.dir, "%s", dir);
    while ((item = readdir(d)) != NULL) {
        char path[1024];
        struct stat info;
        FILE *file;
        char *data;
        int i = tap.start_count;

        if (item->d_name[0] == '.' || strcmp(item->d_name, "lock") == 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", dir, item->d_name);
        file = fopen(path, "rb");
        CHECK(file != NULL);
        CHECK(fstat(fileno(file), &info) == 0);
        data = memory_take((size_t)info.st_size + 1);
        CHECK(fread(data, 1, (size_t)info.st_size, file) == (size_t)info.st_size);
        fclose(file);
        tap.start[i].durable = tap_copy(data, (size_t)info.st_size);
        tap.start[i].current = tap_copy(data, (size_t)info.st_size);
        free(data);
        tap_start_name(item->d_name, i, i);
        tap.start_count++;
    }
    closedir(d);
    tap.file_count = tap.start_count;
    tap.is_recording = true;
}

uint32_t tap_position(void)
{
    pthread_mutex_lock(&tap.mutex);
    uint32_t position = tap.operation_count;

    pthread_mutex_unlock(&tap.mutex);
    return position;
}

void tap_pause(void)
{
    tap.is_recording = false;
}

void tap_stop(void)
{
    for (uint32_t i = 0; i < tap.operation_count; i++) {
        free(tap.operations[i].data);
    }
    for (int i = 0; i < tap.start_count; i++) {
        free(tap.start[i].durable.data);
        free(tap.start[i].current.data);
    }
    free(tap.operations);
    tap.operations = NULL;
    tap.operation_count = 0;
    tap.operation_capacity = 0;
    tap.start_count = 0;
    tap.start_name_count = 0;
    tap.name_count = 0;
    tap.file_count = 0;
    tap.is_recording = false;
}

/* --- the wrapped calls --- */

static int failure(enum tap_call call, const char *path)
{
    if (tap.calls_to_failure > 0 && --tap.calls_to_failure == 0) {
        return tap.nth_error;
    }
    if (tap.failing != call || strstr(path, tap.failing_name) == NULL) {
        return 0;
    }
    if (!tap.is_failing_for_good) {
        tap.failing = 0;
    }
    return tap.failing_error;
}

static int number_of(const char *path)
{
    for (int i = 0; i < tap.count_count; i++) {
        if (strcmp(tap.counts[i].path, path) == 0) {
            return i;
        }
    }
    CHECK(tap.count_count < PATHS_MAX);
    CHECK(strlen(path) < sizeof tap.counts[0].path);
    memset(&tap.counts[tap.count_count], 0, sizeof tap.counts[0]);
    memcpy(tap.counts[tap.count_count].path, path, strlen(path) + 1);
    return tap.count_count++;
}

int __real_io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file);
int __wrap_io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file);
void __real_io_file_close(struct io_file *file);
void __wrap_io_file_close(struct io_file *file);
int __real_io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size);
int __wrap_io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size);
int64_t __real_io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size);
int64_t __wrap_io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size);
int __real_io_dir_list(struct io *io, const char *path,
                       void (*each)(void *context, const char *name), void *context);
int __wrap_io_dir_list(struct io *io, const char *path,
                       void (*each)(void *context, const char *name), void *context);
int __real_io_file_sync(struct io_file *file);
int __wrap_io_file_sync(struct io_file *file);
int __wrap_io_file_write_durable(struct io_file *file, uint64_t offset, const void *data,
                                 size_t size);
int __real_io_file_truncate(struct io_file *file, uint64_t size);
int __wrap_io_file_truncate(struct io_file *file, uint64_t size);
int __real_io_rename(struct io *io, const char *from, const char *to);
int __wrap_io_rename(struct io *io, const char *from, const char *to);
int __real_io_unlink(struct io *io, const char *path);
int __wrap_io_unlink(struct io *io, const char *path);
int __real_io_dir_sync(struct io *io, const char *path);
int __wrap_io_dir_sync(struct io *io, const char *path);

int __wrap_io_file_open(struct io *io, const char *path, int flags, struct io_file **ret_file)
{
    pthread_mutex_lock(&tap.mutex);

    int rv = failure(TAP_OPEN, path);

    if (rv == 0) {
        rv = __real_io_file_open(io, path, flags, ret_file);
    }
    if (rv == 0) {
        int slot = slot_of(NULL);
        int file = file_of_name(base_name(path));

        CHECK(slot >= 0);
        if (tap.is_recording && file < 0 && (flags & IO_CREATE) != 0) {
            file = tap.file_count++;
            set_name(base_name(path), file);
            snprintf(push(CREATE, file)->name, 64, "%.63s", base_name(path));
        }
        tap.open[slot].handle = *ret_file;
        tap.open[slot].file = file;
        snprintf(tap.open[slot].path, sizeof tap.open[slot].path, "%s", path);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

void __wrap_io_file_close(struct io_file *file)
{
    pthread_mutex_lock(&tap.mutex);

    int slot = slot_of(file);

    CHECK(slot >= 0);
    tap.open[slot].handle = NULL;
    __real_io_file_close(file);
    pthread_mutex_unlock(&tap.mutex);
}

int __wrap_io_file_write(struct io_file *file, uint64_t offset, const void *data, size_t size)
{
    pthread_mutex_lock(&tap.mutex);

    int slot = slot_of(file);
    int number = 0;
    int rv = 0;

    CHECK(slot >= 0);
    rv = failure(TAP_WRITE, tap.open[slot].path);
    number = number_of(tap.open[slot].path);
    tap.counts[number].counts.writes++;
    if (rv == 0 && strstr(tap.open[slot].path, ".tmp") != NULL) {
        rv = tap.room != 0 && tap.used + size > tap.room ? -ENOSPC : 0;
        tap.used += rv == 0 ? size : 0;
        tap.counts[number].taken += rv == 0 ? size : 0;
    }
    if (rv == 0) {
        rv = __real_io_file_write(file, offset, data, size);
    }
    if (rv == 0 && tap.is_recording && tap.open[slot].file >= 0) {
        struct operation *o = push(WRITE, tap.open[slot].file);

        o->offset = offset;
        o->size = size;
        o->data = memory_copy(data, size);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

int64_t __wrap_io_file_read(struct io_file *file, uint64_t offset, void *data, size_t size)
{
    pthread_mutex_lock(&tap.mutex);

    int64_t rv = failure(TAP_OTHER, "");

    pthread_mutex_unlock(&tap.mutex);
    return rv != 0 ? rv : __real_io_file_read(file, offset, data, size);
}

int __wrap_io_dir_list(struct io *io, const char *path,
                       void (*each)(void *context, const char *name), void *context)
{
    pthread_mutex_lock(&tap.mutex);

    int rv = failure(TAP_OTHER, path);

    pthread_mutex_unlock(&tap.mutex);
    return rv != 0 ? rv : __real_io_dir_list(io, path, each, context);
}

int __wrap_io_file_sync(struct io_file *file)
{
    pthread_mutex_lock(&tap.mutex);

    int slot = slot_of(file);
    int rv = 0;

    CHECK(slot >= 0);
    rv = failure(TAP_SYNC, tap.open[slot].path);
    tap.counts[number_of(tap.open[slot].path)].counts.syncs++;
    if (rv == 0) {
        rv = __real_io_file_sync(file);
    }
    if (rv == 0 && tap.is_recording && tap.open[slot].file >= 0) {
        push(SYNC, tap.open[slot].file);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

/* Split into its two halves, so that either may fail, or be the last before a crash. */
int __wrap_io_file_write_durable(struct io_file *file, uint64_t offset, const void *data,
                                 size_t size)
{
    int rv = __wrap_io_file_write(file, offset, data, size);

    return rv != 0 ? rv : __wrap_io_file_sync(file);
}

int __wrap_io_file_truncate(struct io_file *file, uint64_t size)
{
    pthread_mutex_lock(&tap.mutex);

    int slot = slot_of(file);
    int rv = 0;

    CHECK(slot >= 0);
    rv = failure(TAP_OTHER, tap.open[slot].path);
    if (rv == 0) {
        rv = __real_io_file_truncate(file, size);
    }
    if (rv == 0 && tap.is_recording && tap.open[slot].file >= 0) {
        push(TRUNCATE, tap.open[slot].file)->size = size;
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

int __wrap_io_rename(struct io *io, const char *from, const char *to)
{
    pthread_mutex_lock(&tap.mutex);

    int rv = failure(TAP_RENAME, from);

    if (rv == 0) {
        rv = __real_io_rename(io, from, to);
    }
    if (rv == 0) {
        tap.counts[number_of(from)].taken = 0; /* It keeps the room that it took. */
        for (int i = 0; i < OPEN_MAX; i++) {
            if (tap.open[i].handle != NULL && strcmp(tap.open[i].path, from) == 0) {
                memcpy(tap.open[i].path, to, strlen(to) + 1);
            }
        }
    }
    if (rv == 0 && tap.is_recording) {
        int file = file_of_name(base_name(from));
        struct operation *o = push(RENAME, file);

        snprintf(o->name, sizeof o->name, "%.63s", base_name(from));
        snprintf(o->to, sizeof o->to, "%.63s", base_name(to));
        set_name(o->name, -1);
        set_name(o->to, file);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

int __wrap_io_unlink(struct io *io, const char *path)
{
    pthread_mutex_lock(&tap.mutex);

    int rv = failure(TAP_OTHER, path);

    if (rv == 0) {
        rv = __real_io_unlink(io, path);
    }

    if (rv == 0) {
        tap.used -= tap.counts[number_of(path)].taken;
        tap.counts[number_of(path)].taken = 0;
    }
    if (rv == 0 && tap.is_recording) {
        snprintf(push(UNLINK, -1)->name, 64, "%.63s", base_name(path));
        set_name(base_name(path), -1);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}

int __wrap_io_dir_sync(struct io *io, const char *path)
{
    pthread_mutex_lock(&tap.mutex);

    int rv = failure(TAP_DIR_SYNC, path);

    if (rv == 0) {
        rv = __real_io_dir_sync(io, path);
    }
    if (rv == 0 && tap.is_recording && strcmp(path, tap.dir) == 0) {
        push(DIR_SYNC, -1);
    }
    pthread_mutex_unlock(&tap.mutex);
    return rv;
}
