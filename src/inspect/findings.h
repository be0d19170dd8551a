/* findings.h - what a start would make of each part of a data directory, in words. */
#ifndef RAKIT_INSPECT_FINDINGS_H
#define RAKIT_INSPECT_FINDINGS_H

#include "inspect/snapshot_files.h"
#include "store/survey.h"

enum finding_verdict {
    FINDING_GOOD,
    FINDING_MENDED,   /* Damage that the next start repairs by itself. */
    FINDING_REPAIRED, /* Damage for which it needs other members; without any it refuses. */
    FINDING_REFUSED   /* A node does not start here. */
};

struct finding {
    const char *subject; /* "identity", "key", "votes", "log", "snapshots". */
    const char *id;      /* The row's in docs/DISK_FORMAT.md; NULL: it has none. */
    enum finding_verdict verdict;
    char text[SURVEY_TEXT_BYTES];
    const char *advice; /* NULL: none, or part of the text. */
};

enum { FINDINGS_MAX = 5 };

struct findings {
    uint32_t count;
    struct finding list[FINDINGS_MAX];
};

void findings_list(const struct survey *s, const struct snapshot_files *snapshots,
                   struct findings *ret_findings);
/* The worst of them. */
enum finding_verdict findings_verdict(const struct findings *f);
/* A sentence. */
const char *finding_verdict_text(enum finding_verdict verdict);

#endif /* RAKIT_INSPECT_FINDINGS_H */
