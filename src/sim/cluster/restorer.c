#include "sim/cluster/restorer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backup/archive.h"
#include "replica/from_backup.h"
#include "replica/state.h"

#define SALT 0x6261636b75702121u

enum { PATIENCE = 600, WORDS_MAX = 6, CHUNK_BYTES = 100000, ONE_RUN_IN = 2 };

struct restorer {
    struct cluster *cluster;
    struct node *node;
    /* What the node has. */
    uint64_t digest;
    struct store_origin last;
    struct store_identity identity;
    struct store_snapshot snapshot;
    /* The backup. */
    struct buffer bytes;   /* Of the snapshot. */
    struct buffer entries; /* Behind it. */
    /* The call under way. */
    struct request request;
    struct buffer reply;
    struct resp_writer writer;
    bool is_answered;
};

static bool broken(struct restorer *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false. */
static bool broken(struct restorer *r, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    verdict_broken(&r->cluster->verdict, "I-195", "node %u: %s", r->node->number, text);
    return false;
}

/* --- calls --- */

static struct resp_writer *reply_to(struct request *request)
{
    return &container_of(request, struct restorer, request)->writer;
}

static void answered(struct request *request)
{
    container_of(request, struct restorer, request)->is_answered = true;
}

static struct replica *begin_call(struct restorer *r)
{
    buffer_clear(&r->reply);
    r->request = (struct request){.reply = reply_to, .answered = answered, .resp_version = 2};
    r->writer = (struct resp_writer){.out = &r->reply, .version = 2};
    r->is_answered = false;
    return r->node->server->replica;
}

/* False: a rule was broken. */
static bool await_answer(struct restorer *r)
{
    struct cluster *c = r->cluster;
    uint64_t end_ns = sim_now_ns(c->sim) + PATIENCE * SIM_S;

    while (!r->is_answered && !c->verdict.is_guilty && sim_step(c->sim, end_ns)) {
    }
    return r->is_answered || (!c->verdict.is_guilty && broken(r, "no answer"));
}

/* A part; empty: there is none, and a rule was broken. */
static struct slice ask(struct restorer *r, const char *what, const uint64_t *numbers,
                        uint32_t count)
{
    char texts[WORDS_MAX][24];
    struct slice words[WORDS_MAX] = {slice_str(what)};
    struct replica *replica = begin_call(r);
    const char *error;

    for (uint32_t i = 0; i < count; i++) {
        bool is_checksum = count == 5 && i == 3;

        snprintf(texts[i], sizeof texts[i], is_checksum ? "%016" PRIx64 : "%" PRIu64, numbers[i]);
        words[1 + i] = slice_str(texts[i]);
    }
    error = replica_backup(replica, &r->request, 1 + count, words);
    if (error != NULL) {
        broken(r, "%s", error);
        return slice_of("", 0);
    }
    if (!await_answer(r)) {
        return slice_of("", 0);
    }

    const char *data = buffer_begin(&r->reply);
    const char *end = memchr(data, '\n', buffer_size(&r->reply));

    if (data[0] != '$' || end == NULL) {
        broken(r, "%.*s", (int)buffer_size(&r->reply), data);
        return slice_of("", 0);
    }
    return slice_of(end + 1, buffer_size(&r->reply) - (size_t)(end + 1 - data) - 2);
}

/* --- the backup --- */

static bool fetch_snapshot(struct restorer *r)
{
    const struct store_snapshot *s = &r->snapshot;

    while (buffer_size(&r->bytes) < s->bytes) {
        const uint64_t numbers[] = {s->index, s->term, s->bytes, s->checksum,
                                    buffer_size(&r->bytes)};
        struct slice bytes = ask(r, "SNAPSHOT", numbers, 5);

        if (bytes.size == 0) {
            return false;
        }
        buffer_append_slice(&r->bytes, bytes);
    }
    return true;
}

static bool fetch_entries(struct restorer *r)
{
    struct entry_stream stream;
    struct store_origin after = {
        .index = r->snapshot.index, .term = r->snapshot.term, .time_us = r->snapshot.time_us};

    entry_stream_init(&stream, &after);
    while (stream.last.index < r->last.index) {
        const uint64_t numbers[] = {stream.last.index + 1, stream.last.term, stream.offset,
                                    r->last.index};
        struct slice bytes = ask(r, "LOG", numbers, 4);

        if (bytes.size == 0) {
            return false;
        }
        if (entry_stream_take(&stream, bytes) != 0) {
            return broken(r, "entries that do not follow each other");
        }
        buffer_append_slice(&r->entries, bytes);
    }
    return true;
}

/* Whether the node has a snapshot, which it is asked for if need be. A full disk may prevent it. */
static bool provide_snapshot(struct restorer *r)
{
    struct replica *replica = begin_call(r);

    if (snapshot_newest(replica->store).index == 0) {
        replica_snapshot(replica, &r->request);
        if (!await_answer(r)) {
            return false;
        }
    }
    r->snapshot = snapshot_newest(replica->store);
    return r->snapshot.index != 0;
}

static void note_state(struct restorer *r)
{
    const struct replica *replica = r->node->server->replica;
    uint64_t index = replica_applied_index(replica);

    r->identity = replica->recovered.identity;
    r->digest = keyspace_digest(replica->keyspace);
    r->last = (struct store_origin){.index = index,
                                    .term = raft_term_at(replica->raft, index),
                                    .time_us = keyspace_time_us(replica->keyspace)};
}

/* --- restoring --- */

static int write_archive(struct restorer *r, struct io *io)
{
    struct archive_link link = {.entry = {.index = r->snapshot.index,
                                          .term = r->snapshot.term,
                                          .time_us = r->snapshot.time_us},
                                .checksum = r->snapshot.checksum};
    struct snapshot_writer writer;
    struct store_snapshot end;
    int rv = archive_create(&writer, io, "backup.1", &r->identity, &r->last, &link);

    while (rv == 0 && buffer_size(&r->entries) > 0) {
        size_t left = buffer_size(&r->entries);
        size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;

        rv = archive_put(&writer, slice_of(buffer_begin(&r->entries), size));
        buffer_consume(&r->entries, size);
    }
    if (rv == 0) {
        rv = snapshot_writer_end(&writer, &end);
    }
    snapshot_writer_close(&writer);
    return rv;
}

static bool write_backup(struct restorer *r, struct io *io)
{
    struct io_file *file = NULL;
    int rv = io_file_open(io, "backup", IO_CREATE, &file);

    if (rv == 0) {
        rv = io_file_write(file, 0, buffer_begin(&r->bytes), buffer_size(&r->bytes));
        io_file_close(file);
    }
    if (rv == 0 && r->last.index > r->snapshot.index) {
        rv = write_archive(r, io);
    }
    return rv == 0 || broken(r, "the backup could not be written (%d)", rv);
}

static void on_durable(void *context, uint64_t seq)
{
}

static void on_failed(void *context, int error, const char *text)
{
}

static void on_room(void *context)
{
}

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    return loaded_state_take(context, chunk);
}

