/* spoil.h - changes directories behind the store's back, and checks what a start makes of them. */
#ifndef RAKIT_TESTS_STORE_SPOIL_H
#define RAKIT_TESTS_STORE_SPOIL_H

#include "fixture.h"
#include "store/recovery.h"

enum {
    SEGMENT_BYTES = 8192, /* Sixteen sectors: seven batches of two. */
    TERM = 1,
    VERSION_AT = 8, /* docs/DISK_FORMAT.md: in the first sector of each file. */
    GROUP_AT = 12,
    CLUSTER_AT = 16,
    NODE_AT = 24,
};

/* Batches of one entry each, two sectors long: batch n begins at sector 2n - 1. */
void make_log(struct fixture *f, int batches);
/* Two of its segments were dropped, which `origin` explains; a snapshot at 15 holds their
 * entries. */
void make_short_log(struct fixture *f);

void remove_file(const struct fixture *f, const char *name);
void flip_bit(const struct fixture *f, const char *name, size_t at);
/* Changes a byte of the first sector and makes the checksum fit. */
void forge_first_sector(const struct fixture *f, const char *name, size_t at);
void put_directory(const struct fixture *f, const char *name);

/* That row refuses the start. */
void check_refused(struct fixture *f, int error, const char *id);
/* The same for a file that can't be read, so that nobody can check that it does not change. */
void check_refused_unseen(struct fixture *f, const char *id);

/* The tests must be named after the rows of this subject, in the same order. */
void check_row_tests(enum recovery_subject subject, const struct CMUnitTest *tests, size_t count);

#endif /* RAKIT_TESTS_STORE_SPOIL_H */
