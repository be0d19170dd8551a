/* wal_read.c - reads entries from disk: for the replay at start, and in the background for a
 * peer that lags behind what is kept in memory. Every entry is verified again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/log_reader.h"
#include "store/store_state.h"

enum {
    READ_RUNS_MAX = 64, /* In one store_read: about 4 MB of the log. */
    READ_WINDOW_BYTES = 256 * 1024,
    READ_FULL = 1, /* As many bytes as requested. */
};

struct wal_read {
    struct list node; /* In the store's `reads`. */
    struct store_read *read;
    struct log_run runs[READ_RUNS_MAX];
    uint32_t run_count;
    struct entry **entries;
    uint32_t count;
    uint32_t capacity;
    uint64_t bytes;
    int error;
};

/* --- decoding --- */

/* Reads the wanted entries of one batch. */
static int read_batch(struct log_reader *reader, uint64_t offset, const struct batch_head *head,
                      uint64_t first, uint64_t last, int (*each)(void *context, struct entry *e),
                      void *context)
{
    const char *data = log_reader_view(reader, offset, head->batch_bytes);

    if (data == NULL) {
        return reader->error != 0 ? reader->error : -EBADMSG;
    }
    for (uint32_t i = 0; i < head->entry_count; i++) {
        struct entry_identity id;

        batch_identity_at(data, head, i, &id);
        if (id.index < first || id.index > last) {
            continue;
        }

        struct slice payload = batch_payload(data, head, &reader->place, &id);

        if (payload.data == NULL) {
            return -EBADMSG;
        }

        struct entry *e = entry_new(id.kind, id.size);

        e->index = id.index;
        e->term = id.term;
        e->time_us = id.time_us;
        memcpy(e->data, payload.data, id.size);

        int rv = each(context, e);

        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

int log_read_run(struct log_reader *reader, const struct log_run *run, uint64_t first,
                 uint64_t last, int (*each)(void *context, struct entry *e), void *context)
{
    uint64_t offset = run->offset;

    CHECK(first >= run->first_index);
    CHECK(last < run->first_index + run->count);
    while (offset < run->end) {
        struct batch_head head;
        uint64_t behind = 0;

        if (log_reader_head(reader, offset, &head) == NULL) {
            return reader->error != 0 ? reader->error : -EBADMSG;
        }
        behind = head.first_index + head.entry_count;
        if (behind > first) {
            int rv = read_batch(reader, offset, &head, first, last, each, context);

            if (rv != 0) {
                return rv;
            }
        }
        if (behind > last) {
            return 0;
        }
        offset += head.batch_bytes;
    }
    return -EBADMSG;
}

/* --- in the background --- */

static int collect(void *context, struct entry *e)
{
    struct wal_read *wal_read = context;

    if (wal_read->count > 0 && wal_read->bytes + e->size > wal_read->read->max_bytes) {
        entry_release(e);
        return READ_FULL;
    }
    if (wal_read->count == wal_read->capacity) {
        wal_read->capacity = wal_read->capacity == 0 ? 64 : wal_read->capacity * 2;
        wal_read->entries =
            memory_resize(wal_read->entries, wal_read->capacity * sizeof(struct entry *));
    }
    wal_read->entries[wal_read->count++] = e;
    wal_read->bytes += e->size;
    return wal_read->bytes >= wal_read->read->max_bytes ? READ_FULL : 0;
}

static void run_read(struct io_job *job)
{
    struct store_read *read = container_of(job, struct store_read, job);
    struct wal_read *wal_read = read->backend;
    struct store *s = read->store;
    struct log_reader reader = {0};
    int rv = 0;

    for (uint32_t i = 0; i < wal_read->run_count && rv == 0; i++) {
        const struct log_run *run = &wal_read->runs[i];
        uint64_t last = run->first_index + run->count - 1;

        if (i == 0 || run->segment != wal_read->runs[i - 1].segment) {
            log_reader_close(&reader);
            if (log_reader_open(&reader, s->io, s->dir, &s->identity, run->segment,
                                READ_WINDOW_BYTES) != FILE_GOOD) {
                rv = reader.error != 0 ? reader.error : -EBADMSG;
                break;
            }
        }
        rv = log_read_run(&reader, run,
                          read->first > run->first_index ? read->first : run->first_index,
                          read->last < last ? read->last : last, collect, wal_read);
    }
    log_reader_close(&reader);
    /* The entries before the error are good and are returned. */
    wal_read->error = rv < 0 && wal_read->count == 0 ? rv : 0;
}

static void free_read(struct wal_read *wal_read)
{
    list_remove(&wal_read->node);
    free(wal_read->entries);
    free(wal_read);
}

static void finish_read(struct io_job *job)
{
    struct store_read *read = container_of(job, struct store_read, job);
    struct wal_read *wal_read = read->backend;
    struct store *s = read->store;
    struct entry **entries = wal_read->entries;
    uint32_t count = wal_read->count;
    int error = wal_read->error;

    wal_read->entries = NULL;
    read->backend = NULL;
    free_read(wal_read);
    read->done(read, error, entries, count); /* It may free `read`. */
    free(entries);
    /* A peer that needs these entries would ask for them for ever; another node can serve them.
     * (Other errors, such as too many open files, may pass.) */
    if ((error == -EIO || error == -EBADMSG) && s->options.damaged != NULL) {
        s->options.damaged(s->options.context, "entries of the log cannot be read any more");
    } else if (error == -EIO || error == -EBADMSG) {
        store_fail(s, error,
                   "the log is damaged (remove this node from the cluster and join anew with an "
                   "empty data directory): entries cannot be read any more");
    }
}

void store_read(struct store *s, struct store_read *read)
{
    struct wal_read *wal_read = memory_take_zeroed(1, sizeof *wal_read);
    const struct log_run *run = log_index_find(&s->index, read->first);
    const struct log_run *end = s->index.runs + s->index.count;

    CHECK(read->first <= read->last);
    CHECK(run != NULL);
    for (; run < end && run->first_index <= read->last && wal_read->run_count < READ_RUNS_MAX;
         run++) {
        wal_read->runs[wal_read->run_count++] = *run;
    }
    wal_read->read = read;
    list_append(&s->reads, &wal_read->node);
    read->store = s;
    read->backend = wal_read;
    read->job.run = run_read;
    read->job.done = finish_read;
    io_worker_submit(s->read_worker, &read->job);
}

void wal_reads_drop(struct store *s)
{
    list_for_each(node, &s->reads)
    {
        struct wal_read *wal_read = container_of(node, struct wal_read, node);

        for (uint32_t i = 0; i < wal_read->count; i++) {
            entry_release(wal_read->entries[i]);
        }
        free_read(wal_read);
    }
}
