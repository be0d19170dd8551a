/* sim_disk.h - a disk as its two files see it: sim_disk.c is the disk and what the
 * loss of power does to it, sim_file.c the file calls of io.h. */
#ifndef RAKIT_SIM_SIM_DISK_H
#define RAKIT_SIM_SIM_DISK_H

#include "sim/sim_world.h"

struct sim_saved {
    uint64_t sector;
    bool is_stuck; /* A sync of it failed: no later one helps, only writing it again. */
    char content[SIM_SECTOR_BYTES]; /* What the disk has there. */
};

struct sim_inode {
    uint32_t references; /* Names, changes to names, open files. */
    bool is_directory;
    bool is_locked;
    char *data; /* `capacity` bytes; zero from `size` on. */
    uint64_t size;
    uint64_t durable_size;
    uint64_t capacity;
    uint32_t *saved_of; /* For each sector its place in `saved` plus one; 0: clean. */
    struct sim_saved *saved;
    uint32_t saved_count;
    uint32_t saved_capacity;
};

struct sim_name {
    char *path;
    struct sim_inode *inode;
};

struct sim_names {
    struct sim_name *list;
    uint32_t count;
    uint32_t capacity;
};

/* A change of names that is not durable. */
struct sim_change {
    char *path;              /* What is made, or removed. */
    char *from;              /* A rename's old name, else NULL. */
    struct sim_inode *inode; /* NULL: removed. */
};

struct sim_disk {
    struct sim_names names;   /* As the process sees them. */
    struct sim_names durable; /* As they are on the disk. */
    struct sim_change *changes;
    uint32_t change_count;
    uint32_t change_capacity;
    uint64_t used_bytes;
    struct sim_disk_profile profile;
    uint64_t stalled_until_ns;
};

void sim_inode_reserve(struct sim_inode *inode, uint64_t size);
/* Keeps aside what the disk has in these bytes' sectors: they are about to change. */
void sim_inode_dirty(struct sim_inode *inode, uint64_t offset, uint64_t size);
void sim_inode_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size);
/* A sync: all of it is durable, but what is stuck. */
void sim_inode_sync(struct sim_inode *inode);
/* A sync that failed: of what was not durable, some is now, the rest is stuck, though the
 * system takes it for clean. */
void sim_inode_fail_sync(struct sim_inode *inode, struct prng *prng);
void sim_inode_release(struct sim_disk *disk, struct sim_inode *inode);

struct sim_inode *sim_names_find(const struct sim_names *names, const char *path);
void sim_names_remove(struct sim_disk *disk, struct sim_names *names, const char *path);
void sim_names_put(struct sim_disk *disk, struct sim_names *names, const char *path,
                   struct sim_inode *inode);

/* "a//b/./" and "./a" as "a/b" and "a"; the caller frees it. */
char *sim_path_plain(const char *path);
bool sim_path_is_in(const char *path, const char *directory);
bool sim_path_has_parent(const struct sim_names *names, const char *path);

void sim_change_add(struct sim_disk *disk, const char *path, const char *from,
                    struct sim_inode *inode);
void sim_change_apply(struct sim_disk *disk, struct sim_change *change);
void sim_change_free(struct sim_disk *disk, struct sim_change *change);

#endif /* RAKIT_SIM_SIM_DISK_H */
