/* Backups of a cluster under load, whose nodes die, hold what the nodes had: restored at any entry,
 * the state is the one that a node had there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backup/archive.h"
#include "calm_cluster.h"
#include "cluster/level.h"
#include "kv/keyspace.h"
#include "replica/from_backup.h"
#include "replica/state.h"
#include "server/commands.h"

enum { SEEDS = 8, SAMPLES_MAX = 1 << 14, RESTORED = 12, WORDS = 6, ARCHIVES = 2 };

/* What a node had. */
struct sample {
    uint64_t index;
    uint64_t digest;
};

static struct stage {
    struct cluster *c;
    struct sample samples[SAMPLES_MAX];
    uint32_t sample_count;
    /* The backup. */
    struct store_identity identity;
    struct store_snapshot snapshot;
    struct buffer bytes;
    struct store_origin ends[ARCHIVES];
    struct buffer entries[ARCHIVES];
    /* The call under way. */
    struct request request;
    struct buffer reply;
    struct resp_writer writer;
    bool is_answered;
} * stage;

static const struct user_options users = {
    .key_count = 50,
    .pipeline_max = 5,
    .backlog_max = 20,
    .value_bytes_max = 2000,
    .think_ns = 10 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

/* --- the cluster --- */

/* Logs reach back to the backup, so that any node can continue it. */
static void adjust(struct server_config *config)
{
    config->snapshot_after_bytes = 1ull << 30;
    config->log_memory_bytes = 1ull << 30;
    config->log_tail_bytes = 1ull << 30;
}

static void note_state(const struct node *n)
{
    const struct replica *r = n->server->replica;
    uint64_t last = stage->sample_count == 0 ? 0 : stage->samples[stage->sample_count - 1].index;

    if (replica_applied_index(r) > last && stage->sample_count < SAMPLES_MAX) {
        stage->samples[stage->sample_count++] =
            (struct sample){replica_applied_index(r), keyspace_digest(replica_keyspace(r))};
    }
}

static void step(void)
{
    assert_true(sim_step(stage->c->sim, UINT64_MAX));
    assert_false(stage->c->verdict.is_guilty);
    for (uint32_t i = 0; i < 3; i++) {
        const struct node *n = &stage->c->nodes[i];

        if (n->phase == NODE_UP && n->server->replica->is_running) {
            note_state(n);
        }
    }
}

static void run_for(uint64_t ns)
{
    uint64_t until_ns = sim_now_ns(stage->c->sim) + ns;

    while (sim_now_ns(stage->c->sim) < until_ns) {
        step();
    }
}

/* --- calls --- */

static struct resp_writer *reply_to(struct request *request)
{
    return &stage->writer;
}

static void answered(struct request *request)
{
    stage->is_answered = true;
}

static struct replica *begin_call(struct node *n)
{
    buffer_clear(&stage->reply);
    stage->request = (struct request){.reply = reply_to, .answered = answered, .resp_version = 2};
    stage->writer = (struct resp_writer){.out = &stage->reply, .version = 2};
    stage->is_answered = false;
    return n->server->replica;
}

static void await_answer(void)
{
    while (!stage->is_answered) {
        step();
    }
}

/* The bytes of a part. */
static struct slice ask(struct node *n, const char *what, const char *const *numbers,
                        uint32_t count)
{
    struct slice words[WORDS] = {slice_str(what)};
    struct replica *r = begin_call(n);
    const char *data;
    size_t head;

    for (uint32_t i = 0; i < count; i++) {
        words[1 + i] = slice_str(numbers[i]);
    }
    assert_null(replica_backup(r, &stage->request, 1 + count, words));
    await_answer();
    data = buffer_begin(&stage->reply);
    if (data[0] != '$') {
        fail_msg("%s: %.*s", what, (int)buffer_size(&stage->reply), data);
    }
    head = (size_t)((const char *)memchr(data, '\n', buffer_size(&stage->reply)) - data) + 1;
    return slice_of(data + head, buffer_size(&stage->reply) - head - 2);
}

struct digits {
    char text[24];
};

static struct digits decimal(uint64_t number)
{
    struct digits d;

    snprintf(d.text, sizeof d.text, "%llu", (unsigned long long)number);
    return d;
}

/* --- the backup --- */

static void fetch_snapshot(struct node *n)
{
    const struct store_snapshot *s = &stage->snapshot;
    struct replica *r = begin_call(n);
    char checksum[17];

    replica_snapshot(r, &stage->request);
    await_answer();
    stage->identity = r->recovered.identity;
    stage->snapshot = snapshot_newest(r->store);
    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)s->checksum);
    while (buffer_size(&stage->bytes) < s->bytes) {
        struct digits index = decimal(s->index);
        struct digits term = decimal(s->term);
        struct digits bytes = decimal(s->bytes);
        struct digits offset = decimal(buffer_size(&stage->bytes));
        const char *const numbers[] = {index.text, term.text, bytes.text, checksum, offset.text};

        buffer_append_slice(&stage->bytes, ask(n, "SNAPSHOT", numbers, 5));
    }
}

static void fetch_entries(struct node *n, uint32_t number, const struct store_origin *after)
{
    const struct replica *r = n->server->replica;
    struct entry_stream stream;
    uint64_t last = replica_applied_index(r);

    assert_true(last > after->index);
    entry_stream_init(&stream, after);
    while (stream.last.index < last) {
        struct digits index = decimal(stream.last.index + 1);
        struct digits term = decimal(stream.last.term);
        struct digits offset = decimal(stream.offset);
        struct digits until = decimal(last);
        const char *const numbers[] = {index.text, term.text, offset.text, until.text};
        struct slice bytes = ask(n, "LOG", numbers, 4);

        assert_int_equal(entry_stream_take(&stream, bytes), 0);
        buffer_append_slice(&stage->entries[number], bytes);
    }
    stage->ends[number] = stream.last;
    entry_stream_deinit(&stream);
}

