/* snapshot_sample.h - snapshots of known content, made and checked by tests. */
#ifndef RAKIT_TESTS_STORE_SNAPSHOT_SAMPLE_H
#define RAKIT_TESTS_STORE_SNAPSHOT_SAMPLE_H

#include "fixture.h"
#include "store/files.h"
#include "store/snapshot.h"

struct sample {
    struct snapshot_making making;
    struct fixture *f;
    bool is_done;
    int error;
    int wrote_error;
    uint32_t wrote_count;
};

struct sample_look {
    uint64_t count;
    uint64_t stop_at; /* Refuses this one. */
};

struct sample_loading {
    struct snapshot_load load;
    struct sample_look look;
    struct fixture *f;
    bool is_done;
    int error;
};

void sample_begin(struct sample *sample, struct fixture *f, uint64_t index);
/* What chunk `n` holds, and how much; half of them cannot be compressed. */
struct buffer sample_content(uint64_t n, size_t size);
size_t sample_size(uint64_t n);
void sample_put(struct sample *sample, uint64_t n);
void sample_await(struct sample *sample);
/* A complete one, with so many chunks. */
struct store_snapshot sample_make(struct fixture *f, uint64_t index, uint64_t chunks);

/* For snapshot_load_now(): its context is a struct sample_look. */
int sample_check_chunk(void *context, const struct snapshot_chunk *chunk);
/* It exists, with the content that was put. */
void sample_check(struct fixture *f, const struct store_snapshot *snapshot, uint64_t chunks);
struct sample_loading sample_load(struct fixture *f, const struct store_snapshot *snapshot);
int sample_read(struct fixture *f, const struct store_snapshot *snapshot, uint64_t offset,
                uint32_t size, struct buffer *ret_bytes);

void sample_name(char *name, uint64_t index, const char *ending);
bool sample_has_file(const struct fixture *f, uint64_t index, const char *ending);

#endif /* RAKIT_TESTS_STORE_SNAPSHOT_SAMPLE_H */
