/* vote.h - current_term and voted_for, in two files of one sector each.
 *
 * Every write goes to one copy, is synced, then goes to the other, and is synced. So if any
 * single copy is lost or damaged, the other has what was last acknowledged: a damaged copy never
 * makes the node forget a vote. If both are good and differ, there was a crash in between; the
 * newer one is used, and stays untouched until the other is newer.
 *
 * Both files exist before the identity names a cluster, and a node without a cluster does not
 * vote: a missing file is damage, never a beginning. */
#ifndef RAKIT_STORE_VOTE_H
#define RAKIT_STORE_VOTE_H

#include "store/basics.h"
#include "store/files.h"

struct vote {
    uint64_t generation; /* Rises by one with every write; the first is 1. */
    uint64_t current_term;
    uint64_t voted_for;
    /* The last batch of the log that was durable when this was written: a log that ends before
     * it has lost something. */
    uint64_t synced_batch;
    /* The last segment that is known to contain something: a log without it has lost that. */
    uint64_t last_segment;
};

struct vote_files {
    struct io_file *copies[2];
    int newest; /* The copy to leave alone until the other one is written. */
    /* What was found when they were opened. */
    enum file_state found[2];
    struct vote votes[2]; /* Of those that are good. */
    uint32_t version;     /* If FILE_VERSION was found. */
    int error;            /* If FILE_UNREADABLE was found. */
};

const char *vote_name(int copy);

/* Creates and opens both copies, whatever was there. Durable on return; 0 or a negative errno
 * value. */
int vote_create(struct io *io, const char *dir, const struct store_identity *identity,
                struct vote_files *files, const struct vote *vote);

/* Opens both copies (`flags`: 0, or IO_READ_ONLY to inspect them), and sets in `files` the state
 * of each, and the vote in the newer of the good ones (all 0 if there is none). Changes nothing:
 * vote_write() repairs a bad copy, vote_mend() a missing one. */
void vote_open(struct io *io, const char *dir, const struct store_identity *identity, int flags,
               struct vote_files *files, struct vote *ret_vote);
/* Creates a missing copy again, empty. 0 or a negative errno value. */
int vote_mend(struct io *io, const char *dir, struct vote_files *files);
void vote_close(struct vote_files *files);
/* Whether both copies still have their names. */
bool vote_is_at(const char *dir, const struct vote_files *files);

/* Makes the vote durable in both copies. 0 or a negative errno value. */
int vote_write(struct vote_files *files, const struct store_identity *identity,
               const struct vote *vote);

#endif /* RAKIT_STORE_VOTE_H */