/* Each part from another node; one of them dies in between. */
static void back_up(void)
{
    struct cluster *c = stage->c;
    struct store_origin begin;
    struct node *victim = &c->nodes[0] == cluster_leader(c) ? &c->nodes[1] : &c->nodes[0];

    fetch_snapshot(victim);
    run_for(500 * SIM_MS);
    begin = (struct store_origin){.index = stage->snapshot.index,
                                  .term = stage->snapshot.term,
                                  .time_us = stage->snapshot.time_us};
    fetch_entries(cluster_leader(c), 0, &begin);
    cluster_kill(victim, SIM_POWER);
    run_for(500 * SIM_MS);
    cluster_start(victim);
    while (!victim->server->replica->is_running ||
           replica_applied_index(victim->server->replica) <= stage->ends[0].index + 10) {
        step();
    }
    fetch_entries(victim, 1, &stage->ends[0]);
}

/* --- restoring --- */

static void write_backup(struct io *io)
{
    struct archive_link link = {.entry = {.index = stage->snapshot.index,
                                          .term = stage->snapshot.term,
                                          .time_us = stage->snapshot.time_us},
                                .checksum = stage->snapshot.checksum};
    struct io_file *file;

    assert_int_equal(io_file_open(io, "backup", IO_CREATE, &file), 0);
    assert_int_equal(
        io_file_write(file, 0, buffer_begin(&stage->bytes), buffer_size(&stage->bytes)), 0);
    io_file_close(file);
    for (uint32_t i = 0; i < ARCHIVES; i++) {
        struct snapshot_writer writer;
        struct store_snapshot end;
        char path[16];

        snprintf(path, sizeof path, "backup.%u", i + 1);
        assert_int_equal(
            archive_create(&writer, io, path, &stage->identity, &stage->ends[i], &link), 0);
        while (buffer_size(&stage->entries[i]) > 0) {
            struct buffer *b = &stage->entries[i];
            size_t size = buffer_size(b) < 100000 ? buffer_size(b) : 100000;

            assert_int_equal(archive_put(&writer, slice_of(buffer_begin(b), size)), 0);
            buffer_consume(b, size);
        }
        assert_int_equal(snapshot_writer_end(&writer, &end), 0);
        snapshot_writer_close(&writer);
        link = (struct archive_link){.entry = stage->ends[i], .checksum = end.checksum};
    }
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

/* The digest that the restored keys have with the old cluster's seed. */
static uint64_t digest_in(struct io *io, const char *dir)
{
    struct store_options options = {.dir = dir,
                                    .segment_bytes = 16384,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};
    struct loaded_state loaded;
    struct store_recovered found;
    struct store *store;
    char text[1024];
    uint64_t digest;

    assert_int_equal(store_open(io, &options, 99, &store, &found, text, sizeof text), STORE_OK);
    loaded_state_init(&loaded, found.identity.cluster_id);
    assert_int_equal(
        snapshot_load_now(store, &found.snapshot, take_chunk, &loaded, text, sizeof text), 0);
    assert_true(loaded_state_finish(&loaded, &found.snapshot));
    digest = keyspace_digest_seeded(loaded.keyspace, stage->identity.cluster_id);
    loaded_state_deinit(&loaded);
    store_close(store);
    return digest;
}

static void restore(struct io *io, const struct command_table *commands,
                    const struct sample *sample, uint32_t number)
{
    char dir[16];
    char text[1024];
    struct from_backup_options options = {
        .io = io,
        .commands = commands,
        .file = "backup",
        .point = {.has_index = true, .index = sample->index},
        .data_dir = dir,
        .announced = {.host = "new", .port = 8001},
        .peer_port = 18001,
        .feature_level = LEVEL_NEWEST,
        .segment_bytes = 16384,
    };

    snprintf(dir, sizeof dir, "data%u", number);
    if (!from_backup(&options, text, sizeof text)) {
        fail_msg("%s", text);
    }
    assert_int_equal(digest_in(io, dir), sample->digest);
}

/* Some states of those that are in the backup, the last one among them. */
static uint32_t restore_some(struct io *io)
{
    struct command_table commands = {0};
    uint32_t first = 0;
    uint32_t count = 0;
    uint32_t done = 0;

    commands_add_all(&commands);
    while (stage->samples[first].index < stage->snapshot.index) {
        first++;
    }
    while (first + count < stage->sample_count &&
           stage->samples[first + count].index <= stage->ends[ARCHIVES - 1].index) {
        count++;
    }
    for (uint32_t i = 0; i < RESTORED; i++) {
        restore(io, &commands, &stage->samples[first + (count - 1) * (i + 1) / RESTORED], done++);
    }
    return count;
}

static void try_seed(uint64_t seed)
{
    struct cluster *c = calm_cluster_start(seed, adjust);
    struct io *io;

    stage = test_calloc(1, sizeof *stage);
    stage->c = c;
    calm_cluster_start_users(c, &users);
    run_for(SIM_S);
    back_up();
    io = sim_boot(sim_machine_new(c->sim, "vault"));
    write_backup(io);
    assert_true(restore_some(io) > 10);
    sim_die(io, SIM_EXITED);
    sim_bury(io);
    cluster_free(c);
    buffer_deinit(&stage->bytes);
    buffer_deinit(&stage->reply);
    for (uint32_t i = 0; i < ARCHIVES; i++) {
        buffer_deinit(&stage->entries[i]);
    }
    test_free(stage);
}

static void test_backup__holds_each_state_that_nodes_had(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(SEEDS); seed++) {
        try_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup__holds_each_state_that_nodes_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
