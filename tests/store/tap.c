#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io.h"

enum { SECTOR = 512, FILES_MAX = 1024, NAMES_MAX = 512, OPEN_MAX = 64, PATHS_MAX = 1024 };

enum kind { WRITE, SYNC, TRUNCATE, CREATE, RENAME, UNLINK, DIR_SYNC };

struct operation {
    enum kind kind;
    int file; /* Number of the file, from the order of making. */
    uint64_t offset;
    uint64_t size;
    char *data;
    char name[64];
    char to[64];
};

struct content {
    char *data;
    size_t size;
};

/* The tap is one per process, as the linker's wrapping is. */
static struct {
    pthread_mutex_t mutex;
    bool is_recording;
    char dir[512];
    struct operation *operations;
    uint32_t operation_count;
    uint32_t operation_capacity;
    int file_count;
    struct {
        char name[64];
        int file;
    } names[NAMES_MAX]; /* As they are now. */
    int name_count;
    struct {
        struct io_file *handle;
        int file;
        char path[512];
    } open[OPEN_MAX];
    /* What stood there when recording began: files 0 .. n-1, and their names. */
    struct {
        struct content durable;
        struct content current;
    } start[FILES_MAX];
    int start_count;
    struct {
        char name[64];
        int durable; /* Number of the file, -1: none. */
        int current;
    } start_names[NAMES_MAX];
    int start_name_count;

    enum tap_call failing;
    char failing_name[64];
    int failing_error;
    bool is_failing_for_good;
    uint32_t calls_to_failure; /* 0: none will fail. */
    int nth_error;
    uint64_t room;
    uint64_t used;
    struct {
        char path[512];
        struct tap_counts counts;
        uint64_t taken; /* Of the room, as long as the name is a temporary one. */
    } counts[PATHS_MAX];
    int count_count;
} tap = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- settings --- */

