/* sim_disk.c - disks. A file's bytes are in sectors; for each sector written since the last
 * sync, the durable content is saved. Names exist twice, as the process sees them and as they
 * are on the disk, with a list of the changes between that no sync of a directory has made
 * durable.
 *
 * At a power loss, each unsynced sector survives or is restored (so a large write can be torn
 * anywhere between sectors), and so does each unsynced size. Of the changes of names, a first
 * part survives, in order. Synced data never changes, unless the disk lies or is damaged: see
 * sim_damage.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/world/sim_disk.h"

/* --- inodes ---------------------------------------------------------------------- */

void sim_inode_release(struct sim_disk *disk, struct sim_inode *inode)
{
    CHECK(inode->references > 0);
    if (--inode->references > 0) {
        return;
    }
    disk->used_bytes -= inode->size;
    free(inode->unreadable);
    free(inode->data);
    free(inode->saved_of);
    free(inode->saved);
    free(inode);
}

static uint64_t sector_count(uint64_t size)
{
    return (size + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES;
}

void sim_inode_reserve(struct sim_inode *inode, uint64_t size)
{
    if (size <= inode->capacity) {
        return;
    }
    uint64_t capacity = inode->capacity < 4096 ? 4096 : inode->capacity;

    while (capacity < size) {
        capacity *= 2;
    }
    uint64_t old_count = sector_count(inode->capacity);

    inode->data = memory_resize(inode->data, capacity);
    memset(inode->data + inode->capacity, 0, capacity - inode->capacity);
    inode->saved_of =
        memory_resize(inode->saved_of, sector_count(capacity) * sizeof *inode->saved_of);
    memset(inode->saved_of + old_count, 0,
           (sector_count(capacity) - old_count) * sizeof *inode->saved_of);
    inode->capacity = capacity;
}

/* Saves the durable content of the sectors with these bytes, which are about to change. */
void sim_inode_dirty(struct sim_inode *inode, uint64_t offset, uint64_t size)
{
    for (uint64_t s = offset / SIM_SECTOR_BYTES; s < sector_count(offset + size); s++) {
        if (inode->saved_of[s] != 0) {
            struct sim_saved *known = &inode->saved[inode->saved_of[s] - 1];

            if (known->is_claimed || known->is_astray) {
                /* It may be durable by now, so treat it so. */
                memcpy(known->content, inode->data + s * SIM_SECTOR_BYTES, SIM_SECTOR_BYTES);
            }
            known->is_stuck = known->is_claimed = known->is_astray = false;
            continue;
        }
        if (inode->saved_count == inode->saved_capacity) {
            inode->saved_capacity = inode->saved_capacity == 0 ? 8 : 2 * inode->saved_capacity;
            inode->saved =
                memory_resize(inode->saved, inode->saved_capacity * sizeof *inode->saved);
        }
        struct sim_saved *saved = &inode->saved[inode->saved_count++];

        *saved = (struct sim_saved){.sector = s};
        memcpy(saved->content, inode->data + s * SIM_SECTOR_BYTES, SIM_SECTOR_BYTES);
        inode->saved_of[s] = inode->saved_count;
    }
}

/* Drops the saved content of each sector, except stuck and misdirected ones. */
static void inode_clean(struct sim_inode *inode)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < inode->saved_count; i++) {
        struct sim_saved *saved = &inode->saved[i];

        inode->saved_of[saved->sector] = 0;
        saved->is_claimed |= saved->is_astray;
        if (saved->is_stuck || saved->is_astray) {
            inode->saved[kept_count++] = *saved;
            inode->saved_of[saved->sector] = kept_count;
        }
    }
    inode->saved_count = kept_count;
}

void sim_inode_sync(struct sim_inode *inode)
{
    inode_clean(inode);
    inode->durable_size = inode->size;
    inode->claimed_size = 0;
}

void sim_inode_claim(struct sim_inode *inode)
{
    for (uint32_t i = 0; i < inode->saved_count; i++) {
        inode->saved[i].is_claimed |= !inode->saved[i].is_stuck;
    }
    inode->claimed_size = inode->size;
}

void sim_inode_come_clean(struct sim_inode *inode)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < inode->saved_count; i++) {
        const struct sim_saved *saved = &inode->saved[i];

        inode->saved_of[saved->sector] = 0;
        if (!saved->is_claimed) {
            inode->saved[kept_count++] = *saved;
            inode->saved_of[saved->sector] = kept_count;
        }
    }
    inode->saved_count = kept_count;
    if (inode->claimed_size > 0) {
        inode->durable_size = inode->claimed_size;
        inode->claimed_size = 0;
    }
}

bool sim_inode_has_lied(const struct sim_inode *inode)
{
    for (uint32_t i = 0; i < inode->saved_count; i++) {
        if (inode->saved[i].is_claimed) {
            return true;
        }
    }
    return inode->claimed_size > 0 && inode->claimed_size != inode->durable_size;
}

