#include "inspect/snapshot_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct search {
    struct io *io;
    const char *dir;
    const struct store_identity *identity;
    struct snapshot_files *files;
};

static void count_chunk(struct snapshot_file *file, const struct snapshot_chunk *chunk)
{
    struct snapshot_section *last =
        file->section_count == 0 ? NULL : &file->sections[file->section_count - 1];

    if (last == NULL || strcmp(last->name, chunk->section) != 0) {
        if (file->section_count == SECTIONS_MAX) {
            return;
        }
        last = &file->sections[file->section_count++];
        snprintf(last->name, sizeof last->name, "%s", chunk->section);
        last->is_optional = chunk->is_optional;
    }
    last->chunks++;
    last->bytes += chunk->content.size;
}

static void read_chunks(struct snapshot_file *file, struct snapshot_reader *reader)
{
    struct snapshot_chunk chunk;
    int rv;

    while ((rv = snapshot_reader_next(reader, &chunk)) == SNAPSHOT_HAS_CHUNK) {
        count_chunk(file, &chunk);
    }
    file->good_bytes = reader->at;
    if (rv != SNAPSHOT_AT_END) {
        file->state = rv == -EBADMSG ? FILE_DAMAGED : FILE_UNREADABLE;
        file->error = rv == -EBADMSG ? 0 : rv;
    }
}

static uint64_t maker_of(struct snapshot_reader *reader)
{
    char sector[SECTOR_BYTES];

    return io_file_read(reader->file, 0, sector, sizeof sector) == SECTOR_BYTES
               ? head_identity(sector).node_id
               : 0;
}

static void read_file(const struct search *search, struct snapshot_file *file, uint64_t index)
{
    struct snapshot_reader reader;
    char path[PATH_BYTES_MAX];

    store_path(path, search->dir, file->name);
    file->state = snapshot_reader_open(&reader, search->io, path, search->identity);
    file->error = reader.error;
    file->file_bytes = reader.file_bytes;
    if (file->state != FILE_GOOD) {
        return;
    }
    if (reader.snapshot.index != index) {
        file->state = FILE_FOREIGN;
        snapshot_reader_close(&reader);
        return;
    }
    file->has_head = true;
    file->made_by = maker_of(&reader);
    file->is_chosen = !file->is_part && snapshot_reader_find_end(&reader);
    if (!file->is_part) {
        file->snapshot = reader.snapshot;
    }
    file->snapshot.term = reader.snapshot.term;
    file->snapshot.time_us = reader.snapshot.time_us;
    read_chunks(file, &reader);
    snapshot_reader_close(&reader);
}

static void note_name(void *context, const char *name)
{
    const struct search *search = context;
    struct snapshot_files *files = search->files;
    struct store_snapshot part = snapshot_part_of(name);
    uint64_t index = snapshot_index_of(name);

    if (index == 0 && part.index == 0) {
        return;
    }
    files->list = memory_resize(files->list, (files->count + 1) * sizeof *files->list);

    struct snapshot_file *file = &files->list[files->count++];

    *file = (struct snapshot_file){.is_part = index == 0, .snapshot = part};
    snprintf(file->name, sizeof file->name, "%s", name);
    if (index != 0) {
        file->snapshot.index = index;
    }
    read_file(search, file, file->snapshot.index);
    if (file->state == FILE_MISSING) {
        files->count--; /* A running node has just removed it. */
    }
}

static int by_index(const void *a, const void *b)
{
    const struct snapshot_file *left = a;
    const struct snapshot_file *right = b;

    if (left->is_part != right->is_part) {
        return left->is_part ? 1 : -1;
    }
    return left->snapshot.index < right->snapshot.index
               ? -1
               : left->snapshot.index > right->snapshot.index;
}

void snapshot_files_read(struct io *io, const char *dir, const struct store_identity *identity,
                         struct snapshot_files *ret_files)
{
    struct search search = {.io = io, .dir = dir, .identity = identity, .files = ret_files};

    *ret_files = (struct snapshot_files){0};
    (void)io_dir_list(io, dir, note_name, &search);
    if (ret_files->count > 0) {
        qsort(ret_files->list, ret_files->count, sizeof *ret_files->list, by_index);
    }
}

void snapshot_files_deinit(struct snapshot_files *files)
{
    free(files->list);
    *files = (struct snapshot_files){0};
}

const struct snapshot_file *snapshot_files_newest(const struct snapshot_files *files)
{
    const struct snapshot_file *newest = NULL;

    for (size_t i = 0; i < files->count; i++) {
        newest = files->list[i].is_chosen ? &files->list[i] : newest;
    }
    return newest;
}

bool snapshot_file_is_damaged(const struct snapshot_file *file)
{
    return file->state != FILE_GOOD && !file->is_part;
}
