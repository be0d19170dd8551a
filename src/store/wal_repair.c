/* wal_repair.c - see repair.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "store/repair.h"
#include "store/snapshot_reader.h"

enum {
    COPY_BYTES = 256 * 1024,
    EVIDENCE_MAX = 8, /* With so many files, older ones are removed. */
};

/* --- who may have it --- */

/* The membership in a snapshot; its chunk is verified, even if another one is bad. */
static void read_members(struct recovery *r, uint64_t index)
{
    struct store *s = r->store;
    struct snapshot_reader reader;
    struct snapshot_chunk chunk;
    char path[PATH_BYTES_MAX];

    snapshot_path(s->dir, index, path);
    if (snapshot_reader_open(&reader, s->io, path, &s->identity) != FILE_GOOD) {
        return;
    }
    while (snapshot_reader_next(&reader, &chunk) == SNAPSHOT_HAS_CHUNK) {
        if (strcmp(chunk.section, "members") == 0 && chunk.content.size > 8) {
            buffer_append(&r->members, chunk.content.data + 8, chunk.content.size - 8);
            break;
        }
    }
    snapshot_reader_close(&reader);
}

static void note_members(void *context, const char *name)
{
    struct recovery *r = context;
    uint64_t index = snapshot_index_of(name);

    if (index != 0 && buffer_size(&r->members) == 0) {
        read_members(r, index);
    }
}

bool repair_is_possible(struct recovery *r)
{
    const struct store *s = r->store;

    if (s->options.may_repair == NULL) {
        return false;
    }
    if (buffer_size(&r->members) == 0) {
        (void)io_dir_list(s->io, s->dir, note_members, r);
    }
    return s->options.may_repair(s->options.context, s->identity.node_id,
                                 buffer_slice(&r->members));
}

bool store_give_up_snapshot(struct store *s, uint64_t index)
{
    struct recovery r = {.store = s};
    char name[NAME_BYTES_MAX];
    bool is_possible = repair_is_possible(&r);

    buffer_deinit(&r.members);
    snapshot_name(name, index);
    return is_possible && repair_keep_aside(s, name) == 0 && io_dir_sync(s->io, s->dir) == 0;
}

/* --- damaged files --- */

static void evidence_path(const struct store *s, const char *name, char *path)
{
    char inner[NAME_BYTES_MAX + sizeof REPAIR_EVIDENCE];

    snprintf(inner, sizeof inner, REPAIR_EVIDENCE "%s%s", name[0] == '\0' ? "" : "/", name);
    store_path(path, s->dir, inner);
}

static int make_directory(struct store *s)
{
    char path[PATH_BYTES_MAX];

    evidence_path(s, "", path);
    return io_dir_make(s->io, path);
}

int repair_keep_aside(struct store *s, const char *name)
{
    char from[PATH_BYTES_MAX];
    char to[PATH_BYTES_MAX];
    int rv = make_directory(s);

    store_path(from, s->dir, name);
    evidence_path(s, name, to);
    MUTANT_DO(evidence_dropped, return io_unlink(s->io, from););
    if (rv == 0) {
        rv = io_rename(s->io, from, to);
    }
    if (rv == 0) {
        log_write(s->options.log, LOG_WARN, "a damaged file is kept aside", "file=" LOG_Q, to);
    }
    return rv == -ENOENT ? 0 : rv; /* An earlier start has done it. */
}

struct evidence {
    const struct store *store;
    uint32_t count;
};

static void count_evidence(void *context, const char *name)
{
    (void)name;
    ((struct evidence *)context)->count++;
}

static void remove_evidence(void *context, const char *name)
{
    const struct evidence *evidence = context;
    char path[PATH_BYTES_MAX];

    if (strlen(name) < NAME_BYTES_MAX) {
        evidence_path(evidence->store, name, path);
        (void)io_unlink(evidence->store->io, path);
    }
}

/* Files of the same name replace each other. If there are many, all is mended, and this is another
 * damage, the older ones have to go. */
static int bound_evidence(const struct recovery *r)
{
    struct evidence evidence = {.store = r->store};
    char path[PATH_BYTES_MAX];

    evidence_path(r->store, "", path);

    int rv = io_dir_list(r->store->io, path, count_evidence, &evidence);

    return rv != 0 || r->earlier.is_there || evidence.count < EVIDENCE_MAX
               ? rv
               : io_dir_list(r->store->io, path, remove_evidence, &evidence);
}