bool sim_inode_is_readable(const struct sim_inode *inode, uint64_t offset, uint64_t size)
{
    for (uint32_t i = 0; i < inode->unreadable_count; i++) {
        uint64_t at = inode->unreadable[i] * SIM_SECTOR_BYTES;

        if (at < offset + size && at + SIM_SECTOR_BYTES > offset) {
            return false;
        }
    }
    return true;
}

void sim_inode_remap(struct sim_inode *inode, uint64_t offset, uint64_t size)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < inode->unreadable_count; i++) {
        uint64_t at = inode->unreadable[i] * SIM_SECTOR_BYTES;

        if (at >= offset + size || at + SIM_SECTOR_BYTES <= offset) {
            inode->unreadable[kept_count++] = inode->unreadable[i];
        }
    }
    inode->unreadable_count = kept_count;
}

void sim_inode_fail_sync(struct sim_inode *inode, struct prng *prng)
{
    for (uint32_t i = 0; i < inode->saved_count; i++) {
        inode->saved[i].is_stuck = inode->saved[i].is_stuck || prng_chance(prng, 1, 2);
    }
    inode_clean(inode);
}

void sim_inode_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size)
{
    sim_inode_reserve(inode, size);
    if (size < inode->size) {
        sim_inode_dirty(inode, size, inode->size - size);
        memset(inode->data + size, 0, inode->size - size);
    }
    disk->used_bytes += size - inode->size; /* Wraps to the right result if the file shrinks. */
    inode->size = size;
}

static void inode_lose_power(struct sim_disk *disk, struct sim_inode *inode, struct prng *prng,
                             uint32_t keep_permille)
{
    /* Sometimes the writes reached the disk in order, up to some point. */
    bool in_order = prng_chance(prng, 1, 4);
    uint64_t kept_count = (uint64_t)inode->saved_count * keep_permille / 1000;

    for (uint32_t i = 0; i < inode->saved_count; i++) {
        const struct sim_saved *saved = &inode->saved[i];
        bool is_kept = in_order ? i < kept_count : prng_chance(prng, keep_permille, 1000);

        if (!is_kept || saved->is_astray) {
            memcpy(inode->data + saved->sector * SIM_SECTOR_BYTES, saved->content,
                   SIM_SECTOR_BYTES);
        }
    }
    uint64_t size = prng_chance(prng, keep_permille, 1000) ? inode->size : inode->durable_size;

    disk->used_bytes += size - inode->size;
    if (inode->capacity > size) {
        memset(inode->data + size, 0, inode->capacity - size);
    }
    inode->size = size;
    for (uint32_t i = 0; i < inode->saved_count; i++) {
        inode->saved[i].is_stuck = inode->saved[i].is_astray = false;
    }
    sim_inode_sync(inode); /* The present content is the durable content. */
}

/* --- names --------------------------------------------------------------------------- */

struct sim_inode *sim_names_find(const struct sim_names *names, const char *path)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].path, path) == 0) {
            return names->list[i].inode;
        }
    }
    return NULL;
}

void sim_names_remove(struct sim_disk *disk, struct sim_names *names, const char *path)
{
    for (uint32_t i = 0; i < names->count; i++) {
        struct sim_name *name = &names->list[i];

        if (strcmp(name->path, path) == 0) {
            sim_inode_release(disk, name->inode);
            free(name->path);
            *name = names->list[--names->count];
            return;
        }
    }
}

void sim_names_put(struct sim_disk *disk, struct sim_names *names, const char *path,
                   struct sim_inode *inode)
{
    inode->references++; /* Before the replaced one is released: it may be the same. */
    sim_names_remove(disk, names, path);
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 8 : 2 * names->capacity;
        names->list = memory_resize(names->list, names->capacity * sizeof *names->list);
    }
    names->list[names->count++] =
        (struct sim_name){.path = memory_copy(path, strlen(path) + 1), .inode = inode};
}

static void names_clear(struct sim_disk *disk, struct sim_names *names)
{
    while (names->count > 0) {
        sim_names_remove(disk, names, names->list[0].path);
    }
}

/* Length of the directory's name in a path, without the slash; 0: the top. */
static size_t parent_size(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? 0 : (size_t)(slash - path);
}

bool sim_path_is_in(const char *path, const char *directory)
{
    size_t size = parent_size(path);

    return size == strlen(directory) && memcmp(path, directory, size) == 0;
}

bool sim_path_has_parent(const struct sim_names *names, const char *path)
{
    size_t size = parent_size(path);

    for (uint32_t i = 0; i < names->count; i++) {
        const struct sim_name *name = &names->list[i];

        if (name->inode->is_directory && strlen(name->path) == size &&
            memcmp(name->path, path, size) == 0) {
            return true;
        }
    }
    return size == 0;
}

