#include "snapshot_sample.h"

#include <stdio.h>
#include <string.h>

#include "base/prng.h"

/* --- a snapshot with known content --- */

static void on_wrote(struct snapshot_making *making, int error)
{
    struct sample *sample = (struct sample *)(void *)making;

    sample->wrote_count++;
    sample->wrote_error = error;
    io_uv_stop(sample->f->io);
}

static void on_done(struct snapshot_making *making, int error)
{
    struct sample *sample = (struct sample *)(void *)making;

    sample->is_done = true;
    sample->error = error;
    io_uv_stop(sample->f->io);
}

void sample_begin(struct sample *sample, struct fixture *f, uint64_t index)
{
    *sample = (struct sample){
        .making =
            {.index = index, .term = 3, .time_us = index * 10, .wrote = on_wrote, .done = on_done},
        .f = f,
    };
    snapshot_begin(f->store, &sample->making);
}

/* Chunk n: half of them cannot be compressed. */
struct buffer sample_content(uint64_t n, size_t size)
{
    struct buffer b = {0};
    struct prng prng = {n};

    for (size_t i = 0; i < size; i++) {
        char byte = (char)(n % 2 == 0 ? prng_next(&prng) : n + i / 100);

        buffer_append(&b, &byte, 1);
    }
    return b;
}

size_t sample_size(uint64_t n)
{
    static const size_t sizes[] = {0, 1, 447, 448, 449, 5000, 200000, 1500000};

    return sizes[n % (sizeof sizes / sizeof sizes[0])];
}

void sample_put(struct sample *sample, uint64_t n)
{
    struct buffer content = sample_content(n, sample_size(n));

    snapshot_put(&sample->making, n < 3 ? "members" : "contents",
                 n % 3 == 0 ? SNAPSHOT_OPTIONAL : 0, &content);
    assert_int_equal(buffer_size(&content), 0);
}

void sample_await(struct sample *sample)
{
    while (!sample->is_done) {
        io_uv_run(sample->f->io);
    }
}

struct store_snapshot sample_make(struct fixture *f, uint64_t index, uint64_t chunks)
{
    struct sample sample;

    sample_begin(&sample, f, index);
    for (uint64_t n = 0; n < chunks; n++) {
        sample_put(&sample, n);
    }
    snapshot_finish(&sample.making);
    sample_await(&sample);
    assert_int_equal(sample.error, 0);
    assert_int_equal(sample.making.snapshot.index, index);
    return sample.making.snapshot;
}

/* --- looking at one --- */

static int check_chunk(struct sample_look *look, const struct snapshot_chunk *chunk)
{
    uint64_t n = look->count++;
    struct buffer expected = sample_content(n, sample_size(n));

    assert_string_equal(chunk->section, n < 3 ? "members" : "contents");
    assert_int_equal(chunk->is_optional, n % 3 == 0);
    assert_true(slice_equal(chunk->content, buffer_slice(&expected)));
    buffer_deinit(&expected);
    return look->stop_at == look->count ? STORE_EFORMAT : 0;
}

int sample_check_chunk(void *context, const struct snapshot_chunk *chunk)
{
    return check_chunk(context, chunk);
}

void sample_check(struct fixture *f, const struct store_snapshot *snapshot, uint64_t chunks)
{
    struct sample_look look = {0};

    assert_int_equal(
        snapshot_load_now(f->store, snapshot, sample_check_chunk, &look, f->text, sizeof f->text),
        0);
    assert_int_equal(look.count, chunks);
}

static int check_loaded(struct snapshot_load *load, const struct snapshot_chunk *chunk)
{
    return check_chunk(&((struct sample_loading *)(void *)load)->look, chunk);
}

static void on_loaded(struct snapshot_load *load, int error)
{
    struct sample_loading *loading = (struct sample_loading *)(void *)load;

    loading->is_done = true;
    loading->error = error;
    io_uv_stop(loading->f->io);
}

struct sample_loading sample_load(struct fixture *f, const struct store_snapshot *snapshot)
{
    struct sample_loading loading = {
        .load = {.snapshot = *snapshot, .each = check_loaded, .done = on_loaded},
        .f = f,
    };

    snapshot_load(f->store, &loading.load);
    while (!loading.is_done) {
        io_uv_run(f->io);
    }
    return loading;
}

struct reading {
    struct snapshot_read read;
    struct fixture *f;
    struct buffer bytes;
    bool is_done;
    int error;
};

static void on_read(struct snapshot_read *read, int error, struct slice bytes)
{
    struct reading *reading = (struct reading *)(void *)read;

    reading->is_done = true;
    reading->error = error;
    buffer_append_slice(&reading->bytes, bytes);
    io_uv_stop(reading->f->io);
}

int sample_read(struct fixture *f, const struct store_snapshot *snapshot, uint64_t offset,
                uint32_t size, struct buffer *ret_bytes)
{
    struct reading reading = {
        .read = {.snapshot = *snapshot, .offset = offset, .size = size, .done = on_read},
        .f = f,
    };

    snapshot_read(f->store, &reading.read);
    while (!reading.is_done) {
        io_uv_run(f->io);
    }
    *ret_bytes = reading.bytes;
    return reading.error;
}

void sample_name(char *name, uint64_t index, const char *ending)
{
    snprintf(name, NAME_BYTES_MAX, "snapshot-%016llx.%s", (unsigned long long)index, ending);
}

bool sample_has_file(const struct fixture *f, uint64_t index, const char *ending)
{
    char name[NAME_BYTES_MAX];

    sample_name(name, index, ending);
    return fixture_has_file(f, name);
}
