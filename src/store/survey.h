/* survey.h - a data directory for those who only look: what a start would find, and what it would
 * decide, by the same observing and the same table. Nothing is written or locked, so a node may
 * run on the directory meanwhile; then what it is just writing may look like damage, at another
 * place each time. */
#ifndef RAKIT_STORE_SURVEY_H
#define RAKIT_STORE_SURVEY_H

#include "store/directory.h"
#include "store/recovery.h"

enum { SURVEY_TEXT_BYTES = RECOVERY_SENTENCE_BYTES };

struct survey {
    struct directory directory;
    /* A fault is what a start would say, with what to do; "": none. */
    char identity_fault[SURVEY_TEXT_BYTES];
    char key_fault[SURVEY_TEXT_BYTES];
    struct store_identity identity;
    /* The identity is bad, and another file names these ids. Only to show what is there. */
    bool is_identity_borrowed;
    bool is_member; /* Key, vote and log were looked at. */
    /* What the table says; NULL if it was not asked: the votes, unless is_member; the log, also if
     * the votes do not let the node start. */
    const struct recovery_row *vote_row;
    const struct recovery_row *log_row;
    const struct recovery_row *snapshot_row; /* NULL unless the log lets the node start. */
    struct store *store; /* Never opened; its index says where live entries are. */
    struct recovery recovery;
};

/* Looks at everything; `watch` (or NULL) hears of the log as it is read, also of one that the
 * votes would keep from being looked at. 0, or a negative errno value if the directory cannot be
 * listed; then *ret_survey is NULL. `dir` has at most PATH_BYTES_MAX - NAME_BYTES_MAX bytes. */
int survey_take(struct io *io, const char *dir, struct recovery_watch *watch,
                struct survey **ret_survey);
void survey_free(struct survey *s);
/* Whether a node would start here. (A directory without a file of a node is fine.) */
bool survey_lets_start(const struct survey *s);

#endif /* RAKIT_STORE_SURVEY_H */
