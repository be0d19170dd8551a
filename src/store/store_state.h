/* store_state.h - the store's internals, shared only by its own files.
 *
 * Ownership: the loop's thread owns everything. While the log's job is under way, the job
 * itself, `chain`, `vote` and the files that it names belong to the log worker; the same holds
 * for preparing segments. */
#ifndef RAKIT_STORE_STORE_STATE_H
#define RAKIT_STORE_STORE_STATE_H

#include "base/durations.h"
#include "base/histogram.h"
#include "base/list.h"
#include "store/log_index.h"
#include "store/log_segments.h"
#include "store/origin.h"
#include "store/segment.h"
#include "store/snapshots.h"
#include "store/space.h"
#include "store/store.h"
#include "store/vote.h"

enum {
    READY_MAX = 4,                         /* Segments prepared ahead: one, or two after a crash. */
    JOB_BYTES_MAX = 4 * 1024 * 1024,       /* Written with one sync. */
    LARGE_BYTES = 1024 * 1024,             /* A payload from this size on is written uncopied, in
                                            * a job of its own. */
    SPARES_MAX = 2,                        /* Dropped segments that are kept for reuse. */
    FIRST_SEGMENT_BYTES = 4 * 1024 * 1024, /* The first segments are small and grow to the full
                                            * size. */
};

/* What was last seen of the room on the disk. */
struct room_view {
    struct io_space space;
    uint64_t snapshot_bytes; /* Of the state, in the snapshot that is being made. */
    bool is_known;
};

/* A segment open for writing. Number 0: none. */
struct segment {
    struct segment_head head;
    struct io_file *file;
};

/* The end of the chain of batches, to which the next one links. */
struct chain {
    uint64_t batch;
    uint64_t checksum;
    uint64_t job;
};

/* A write that is not (completely) in a job yet. */
struct pending_write {
    uint64_t seq;
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;
    uint64_t commit_index;
    uint32_t entries_left;
    uint64_t queued_ns;
};

struct wal_queue {
    struct pending_write *writes;
    size_t write_head;
    size_t write_end;
    size_t write_capacity;
    struct entry **entries; /* Held; the entries of all pending writes, in order. */
    size_t entry_head;
    size_t entry_end;
    size_t entry_capacity;
    uint64_t bytes; /* Size of the entries on disk, and a sector or two per write. */
};

struct batch_plan {
    uint64_t truncate_from;
    uint64_t commit_index;
    uint64_t first_index;
    uint32_t entry_count;
    uint64_t record_bytes; /* Of all its records. */
    uint64_t bytes;        /* On disk. */
};

/* One write and one sync: a vote, then batches next to each other in one segment. */
struct wal_job {
    struct io_job job;
    bool is_in_flight;
    bool is_blocked; /* There was no room on the disk; it waits for the timer. */
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    struct batch_plan *batches;
    uint32_t batch_count;
    uint32_t batch_capacity;
    struct entry **entries; /* Held; the entries of all batches, in order. */
    uint32_t entry_count;
    uint32_t entry_capacity;
    bool is_large;            /* A single entry, too large to copy. */
    bool is_oversized;        /* Larger than a segment: gets its own, in `oversized`. */
    struct space_claim claim; /* What that one needs. */
    struct segment oversized;
    uint64_t number;
    uint64_t offset;            /* Of its first batch. */
    uint64_t bytes;             /* Of all batches. */
    uint64_t limit;             /* Where it must end in the segment. */
    struct chain before;        /* The end of the chain before it. */
    uint64_t write_count;       /* Writes that it completes. */
    uint64_t durable_seq;       /* Of the last of these. */
    struct io_file *retired[2]; /* To be closed. */
    char *buffer;
    uint64_t buffer_capacity;
    uint64_t queued_ns; /* When the first of its writes was queued. */
    uint64_t submitted_ns;
    int error;
    const char *failed_at; /* What failed, for a message. */
};

/* Dropped segments, under temporary names. */
struct wal_spares {
    uint64_t numbers[SPARES_MAX];
    uint32_t count;
    struct io_job job; /* Removes those that are not kept. */
    bool is_in_flight;
    uint64_t released[SPARES_MAX];
    uint32_t released_count;
};

/* Making the segment after the last one. */
struct wal_prepare {
    struct io_job job;
    bool is_in_flight;
    uint64_t spare; /* The dropped segment that it is made of; 0: none. */
    struct segment segment;
    struct space_claim claim;
    struct room_view room;
    int error;
};

/* Moving the log's origin. */
struct wal_move {
    struct io_job job;
    struct io_job drop_job;   /* Removes segments once the origin is durable. */
    struct store_move *owner; /* NULL: none is under way. */
    bool drops_log;
    struct origin next;
    uint64_t drop_from; /* Number of the first segment to remove. */
    uint64_t keep_from; /* Segments from this one on are kept as spares. */
    int error;
};

/* Regularly checks that the files still have their names. */
struct wal_watch {
    struct io_timer timer;
    struct io_job job;
    struct segment segment; /* The one to look for. */
    bool has_origin;
    struct room_view room;
    int error;
};

struct store {
    struct io *io;
    struct store_options options;
    char *dir;
    struct io_file *dir_lock; /* The directory itself. */
    struct io_file *lock;
    struct store_identity identity;
    struct io_worker *log_worker;
    struct io_worker *prepare_worker;
    struct io_worker *read_worker;

