#include "backup_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "kv/record.h"
#include "store/snapshot_writer.h"

enum { VALUE_BYTES = 40 };

static const struct store_identity identity = {.cluster_id = SAMPLE_CLUSTER,
                                               .node_id = SAMPLE_NODE};

static const struct traits plain;

static void put_large(struct buffer *out)
{
    char value[SAMPLE_LARGE];

    memset(value, 'v', sizeof value);
    value[0] = 'k'; /* The key is the beginning of the same string. */
    record_write_large(out, 0, plain, 1, SAMPLE_LARGE - 1, 0);
    record_write_piece(out, slice_of(value, 3000));
    record_write_piece(out, slice_of(value + 3000, SAMPLE_LARGE - 3000));
}

static struct buffer items(uint64_t keys, uint64_t declared)
{
    struct buffer out = {0};
    struct prng prng = {1};

    if (declared > 0) {
        record_write_database(&out, 0, declared, 1);
    }
    for (uint64_t i = 0; i < keys; i++) {
        uint64_t value[VALUE_BYTES / 8];
        char key[24];

        if (i == 0) {
            put_large(&out);
            continue;
        }
        for (size_t at = 0; at < VALUE_BYTES / 8; at++) {
            value[at] = prng_next(&prng); /* It cannot be compressed. */
        }
        snprintf(key, sizeof key, "key%llu", (unsigned long long)i);
        record_write_item(&out, 0, plain, slice_str(key), slice_of(value, VALUE_BYTES));
    }
    return out;
}

struct store_snapshot sample_snapshot(struct io *io, const char *path, uint64_t keys,
                                      uint64_t declared)
{
    struct store_snapshot snapshot = {.index = SAMPLE_INDEX, .term = SAMPLE_TERM, .time_us = 1000};
    struct snapshot_writer writer;
    struct buffer records = items(keys, declared);
    size_t half = buffer_size(&records) / 2;

    assert_int_equal(snapshot_writer_open(&writer, io, path, &identity, &snapshot), 0);
    assert_int_equal(snapshot_writer_put(&writer, "members", 0, slice_str("who is in it")), 0);
    if (half > 0) {
        assert_int_equal(
            snapshot_writer_put(&writer, "items", 0, slice_of(buffer_begin(&records), half)), 0);
        assert_int_equal(snapshot_writer_put(
                             &writer, "items", 0,
                             slice_of(buffer_begin(&records) + half, buffer_size(&records) - half)),
                         0);
    }
    assert_int_equal(snapshot_writer_end(&writer, &snapshot), 0);
    snapshot_writer_close(&writer);
    buffer_deinit(&records);
    return snapshot;
}

struct archive_link sample_link(const struct store_snapshot *snapshot)
{
    return (struct archive_link){
        .entry = {.index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us},
        .checksum = snapshot->checksum};
}

static void put_entry(struct buffer *out, uint64_t index)
{
    struct entry *e = entry_new(2, (uint32_t)(index % 5 * 40));

    e->index = index;
    e->term = SAMPLE_TERM;
    e->time_us = index * 1000;
    memset(e->data, (int)index, e->size);
    entry_record_put(out, e, 0, UINT64_MAX);
    entry_release(e);
}

void sample_archive(struct io *io, const char *path, uint64_t count, struct archive_link *after)
{
    uint64_t last_index = after->entry.index + count;
    struct store_origin last = {
        .index = last_index, .term = SAMPLE_TERM, .time_us = last_index * 1000};
    struct store_snapshot end = {0};
    struct snapshot_writer writer;
    struct buffer bytes = {0};

    assert_int_equal(archive_create(&writer, io, path, &identity, &last, after), 0);
    for (uint64_t i = 1; i <= count; i++) {
        put_entry(&bytes, after->entry.index + i);
    }
    while (buffer_size(&bytes) > 0) { /* Split anywhere. */
        size_t size = buffer_size(&bytes) < 700 ? buffer_size(&bytes) : 700;

        assert_int_equal(archive_put(&writer, slice_of(buffer_begin(&bytes), size)), 0);
        buffer_consume(&bytes, size);
    }
    assert_int_equal(snapshot_writer_end(&writer, &end), 0);
    snapshot_writer_close(&writer);
    buffer_deinit(&bytes);
    *after = (struct archive_link){.entry = last, .checksum = end.checksum};
}
