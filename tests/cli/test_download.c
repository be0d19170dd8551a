/* Files of a backup are fetched from nodes that this test plays: interrupted, continued elsewhere,
 * and refused if they are not what was asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../backup/backup_sample.h"
#include "backup/names.h"
#include "backup/verify.h"
#include "cli/download.h"
#include "io/io_uv.h"

enum { NODES = 3, PART_BYTES = 700, KEYS = 300, COUNT = 30 };

/* A node of the cluster. */
struct node {
    bool is_down;
    bool has_snapshot;
    uint64_t last_index; /* Of its log. */
    uint64_t first_index;
};

static struct stage {
    struct io *io;
    char directory[64];
    char file[128];
    struct node nodes[NODES];
    size_t used; /* The node that the client is connected to. */
    struct store_snapshot snapshot;
    struct buffer bytes;   /* Of the snapshot. */
    struct buffer entries; /* All records behind it. */
    uint64_t cluster_id;
    uint32_t made_count; /* Snapshots made. */
    uint32_t part_count; /* Parts that were asked for. */
    uint32_t parts_max;  /* After so many, the node is lost. */
    bool is_spoiled;     /* Parts are not what they should be. */
    char part[PART_BYTES];
    struct download d;
} * stage;

/* --- the source, in place of the real one --- */

void source_init(struct source *s, struct client *client)
{
    *s = (struct source){.client = client};
}

void source_deinit(struct source *s)
{
}

static int lost(struct source *s)
{
    snprintf(s->error, sizeof s->error, "lost");
    return CLIENT_EUNREACHABLE;
}

int source_look(struct source *s)
{
    const struct node *n = &stage->nodes[stage->used];

    if (n->is_down) {
        return lost(s);
    }
    s->cluster_id = stage->cluster_id;
    s->node_id = stage->used + 1;
    s->first_index = n->first_index;
    s->last = (struct store_origin){
        .index = n->last_index, .term = SAMPLE_TERM, .time_us = n->last_index * 1000};
    s->snapshots[0] = stage->snapshot;
    s->snapshot_count = n->has_snapshot;
    return 0;
}

int source_make_snapshot(struct source *s, uint64_t *ret_index)
{
    stage->made_count++;
    stage->nodes[stage->used].has_snapshot = true;
    *ret_index = stage->snapshot.index;
    return stage->nodes[stage->used].is_down ? lost(s) : 0;
}

size_t source_list_nodes(struct source *s)
{
    return NODES;
}

/* Number 0 is the one in use, the others follow it. */
int source_use_node(struct source *s, size_t number)
{
    static size_t base;

    base = number == 1 ? stage->used : base;
    stage->used = (base + number) % NODES;
    return stage->nodes[stage->used].is_down ? lost(s) : 0;
}

static struct slice part_of(const struct buffer *bytes, uint64_t offset)
{
    size_t left = buffer_size(bytes) - offset;
    size_t size = left < PART_BYTES ? left : PART_BYTES;

    memcpy(stage->part, buffer_begin(bytes) + offset, size);
    if (stage->is_spoiled) {
        stage->part[size / 2] = (char)(stage->part[size / 2] + 1);
    }
    return slice_of(stage->part, size);
}

/* The node dies after some parts, and the client moves on to the next one. */
static void count_part(void)
{
    if (stage->part_count++ == stage->parts_max) {
        stage->nodes[stage->used].is_down = true;
        stage->used = (stage->used + 1) % NODES;
    }
}

int source_read_snapshot(struct source *s, const struct store_snapshot *snapshot, uint64_t offset,
                         struct slice *ret_bytes)
{
    count_part();
    if (stage->nodes[stage->used].is_down) {
        return lost(s);
    }
    if (!stage->nodes[stage->used].has_snapshot) {
        snprintf(s->error, sizeof s->error, "GONE");
        return SOURCE_EGONE;
    }
    assert_true(snapshot_is_same(snapshot, &stage->snapshot));
    *ret_bytes = part_of(&stage->bytes, offset);
    return 0;
}

int source_read_log(struct source *s, const struct store_origin *previous, uint64_t offset,
                    uint64_t last, struct slice *ret_bytes)
{
    uint64_t at = offset;

    count_part();
    for (uint64_t index = SAMPLE_INDEX + 1; index <= previous->index; index++) {
        at += ENTRY_RECORD_HEAD + index % 5 * 40;
    }
    *ret_bytes = part_of(&stage->entries, at);
    return stage->nodes[stage->used].is_down ? lost(s) : 0;
}

/* --- the stage --- */

static void read_file(const char *path, struct buffer *ret_bytes)
{
    struct io_file *file;
    int64_t size;

    assert_int_equal(io_file_open(stage->io, path, IO_READ_ONLY, &file), 0);
    size = io_file_size(file);
    assert_int_equal(io_file_read(file, 0, buffer_reserve(ret_bytes, (size_t)size), (size_t)size),
                     size);
    buffer_commit(ret_bytes, (size_t)size);
    io_file_close(file);
}

