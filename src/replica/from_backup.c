#include "replica/from_backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/reading.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "command/table.h"
#include "kv/walk.h"
#include "replica/admin.h"
#include "replica/state.h"
#include "store/restoring.h"

enum { TIME_TEXT_BYTES = 40 };

static const uint64_t LOG_NS = 1000 * 1000 * 1000;

struct restoring {
    const struct from_backup_options *options;
    struct store *store;
    struct store_recovered found;
    struct replica *executor; /* No node: only what replica_execute_entry() needs. */
    struct loaded_state loaded;
    struct store_origin at; /* The state is that after this entry. */
    bool is_reached;        /* Nothing after it is wanted. */
    uint64_t logged_ns;
    char *text;
    size_t text_size;
};

static int explain(const struct restoring *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int explain(const struct restoring *r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->text, r->text_size, format, arguments);
    va_end(arguments);
    return -1;
}

static const char *time_text(uint64_t time_us, char *text)
{
    struct buffer out = {0};

    human_put_utc(&out, time_us);
    snprintf(text, TIME_TEXT_BYTES, "%.*s", (int)buffer_size(&out), buffer_begin(&out));
    buffer_deinit(&out);
    return text;
}

/* --- reading the backup -------------------------------------------------------------- */

/* The keys are hashed as in the old cluster, so that all is as it was there. */
static int begin(void *context, const struct store_identity *identity)
{
    struct restoring *r = context;

    loaded_state_init(&r->loaded, identity->cluster_id);
    return 0;
}

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    struct restoring *r = context;
    int rv = loaded_state_take(&r->loaded, chunk);

    if (rv == STORE_EFORMAT) {
        return explain(r,
                       "%s has a section that this program does not know: restore it with the "
                       "program that wrote it, or a newer one",
                       r->options->file);
    }
    return rv == 0 ? 0
                   : explain(r,
                             "%s has the right checksums, and not the content that its sections "
                             "declare",
                             r->options->file);
}

/* Whether the snapshot is not later than what is wanted. */
static int check_point(const struct restoring *r, const struct store_snapshot *snapshot)
{
    const struct backup_point *p = &r->options->point;
    char begins[TIME_TEXT_BYTES];

    if ((p->has_index && p->index < snapshot->index) ||
        (p->has_time && p->time_us < snapshot->time_us)) {
        return explain(r,
                       "%s begins with the state after entry %" PRIu64
                       ", of %s: it cannot go back further. Take an earlier backup",
                       r->options->file, snapshot->index, time_text(snapshot->time_us, begins));
    }
    return 0;
}

static int take_snapshot(void *context, const struct store_identity *identity,
                         const struct store_snapshot *snapshot)
{
    struct restoring *r = context;

    if (!loaded_state_finish(&r->loaded, snapshot)) {
        return explain(r, "%s has the right checksums, and not the keys that it declares",
                       r->options->file);
    }
    r->at = (struct store_origin){
        .index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us};
    r->executor->keyspace = r->loaded.keyspace;
    r->executor->level = r->loaded.level;
    return check_point(r, snapshot);
}

/* Executes the entry, unless it is later than what is wanted. */
static int take_entry(void *context, struct entry *e)
{
    struct restoring *r = context;
    const struct backup_point *p = &r->options->point;

    if ((p->has_index && e->index > p->index) ||
        (p->has_time && e->time_us > p->time_us && !MUTANT(restored_beyond_time))) {
        r->is_reached = true;
        return 1;
    }
    replica_execute_entry(r->executor, e);
    r->at = (struct store_origin){.index = e->index, .term = e->term, .time_us = e->time_us};
    return 0;
}

static void note_progress(void *context, uint64_t bytes, uint64_t total_bytes)
{
    struct restoring *r = context;
    uint64_t now_ns = io_now_ns(r->options->io);

    if (now_ns - r->logged_ns >= LOG_NS) {
        r->logged_ns = now_ns;
        log_write(r->options->log, LOG_INFO, "reading the backup",
                  "percent=%" PRIu64 " bytes=%" PRIu64 " of=%" PRIu64,
                  total_bytes == 0 ? 0 : bytes * 100 / total_bytes, bytes, total_bytes);
    }
}

static bool check_level(const struct restoring *r)
{
    if (r->executor->level > r->options->feature_level) {
        explain(r,
                "%s uses the feature level %u, newer than the %u that this program knows: restore "
                "it with a newer program",
                r->options->file, (unsigned)r->executor->level,
                (unsigned)r->options->feature_level);
        return false;
    }
    return true;
}

static bool check_end(const struct restoring *r)
{
    const struct backup_point *p = &r->options->point;
    char ends[TIME_TEXT_BYTES];

    if (p->has_index && p->index > r->at.index) {
        explain(r,
                "%s ends with entry %" PRIu64 ", of %s: the state after entry %" PRIu64
                " is not in it",
                r->options->file, r->at.index, time_text(r->at.time_us, ends), p->index);
        return false;
    }
    return check_level(r);
}

static bool read_backup(struct restoring *r)
{
    struct backup_visitor visitor = {
        .begin = begin,
        .chunk = take_chunk,
        .snapshot = take_snapshot,
        .entry = take_entry,
        .progress = note_progress,
        .context = r,
    };
    struct backup_contents contents;
    enum backup_verdict verdict =
        backup_read(r->options->io, r->options->file, &visitor, &contents, r->text, r->text_size);

    return (verdict == BACKUP_GOOD || (verdict == BACKUP_STOPPED && r->is_reached)) && check_end(r);
}

/* --- writing the directory ----------------------------------------------------------- */

