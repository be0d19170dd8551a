/* A new cluster of a backup: what it then holds, what is refused, and crashes after each operation
 * on files (I-193, I-194). In the simulated world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/reading.h"
#include "base/memory.h"
#include "cluster/level.h"
#include "command/request.h"
#include "command/table.h"
#include "kv/kv.h"
#include "kv/walk.h"
#include "replica/from_backup.h"
#include "replica/replica.h"
#include "replica/snapshot_state.h"
#include "server/commands.h"
#include "sim/world/sim.h"
#include "store/snapshot_writer.h"

#define RESTORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

enum { OLD_CLUSTER = 0xC1, OLD_NODE = 0x17, EARLY = 40, LATE = 50, TERM = 3, CRASHES_MAX = 300 };

static const struct store_key old_key = {"the thirty-two bytes of the key."};

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store;
    struct store_recovered found;
    struct command_table commands;
    struct from_backup_options options;
    char text[1024];
};

/* --- the backup --- */

static struct keyspace *state_at(uint64_t index)
{
    struct keyspace *keyspace = keyspace_new(OLD_CLUSTER);
    char *large = memory_take_zeroed(1, 100000);

    for (uint64_t i = 1; i <= index; i++) {
        char key[24];

        snprintf(key, sizeof key, "key%llu", (unsigned long long)i);
        kv_set(keyspace_database(keyspace, (uint32_t)(i % 3)), slice_str(key), slice_str(key));
    }
    kv_set(keyspace_database(keyspace, 0), slice_str("large"), slice_of(large, 100000));
    free(large);
    return keyspace;
}

static void put(struct snapshot_writer *writer, const char *section, struct buffer *content)
{
    assert_int_equal(snapshot_writer_put(writer, section, 0, buffer_slice(content)), 0);
    buffer_clear(content);
}

static void put_state(struct snapshot_writer *writer, struct keyspace *keyspace, uint64_t index)
{
    struct membership members = {
        .index = 1,
        .configuration = {.member_count = 1, .members = {{.id = OLD_NODE, .incoming = true}}},
        .addresses = {{.id = OLD_NODE,
                       .client = {.host = "old", .port = 8000},
                       .peer_port = 18000}},
    };
    struct buffer content = {0};

    (void)index;
    snapshot_encode_members(&content, &members);
    put(writer, SNAPSHOT_MEMBERS, &content);
    snapshot_encode_level(&content, LEVEL_FIRST);
    put(writer, SNAPSHOT_LEVEL, &content);
    snapshot_encode_digest(&content, keyspace_digest(keyspace));
    put(writer, SNAPSHOT_DIGEST, &content);
    keyspace_walk_begin(keyspace, &content);
    while (!keyspace_walk_step(keyspace, SNAPSHOT_CHUNK_BYTES)) {
    }
    keyspace_walk_end(keyspace);
    put(writer, SNAPSHOT_ITEMS, &content);
    buffer_deinit(&content);
}

static void make_backup(struct world *w, const char *path, uint64_t index)
{
    const struct store_identity identity = {.cluster_id = OLD_CLUSTER, .node_id = OLD_NODE};
    struct store_snapshot snapshot = {.index = index, .term = TERM, .time_us = index * 1000};
    struct snapshot_writer writer;
    struct keyspace *keyspace = state_at(index);

    assert_int_equal(snapshot_writer_open(&writer, w->io, path, &identity, &snapshot), 0);
    put_state(&writer, keyspace, index);
    assert_int_equal(snapshot_writer_end(&writer, &snapshot), 0);
    snapshot_writer_close(&writer);
    keyspace_free(keyspace);
}

/* The entry that makes state_at(index) of the state before it. */
static void put_entry(struct world *w, struct buffer *out, uint64_t index)
{
    struct request request = {.resp_version = 2};
    char key[24];
    struct slice arguments[3] = {slice_str("SET")};

    snprintf(key, sizeof key, "key%llu", (unsigned long long)index);
    arguments[1] = arguments[2] = slice_str(key);
    request_encode(&request, command_find(&w->commands, arguments[0]), (uint8_t)(index % 3), 3,
                   arguments);
    request.entry->index = index;
    request.entry->term = TERM;
    request.entry->time_us = index * 1000;
    entry_record_put(out, request.entry, 0, UINT64_MAX);
    entry_release(request.entry);
}