static void make_entries(void)
{
    for (uint64_t index = SAMPLE_INDEX + 1; index <= SAMPLE_INDEX + COUNT; index++) {
        struct entry *e = entry_new(2, (uint32_t)(index % 5 * 40));

        e->index = index;
        e->term = SAMPLE_TERM;
        e->time_us = index * 1000;
        memset(e->data, 'e', e->size);
        entry_record_put(&stage->entries, e, 0, UINT64_MAX);
        entry_release(e);
    }
}

static int setup(void **state)
{
    stage = test_calloc(1, sizeof *stage);
    *state = stage;
    stage->io = io_uv_new();
    snprintf(stage->directory, sizeof stage->directory, "/tmp/rakit-test.XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->file, sizeof stage->file, "%s/backup", stage->directory);
    stage->snapshot = sample_snapshot(stage->io, stage->file, KEYS, KEYS);
    stage->cluster_id = SAMPLE_CLUSTER;
    read_file(stage->file, &stage->bytes);
    make_entries();
    assert_int_equal(unlink(stage->file), 0);
    for (size_t i = 0; i < NODES; i++) {
        stage->nodes[i] = (struct node){.last_index = SAMPLE_INDEX + COUNT, .first_index = 1};
    }
    stage->parts_max = UINT32_MAX;
    return 0;
}

static bool has_file(const char *suffix)
{
    char path[256];

    snprintf(path, sizeof path, "%s%s", stage->file, suffix);
    return access(path, F_OK) == 0;
}

static int teardown(void **state)
{
    static const char *const suffixes[] = {"", ".1", ".2", ".part", ".1.part", ".2.part"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[256];

        snprintf(path, sizeof path, "%s%s", stage->file, suffixes[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(stage->directory), 0);
    io_uv_free(stage->io);
    buffer_deinit(&stage->bytes);
    buffer_deinit(&stage->entries);
    test_free(stage);
    return 0;
}

static int fetch(void)
{
    int rv;

    download_init(&stage->d, stage->io, NULL, stage->file);
    rv = has_file("") ? download_entries(&stage->d) : download_snapshot(&stage->d);
    download_deinit(&stage->d);
    return rv;
}

/* A fetch that ends after so many parts. */
static void fetch_some(uint32_t parts)
{
    stage->parts_max = stage->part_count + parts;
    for (size_t i = 0; i < NODES; i++) {
        stage->nodes[i].is_down = i != stage->used;
    }
    assert_int_not_equal(fetch(), 0);
    stage->parts_max = UINT32_MAX;
    for (size_t i = 0; i < NODES; i++) {
        stage->nodes[i].is_down = false;
    }
    stage->used = 0;
}

static void check_backup(uint64_t last_index)
{
    struct backup_verified verified;
    char text[3 * PATH_BYTES_MAX];

    assert_int_equal(
        backup_verify(stage->io, stage->file, NULL, NULL, &verified, text, sizeof text),
        BACKUP_GOOD);
    assert_int_equal(verified.keys, KEYS);
    assert_int_equal(verified.contents.last.index, last_index);
    assert_true(snapshot_is_same(&verified.contents.snapshot, &stage->snapshot));
    assert_false(has_file(".part"));
    assert_false(has_file(".1.part"));
}

static void assert_says(const char *words)
{
    if (strstr(stage->d.text, words) == NULL) {
        fail_msg("no '%s' in '%s'", words, stage->d.text);
    }
}

/* --- a snapshot --- */

static void test_download__fetches_a_snapshot(void **state)
{
    (void)state;
    assert_int_equal(fetch(), 0);
    assert_int_equal(stage->made_count, 1);
    check_backup(SAMPLE_INDEX);
}

static void test_download__continues_after_any_part(void **state)
{
    uint32_t parts = (uint32_t)(stage->snapshot.bytes / PART_BYTES);

    (void)state;
    for (uint32_t i = 1; i <= parts; i++) {
        fetch_some(i);
        assert_false(has_file(""));
        assert_true(has_file(".part"));
        stage->made_count = 0;
        assert_int_equal(fetch(), 0);
        assert_int_equal(stage->made_count, 0); /* The same snapshot. */
        check_backup(SAMPLE_INDEX);
        assert_int_equal(unlink(stage->file), 0);
    }
}

static void test_download__continues_with_another_node_that_has_it(void **state)
{
    (void)state;
    fetch_some(4);
    stage->nodes[0].has_snapshot = false;
    stage->nodes[2].has_snapshot = true;
    assert_int_equal(fetch(), 0);
    assert_int_equal(stage->made_count, 1);
    assert_int_equal(stage->used, 2);
    check_backup(SAMPLE_INDEX);
}

static void test_download__moves_on_when_its_node_dies(void **state)
{
    (void)state;
    stage->nodes[2].has_snapshot = true;
    stage->parts_max = 4;
    assert_int_equal(fetch(), 0);
    assert_int_equal(stage->made_count, 1);
    assert_int_equal(stage->used, 2);
    check_backup(SAMPLE_INDEX);
}

static void test_download__keeps_what_a_node_may_continue_that_is_down(void **state)
{
    (void)state;
    fetch_some(4);
    stage->nodes[0].has_snapshot = false;
    stage->nodes[1].is_down = true;
    assert_int_equal(fetch(), DOWNLOAD_EELSEWHERE);
    assert_says("no node in reach has");
    assert_true(has_file(".part"));
    stage->nodes[1].is_down = false;
    stage->nodes[1].has_snapshot = true;
    assert_int_equal(fetch(), 0);
    check_backup(SAMPLE_INDEX);
}

static void test_download__begins_anew_if_no_node_has_it(void **state)
{
    (void)state;
    fetch_some(4);
    stage->nodes[0].has_snapshot = false;
    assert_int_equal(fetch(), 0);
    assert_int_equal(stage->made_count, 2);
    check_backup(SAMPLE_INDEX);
}

static void test_download__of_damaged_bytes_gets_no_name(void **state)
{
    (void)state;
    stage->is_spoiled = true;
    assert_int_equal(fetch(), DOWNLOAD_EDAMAGED);
    assert_false(has_file(""));
    assert_false(has_file(".part"));
}

/* What is there is not the beginning of what follows, though the heads are the same. */
static void test_download__of_two_snapshots_gets_no_name(void **state)
{
    (void)state;
    fetch_some(4);
    stage->bytes.data[stage->bytes.end - 600]++;
    assert_int_equal(fetch(), DOWNLOAD_EDAMAGED);
    assert_false(has_file(""));
}

static void test_download__beside_files_of_another_backup_is_refused(void **state)
{
    char path[256];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s.1", stage->file);
    file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(fetch(), DOWNLOAD_EELSEWHERE);
    assert_says("backup.1 is: move it away");
}

/* --- entries --- */

static void test_download__fetches_what_follows(void **state)
{
    (void)state;
    assert_int_equal(fetch(), 0);
    stage->nodes[0].last_index = SAMPLE_INDEX;
    assert_int_equal(fetch(), 0); /* Nothing is newer. */
    assert_false(has_file(".1"));
    stage->nodes[0].last_index = SAMPLE_INDEX + COUNT;
    assert_int_equal(fetch(), 0);
    check_backup(SAMPLE_INDEX + COUNT);
}

static void test_download__continues_the_log_with_any_node(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(fetch(), 0);
        fetch_some(i);
        assert_false(has_file(".1"));
        stage->used = 1 + i % 2;
        assert_int_equal(fetch(), 0);
        check_backup(SAMPLE_INDEX + COUNT);
        stage->used = 0;
        (void)teardown(state);
        (void)setup(state);
    }
}

static void test_download__refuses_a_node_that_cannot_continue(void **state)
{
    (void)state;
    assert_int_equal(fetch(), 0);
    stage->nodes[0].last_index = SAMPLE_INDEX - 1;
    assert_int_equal(fetch(), DOWNLOAD_EELSEWHERE);
    assert_says("ask another node, or wait");
    stage->nodes[0].last_index = SAMPLE_INDEX + COUNT;
    stage->nodes[0].first_index = SAMPLE_INDEX + 2;
    assert_int_equal(fetch(), DOWNLOAD_EELSEWHERE);
    assert_says("Begin a new backup under another name");
    stage->nodes[0].first_index = SAMPLE_INDEX + 1;
    stage->cluster_id++;
    assert_int_equal(fetch(), DOWNLOAD_EELSEWHERE);
    assert_says("is a backup of cluster");
    stage->cluster_id--;
    assert_int_equal(fetch(), 0);
    check_backup(SAMPLE_INDEX + COUNT);
}

static void test_download__of_entries_that_cannot_follow_gets_no_name(void **state)
{
    (void)state;
    assert_int_equal(fetch(), 0);
    stage->entries.data[0]++; /* The index of the first one. */
    assert_int_equal(fetch(), DOWNLOAD_EDAMAGED);
    assert_false(has_file(".1"));
    assert_false(has_file(".1.part"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_download__fetches_a_snapshot),
        TEST(test_download__continues_after_any_part),
        TEST(test_download__continues_with_another_node_that_has_it),
        TEST(test_download__moves_on_when_its_node_dies),
        TEST(test_download__keeps_what_a_node_may_continue_that_is_down),
        TEST(test_download__begins_anew_if_no_node_has_it),
        TEST(test_download__of_damaged_bytes_gets_no_name),
        TEST(test_download__of_two_snapshots_gets_no_name),
        TEST(test_download__beside_files_of_another_backup_is_refused),
        TEST(test_download__fetches_what_follows),
        TEST(test_download__continues_the_log_with_any_node),
        TEST(test_download__refuses_a_node_that_cannot_continue),
        TEST(test_download__of_entries_that_cannot_follow_gets_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
