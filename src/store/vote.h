/* vote.h - current_term and voted_for, in two files of one sector each.
 *
 * Every write goes to vote-a, is synced, then goes to vote-b, and is synced. So
 * whichever single copy is lost or damaged, the other holds what was last
 * acknowledged: a damaged copy never makes the node forget a vote. Where both are
 * good and differ, a crash lay between, and the newer one is taken.
 *
 * Both files exist before the identity names a cluster, and a node without a
 * cluster does not vote: a missing file is damage, never a beginning. */
#ifndef RAKIT_STORE_VOTE_H
#define RAKIT_STORE_VOTE_H

#include "store/files.h"
#include "store/store.h"

struct vote {
    uint64_t generation; /* Rising by one with every write; the first is 1. */
    uint64_t current_term;
    uint64_t voted_for;
    /* The last batch of the log that was durable when this was written: a log that
     * ends before it has lost something. */
    uint64_t synced_batch;
};

struct vote_files {
    struct io_file *copies[2];
    bool is_worn; /* A copy was bad or older than the other: write both again. */
};

/* Makes both copies, as the first vote of a node. Durable only once the directory
 * is synced. 0 or a negative errno value. */
int vote_create(struct io *io, const char *dir, const struct store_identity *identity,
                const struct vote *vote);

/* Opens both copies and finds the vote. 0, or a store_error with words; on an
 * error nothing is open. A bad copy is left as it is, for vote_renew(). */
int vote_open(struct io *io, const char *dir, const struct store_identity *identity,
              struct vote_files *files, struct vote *ret_vote, struct complaint *c);
/* Makes both files anew with `vote`, whatever state they were in. Durable on return;
 * 0 or a negative errno value. */
int vote_renew(struct io *io, const char *dir, const struct store_identity *identity,
               struct vote_files *files, const struct vote *vote);
void vote_close(struct vote_files *files);

/* Makes it durable in both copies. 0 or a negative errno value. */
int vote_write(struct vote_files *files, const struct store_identity *identity,
               const struct vote *vote);

#endif /* RAKIT_STORE_VOTE_H */
