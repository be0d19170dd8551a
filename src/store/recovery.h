/* recovery.h - what a start makes of the vote files and of the log. First it observes: what is
 * there goes into a struct of facts, and nothing is written. Then it decides: of one table
 * (recovery_rows.def, the same as in docs/DISK_FORMAT.md) the first row that fits is the
 * verdict. Only then it acts (wal_recover.c).
 *
 * What there was of the log is known in three ways. An entry whose identity is there and whose
 * record is bad has existed. One that something later names as durable, without an identity,
 * has existed and nothing more is known of it. Anything else behind the end was in a job that
 * was never acknowledged. */
#ifndef RAKIT_STORE_RECOVERY_H
#define RAKIT_STORE_RECOVERY_H

#include "store/store_state.h"

enum recovery_verdict {
    RECOVERY_START,      /* Nothing is wrong. */
    RECOVERY_MEND,       /* A copy of the vote is written again from the other one. */
    RECOVERY_DROP,       /* What stands behind the end was never acknowledged, and goes. */
    RECOVERY_RESTART,    /* A snapshot replaces the whole log. */
    RECOVERY_DAMAGED,    /* Refuse: what is there is not what was written. */
    RECOVERY_MISSING,    /* Refuse: what was written is not there. */
    RECOVERY_FOREIGN,    /* Refuse: files of different data directories. */
    RECOVERY_VERSION,    /* Refuse: another program's files. */
    RECOVERY_UNREADABLE, /* Refuse: nobody knows what is there. */
};

/* The votes are judged first: what the log must hold, they say. Then the log, then the snapshots,
 * which must reach to where the log begins. */
enum recovery_subject { RECOVERY_VOTES, RECOVERY_LOG, RECOVERY_SNAPSHOTS };

enum { RECOVERY_LOST_MAX = 8, RECOVERY_SENTENCE_BYTES = 3 * PATH_BYTES_MAX };

/* Entries of one batch whose identities are known and whose records are bad. */
struct recovery_lost {
    uint64_t batch;
    uint64_t first_index;
    uint64_t last_index;
};

struct recovery_snapshots {
    struct store_snapshot newest; /* Good, and not below the origin; index 0: none. */
    bool is_beyond_log;           /* The log ends below it, or has another entry at its index. */
    uint64_t below_index;         /* The newest good one that is below the origin; 0: none. */
    uint64_t bad_index;           /* The newest bad one that is not below the origin; 0: none. */
    enum file_state bad_state;
    int error;
    uint64_t foreign_index; /* One of another cluster or group, or under another one's name; */
    uint32_t version;       /* the version of one that has another than ours; 0: none. */
};

struct recovery_facts {
    const char *dir;

    /* The copies of the vote, and the vote; all 0 without a good copy. */
    const struct vote_files *votes;
    const struct vote *vote;

    /* Where the log begins. If that is not known, observing ends here. */
    enum file_state origin_state; /* FILE_MISSING: with the first entry ever. */
    struct origin origin;

    /* The segments from that one on. Observing ends at the first one that is not good. */
    uint64_t segment_count;
    uint64_t gap; /* The first number that none has, below one that one has; 0: none. */
    uint64_t bad_segment;
    enum file_state bad_state;
    uint32_t version;
    int error;
    uint64_t found_bytes;
    uint64_t wanted_bytes;

    /* The chain of whole batches. */
    struct chain end;
    uint64_t last_index;
    uint64_t commit_index;
    uint64_t vote_generation; /* The highest that a batch names. */
    uint64_t end_segment;
    uint64_t end_offset;
    uint64_t used_count; /* Segments from there on, that one included. */
    /* What comes next in the chain and makes no sense, which ends the observing; number 0: none. */
    struct batch_head senseless;

    /* The chain of heads: it goes on over batches whose records are bad. */
    struct chain heads;
    uint64_t heads_last_index;
    struct recovery_lost lost[RECOVERY_LOST_MAX]; /* The first of them. */
    uint32_t lost_count;

    /* What stands behind the end. */
    uint64_t torn_bytes;   /* All sectors that are not zero. */
    uint64_t max_job;      /* Of good heads there, and of the chain. */
    uint64_t synced_batch; /* The highest that a good head there names as durable. */
    uint64_t stray_batch;  /* The highest that stands in another place than its own. */

    struct recovery_snapshots snapshots; /* Looked at if the log lets the node start. */
};

struct recovery_row {
    enum recovery_subject subject;
    const char *id;
    bool (*fits)(const struct recovery_facts *f);
    enum recovery_verdict verdict;
    const char *found;
    const char *why;      /* That verdict is safe. */
    const char *sentence; /* For the person, without the advice; "" if the node starts. */
};

extern const struct recovery_row recovery_rows[];
extern const size_t recovery_row_count;

/* The first row of the subject that fits. */
const struct recovery_row *recovery_decide(const struct recovery_facts *f,
                                           enum recovery_subject subject);
bool recovery_lets_start(const struct recovery_row *row);
/* The sentence of a row that does not, its words filled in; and what to do. */
void recovery_sentence(const struct recovery_row *row, const struct recovery_facts *f, char *text,
                       size_t text_size);
const char *recovery_advice(const struct recovery_row *row, const struct recovery_facts *f);
/* STORE_OK if the row lets the node start; else the words, with what to do, and a store_error. */
int recovery_explain(const struct recovery_row *row, const struct recovery_facts *f,
                     struct complaint *c);

/* Whether a batch fits what the chain up to here has: it drops nothing that is committed, and
 * leaves no gap. */
bool recovery_drops_committed(const struct recovery_facts *f, const struct batch_head *head);
bool recovery_leaves_gap(const struct recovery_facts *f, const struct batch_head *head);

struct recovery_segment {
    struct segment_head head;
    uint64_t end; /* Behind the last whole batch; a sector in if there is none. */
    bool is_torn; /* Something stands behind it. */
};

struct log_reader;

/* Hears of all that is read, in the order of the log (rakit-log shows it). Nothing is decided
 * there. */
struct recovery_watch {
    void (*segment)(struct recovery_watch *watch, const struct recovery_segment *segment);
    /* A head of the chain of heads. Not taken: the log ends before this batch. */
    void (*batch)(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                  const struct batch_head *head, bool is_taken);
    /* A sector behind the end that is not zero; `head`: a good one begins there, or NULL. */
    void (*rest)(struct recovery_watch *watch, struct log_reader *reader, uint64_t offset,
                 const struct batch_head *head, bool is_astray);
};

/* What is found, for those who act on it. */
struct recovery {
    struct store *store;
    struct recovery_facts facts;
    struct recovery_segment *segments; /* By number. */
    uint64_t *below; /* Numbers of segments below the origin, which nobody needs. */
    size_t below_count;
    size_t tail;     /* The segment with the last whole batch. */
    uint64_t job_at; /* Where in it the batches of the last job begin. */
    const struct recovery_row *snapshot_row;
    struct recovery_watch *watch; /* Or NULL. */
};

/* Reads the segments, once the vote is known. Fills the facts and the store's index of entries;
 * writes nothing. Stops at what nothing behind can make good. 0, or a negative errno value if the
 * directory cannot be read. */
int recovery_observe_log(struct recovery *r);

/* Which snapshots there are, by their first and last sectors, once the log is known. One that is to
 * replace the log is read as a whole. Fills the facts and the store's list of good ones; writes
 * nothing. 0, or a negative errno value if directory or log cannot be read. */
int recovery_observe_snapshots(struct recovery *r);

#endif /* RAKIT_STORE_RECOVERY_H */