/* The entries from the snapshot of vault/early to LATE. */
static void make_archive(struct world *w)
{
    const struct store_identity identity = {.cluster_id = OLD_CLUSTER, .node_id = OLD_NODE};
    struct store_origin last = {.index = LATE, .term = TERM, .time_us = LATE * 1000};
    struct snapshot_writer writer;
    struct store_snapshot end;
    struct backup_end before;
    struct buffer bytes = {0};

    assert_int_equal(backup_find_end(w->io, "vault/early", &before, w->text, sizeof w->text),
                     BACKUP_GOOD);
    assert_int_equal(
        archive_create(&writer, w->io, "vault/early.1", &identity, &last, &before.link), 0);
    for (uint64_t index = EARLY + 1; index <= LATE; index++) {
        put_entry(w, &bytes, index);
    }
    assert_int_equal(archive_put(&writer, buffer_slice(&bytes)), 0);
    assert_int_equal(snapshot_writer_end(&writer, &end), 0);
    snapshot_writer_close(&writer);
    buffer_deinit(&bytes);
}

/* --- the world --- */

static int setup(void **state)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);

    w->sim = sim_new(1);
    w->machine = sim_machine_new(w->sim, "a");
    w->io = sim_boot(w->machine);
    commands_add_all(&w->commands);
    assert_int_equal(io_dir_make(w->io, "vault"), 0);
    make_backup(w, "vault/early", EARLY);
    make_backup(w, "vault/late", LATE);
    assert_int_equal(io_dir_sync(w->io, "vault"), 0);
    assert_int_equal(io_dir_sync(w->io, "."), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    sim_die(w->io, SIM_EXITED);
    sim_bury(w->io);
    sim_free(w->sim);
    free(w);
    return 0;
}

static void reboot(struct world *w, enum sim_death death)
{
    sim_die(w->io, death);
    sim_bury(w->io);
    w->io = sim_boot(w->machine);
}

static bool restore(struct world *w, const char *file, uint64_t index)
{
    w->options = (struct from_backup_options){
        .io = w->io,
        .commands = &w->commands,
        .file = file,
        .point = {.has_index = index != 0, .index = index},
        .data_dir = "data",
        .announced = {.host = "new", .port = 8001},
        .peer_port = 18001,
        .feature_level = LEVEL_NEWEST,
        .segment_bytes = 16384,
    };
    return from_backup(&w->options, w->text, sizeof w->text);
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

/* A start that restores nothing. */
static int open_store(struct world *w)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = 16384,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};

    return store_open(w->io, &options, 99, &w->store, &w->found, w->text, sizeof w->text);
}

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    return loaded_state_take(context, chunk);
}

static void check_members(const struct world *w, const struct membership *m)
{
    assert_int_equal(m->configuration.member_count, 1);
    assert_int_equal(m->configuration.epoch, 0);
    assert_int_equal(m->addresses[0].id, w->found.identity.node_id);
    assert_string_equal(m->addresses[0].client.host, "new");
    assert_int_equal(m->addresses[0].peer_port, 18001);
    assert_int_equal(m->removed_count, 0);
}

/* The open store is the first node of a new cluster, with all that there was at that entry. */
static void check_state(struct world *w, uint64_t index)
{
    struct keyspace *expected = state_at(index);
    uint64_t cluster_id = w->found.identity.cluster_id;
    struct loaded_state loaded;

    assert_int_not_equal(cluster_id, OLD_CLUSTER);
    assert_int_not_equal(w->found.identity.node_id, OLD_NODE);
    assert_int_equal(cluster_id, replica_founded_cluster(w->found.identity.node_id));
    assert_memory_not_equal(&w->found.key, &old_key, sizeof old_key);
    assert_int_equal(w->found.snapshot.index, index);
    assert_int_equal(w->found.snapshot.term, TERM);
    assert_int_equal(w->found.last_index, index);
    assert_int_equal(w->found.current_term, TERM);
    assert_int_equal(w->found.voted_for, 0);
    assert_string_equal(w->found.snapshot_case, "snapshot-good");
    loaded_state_init(&loaded, cluster_id);
    assert_int_equal(snapshot_load_now(w->store, &w->found.snapshot, take_chunk, &loaded, w->text,
                                       sizeof w->text),
                     0);
    assert_true(loaded_state_finish(&loaded, &w->found.snapshot));
    assert_int_equal(keyspace_digest_seeded(loaded.keyspace, OLD_CLUSTER),
                     keyspace_digest(expected));
    assert_int_equal(keyspace_time_us(loaded.keyspace), index * 1000);
    check_members(w, loaded.members);
    loaded_state_deinit(&loaded);
    keyspace_free(expected);
}

static void check_restored(struct world *w, uint64_t index)
{
    assert_int_equal(open_store(w), STORE_OK);
    check_state(w, index);
    store_close(w->store);
}

static void assert_refused(struct world *w, const char *file, uint64_t index, const char *words)
{
    assert_false(restore(w, file, index));
    if (strstr(w->text, words) == NULL) {
        fail_msg("no '%s' in '%s'", words, w->text);
    }
}

