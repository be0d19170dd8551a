/* survey.h - inspects a data directory: what a start would find and decide, with the same
 * observing and the same table. Nothing is written or locked, so a node may be running on the
 * directory; then what it is just writing may look like damage, at another place each time. */
#ifndef RAKIT_STORE_SURVEY_H
#define RAKIT_STORE_SURVEY_H

#include "store/directory.h"
#include "store/recovery.h"

enum { SURVEY_TEXT_BYTES = RECOVERY_SENTENCE_BYTES };

struct survey {
    struct directory directory;
    /* A fault is the message that a start would give, with what to do; "": none. */
    char identity_fault[SURVEY_TEXT_BYTES];
    char key_fault[SURVEY_TEXT_BYTES];
    struct store_identity identity;
    /* The identity is bad, and these ids are from another file. Only for display. */
    bool is_identity_borrowed;
    bool is_member; /* Key, vote and log were inspected. */
    /* The verdict of the table; NULL if it was not asked: for the votes, unless is_member; for
     * the log, also if the votes do not let the node start. */
    const struct recovery_row *vote_row;
    const struct recovery_row *log_row;
    const struct recovery_row *snapshot_row; /* NULL unless the log lets the node start. */
    struct store_origin last; /* The last entry that a node here would have; index 0: unknown. */
    struct store *store;      /* Never opened; its index knows where live entries are. */
    struct recovery recovery;
};

/* Inspects everything; `watch` (or NULL) is called with the log as it is read, even if the votes
 * would not let a node start. 0, or a negative errno value if the directory can't be listed;
 * then *ret_survey is NULL. `dir` has at most PATH_BYTES_MAX - NAME_BYTES_MAX bytes. */
int survey_take(struct io *io, const char *dir, struct recovery_watch *watch,
                struct survey **ret_survey);
void survey_free(struct survey *s);
/* Whether a node would start here. (A directory without a node's files is fine.) */
bool survey_lets_start(const struct survey *s);

#endif /* RAKIT_STORE_SURVEY_H */
