/* files.h - what all files of the store share: names, the sector that each begins with, and how
 * a whole file is made, so that after a crash there is all or nothing of it. See
 * docs/DISK_FORMAT.md, "Files". */
#ifndef RAKIT_STORE_FILES_H
#define RAKIT_STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/io.h"

enum {
    SECTOR_BYTES = 512, /* A disk writes so many bytes completely or not at all. */
    FORMAT_VERSION = 3,
    PATH_BYTES_MAX = 4096,
    NAME_BYTES_MAX = 64,
    /* Where a file's own fields begin, after those common to all. */
    HEAD_FIELDS_AT = 32,
    HEAD_CHECKSUM_AT = SECTOR_BYTES - 8,
};

#define CLUSTER_KEY_NAME "cluster-key"

/* A message for the person who starts the node, if it refuses. */
struct complaint {
    char *text;
    size_t size;
};

/* Writes the message and returns `code`. Only the first complaint is kept. */
int complain(struct complaint *c, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts dir/name into `path` of PATH_BYTES_MAX; the caller makes sure that it fits. */
void store_path(char *path, const char *dir, const char *name);
void segment_name(char *name, uint64_t number);
/* The path of segment `number`. */
void segment_path(const char *dir, uint64_t number, char *path);
/* The same, and the path where it is made. */
void segment_paths(const char *dir, uint64_t number, char *path, char *temporary);
/* The number in the name of a segment; 0 if the name is not one. */
uint64_t segment_number_of(const char *name);

/* What to do about damage; the end of a complaint. */
#define RESTORE_ADVICE                                                                             \
    "nothing was changed; keep a copy of the directory, remove this node from the cluster and "    \
    "join anew with an empty one"

/* The 8 letters with which a kind of file begins. */
#define MAGIC_IDENTITY "RAKITIDY"
#define MAGIC_KEY      "RAKITKEY"
#define MAGIC_VOTE     "RAKITVOT"
#define MAGIC_ORIGIN   "RAKITORI"
#define MAGIC_REPAIR   "RAKITREP"
#define MAGIC_SEGMENT  "RAKITSEG"
#define MAGIC_BATCH    "RAKITBAT"
#define MAGIC_SNAPSHOT "RAKITSNP"
#define MAGIC_CHUNK    "RAKITCHK"
#define MAGIC_ARCHIVE  "RAKITARC"

struct store_identity;

/* Starts the first sector of a file: zeros except for magic, version, group and ids. */
void head_init(char *sector, const char *magic, const struct store_identity *identity);
/* Completes it once its fields are filled in. */
void head_seal(char *sector);

enum head_verdict {
    HEAD_OK,
    HEAD_BAD,     /* Damaged, or not such a file. */
    HEAD_VERSION, /* A version that this program does not know. */
};

enum head_verdict head_check(const char *sector, const char *magic);
/* Whether a good sector belongs to this cluster, node and group. */
bool head_belongs(const char *sector, const struct store_identity *identity);
/* The identity in a good sector. */
struct store_identity head_identity(const char *sector);
/* Whether both are of one cluster and group, whichever nodes made the files. */
bool identity_is_of_cluster(const struct store_identity *found,
                            const struct store_identity *identity);
uint32_t head_version(const char *sector);
/* What to do about a directory of another version; the end of a complaint. */
const char *version_advice(uint32_t version);

/* The state of a file that must exist. */
enum file_state {
    FILE_GOOD,
    FILE_MISSING,
    FILE_UNREADABLE, /* A system call failed; the error says why. */
    FILE_DAMAGED,
    FILE_VERSION, /* Of a format version that this program does not know. */
    FILE_FOREIGN, /* Of another node or cluster, or with another file's name. */
    FILE_SHORT,   /* Shorter than it should be. */
};

bool sector_is_zero(const char *sector);

static inline uint64_t sectors_round_up(uint64_t bytes)
{
    return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
}

/* Creates or replaces dir/name via dir/name.tmp, which is synced before it is renamed. The
 * caller syncs the directory. Returns a negative errno value on failure; dir/name is then
 * unchanged. */
int file_replace(struct io *io, const char *dir, const char *name, const void *data, size_t size);

#endif /* RAKIT_STORE_FILES_H */
