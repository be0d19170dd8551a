/* repair_mark.c - the file `repair`: its layout, and its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/repair.h"

static bool read_sector(struct store *s, char *sector)
{
    char path[PATH_BYTES_MAX];
    struct io_file *file = NULL;
    int64_t size;

    store_path(path, s->dir, REPAIR_NAME);

    int rv = io_file_open(s->io, path, IO_READ_ONLY, &file);

    memset(sector, 0, SECTOR_BYTES);
    if (rv == -ENOENT) {
        return false;
    }
    if (rv == 0) {
        size = io_file_read(file, 0, sector, SECTOR_BYTES);
        if (size < SECTOR_BYTES) {
            memset(sector, 0, SECTOR_BYTES);
        }
        io_file_close(file);
    }
    return true;
}

void repair_read_mark(struct store *s, struct repair_mark *ret_mark)
{
    char sector[SECTOR_BYTES];

    *ret_mark = (struct repair_mark){.is_there = read_sector(s, sector)};
    if (ret_mark->is_there && head_check(sector, MAGIC_REPAIR) == HEAD_OK &&
        head_belongs(sector, &s->identity)) {
        ret_mark->first_index = get_u64(sector + HEAD_FIELDS_AT);
        ret_mark->last_index = get_u64(sector + HEAD_FIELDS_AT + 8);
        ret_mark->last_term = get_u64(sector + HEAD_FIELDS_AT + 16);
    }
}

int repair_write_mark(struct store *s, const struct repair_mark *mark)
{
    char sector[SECTOR_BYTES];

    head_init(sector, MAGIC_REPAIR, &s->identity);
    put_u64(sector + HEAD_FIELDS_AT, mark->first_index);
    put_u64(sector + HEAD_FIELDS_AT + 8, mark->last_index);
    put_u64(sector + HEAD_FIELDS_AT + 16, mark->last_term);
    head_seal(sector);

    int rv = file_replace(s->io, s->dir, REPAIR_NAME, sector, sizeof sector);

    return rv != 0 || MUTANT(repair_mark_not_synced) ? rv : io_dir_sync(s->io, s->dir);
}

/* --- the end --- */

struct repair_end {
    struct io_job job;
    struct store *store;
    int error;
};

static void run_end(struct io_job *job)
{
    struct repair_end *end = container_of(job, struct repair_end, job);
    struct store *s = end->store;
    char path[PATH_BYTES_MAX];

    store_path(path, s->dir, REPAIR_NAME);
    end->error = io_unlink(s->io, path);
    if (end->error == 0) {
        end->error = io_dir_sync(s->io, s->dir);
    }
}

static void end_done(struct io_job *job)
{
    struct repair_end *end = container_of(job, struct repair_end, job);

    if (end->error != 0) {
        log_write(end->store->options.log, LOG_WARN,
                  "cannot remove the file that marks a repair: the next start repairs again",
                  "dir=" LOG_Q " error=%d", end->store->dir, -end->error);
    }
    end->store->repair_end = NULL;
    free(end);
}

void store_end_repair(struct store *s)
{
    struct repair_end *end;

    if (s->has_failed || s->repair_end != NULL) {
        return;
    }
    end = memory_take_zeroed(1, sizeof *end);
    end->store = s;
    end->job.run = run_end;
    end->job.done = end_done;
    s->repair_end = end;
    io_worker_submit(s->prepare_worker, &end->job);
}