static bool compare(struct restorer *r, struct io *io)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = r->cluster->config.segment_bytes,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};
    struct loaded_state loaded;
    struct store_recovered found;
    struct store *store;
    char text[1024] = "";
    bool is_good;

    if (store_open(io, &options, 1, &store, &found, text, sizeof text) != STORE_OK) {
        return broken(r, "%s", text);
    }
    loaded_state_init(&loaded, found.identity.cluster_id);
    is_good =
        snapshot_load_now(store, &found.snapshot, take_chunk, &loaded, text, sizeof text) == 0 &&
        loaded_state_finish(&loaded, &found.snapshot) && found.last_index == r->last.index &&
        keyspace_digest_seeded(loaded.keyspace, r->identity.cluster_id) == r->digest;
    loaded_state_deinit(&loaded);
    store_close(store);
    return is_good ||
           broken(r, "another state was restored than the node has at %" PRIu64, r->last.index);
}

static bool restore(struct restorer *r, struct io *io)
{
    const struct server *server = r->node->server;
    struct from_backup_options options = {
        .io = io,
        .commands = &server->commands,
        .file = "backup",
        .data_dir = "data",
        .announced = {.host = "vault", .port = CLUSTER_PORT},
        .peer_port = CLUSTER_PEER_PORT,
        .feature_level = server->config.feature_level,
        .segment_bytes = server->config.segment_bytes,
    };
    char text[1024] = "";

    return from_backup(&options, text, sizeof text) || broken(r, "%s", text);
}

static void restore_elsewhere(struct restorer *r)
{
    struct cluster *c = r->cluster;
    struct io *io = sim_boot(sim_machine_new(c->sim, "vault"));

    if (write_backup(r, io) && restore(r, io) && compare(r, io)) {
        sometimes_reached(&c->sometimes, r->last.index > r->snapshot.index
                                             ? SOMETIMES_LOG_RESTORED
                                             : SOMETIMES_SNAPSHOT_RESTORED);
    }
    sim_die(io, SIM_EXITED);
    sim_bury(io);
}

/* --- which --- */

static struct node *choose(struct cluster *c, struct prng *prng)
{
    uint32_t start = (uint32_t)prng_below(prng, c->node_count);

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[(start + i) % c->node_count];

        if (n->phase == NODE_UP && !n->is_outside && n->server->replica->is_running &&
            cluster_is_member(n) && replica_applied_index(n->server->replica) > 0) {
            return n;
        }
    }
    return NULL;
}

void restorer_run(struct cluster *c)
{
    struct prng prng = {.state = c->options.seed ^ SALT};
    struct restorer r = {.cluster = c};

    if (c->verdict.is_guilty || prng_below(&prng, ONE_RUN_IN) != 0) {
        return;
    }
    r.node = choose(c, &prng);
    if (r.node != NULL && provide_snapshot(&r)) {
        note_state(&r);
        if (fetch_snapshot(&r) && fetch_entries(&r)) {
            restore_elsewhere(&r);
        }
    }
    buffer_deinit(&r.bytes);
    buffer_deinit(&r.entries);
    buffer_deinit(&r.reply);
}
