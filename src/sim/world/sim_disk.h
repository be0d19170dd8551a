/* sim_disk.h - a disk, for its files: sim_disk.c implements the disk and power loss, sim_file.c
 * the file calls of io.h. */
#ifndef RAKIT_SIM_WORLD_SIM_DISK_H
#define RAKIT_SIM_WORLD_SIM_DISK_H

#include "sim/world/sim_world.h"

struct sim_saved {
    uint64_t sector;
    bool is_stuck; /* A sync of it failed: only writing it again helps, not another sync. */
    /* The disk has reported it as synced but has postponed that. */
    bool is_claimed;
    bool is_astray;                 /* The disk has written it to another place. */
    char content[SIM_SECTOR_BYTES]; /* The durable content. */
};

struct sim_inode {
    uint32_t references; /* By names, changes of names, and open files. */
    bool is_directory;
    bool is_locked;
    char *data; /* `capacity` bytes; zero from `size` on. */
    uint64_t size;
    uint64_t durable_size;
    uint64_t claimed_size; /* The size that a postponed sync reported; 0: none. */
    uint64_t capacity;
    uint32_t *saved_of; /* For each sector its position in `saved` plus one; 0: clean. */
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
    char *path;              /* The name that is created or removed. */
    char *from;              /* A rename's old name, or NULL. */
    struct sim_inode *inode; /* NULL: removed. */
    bool is_claimed;         /* The sync of its directory was postponed. */
};

/* A write that went to the wrong place. */
struct sim_astray {
    struct sim_inode *victim; /* NULL: none. Whole sectors of it are overwritten. */
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
/* Saves the durable content of the sectors with these bytes, which are about to change. */
void sim_inode_dirty(struct sim_inode *inode, uint64_t offset, uint64_t size);
void sim_inode_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size);
/* A sync: everything is durable, except stuck and misdirected sectors. */
void sim_inode_sync(struct sim_inode *inode);
/* A sync that is only reported, not done. */
void sim_inode_claim(struct sim_inode *inode);
bool sim_inode_has_lied(const struct sim_inode *inode);
/* Does the postponed syncs. */
void sim_inode_come_clean(struct sim_inode *inode);
bool sim_inode_is_readable(const struct sim_inode *inode, uint64_t offset, uint64_t size);
/* These bytes are written, so a bad sector is replaced by a spare one. */
void sim_inode_remap(struct sim_inode *inode, uint64_t offset, uint64_t size);
/* A sync that failed: some of the data is durable now, the rest is stuck, though the system
 * considers it clean. */
void sim_inode_fail_sync(struct sim_inode *inode, struct prng *prng);
void sim_inode_release(struct sim_disk *disk, struct sim_inode *inode);

/* sim_damage.c. */
/* These sectors were marked dirty and are about to be written. If a misdirection is due, the
 * disk's copy goes elsewhere. */
void sim_astray_take(struct sim_machine *machine, struct sim_inode *inode, uint64_t offset,
                     const void *data, uint64_t size);
/* Power is lost: the misdirected write takes effect. */
void sim_astray_land(struct sim_disk *disk);
void sim_astray_drop(struct sim_disk *disk);

struct sim_inode *sim_names_find(const struct sim_names *names, const char *path);
void sim_names_remove(struct sim_disk *disk, struct sim_names *names, const char *path);
void sim_names_put(struct sim_disk *disk, struct sim_names *names, const char *path,
                   struct sim_inode *inode);

/* "a//b/./" and "./a" become "a/b" and "a"; the caller frees the result. */
char *sim_path_plain(const char *path);
bool sim_path_is_in(const char *path, const char *directory);
bool sim_path_has_parent(const struct sim_names *names, const char *path);

void sim_change_add(struct sim_disk *disk, const char *path, const char *from,
                    struct sim_inode *inode);
void sim_change_apply(struct sim_disk *disk, struct sim_change *change);
void sim_change_free(struct sim_disk *disk, struct sim_change *change);

#endif /* RAKIT_SIM_WORLD_SIM_DISK_H */
