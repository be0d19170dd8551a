/* sim_disk.h - a disk as its two files see it: sim_disk.c is the disk and what the
 * loss of power does to it, sim_file.c the file calls of io.h. */
#ifndef RAKIT_SIM_WORLD_SIM_DISK_H
#define RAKIT_SIM_WORLD_SIM_DISK_H

#include "sim/world/sim_world.h"

struct sim_saved {
    uint64_t sector;
    bool is_stuck; /* A sync of it failed: no later one helps, only writing it again. */
    /* The disk has said that it is synced, and has only put it off, */
    bool is_claimed;
    bool is_astray;                 /* or has put it elsewhere. */
    char content[SIM_SECTOR_BYTES]; /* What the disk has there. */
};

struct sim_inode {
    uint32_t references; /* Names, changes to names, open files. */
    bool is_directory;
    bool is_locked;
    char *data; /* `capacity` bytes; zero from `size` on. */
    uint64_t size;
    uint64_t durable_size;
    uint64_t claimed_size; /* What a sync said that was put off; 0: none. */
    uint64_t capacity;
    uint32_t *saved_of; /* For each sector its place in `saved` plus one; 0: clean. */
    struct sim_saved *saved;
    uint32_t saved_count;
    uint32_t saved_capacity;
    uint64_t *unreadable; /* Sectors. */
    uint32_t unreadable_count;
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
    bool is_claimed;         /* A sync of its directory was put off. */
};

/* A write that landed in the wrong place. */
struct sim_astray {
    struct sim_inode *victim; /* NULL: there is none. Whole sectors of it are overwritten. */
    uint64_t offset;
    uint64_t size;
    char *data;
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
    bool is_lying;
    bool is_misdirecting;
    struct sim_astray astray;
};

void sim_inode_reserve(struct sim_inode *inode, uint64_t size);
/* Keeps aside what the disk has in these bytes' sectors: they are about to change. */
void sim_inode_dirty(struct sim_inode *inode, uint64_t offset, uint64_t size);
void sim_inode_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size);
/* A sync: all of it is durable, but what is stuck or went astray. */
void sim_inode_sync(struct sim_inode *inode);
/* A sync that only says so. */
void sim_inode_claim(struct sim_inode *inode);
bool sim_inode_has_lied(const struct sim_inode *inode);
/* What was said to be synced is. */
void sim_inode_come_clean(struct sim_inode *inode);
bool sim_inode_is_readable(const struct sim_inode *inode, uint64_t offset, uint64_t size);
/* These bytes are written: a bad sector is replaced by the disk's reserve. */
void sim_inode_remap(struct sim_inode *inode, uint64_t offset, uint64_t size);
/* A sync that failed: of what was not durable, some is now, the rest is stuck, though the
 * system takes it for clean. */
void sim_inode_fail_sync(struct sim_inode *inode, struct prng *prng);
void sim_inode_release(struct sim_disk *disk, struct sim_inode *inode);

/* sim_damage.c. */
/* The sectors were marked as dirty and are about to be written: if it is time, what the disk
 * gets goes elsewhere. */
void sim_astray_take(struct sim_machine *machine, struct sim_inode *inode, uint64_t offset,
                     const void *data, uint64_t size);
/* Power is lost: what went astray shows where it is. */
void sim_astray_land(struct sim_disk *disk);
void sim_astray_drop(struct sim_disk *disk);

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

#endif /* RAKIT_SIM_WORLD_SIM_DISK_H */
