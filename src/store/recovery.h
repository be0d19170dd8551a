/* recovery.h - how a start handles the vote files and the log. First it observes: everything
 * found goes into a struct of facts, and nothing is written. Then it decides: the verdict is the
 * first row that fits of a table (recovery_rows.def, the same as in docs/DISK_FORMAT.md). Only
 * then it acts (wal_recover.c).
 *
 * There are three kinds of knowledge about entries of the log. One whose identity is there and
 * whose record is bad has existed. One that something later records as durable, but whose
 * identity is missing, has existed, and nothing more is known of it. Everything else after the
 * end was in a job that was never acknowledged. */
#ifndef RAKIT_STORE_RECOVERY_H
#define RAKIT_STORE_RECOVERY_H

#include "base/buffer.h"
#include "store/store_state.h"

enum recovery_verdict {
    RECOVERY_START,      /* Nothing is wrong. */
    RECOVERY_MEND,       /* A copy of the vote is written again from the other one. */
    RECOVERY_DROP,       /* What is after the end was never acknowledged, and is dropped. */
    RECOVERY_RESTART,    /* A snapshot replaces the whole log. */
    RECOVERY_REPAIR,     /* Other members may have what is damaged or missing here: repair.h. If
                          * there are none, refuse. */
    RECOVERY_DAMAGED,    /* Refuse: the content is not what was written. */
    RECOVERY_MISSING,    /* Refuse: something that was written is missing. */
    RECOVERY_FOREIGN,    /* Refuse: files of different data directories. */
    RECOVERY_VERSION,    /* Refuse: files of another program version. */
    RECOVERY_UNREADABLE, /* Refuse: the content is unknown. */
};

/* The votes are judged first, because they say what the log must contain; then the log; then the
 * snapshots, which must reach the beginning of the log. */
enum recovery_subject { RECOVERY_VOTES, RECOVERY_LOG, RECOVERY_SNAPSHOTS };

enum {
    RECOVERY_LOST_MAX = 8,
    RECOVERY_BAD_MAX = 8,
    RECOVERY_SENTENCE_BYTES = 3 * PATH_BYTES_MAX,
};

/* Entries of one batch whose identities are known and whose records are bad. */
struct recovery_lost {
    uint64_t batch;
    uint64_t first_index;
    uint64_t last_index;
};

/* The newest batch of which a good head was found at its own place. */
struct recovery_top {
    uint64_t batch;
    uint64_t last_index; /* With this entry the log ended then. */
    uint64_t last_term;  /* 0: unknown, for the batch has no entries. */
};

struct recovery_snapshots {
    struct store_snapshot newest;   /* Good, and not below the origin; index 0: none. */
    bool is_beyond_log;             /* The log ends before it, or has another entry at its index. */
    uint64_t below_index;           /* The newest good one that is below the origin; 0: none. */
    uint64_t bad_index;             /* The newest bad one that is not below the origin; 0: none. */
    uint64_t bad[RECOVERY_BAD_MAX]; /* All bad ones, as far as there is room. */
    uint32_t bad_count;
    enum file_state bad_state;
    int error;
    uint64_t foreign_index; /* One of another cluster or group, or with another one's name; 0:
                             * none. */
    uint32_t version;       /* The version of one with another version than this program's; 0:
                             * none. */
};

struct recovery_facts {
    const char *dir;

    /* The copies of the vote, and the vote; all 0 without a good copy. */
    const struct vote_files *votes;
    const struct vote *vote;

    /* Where the log begins. If that is unknown, observing ends here. */
    enum file_state origin_state; /* FILE_MISSING: with entry 1. */
    struct origin origin;

    /* The segments from there on. Observing ends at the first one that is not good. */
    uint64_t segment_count;
    uint64_t gap;          /* The first missing number below an existing one; 0: none. */
    uint64_t usable_count; /* Segments before the gap. */
    uint64_t bad_segment;
    enum file_state bad_state;
    uint32_t version;
    int error;
    uint64_t found_bytes;
    uint64_t wanted_bytes;

    /* The chain of complete batches. */
    struct chain end;
    uint64_t last_index;
    uint64_t commit_index;
    uint64_t vote_generation; /* The highest in any batch. */
    uint64_t end_segment;
    uint64_t end_offset;
    uint64_t used_count; /* Segments from there on, including that one. */
    /* The next batch of the chain, if it is inconsistent, which ends the observing; number 0:
     * none. */
    struct batch_head senseless;

    /* The chain of heads: it continues over batches whose records are bad. */
    struct chain heads;
    uint64_t heads_last_index;
    struct recovery_lost lost[RECOVERY_LOST_MAX]; /* The first ones. */
    uint32_t lost_count;
    struct recovery_top top;

