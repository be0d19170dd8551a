/* snapshot_files.h - the snapshots in a data directory, each verified from beginning to end. */
#ifndef RAKIT_INSPECT_SNAPSHOT_FILES_H
#define RAKIT_INSPECT_SNAPSHOT_FILES_H

#include "store/snapshot_reader.h"

enum { SECTIONS_MAX = 16 };

struct snapshot_section {
    char name[SNAPSHOT_SECTION_MAX + 1];
    bool is_optional;
    uint64_t chunks;
    uint64_t bytes; /* Of its content. */
};

struct snapshot_file {
    char name[NAME_BYTES_MAX];
    bool is_part; /* It is being received. */
    enum file_state state;
    int error;                      /* If it cannot be read. */
    bool has_head;                  /* The first sector is good. */
    struct store_snapshot snapshot; /* What it holds. Bytes and checksum are from the end of the
                                     * file, or, for a part, from its name. */
    uint64_t made_by;               /* The node that made it. */
    bool is_chosen;                 /* First and last sectors are good: a start may load it. */
    uint64_t file_bytes;
    uint64_t good_bytes; /* Up to the first chunk that is damaged or missing. */
    struct snapshot_section sections[SECTIONS_MAX];
    uint32_t section_count;
};

struct snapshot_files {
    struct snapshot_file *list; /* By index; parts last. */
    size_t count;
};

void snapshot_files_read(struct io *io, const char *dir, const struct store_identity *identity,
                         struct snapshot_files *ret_files);
void snapshot_files_deinit(struct snapshot_files *files);
/* The one that a start loads; NULL: there is none. */
const struct snapshot_file *snapshot_files_newest(const struct snapshot_files *files);
/* Whether it is damaged. One that is being received may end anywhere. */
bool snapshot_file_is_damaged(const struct snapshot_file *file);

#endif /* RAKIT_INSPECT_SNAPSHOT_FILES_H */