void tap_reset(void)
{
    tap_stop();
    tap.failing = 0;
    tap.calls_to_failure = 0;
    tap.room = 0;
    tap.used = 0;
    tap.count_count = 0;
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

static void start_name(const char *name, int durable, int current)
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

static struct content copy_content(const char *data, size_t size)
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
        tap.start[i].durable = copy_content(data, (size_t)info.st_size);
        tap.start[i].current = copy_content(data, (size_t)info.st_size);
        free(data);
        start_name(item->d_name, i, i);
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
        tap.counts[number_of(from)].taken = 0; /* It keeps what it took. */
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

/* --- what a crash leaves --- */

struct model_file {
    struct content durable;
    struct content current;
};

struct model {
    struct model_file files[FILES_MAX];
    int names[NAMES_MAX];      /* Durable: file of name i, -1 for none. */
    char texts[NAMES_MAX][64]; /* All names that ever were. */
    int text_count;
    const struct operation *pending[FILES_MAX]; /* Of names, not synced. */
    int pending_count;
    struct operation start_changes[NAMES_MAX];
};

static int text_of(struct model *m, const char *name)
{
    for (int i = 0; i < m->text_count; i++) {
        if (strcmp(m->texts[i], name) == 0) {
            return i;
        }
    }
    CHECK(m->text_count < NAMES_MAX);
    snprintf(m->texts[m->text_count], 64, "%s", name);
    m->names[m->text_count] = -1;
    return m->text_count++;
}

static void resize(struct content *c, size_t size)
{
    if (size > c->size) {
        c->data = memory_resize(c->data, size);
        memset(c->data + c->size, 0, size - c->size);
    }
    c->size = size;
}

static void apply_name(struct model *m, const struct operation *o)
{
    m->names[text_of(m, o->name)] = o->kind == CREATE ? o->file : -1;
    if (o->kind == RENAME) {
        m->names[text_of(m, o->to)] = o->file;
    }
}

static void apply(struct model *m, const struct operation *o)
{
    struct model_file *f = o->file < 0 ? NULL : &m->files[o->file];

    switch (o->kind) {
    case WRITE:
        if (f->current.size < o->offset + o->size) {
            resize(&f->current, o->offset + o->size);
        }
        memcpy(f->current.data + o->offset, o->data, o->size);
        break;
    case TRUNCATE:
        resize(&f->current, o->size);
        break;
    case SYNC:
        resize(&f->durable, f->current.size);
        if (f->current.size > 0) {
            memcpy(f->durable.data, f->current.data, f->current.size);
        }
        break;
    case CREATE:
    case RENAME:
    case UNLINK:
        CHECK(m->pending_count < FILES_MAX);
        m->pending[m->pending_count++] = o;
        break;
    case DIR_SYNC:
        for (int i = 0; i < m->pending_count; i++) {
            apply_name(m, m->pending[i]);
        }
        m->pending_count = 0;
        break;
    }
}

static bool survives(enum tap_luck luck, struct prng *p)
{
    return luck == TAP_EVERYTHING || (luck == TAP_SOME && prng_chance(p, 1, 2));
}

static void write_out(const struct model_file *f, const char *path, enum tap_luck luck,
                      struct prng *p)
{
    size_t size = survives(luck, p) ? f->current.size : f->durable.size;
    char *data = memory_take_zeroed(1, size + SECTOR);
    FILE *file = fopen(path, "wb");

    for (size_t at = 0; at < size; at += SECTOR) {
        bool is_new = at < f->current.size && survives(luck, p);
        const struct content *c = is_new ? &f->current : &f->durable;

        if (at < c->size) {
            memcpy(data + at, c->data + at, c->size - at < SECTOR ? c->size - at : SECTOR);
        }
    }
    CHECK(file != NULL);
    CHECK(fwrite(data, 1, size, file) == size);
    CHECK(fclose(file) == 0);
    free(data);
}

/* The state after the first `position` operations. */
static struct model *build_model(uint32_t position)
{
    struct model *m = memory_take_zeroed(1, sizeof *m);

    CHECK(position <= tap.operation_count);
    CHECK(tap.file_count <= FILES_MAX);
    for (int i = 0; i < tap.start_count; i++) {
        m->files[i].durable = copy_content(tap.start[i].durable.data, tap.start[i].durable.size);
        m->files[i].current = copy_content(tap.start[i].current.data, tap.start[i].current.size);
    }
    for (int i = 0; i < tap.start_name_count; i++) {
        int name = text_of(m, tap.start_names[i].name);
        struct operation *change = &m->start_changes[i];

        m->names[name] = tap.start_names[i].durable;
        if (tap.start_names[i].durable != tap.start_names[i].current) {
            change->file = tap.start_names[i].current;
            change->kind = change->file < 0 ? UNLINK : CREATE;
            memcpy(change->name, tap.start_names[i].name, sizeof change->name);
            m->pending[m->pending_count++] = change;
        }
    }
    for (uint32_t i = 0; i < position; i++) {
        apply(m, &tap.operations[i]);
    }
    return m;
}

static void free_model(struct model *m)
{
    for (int i = 0; i < FILES_MAX; i++) {
        free(m->files[i].durable.data);
        free(m->files[i].current.data);
    }
    free(m);
}

/* Writes out all files that have a name. */
static void write_out_names(const struct model *m, enum tap_luck luck, struct prng *p,
                            const char *to)
{
    mkdir(to, 0700);
    for (int i = 0; i < m->text_count; i++) {
        char path[1024];

        if (m->names[i] >= 0 && strcmp(m->texts[i], "lock") != 0) {
            snprintf(path, sizeof path, "%s/%s", to, m->texts[i]);
            write_out(&m->files[m->names[i]], path, luck, p);
        }
    }
}

void tap_crash(uint32_t position, enum tap_luck luck, struct prng *p, const char *to)
{
    struct model *m = build_model(position);

    for (int i = 0; i < m->pending_count; i++) {
        if (survives(luck, p)) {
            apply_name(m, m->pending[i]);
        }
    }
    write_out_names(m, luck, p, to);
    free_model(m);
}

/* Carries one file over into a new recording, once; returns its number there. */
static int carry(const struct model *m, int file, int *numbers)
{
    if (file < 0) {
        return -1;
    }
    if (numbers[file] < 0) {
        const struct model_file *f = &m->files[file];
        int i = tap.start_count++;

        numbers[file] = i;
        tap.start[i].durable = copy_content(f->durable.data, f->durable.size);
        tap.start[i].current = copy_content(f->current.data, f->current.size);
    }
    return numbers[file];
}

void tap_kill(uint32_t position, const char *to)
{
    struct model *m = build_model(position);
    int durable_names[NAMES_MAX];
    int durable_count = m->text_count;
    int numbers[FILES_MAX];

    memcpy(durable_names, m->names, sizeof durable_names);
    memset(numbers, -1, sizeof numbers);
    for (int i = 0; i < m->pending_count; i++) {
        apply_name(m, m->pending[i]);
    }
    write_out_names(m, TAP_EVERYTHING, NULL, to);
    tap_stop();
    snprintf(tap.dir, sizeof tap.dir, "%s", to);
    for (int i = 0; i < m->text_count; i++) {
        int durable = i < durable_count ? durable_names[i] : -1;

        if (strcmp(m->texts[i], "lock") != 0 && (durable >= 0 || m->names[i] >= 0)) {
            start_name(m->texts[i], carry(m, durable, numbers), carry(m, m->names[i], numbers));
        }
    }
    tap.file_count = tap.start_count;
    tap.is_recording = true;
    free_model(m);
}