static void note_name(void *context, const char *name)
{
    (*(int *)context)++;
}

static void keep_name(void *context, const char *name)
{
    snprintf(context, 128, "data/%s", name);
}

static void empty(struct world *w)
{
    char path[128];

    do {
        path[0] = '\0';
        assert_int_equal(io_dir_list(w->io, "data", keep_name, path), 0);
        assert_int_equal(path[0] == '\0' ? 0 : io_unlink(w->io, path), 0);
    } while (path[0] != '\0');
}

static int count_files(struct world *w)
{
    int count = 0;

    (void)io_dir_list(w->io, "data", note_name, &count);
    return count;
}

/* --- tests --- */

static void test_restore__makes_the_first_node_of_a_new_cluster(void **state)
{
    struct world *w = *state;

    assert_true(restore(w, "vault/early", 0));
    check_restored(w, EARLY);
    check_restored(w, EARLY); /* Also after a start. */
}

/* Restores into another directory, with the same options but for the key, and opens it. */
static void restore_elsewhere(struct world *w, const struct store_key *key)
{
    struct store_options options = {.dir = "other",
                                    .segment_bytes = 16384,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};

    w->options.data_dir = "other";
    w->options.key = key;
    assert_true(from_backup(&w->options, w->text, sizeof w->text));
    assert_int_equal(store_open(w->io, &options, 99, &w->store, &w->found, w->text, sizeof w->text),
                     STORE_OK);
}

static void test_restore__each_cluster_has_its_own_id_and_key(void **state)
{
    struct world *w = *state;
    struct store_recovered first;

    assert_true(restore(w, "vault/early", 0));
    check_restored(w, EARLY);
    first = w->found;
    restore_elsewhere(w, NULL);
    assert_int_not_equal(w->found.identity.cluster_id, first.identity.cluster_id);
    assert_int_not_equal(w->found.identity.node_id, first.identity.node_id);
    assert_memory_not_equal(&w->found.key, &first.key, sizeof first.key);
    store_close(w->store);
}

static void test_restore__takes_a_key_that_is_given(void **state)
{
    struct world *w = *state;
    const struct store_key key = {"another one of thirty-two bytes."};

    assert_true(restore(w, "vault/early", EARLY));
    restore_elsewhere(w, &key);
    assert_memory_equal(&w->found.key, &key, sizeof key);
    store_close(w->store);
}

static void test_restore__over_the_data_of_a_node_is_refused(void **state)
{
    struct world *w = *state;

    assert_true(restore(w, "vault/early", 0));
    assert_refused(w, "vault/late", 0, "is a node's already");
    check_restored(w, EARLY);
}

static void test_restore__over_a_node_without_a_cluster_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(open_store(w), STORE_OK);
    store_close(w->store);
    assert_refused(w, "vault/late", 0, "is a node's already");
    assert_int_equal(open_store(w), STORE_OK);
    assert_int_equal(w->found.identity.node_id, 99);
    store_close(w->store);
}

static void test_restore__of_a_directory_in_use_is_refused(void **state)
{
    struct world *w = *state;

    assert_true(restore(w, "vault/early", 0));
    assert_int_equal(open_store(w), STORE_OK);
    assert_refused(w, "vault/early", 0, "in use");
    store_close(w->store);
}

static void test_restore__of_a_damaged_backup_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct io_file *file;

    assert_int_equal(io_file_open(w->io, "vault/late", 0, &file), 0);
    assert_int_equal(io_file_write(file, 1500, "damage", 6), 0);
    io_file_close(file);
    assert_refused(w, "vault/late", 0, "vault/late is damaged");
    assert_int_equal(count_files(w), 0);
    assert_refused(w, "vault/none", 0, "cannot read vault/none");
    assert_int_equal(count_files(w), 0);
    assert_true(restore(w, "vault/early", 0));
    check_restored(w, EARLY);
}

static void test_restore__of_what_is_not_in_it_is_refused(void **state)
{
    struct world *w = *state;

    assert_refused(w, "vault/early", EARLY - 1, "begins with the state after entry 40");
    assert_refused(w, "vault/early", EARLY + 1, "ends with entry 40");
    w->options.point = (struct backup_point){.has_time = true, .time_us = EARLY * 1000 - 1};
    assert_false(from_backup(&w->options, w->text, sizeof w->text));
    assert_non_null(strstr(w->text, "1970-01-01T00:00:00.040000Z"));
    assert_int_equal(count_files(w), 0);
    w->options.point.time_us++;
    assert_true(from_backup(&w->options, w->text, sizeof w->text));
    check_restored(w, EARLY);
}