    /* What is after the end. */
    uint64_t torn_bytes;   /* All sectors that are not zero. */
    uint64_t max_job;      /* Of good heads there, and of the chain. */
    uint64_t synced_batch; /* The highest that a good head there records as durable. */
    uint64_t stray_batch;  /* The highest that is at a wrong place. */

    struct recovery_snapshots snapshots; /* Checked if the log lets the node start. */
};

struct recovery_row {
    enum recovery_subject subject;
    const char *id;
    bool (*fits)(const struct recovery_facts *f);
    enum recovery_verdict verdict;
    const char *found;
    const char *why;      /* Why that verdict is safe. */
    const char *sentence; /* For the person, without the advice; "" if the node starts. */
};

extern const struct recovery_row recovery_rows[];
extern const size_t recovery_row_count;

/* The first row of the subject that fits. */
const struct recovery_row *recovery_decide(const struct recovery_facts *f,
                                           enum recovery_subject subject);
bool recovery_lets_start(const struct recovery_row *row);
/* The sentence of a row that does not let the node start, with its words filled in, and what to
 * do. */
void recovery_sentence(const struct recovery_row *row, const struct recovery_facts *f, char *text,
                       size_t text_size);
const char *recovery_advice(const struct recovery_row *row, const struct recovery_facts *f);
/* STORE_OK if the row lets the node start; otherwise a store_error, with the sentence and what
 * to do. */
int recovery_explain(const struct recovery_row *row, const struct recovery_facts *f,
                     struct complaint *c);

/* The last batch that may have been acknowledged: something records a batch after the end as
 * durable. */
uint64_t recovery_known_batch(const struct recovery_facts *f);
/* Whether a batch drops entries that are committed according to the chain up to here; whether it
 * leaves a gap. */
bool recovery_drops_committed(const struct recovery_facts *f, const struct batch_head *head);
bool recovery_leaves_gap(const struct recovery_facts *f, const struct batch_head *head);

struct recovery_segment {
    struct segment_head head;
    uint64_t end; /* Where the last complete batch ends; one sector if there is none. */
    bool is_torn; /* Something follows it. */
};

struct log_reader;

/* Is called with everything that is read, in the order of the log (for rakit-log). Decides
 * nothing. */
struct recovery_watch {
    void (*segment)(struct recovery_watch *watch, const struct recovery_segment *segment);
    /* A head of the chain of heads. Not `is_taken`: the log ends before this batch. */
    void (*batch)(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                  const struct batch_head *head, bool is_taken);
    /* A sector after the end that is not zero; `head`: a good one begins there, or NULL. */
    void (*rest)(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                 const struct batch_head *head, bool is_astray);
};

/* What the file `repair` says. */
struct repair_mark {
    bool is_there;
    uint64_t first_index; /* The first missing entry. */
    uint64_t last_index;  /* With this entry the log had ended; 0: unknown. */
    uint64_t last_term;
};

/* What was found, for those that act on it. */
struct recovery {
    struct store *store;
    struct recovery_facts facts;
    struct recovery_segment *segments; /* By number. */
    uint64_t *below; /* Numbers of segments below the origin, which are not needed. */
    size_t below_count;
    size_t tail;     /* The segment with the last complete batch. */
    uint64_t job_at; /* Where the batches of the last job begin in it. */
    const struct recovery_row *snapshot_row;
    struct buffer members;        /* Of the newest membership in the log up to its end; or empty. */
    const char *repair_case;      /* The row for which something is given up; NULL: nothing is. */
    bool drops_log;               /* All of the log is. */
    struct repair_mark earlier;   /* Found at the start. */
    struct repair_mark mark;      /* Written by this start. */
    struct recovery_watch *watch; /* Or NULL. */
};

/* Reads the segments, once the vote is known. Fills the facts and the store's index of entries;
 * writes nothing. Stops at damage that nothing after it can outweigh. 0, or a negative errno
 * value if the directory can't be read. */
int recovery_observe_log(struct recovery *r);

/* Index, term and time of an entry that the log has. Returns 0 or a negative errno value. */
int recovery_read_entry(struct store *s, uint64_t index, struct store_origin *ret_entry);

/* Reads on if observing has ended at a segment that holds nothing that was ever acknowledged. */
void recovery_observe_on(struct recovery *r);

/* Finds the snapshots by their first and last sectors, once the log is known. A snapshot that
 * replaces the log is read completely. Fills the facts and the store's list of good ones; writes
 * nothing. Returns 0, or a negative errno value if directory or log can't be read. */
int recovery_observe_snapshots(struct recovery *r);

#endif /* RAKIT_STORE_RECOVERY_H */