static struct membership *make_members(const struct restoring *r)
{
    struct member_address self = {.id = r->found.identity.node_id,
                                  .client = r->options->announced,
                                  .peer_port = r->options->peer_port};
    struct membership *members;

    if (r->options->name != NULL) {
        snprintf(self.name, sizeof self.name, "%s", r->options->name);
    }
    members = membership_alone(NULL, &self, 0);
    members->index = r->at.index;
    return members;
}

/* Sections without keys. */
static int put_head(struct restoring *r, uint64_t cluster_id, struct snapshot_writer *writer)
{
    struct membership *members = make_members(r);
    struct buffer content = {0};
    int rv;

    snapshot_encode_members(&content, members);
    rv = snapshot_writer_put(writer, SNAPSHOT_MEMBERS, 0, buffer_slice(&content));
    membership_free(members);
    if (rv == 0) {
        buffer_clear(&content);
        snapshot_encode_level(&content, r->executor->level);
        rv = snapshot_writer_put(writer, SNAPSHOT_LEVEL, 0, buffer_slice(&content));
    }
    if (rv == 0) {
        buffer_clear(&content);
        snapshot_encode_digest(&content, keyspace_digest_seeded(r->executor->keyspace, cluster_id));
        rv = snapshot_writer_put(writer, SNAPSHOT_DIGEST, 0, buffer_slice(&content));
    }
    buffer_deinit(&content);
    return rv;
}

static int put_items(struct restoring *r, struct snapshot_writer *writer)
{
    struct keyspace *keyspace = r->executor->keyspace;
    struct buffer out = {0};
    bool is_over = false;
    int rv = 0;

    keyspace_walk_begin(keyspace, &out);
    while (!is_over && rv == 0) {
        is_over = keyspace_walk_step(keyspace, SNAPSHOT_CHUNK_BYTES);
        if (buffer_size(&out) > 0) {
            rv = snapshot_writer_put(writer, SNAPSHOT_ITEMS, 0, buffer_slice(&out));
            buffer_clear(&out);
        }
    }
    keyspace_walk_end(keyspace);
    buffer_deinit(&out);
    return rv;
}

static void make_key(const struct restoring *r, struct store_key *ret_key)
{
    if (r->options->key != NULL) {
        *ret_key = *r->options->key;
    } else {
        io_random(r->options->io, ret_key->bytes, sizeof ret_key->bytes);
    }
}

static bool write_directory(struct restoring *r)
{
    uint64_t cluster_id = replica_founded_cluster(r->found.identity.node_id);
    struct store_snapshot snapshot = {
        .index = r->at.index, .term = r->at.term, .time_us = r->at.time_us};
    struct snapshot_writer writer;
    struct store_key key;
    int rv = restoring_begin(r->store, cluster_id, &snapshot, &writer);

    make_key(r, &key);
    if (rv == 0) {
        rv = put_head(r, cluster_id, &writer);
    }
    if (rv == 0) {
        rv = put_items(r, &writer);
    }
    if (rv == 0) {
        rv = restoring_end(r->store, cluster_id, &key, &snapshot, &writer);
    }
    snapshot_writer_close(&writer);
    if (rv != 0) {
        explain(r,
                "cannot write to %s (%s): nothing was restored. Repeat the command once there is "
                "room, or empty the directory",
                r->options->data_dir, strerror(-rv));
        return false;
    }
    log_write(r->options->log, LOG_INFO, "restored a backup into a new cluster",
              "cluster=%016" PRIx64 " index=%" PRIu64 " keys=%" PRIu64 " file=" LOG_Q, cluster_id,
              r->at.index, keyspace_count_all(r->executor->keyspace), r->options->file);
    return true;
}

/* --- both ---------------------------------------------------------------------------- */

static void on_durable(void *context, uint64_t seq)
{
}

static void on_failed(void *context, int error, const char *text)
{
}

static void on_room(void *context)
{
}

static bool open_directory(struct restoring *r)
{
    const struct from_backup_options *o = r->options;
    uint64_t node_id = 0;
    struct store_options options = {
        .dir = o->data_dir,
        .is_restoring = true,
        .segment_bytes = o->segment_bytes,
        .log = o->log,
        .durable = on_durable,
        .failed = on_failed,
        .room = on_room,
    };

    while (node_id == 0) {
        io_random(o->io, &node_id, sizeof node_id);
    }
    return store_open(o->io, &options, node_id, &r->store, &r->found, r->text, r->text_size) ==
           STORE_OK;
}

static struct replica *make_executor(const struct from_backup_options *o)
{
    struct replica *r = memory_take_zeroed(1, sizeof *r);

    r->io = o->io;
    r->log = o->log;
    r->options.commands = o->commands;
    time_share_begin(&r->share, r->io, NULL, 0);
    place_init(r);
    return r;
}

static void free_executor(struct replica *r)
{
    admin_deinit(r);
    place_deinit(r);
    buffer_deinit(&r->scratch);
    buffer_deinit(&r->once_reply);
    users_free(r->users);
    free(r->arguments);
    free(r);
}

bool from_backup(const struct from_backup_options *options, char *text, size_t text_size)
{
    struct restoring r = {.options = options, .text = text, .text_size = text_size};
    bool is_read;
    bool is_done;

    text[0] = '\0';
    if (!open_directory(&r)) {
        return false;
    }
    r.executor = make_executor(options);
    is_read = read_backup(&r);
    is_done = is_read && write_directory(&r);
    if (!is_read && r.found.is_new) {
        store_discard(r.store);
    }
    store_close(r.store);
    if (r.loaded.keyspace != NULL) {
        loaded_state_deinit(&r.loaded);
    }
    free_executor(r.executor);
    return is_done;
}