/* What can't be read is zeros in the copy. */
static int copy_piece(struct io_file *from, struct io_file *to, uint64_t at, char *data,
                      uint64_t size)
{
    if (io_file_read(from, at, data, size) == (int64_t)size) {
        return io_file_write(to, at, data, size);
    }
    for (uint64_t i = 0; i < size; i += SECTOR_BYTES) {
        if (io_file_read(from, at + i, data + i, SECTOR_BYTES) != SECTOR_BYTES) {
            memset(data + i, 0, SECTOR_BYTES);
        }
    }
    return io_file_write(to, at, data, size);
}

static int copy_bytes(struct io_file *from, struct io_file *to, uint64_t bytes)
{
    char *data = memory_take(COPY_BYTES);
    int rv = 0;

    for (uint64_t at = 0; at < bytes && rv == 0; at += COPY_BYTES) {
        rv = copy_piece(from, to, at, data, bytes - at < COPY_BYTES ? bytes - at : COPY_BYTES);
    }
    free(data);
    return rv != 0 ? rv : io_file_sync(to);
}

/* The segment with the intact beginning stays in use, so a copy of it is kept. */
static int copy_aside(struct store *s, const struct recovery_segment *segment)
{
    char name[NAME_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    struct io_file *from = NULL;
    struct io_file *to = NULL;
    int rv;

    segment_path(s->dir, segment->head.number, path);
    segment_name(name, segment->head.number);
    rv = MUTANT(evidence_dropped) ? 0 : io_file_open(s->io, path, IO_READ_ONLY, &from);
    evidence_path(s, name, path);
    if (rv == 0 && from != NULL) {
        rv = io_file_open(s->io, path, IO_CREATE, &to);
    }
    if (rv == 0 && to != NULL) {
        rv = copy_bytes(from, to, segment->head.bytes / SECTOR_BYTES * SECTOR_BYTES);
    }
    if (to != NULL) {
        io_file_close(to);
    }
    if (from != NULL) {
        io_file_close(from);
    }
    return rv;
}

/* Or may be. */
static bool is_damaged(const struct recovery *r, const struct recovery_segment *segment)
{
    return segment->is_torn || r->facts.bad_segment == segment->head.number;
}

static int keep_segments(struct recovery *r, bool drops_log)
{
    struct store *s = r->store;
    size_t first = drops_log ? 0 : r->tail + 1;
    int rv = !drops_log && is_damaged(r, &r->segments[r->tail])
                 ? copy_aside(s, &r->segments[r->tail])
                 : 0;

    for (size_t i = first; i < r->facts.segment_count && rv == 0; i++) {
        char name[NAME_BYTES_MAX];

        segment_name(name, r->segments[i].head.number);
        rv = repair_keep_aside(s, name);
    }
    return rv;
}

static int keep_snapshots(struct recovery *r)
{
    const struct recovery_snapshots *found = &r->facts.snapshots;
    int rv = 0;

    for (uint32_t i = 0; i < found->bad_count && rv == 0; i++) {
        char name[NAME_BYTES_MAX];

        snapshot_name(name, found->bad[i]);
        rv = repair_keep_aside(r->store, name);
    }
    return rv;
}

static int keep_origin(struct recovery *r)
{
    return r->facts.origin_state == FILE_DAMAGED ? repair_keep_aside(r->store, ORIGIN_NAME) : 0;
}

static int sync_both(struct store *s)
{
    char path[PATH_BYTES_MAX];

    evidence_path(s, "", path);

    int rv = io_dir_sync(s->io, path);

    return rv != 0 ? rv : io_dir_sync(s->io, s->dir);
}

/* --- what is missing --- */

/* How the log had ended, if the heads of its batches show that. */
static void find_end(const struct recovery *r, struct repair_mark *mark)
{
    const struct recovery_facts *f = &r->facts;
    bool is_all_seen = f->origin_state != FILE_DAMAGED && f->gap == 0 && f->bad_segment == 0 &&
                       f->origin.first_segment + f->segment_count > f->vote->last_segment;
    bool has_top = f->top.batch > f->origin.batch && f->top.batch > f->origin.dropped_batch;

    if (!is_all_seen || f->top.batch < recovery_known_batch(f)) {
        return;
    }
    if (has_top && f->top.last_term != 0) {
        mark->last_index = f->top.last_index;
        mark->last_term = f->top.last_term;
    } else if (!has_top && f->end.batch == f->origin.dropped_batch) {
        /* Nothing follows the origin. */
        mark->last_index = f->origin.entry.index;
        mark->last_term = f->origin.entry.term;
    }
}

/* Both are to be found again. */
static void join_marks(struct repair_mark *mark, const struct repair_mark *earlier)
{
    bool is_earlier_higher = earlier->last_term != mark->last_term
                                 ? earlier->last_term > mark->last_term
                                 : earlier->last_index > mark->last_index;

    if (!earlier->is_there) {
        return;
    }
    if (earlier->first_index < mark->first_index) {
        mark->first_index = earlier->first_index;
    }
    if (mark->last_term == 0 || earlier->last_term == 0) {
        mark->last_index = 0;
        mark->last_term = 0;
    } else if (is_earlier_higher) {
        mark->last_index = earlier->last_index;
        mark->last_term = earlier->last_term;
    }
}

static void report(const struct recovery *r)
{
    const struct repair_mark *mark = &r->mark;
    char last[32] = "unknown";

    if (mark->last_index != 0) {
        snprintf(last, sizeof last, "%" PRIu64, mark->last_index);
    }
    log_write(r->store->options.log, LOG_ERROR,
              "entries are missing that this node may have acknowledged: other members must have "
              "them",
              "first=%" PRIu64 " last=%s case=%s damaged=" LOG_Q " advice=" LOG_Q,
              mark->first_index, last, r->repair_case, REPAIR_EVIDENCE,
              "see whether the disk is failing");
}

/* --- giving up --- */

/* What stays is the origin and, with it, nothing. Numbers of segments are not used again. */
static int begin_anew(struct recovery *r, const struct store_origin *entry)
{
    struct recovery_facts *f = &r->facts;
    struct store *s = r->store;
    struct origin next = {.entry = *entry, .first_segment = f->vote->last_segment + 1};

    for (size_t i = 0; i < f->segment_count; i++) {
        if (r->segments[i].head.number >= next.first_segment) {
            next.first_segment = r->segments[i].head.number + 1;
        }
    }
    if (f->origin.first_segment > next.first_segment) {
        next.first_segment = f->origin.first_segment;
    }

    int rv = origin_write(s->io, s->dir, &s->identity, &next);

    log_index_deinit(&s->index);
    log_index_begin(&s->index, entry->index);
    log_segments_deinit(&s->segments);
    s->origin = next;
    f->origin = next;
    f->end = (struct chain){0};
    f->segment_count = 0;
    f->last_index = entry->index;
    f->commit_index = entry->index;
    return rv;
}

static int act(struct recovery *r, bool drops_log, const struct store_origin *origin)
{
    int rv = make_directory(r->store);

    if (rv == 0) {
        rv = bound_evidence(r);
    }
    if (rv == 0) {
        rv = keep_segments(r, drops_log);
    }
    if (rv == 0) {
        rv = keep_snapshots(r);
    }
    if (rv == 0) {
        rv = keep_origin(r);
    }
    if (rv == 0) {
        rv = sync_both(r->store);
    }
    if (rv != 0) {
        return rv;
    }
    if (drops_log) {
        return begin_anew(r, origin);
    }
    r->segments[r->tail].is_torn = true;
    r->facts.segment_count = r->tail + 1;
    return 0;
}

int repair_give_up(struct recovery *r, bool drops_log, const struct store_origin *origin,
                   struct complaint *c)
{
    struct store *s = r->store;
    struct repair_mark mark = {
        .is_there = true, .first_index = (drops_log ? origin->index : r->facts.last_index) + 1};

    recovery_observe_on(r);
    find_end(r, &mark);
    join_marks(&mark, &r->earlier);
    r->mark = mark;
    report(r);

    int rv = MUTANT(repair_unmarked) ? 0 : repair_write_mark(s, &mark);

    if (rv == 0) {
        rv = act(r, drops_log, origin);
    }
    return rv == 0 ? STORE_OK
                   : complain(c, STORE_EIO,
                              "the log in %s is damaged, and the damaged files can't be kept aside "
                              "in %s: %s; make room, see that the directory can be written, and "
                              "start again",
                              s->dir, REPAIR_EVIDENCE, strerror(-rv));
}
