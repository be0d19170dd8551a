/* fixture.h - a store in a temporary directory, on the real backend, with functions to write,
 * wait, crash, damage files and inspect what is left. */
#ifndef RAKIT_TESTS_STORE_FIXTURE_H
#define RAKIT_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/io_uv.h"
#include "store/snapshot.h"
#include "store/store.h"

enum {
    FIXTURE_CLUSTER = 0xC1,
    FIXTURE_NODE = 0x17,
    FIXTURE_LOG_MAX = 8192, /* Entries that a test may write. */
};

extern const struct store_key fixture_key;

struct fixture {
    struct io *io;
    struct store *store; /* NULL while closed. */
    char root[256];      /* Removed at the end, with everything in it. */
    char dir[300];
    uint64_t segment_bytes;
    const struct store_key *key; /* Given at the next start; NULL: none. */
    bool is_joining;             /* Started with a contact. */
    bool is_new_cluster;         /* Started to make a cluster. */
    bool has_peers;              /* Other members may have what is damaged. */
    struct store_recovered recovered;
    char text[1024]; /* The message of store_open(). */
    struct log log;
    char logged[2048]; /* Its log lines since the last start, if they fit. */

    uint64_t seq; /* Of the last write. */
    uint64_t durable_seq;
    uint64_t awaited_seq;
    uint32_t failed_count;
    int failed_error;
    uint32_t room_count;
    uint32_t ticks;

    /* What the log must contain: entry i is at [i]. */
    uint64_t last_index;
    uint64_t terms[FIXTURE_LOG_MAX + 1];
    uint32_t sizes[FIXTURE_LOG_MAX + 1];
    uint64_t current_term;
    uint64_t commit_index;
    uint64_t replayed_index;
    void (*observe)(struct fixture *f, uint64_t seq); /* Called with each durable write. */
    void *observer;
    uint64_t salt; /* Makes the bytes of entries differ between truncations. */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Opens the directory and returns store_open()'s result. */
int fixture_try_open(struct fixture *f);
/* Opens it, which must succeed, and joins the cluster if it is new. */
void fixture_open(struct fixture *f);
/* Opening must fail with `error` and a message that contains `word`, and must not change a byte. */
void fixture_check_refused(struct fixture *f, int error, const char *word);
void fixture_close(struct fixture *f);

/* Makes an empty directory with that name below the root, which the fixture opens next. */
void fixture_enter(struct fixture *f, const char *name);
/* Removes a directory with all that is in it. */
void fixture_remove(const char *path);

/* Queues `count` entries of `size` bytes as one write, and flushes. */
void fixture_append(struct fixture *f, uint32_t count, uint32_t size);
/* Drops entries from `from` on and appends `count` in the same write. */
void fixture_truncate(struct fixture *f, uint64_t from, uint32_t count, uint32_t size);
void fixture_vote(struct fixture *f, uint64_t term, uint64_t voted_for);
/* Runs the loop until all writes are durable. */
void fixture_await(struct fixture *f);
void fixture_append_durable(struct fixture *f, uint32_t count, uint32_t size);
/* What the log has at that index, or would have. */
struct store_origin fixture_origin(const struct fixture *f, uint64_t index);
/* Makes a snapshot with a few bytes in it, as if entry `index` were of `term`. */
void fixture_make_snapshot(struct fixture *f, uint64_t index, uint64_t term);
/* Makes a snapshot there, unless there is one beyond; then moves the origin to that entry, waits
 * until that is done, and removes older snapshots. */
void fixture_move_origin(struct fixture *f, uint64_t index);
/* The log is dropped for a snapshot at `index`, of that term. */
void fixture_replace_log(struct fixture *f, uint64_t index, uint64_t term);
/* Runs the loop for a while (for what must not happen, or has no callback). */
void fixture_run_ms(struct fixture *f, uint64_t ms);

/* Checks that replay returns exactly the entries from the origin to `last`, as written. */
void fixture_check_log(struct fixture *f, uint64_t last);
/* The log time that entry `index` of `term` must have. */
uint64_t fixture_time_us(uint64_t index, uint64_t term);
/* The payload that entry `index` of `term` must have. */
void fixture_fill(const struct fixture *f, uint64_t index, uint64_t term, char *data,
                  uint32_t size);

/* A crash: copies the present directory to another one, which the fixture uses from then on, and
 * closes the old store. */
void fixture_crash(struct fixture *f);

/* A file of the directory, in memory. */
struct image {
    char *data;
    size_t size;
};

struct image image_read(const struct fixture *f, const char *name);
void image_write(const struct fixture *f, const char *name, const struct image *image);
void image_free(struct image *image);
/* The batch with that number in the first segment; batches are contiguous. */
char *image_batch(const struct image *segment, uint64_t number);
/* Sets an 8-byte field in the batch's head, at that offset, and recomputes the checksum. */
void image_forge(struct image *segment, uint64_t batch, uint32_t field, uint64_t value);
/* A whole segment without a batch. */
void fixture_write_empty_segment(const struct fixture *f, uint64_t number, uint64_t cluster_id);
/* A number that changes with any byte or name in the directory, except the lock. */
uint64_t fixture_digest(const struct fixture *f);
/* Whether a file is there. */
int fixture_has_file(const struct fixture *f, const char *name);

#endif /* RAKIT_TESTS_STORE_FIXTURE_H */