/* "a//b/./" and "./a" become "a/b" and "a"; the caller frees the result. */
char *sim_path_plain(const char *path)
{
    char *plain = memory_take(strlen(path) + 1);
    size_t size = 0;

    while (*path != '\0') {
        size_t word = strcspn(path, "/");

        if (word > 0 && !(word == 1 && path[0] == '.')) {
            if (size > 0) {
                plain[size++] = '/';
            }
            memcpy(plain + size, path, word);
            size += word;
        }
        path += word + (path[word] == '/');
    }
    plain[size] = '\0';
    return plain;
}

void sim_change_apply(struct sim_disk *disk, struct sim_change *change)
{
    if (change->from != NULL) {
        sim_names_remove(disk, &disk->durable, change->from);
    }
    if (change->inode == NULL) {
        sim_names_remove(disk, &disk->durable, change->path);
    } else {
        sim_names_put(disk, &disk->durable, change->path, change->inode);
    }
}

void sim_change_free(struct sim_disk *disk, struct sim_change *change)
{
    if (change->inode != NULL) {
        sim_inode_release(disk, change->inode);
    }
    free(change->from);
    free(change->path);
}

void sim_change_add(struct sim_disk *disk, const char *path, const char *from,
                    struct sim_inode *inode)
{
    if (disk->change_count == disk->change_capacity) {
        disk->change_capacity = disk->change_capacity == 0 ? 8 : 2 * disk->change_capacity;
        disk->changes = memory_resize(disk->changes, disk->change_capacity * sizeof *disk->changes);
    }
    disk->changes[disk->change_count++] = (struct sim_change){
        .path = memory_copy(path, strlen(path) + 1),
        .from = from == NULL ? NULL : memory_copy(from, strlen(from) + 1),
        .inode = inode,
    };
    if (inode != NULL) {
        inode->references++;
    }
}

/* --- disks ------------------------------------------------------------------------------ */

struct sim_disk *sim_disk_new(void)
{
    struct sim_disk *disk = memory_take_zeroed(1, sizeof *disk);

    disk->profile = (struct sim_disk_profile){
        .latency_min_ns = 50 * SIM_US, .latency_max_ns = 2 * SIM_MS, .capacity_bytes = 1ull << 40};
    return disk;
}

static void disk_clear(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->change_count; i++) {
        sim_change_free(disk, &disk->changes[i]);
    }
    disk->change_count = 0;
    names_clear(disk, &disk->names);
    names_clear(disk, &disk->durable);
    sim_astray_drop(disk);
    disk->is_lying = disk->is_misdirecting = false;
}

void sim_disk_free(struct sim_disk *disk)
{
    disk_clear(disk);
    free(disk->names.list);
    free(disk->durable.list);
    free(disk->changes);
    free(disk);
}

void sim_wipe_disk(struct sim_machine *machine)
{
    CHECK(machine->process == NULL);
    disk_clear(machine->disk);
    sim_trace(machine->sim, machine->name, "gets a new disk");
}

void sim_set_disk(struct sim_machine *machine, const struct sim_disk_profile *profile)
{
    CHECK(profile->latency_min_ns <= profile->latency_max_ns);
    machine->disk->profile = *profile;
}

void sim_stall_disk(struct sim_machine *machine, uint64_t until_ns)
{
    machine->disk->stalled_until_ns = until_ns;
}

uint64_t sim_disk_bytes(const struct sim_machine *machine)
{
    return machine->disk->used_bytes;
}

uint64_t sim_disk_latency_ns(struct sim_machine *machine)
{
    const struct sim_disk *disk = machine->disk;
    struct sim *sim = machine->sim;
    uint64_t chance = prng_below(&sim->disk_prng, 1024);
    uint64_t width = disk->profile.latency_max_ns - disk->profile.latency_min_ns;
    uint64_t latency = disk->profile.latency_min_ns + width / 1024 * chance / 1024 * chance;

    return disk->stalled_until_ns > sim->now_ns ? disk->stalled_until_ns - sim->now_ns + latency
                                                : latency;
}

void sim_disk_lose_power(struct sim_machine *machine, uint32_t keep_permille)
{
    struct sim_disk *disk = machine->disk;
    struct prng *prng = &machine->sim->disk_prng;
    uint32_t kept_count = disk->change_count;

    if (keep_permille == 0) {
        kept_count = 0;
    } else if (keep_permille < 1000) {
        kept_count = (uint32_t)prng_below(prng, disk->change_count + 1);
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (i < kept_count) {
            sim_change_apply(disk, &disk->changes[i]);
        }
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        sim_change_free(disk, &disk->changes[i]);
    }
    disk->change_count = 0;
    /* Names in a directory that is lost are lost. */
    for (uint32_t i = 0; i < disk->durable.count;) {
        if (sim_path_has_parent(&disk->durable, disk->durable.list[i].path)) {
            i++;
        } else {
            sim_names_remove(disk, &disk->durable, disk->durable.list[i].path);
            i = 0;
        }
    }
    names_clear(disk, &disk->names);
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        sim_names_put(disk, &disk->names, disk->durable.list[i].path, disk->durable.list[i].inode);
        inode_lose_power(disk, disk->durable.list[i].inode, prng, keep_permille);
    }
    sim_astray_land(disk);
}
