/* backup_sample.h - backups of known content, made by tests. */
#ifndef RAKIT_TESTS_BACKUP_BACKUP_SAMPLE_H
#define RAKIT_TESTS_BACKUP_BACKUP_SAMPLE_H

#include "backup/archive.h"
#include "io/io.h"
#include "store/snapshot.h"

enum {
    SAMPLE_CLUSTER = 0xC1,
    SAMPLE_NODE = 0x17,
    SAMPLE_INDEX = 40,
    SAMPLE_LARGE = 5000,
    SAMPLE_TERM = 3
};

/* A snapshot with `keys` keys, the first of them with a large value. `declared`: how many it says
 * that there are. */
struct store_snapshot sample_snapshot(struct io *io, const char *path, uint64_t keys,
                                      uint64_t declared);

/* A file of `count` entries behind `after`, which becomes the link to it. Entry i has i % 5 * 40
 * bytes, and log time i * 1000. */
void sample_archive(struct io *io, const char *path, uint64_t count, struct archive_link *after);
/* What the first archive behind a snapshot follows. */
struct archive_link sample_link(const struct store_snapshot *snapshot);

#endif /* RAKIT_TESTS_BACKUP_BACKUP_SAMPLE_H */
