/* Fuzz target: the reader of snapshot files. The input is a file, or says what to write with
 * valid checksums: chunks with any sizes, contents and totals. The reader must always come to an
 * end, take no more memory than a chunk may need, and find the same in each of its three ways of
 * reading. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "fuzz_input.h"
#include "sim/world/sim.h"
#include "store/snapshot_reader.h"

enum { CHUNKS_MAX = 16, FILE_BYTES_MAX = 1 << 20 };

static const struct store_identity identity = {.cluster_id = 99, .node_id = 7};

/* --- the file -------------------------------------------------------------------- */

struct writer {
    struct buffer file;
    uint64_t previous;
    struct snapshot_totals totals;
};

static void write_head(struct writer *w)
{
    struct store_snapshot snapshot = {.index = 5, .term = 2, .time_us = 3};

    w->previous =
        snapshot_head_encode(buffer_reserve(&w->file, SECTOR_BYTES), &identity, &snapshot);
    buffer_commit(&w->file, SECTOR_BYTES);
}

static void write_chunk(struct writer *w, const char *section, uint32_t flags, uint32_t raw,
                        struct slice body)
{
    struct chunk_head head = {.number = w->totals.chunks + 1,
                              .previous = w->previous,
                              .flags = flags,
                              .raw_bytes = raw,
                              .stored_bytes = (uint32_t)body.size};
    char *to = buffer_reserve(&w->file, chunk_bytes(head.stored_bytes));

    memcpy(head.section, section, strlen(section));
    if (body.size > 0) {
        memcpy(to + CHUNK_HEAD_BYTES, body.data, body.size);
    }
    chunk_encode(to, &head);
    buffer_commit(&w->file, chunk_bytes(head.stored_bytes));
    w->previous = head.checksum;
    w->totals.chunks++;
    w->totals.raw_bytes += raw;
}

static void write_compressed(struct writer *w, struct slice body, uint32_t raw_error)
{
    size_t bound = ZSTD_compressBound(body.size);
    char *data = malloc(bound);

    CHECK(data != NULL);

    size_t size = ZSTD_compress(data, bound, body.data, body.size, 1);

    CHECK(!ZSTD_isError(size));
    write_chunk(w, "items", CHUNK_COMPRESSED, (uint32_t)body.size + raw_error,
                slice_of(data, size));
    free(data);
}

static void write_end(struct writer *w, uint64_t chunks_error, uint64_t bytes_error)
{
    char body[END_BODY_BYTES];
    struct snapshot_totals totals = w->totals;

    totals.chunks += chunks_error;
    totals.file_bytes = buffer_size(&w->file) + SECTOR_BYTES + bytes_error;
    totals_encode(body, &totals);
    write_chunk(w, SNAPSHOT_END, 0, END_BODY_BYTES, slice_of(body, sizeof body));
}

static void write_next(struct writer *w, struct slice *input)
{
    uint64_t kind = fuzz_number(input, 1) % 8;
    struct slice body;

    switch (kind) {
    case 0:
        body = fuzz_piece(input);
        write_chunk(w, "items", SNAPSHOT_OPTIONAL, (uint32_t)body.size, body);
        break;
    case 1:
        write_compressed(w, fuzz_piece(input), 0);
        break;
    case 2:
        write_compressed(w, fuzz_piece(input), (uint32_t)fuzz_number(input, 4));
        break;
    case 3: /* A body that may be no zstd frame, and claims any size. */
        body = fuzz_piece(input);
        write_chunk(w, "items", CHUNK_COMPRESSED, (uint32_t)fuzz_number(input, 4), body);
        break;
    case 4:
        write_end(w, 0, 0);
        break;
    case 5:
        write_end(w, fuzz_number(input, 1), fuzz_number(input, 2));
        break;
    case 6:
        w->previous ^= fuzz_number(input, 1);
        break;
    default:
        buffer_append_slice(&w->file, fuzz_piece(input));
    }
}

static void write_file(struct writer *w, struct slice input)
{
    if (fuzz_number(&input, 1) % 2 == 0) {
        buffer_append_slice(&w->file, input);
        return;
    }
    write_head(w);
    for (int i = 0; i < CHUNKS_MAX && input.size > 0; i++) {
        write_next(w, &input);
    }
}

/* --- reading --------------------------------------------------------------------- */

struct outcome {
    int result;
    uint64_t at;
    struct store_snapshot snapshot;
};

static struct outcome read_all(struct io *io, bool with_content)
{
    struct snapshot_reader reader;
    struct snapshot_chunk chunk;
    struct outcome outcome = {.result = -ENOENT};

    if (snapshot_reader_open(&reader, io, "snapshot", &identity) == FILE_GOOD) {
        do {
            outcome.result = with_content ? snapshot_reader_next(&reader, &chunk)
                                          : snapshot_reader_skip(&reader);
            CHECK(!with_content || outcome.result != SNAPSHOT_HAS_CHUNK ||
                  chunk.content.size <= SNAPSHOT_CHUNK_MAX);
            CHECK(reader.at <= reader.file_bytes);
            CHECK(reader.raw_capacity <= SNAPSHOT_CHUNK_MAX);
        } while (outcome.result == SNAPSHOT_HAS_CHUNK);
        outcome.at = reader.at;
        outcome.snapshot = reader.snapshot;
    }
    snapshot_reader_close(&reader);
    return outcome;
}

static bool find_end(struct io *io, struct store_snapshot *ret_snapshot)
{
    struct snapshot_reader reader;
    bool is_found = snapshot_reader_open(&reader, io, "snapshot", &identity) == FILE_GOOD &&
                    snapshot_reader_find_end(&reader);

    *ret_snapshot = reader.snapshot;
    snapshot_reader_close(&reader);
    return is_found;
}

static void judge(struct io *io)
{
    struct outcome content = read_all(io, true);
    struct outcome stored = read_all(io, false);
    struct store_snapshot ended;
    bool has_end = find_end(io, &ended);

    CHECK(stored.at >= content.at);
    if (content.result == SNAPSHOT_AT_END) {
        CHECK(stored.result == SNAPSHOT_AT_END);
        CHECK(snapshot_is_same(&content.snapshot, &stored.snapshot));
        CHECK(has_end);
        CHECK(snapshot_is_same(&content.snapshot, &ended));
        CHECK(snapshot_is_possible(&content.snapshot));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim *sim = sim_new(1);
    struct io *io = sim_boot(sim_machine_new(sim, "n1"));
    struct writer w = {.previous = 0};
    struct io_file *file = NULL;

    write_file(&w, slice_of(data, size));
    CHECK(io_file_open(io, "snapshot", IO_CREATE, &file) == 0);
    if (buffer_size(&w.file) > 0 && buffer_size(&w.file) <= FILE_BYTES_MAX) {
        CHECK(io_file_write(file, 0, buffer_begin(&w.file), buffer_size(&w.file)) == 0);
    }
    io_file_close(file);
    judge(io);
    buffer_deinit(&w.file);
    sim_die(io, SIM_EXITED);
    sim_bury(io);
    sim_free(sim);
    return 0;
}