    struct vote vote; /* As on disk. */
    struct vote_files vote_files;
    struct chain chain;
    struct origin origin;            /* As on disk. */
    struct log_index index;          /* Of what is durable. */
    struct log_segments segments;    /* Of what is durable. */
    struct segment current;          /* The one being written. */
    uint64_t write_at;               /* Where the next batch goes in it. */
    struct segment ready[READY_MAX]; /* Empty ones, by rising number. */
    uint32_t ready_count;

    struct wal_queue queue;
    struct wal_job job;
    struct wal_prepare prepare;
    struct wal_spares spares;
    struct wal_move move;
    struct wal_watch watch;
    struct snapshots snapshots;
    struct repair_end *repair_end; /* Under way; or NULL. */
    struct io_timer room_timer;    /* While the disk is full: when to try again. */
    bool is_waiting;               /* It is armed. */
    struct room_view room;
    uint64_t state_bytes; /* The next snapshot takes no more. */
    struct list reads;    /* Background reads under way. */

    uint64_t queued_seq; /* The following fields count what is queued. */
    uint64_t queued_last_index;
    uint64_t queued_commit_index;
    uint64_t queued_term;
    bool is_full;
    bool is_tight; /* There is no room for more data. */
    bool has_failed;
    bool is_closing; /* No callbacks any more. */

    uint64_t log_bytes;
    uint64_t written_bytes;
    uint64_t sync_count;
    struct histogram sync_times; /* In ns. */
    struct durations all_sync_times;
    uint64_t last_write_ns; /* See store_last_write_ns(). */
};

/* --- store.c --- */
/* Stops the store's work for good, and reports that to the owner once. */
void store_fail(struct store *s, int error, const char *what);

/* --- room.c --- */
/* Whether the disk has no room, which may change. */
bool store_is_no_room(int error);
/* Marks the disk as full (it has no room for so many bytes), and tries again in a second. */
void store_wait_for_room(struct store *s, uint64_t needed);
void store_has_room_again(struct store *s);
void room_timer_fired(struct io_timer *timer);
/* For a job that takes so many bytes more. */
struct space_claim room_claim(const struct store *s, uint64_t wanted_bytes);
/* On the loop, before a job looks. */
void room_begin_look(const struct store *s, struct room_view *view);
/* Blocking: in a job, or at the start. */
void room_look(struct io *io, const char *dir, struct room_view *ret_view);
/* On the loop: what a job has seen. */
void room_seen(struct store *s, const struct room_view *view);
/* A file of the log was made. */
void room_note_file(struct store *s, uint64_t bytes);

/* --- wal_plan.c --- */
void wal_queue_push(struct store *s, const struct store_write *w);
void wal_queue_deinit(struct wal_queue *queue);
/* Takes what has collected into `s->job`, up to the size of a job; false if there is nothing to
 * do, or no segment for it. */
bool wal_plan(struct store *s);

/* --- wal_writer.c --- */
/* Gives the next job to the worker if that is idle. */
void wal_submit(struct store *s);
/* Tries a job again that found no room. */
void wal_retry(struct store *s);
/* The same at once, if it waits. */
void wal_retry_now(struct store *s);
/* On the log worker, as its last job: writes what has collected and seals the vote. */
void wal_finish(struct store *s);
/* Writes the vote to both vote files, with the next generation and the present end of the log;
 * then it is the store's vote. At the start and the end, or on the log worker. */
int wal_put_vote(struct store *s, struct vote next);
void wal_close_files(struct store *s);
void wal_job_deinit(struct wal_job *job);

/* --- wal_watch.c --- */
/* On the log worker: 0, or -ENOENT if files have lost their names. */
int wal_find_files(struct store *s, const struct segment *segment);
void wal_watch_start(struct store *s);
void wal_watch_stop(struct store *s);

/* --- wal_prepare.c --- */
/* Bytes of segment `number`: the first ones are smaller, so that a small cluster needs little
 * disk and starts at once. */
uint64_t segment_bytes_of(const struct store *s, uint64_t number);
/* Makes an empty segment if none is ready or being made. */
void wal_prepare_start(struct store *s);
/* On a worker: keeps a dropped segment for reuse. Returns 0 or a negative errno value. */
int wal_keep_spare(struct store *s, uint64_t number);
/* There was no room on the disk: frees the spares. */
void wal_release_spares(struct store *s);
/* After the worker has stopped: takes over what it made. */
void wal_prepare_finish(struct store *s);

/* --- wal_origin.c --- */
/* Removes a segment if it exists. Returns 0 or a negative errno value. */
int wal_remove_segment(struct store *s, uint64_t number);
/* At the start: a snapshot replaces the whole log, which becomes empty and begins after
 * `origin`. */
int wal_restart_log(struct store *s, const struct store_origin *origin);

/* --- wal_read.c --- */
struct log_reader;
/* Passes entries `first` to `last` of a run, from its segment, to `each`, with one reference
 * each. Returns 0, the first non-zero result of `each`, or a negative errno value. */
int log_read_run(struct log_reader *reader, const struct log_run *run, uint64_t first,
                 uint64_t last, int (*each)(void *context, struct entry *e), void *context);
void wal_reads_drop(struct store *s);

/* --- wal_recover.c --- */
/* Finds what is in the log, and prepares it for writing once everything was found to be sound.
 * 0, or a store_error with a message and nothing changed. */
int wal_recover(struct store *s, struct store_recovered *ret_recovered, struct complaint *c);

#endif /* RAKIT_STORE_STORE_STATE_H */