static void test_restore__of_a_newer_level_is_refused(void **state)
{
    struct world *w = *state;

    assert_refused(w, "vault/early", 1, "begins with");
    w->options.point.has_index = false;
    w->options.feature_level = 0;
    assert_false(from_backup(&w->options, w->text, sizeof w->text));
    assert_non_null(strstr(w->text, "feature level"));
    assert_int_equal(count_files(w), 0);
}

static void test_restore__gives_the_state_after_any_entry(void **state)
{
    struct world *w = *state;

    make_archive(w);
    for (uint64_t index = EARLY; index <= LATE; index++) {
        if (!restore(w, "vault/early", index)) {
            fail_msg("%llu: %s", (unsigned long long)index, w->text);
        }
        check_restored(w, index);
        empty(w);
    }
    assert_true(restore(w, "vault/early", 0));
    check_restored(w, LATE);
    empty(w);
    assert_refused(w, "vault/early", LATE + 1, "ends with entry 50");
}

static void check_time(struct world *w, uint64_t time_us, uint64_t index)
{
    w->options.point = (struct backup_point){.has_time = true, .time_us = time_us};
    assert_true(from_backup(&w->options, w->text, sizeof w->text));
    check_restored(w, index);
    empty(w);
}

static void test_restore__gives_the_state_of_any_time(void **state)
{
    struct world *w = *state;

    make_archive(w);
    assert_refused(w, "vault/early", EARLY - 1, "begins with"); /* Sets the options. */
    check_time(w, EARLY * 1000, EARLY);
    check_time(w, EARLY * 1000 + 999, EARLY);
    check_time(w, (EARLY + 1) * 1000, EARLY + 1);
    check_time(w, (LATE - 2) * 1000 + 1, LATE - 2);
    check_time(w, LATE * 1000, LATE);
    check_time(w, LATE * 1000000, LATE); /* Nothing newer is known. */
}

/* --- crashes --- */

/* What a start finds after a crash: nothing, the whole node, or what it refuses. */
static void check_start(struct world *w)
{
    int rv = open_store(w);

    if (rv != STORE_OK) {
        assert_int_equal(rv, STORE_ERECOVERS);
        assert_non_null(strstr(w->text, "--restore"));
        return;
    }
    if (w->found.is_new) {
        store_discard(w->store);
    } else {
        check_state(w, LATE);
    }
    store_close(w->store);
}

/* False: it ended before that many operations. */
static bool crash_after(struct world *w, uint64_t count, enum sim_death death)
{
    uint64_t limit = sim_file_operations(w->io) + count;
    bool was_cut;

    sim_limit_file_operations(w->io, limit);
    (void)restore(w, "vault/late", 0);
    was_cut = sim_file_operations(w->io) >= limit;
    reboot(w, death);
    return was_cut;
}

/* After the crash another state is restored, which must not be mixed with that one. */
static void check_crash(enum sim_death death)
{
    bool was_cut = true;
    bool was_completed = false;

    for (uint64_t count = 0; was_cut; count++) {
        struct world *w;
        void *state;

        assert_true(count < CRASHES_MAX);
        (void)setup(&state);
        w = state;
        was_cut = crash_after(w, count, death);
        check_start(w);
        if (restore(w, "vault/early", 0)) {
            assert_false(was_completed);
            check_restored(w, EARLY);
        } else {
            was_completed = true;
            check_restored(w, LATE);
        }
        (void)teardown(&state);
    }
    assert_true(was_completed);
}

static void test_restore__begins_anew_or_is_whole_after_any_crash(void **state)
{
    (void)state;
    check_crash(SIM_KILLED);
    check_crash(SIM_POWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESTORE_TEST(test_restore__makes_the_first_node_of_a_new_cluster),
        RESTORE_TEST(test_restore__each_cluster_has_its_own_id_and_key),
        RESTORE_TEST(test_restore__takes_a_key_that_is_given),
        RESTORE_TEST(test_restore__over_the_data_of_a_node_is_refused),
        RESTORE_TEST(test_restore__over_a_node_without_a_cluster_is_refused),
        RESTORE_TEST(test_restore__of_a_directory_in_use_is_refused),
        RESTORE_TEST(test_restore__of_a_damaged_backup_leaves_nothing),
        RESTORE_TEST(test_restore__of_what_is_not_in_it_is_refused),
        RESTORE_TEST(test_restore__of_a_newer_level_is_refused),
        RESTORE_TEST(test_restore__gives_the_state_after_any_entry),
        RESTORE_TEST(test_restore__gives_the_state_of_any_time),
        cmocka_unit_test(test_restore__begins_anew_or_is_whole_after_any_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
