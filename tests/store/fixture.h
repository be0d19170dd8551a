/* fixture.h - a store in a temporary directory, on the real backend, and the means
 * to write, wait, crash, spoil files and look at what is left. */
#ifndef RAKIT_TESTS_STORE_FIXTURE_H
#define RAKIT_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/io_uv.h"
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
    char root[256];      /* Removed at the end, with all below. */
    char dir[300];
    uint64_t segment_bytes;
    const struct store_key *key; /* Given at the next start; NULL: none. */
    bool is_joining;             /* Started with a contact, */
    bool is_new_cluster;         /* or to make a cluster. */
    struct store_recovered recovered;
    char text[1024]; /* What store_open() complained about. */
    struct log log;
    char logged[2048]; /* Its lines since the last start, if they fit. */

    uint64_t seq; /* Of the last write. */
    uint64_t durable_seq;
    uint64_t awaited_seq;
    uint32_t failed_count;
    int failed_error;
    uint32_t room_count;
    uint32_t ticks;

    /* What the log must hold: entry i is at [i]. */
    uint64_t last_index;
    uint64_t terms[FIXTURE_LOG_MAX + 1];
    uint32_t sizes[FIXTURE_LOG_MAX + 1];
    uint64_t current_term;
    uint64_t commit_index;
    uint64_t replayed_index;
    void (*observe)(struct fixture *f, uint64_t seq); /* Told of what is durable. */
    void *observer;
    uint64_t salt; /* Makes the bytes of entries differ between truncations. */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Opens the directory; the result is store_open()'s. */
int fixture_try_open(struct fixture *f);
/* Opens it, which must succeed, and joins the cluster where it is new. */
void fixture_open(struct fixture *f);
/* Opening must be refused with `error`, say `word`, and leave every byte as it is. */
void fixture_check_refused(struct fixture *f, int error, const char *word);
void fixture_close(struct fixture *f);

/* An empty directory of that name below the root; what the fixture opens next. */
void fixture_enter(struct fixture *f, const char *name);
/* Removes a directory with all that is in it. */
void fixture_remove(const char *path);

/* Puts `count` entries of `size` bytes into the queue, as one write; flushes. */
void fixture_append(struct fixture *f, uint32_t count, uint32_t size);
/* Drops entries from `from` on and appends `count` in the same write. */
void fixture_truncate(struct fixture *f, uint64_t from, uint32_t count, uint32_t size);
void fixture_vote(struct fixture *f, uint64_t term, uint64_t voted_for);
/* Runs the loop until all writes are durable. */
void fixture_await(struct fixture *f);
void fixture_append_durable(struct fixture *f, uint32_t count, uint32_t size);
/* What the log has at that index, or would have had. */
struct store_origin fixture_origin(const struct fixture *f, uint64_t index);
/* Has the log begin behind that entry, and waits until it does. */
void fixture_move_origin(struct fixture *f, uint64_t index);
/* Runs the loop for a while (for what must not happen, or has no callback). */
void fixture_run_ms(struct fixture *f, uint64_t ms);

/* Checks that replay gives exactly the entries from the origin to `last`, as written. */
void fixture_check_log(struct fixture *f, uint64_t last);
/* The log time that entry `index` of `term` must have. */
uint64_t fixture_time_us(uint64_t index, uint64_t term);
/* The payload that entry `index` of `term` must have. */
void fixture_fill(const struct fixture *f, uint64_t index, uint64_t term, char *data,
                  uint32_t size);

/* What a crash leaves: the directory as it is now becomes another one, which the
 * fixture then looks at, while the store before is closed. */
void fixture_crash(struct fixture *f);

/* A file of the directory in memory. */
struct image {
    char *data;
    size_t size;
};

struct image image_read(const struct fixture *f, const char *name);
void image_write(const struct fixture *f, const char *name, const struct image *image);
void image_free(struct image *image);
/* The batch of that number in the first segment; they stand one behind the other. */
char *image_batch(const struct image *segment, uint64_t number);
/* Sets a field of 8 bytes in its head, by its offset there, and makes the checksum fit. */
void image_forge(struct image *segment, uint64_t batch, uint32_t field, uint64_t value);
/* A whole segment without a batch. */
void fixture_write_empty_segment(const struct fixture *f, uint64_t number, uint64_t cluster_id);
/* One number that changes with any byte or name in the directory but the lock. */
uint64_t fixture_digest(const struct fixture *f);
/* Whether a file is there. */
int fixture_has_file(const struct fixture *f, const char *name);

#endif /* RAKIT_TESTS_STORE_FIXTURE_H */
