/* sim_damage.c - damage to synced data: bits and sectors change at rest, or can't be read; a
 * sync is postponed though the disk reports it as done; a write goes to another place. The last
 * two show only after a power loss, because until then the page cache has the right data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/world/sim_disk.h"

/* --- rot ---------------------------------------------------------------------------------- */

void sim_rot_draw(struct sim_machine *machine, struct sim_rot *ret_rot)
{
    const struct sim_names *names = &machine->disk->names;
    struct prng *prng = &machine->sim->disk_prng;

    *ret_rot = (struct sim_rot){.offset = 0};
    for (uint32_t i = 0; i < names->count; i++) {
        uint64_t size = names->list[i].inode->size;

        /* Each file has the same chance. */
        if (size > 0 && prng_chance(prng, 1, i + 1)) {
            snprintf(ret_rot->path, sizeof ret_rot->path, "%s", names->list[i].path);
            ret_rot->offset = prng_below(prng, size);
            ret_rot->mask = (uint8_t)(1u << prng_below(prng, 8));
        }
    }
}

void sim_rot_flip(struct sim_machine *machine, const struct sim_rot *rot)
{
    struct sim_inode *inode = sim_names_find(&machine->disk->names, rot->path);

    CHECK(machine->process == NULL);
    if (inode == NULL || rot->offset >= inode->size) {
        return; /* The victim's file was deleted. */
    }
    inode->data[rot->offset] = (char)(inode->data[rot->offset] ^ (char)rot->mask);
    sim_trace(machine->sim, machine->name, "disk rot in %s at %llu", rot->path,
              (unsigned long long)rot->offset);
}

static bool is_zero(const char *sector)
{
    return sector[0] == 0 && memcmp(sector, sector + 1, SIM_SECTOR_BYTES - 1) == 0;
}

/* Draws a sector of the file that is not all zeros. Most of the important data is near the
 * beginning, and the newest near the end. False: none was found by chance. */
static bool draw_sector(const struct sim_inode *inode, struct prng *prng, uint64_t *ret_sector)
{
    enum { NEAR = 6 };
    uint64_t count = inode->size / SIM_SECTOR_BYTES;
    uint64_t where = prng_below(prng, 3);
    uint64_t sector = prng_below(prng, where == 0 && count > NEAR ? NEAR : count);

    if (where == 1) {
        while (count > 0 && is_zero(inode->data + (count - 1) * SIM_SECTOR_BYTES)) {
            count--;
        }
        sector = count - prng_below(prng, count < NEAR ? count : NEAR) - 1;
    }
    *ret_sector = sector;
    return count > 0 && !is_zero(inode->data + sector * SIM_SECTOR_BYTES);
}

void sim_rot_draw_used(struct sim_machine *machine, struct prng *prng, struct sim_rot *ret_rot)
{
    const struct sim_names *names = &machine->disk->names;

    *ret_rot = (struct sim_rot){.offset = 0};
    for (int tries = 0; tries < 64 && names->count > 0 && ret_rot->path[0] == '\0'; tries++) {
        const struct sim_name *name = &names->list[prng_below(prng, names->count)];
        uint64_t sector;

        if (draw_sector(name->inode, prng, &sector)) {
            snprintf(ret_rot->path, sizeof ret_rot->path, "%s", name->path);
            ret_rot->offset = sector * SIM_SECTOR_BYTES + prng_below(prng, SIM_SECTOR_BYTES);
            ret_rot->mask = (uint8_t)(1u << prng_below(prng, 8));
        }
    }
}

static void inode_spoil(struct sim_inode *inode, uint64_t sector)
{
    inode->unreadable =
        memory_resize(inode->unreadable, (inode->unreadable_count + 1) * sizeof(uint64_t));
    inode->unreadable[inode->unreadable_count++] = sector;
}

void sim_rot_strike(struct sim_machine *machine, struct prng *prng, const struct sim_rot *rot,
                    enum sim_rot_kind kind)
{
    static const char *const words[] = {"a bit", "zeros", "garbage", "unreadable"};
    struct sim_inode *inode = sim_names_find(&machine->disk->names, rot->path);

    CHECK(machine->process == NULL || kind == SIM_ROT_UNREADABLE);
    if (inode == NULL || rot->offset >= inode->size) {
        return;
    }
    uint64_t sector = rot->offset / SIM_SECTOR_BYTES;
    char *bytes = inode->data + sector * SIM_SECTOR_BYTES;

    if (kind == SIM_ROT_BIT) {
        inode->data[rot->offset] = (char)(inode->data[rot->offset] ^ (char)rot->mask);
    } else if (kind == SIM_ROT_UNREADABLE) {
        inode_spoil(inode, sector);
    } else {
        for (uint32_t i = 0; i < SIM_SECTOR_BYTES; i++) {
            bytes[i] = kind == SIM_ROT_ZEROS ? 0 : (char)prng_next(prng);
        }
    }
    sim_note(machine->sim, rot->offset);
    sim_trace(machine->sim, machine->name, "disk rot (%s) in %s at %llu", words[kind], rot->path,
              (unsigned long long)rot->offset);
}

/* --- lies --------------------------------------------------------------------------------- */

void sim_set_lying(struct sim_machine *machine, bool is_lying)
{
    if (machine->disk->is_lying != is_lying) {
        sim_trace(machine->sim, machine->name, "disk %s", is_lying ? "begins to lie" : "is honest");
    }
    machine->disk->is_lying = is_lying;
}

void sim_misdirect_next_write(struct sim_machine *machine, bool is_wanted)
{
    machine->disk->is_misdirecting = is_wanted;
}

bool sim_disk_has_lied(const struct sim_machine *machine)
{
    const struct sim_disk *disk = machine->disk;

    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (disk->changes[i].is_claimed) {
            return true;
        }
    }
    for (uint32_t i = 0; i < disk->names.count; i++) {
        if (sim_inode_has_lied(disk->names.list[i].inode)) {
            return true;
        }
    }
    return disk->astray.victim != NULL;
}

void sim_disk_come_clean(struct sim_machine *machine)
{
    struct sim_disk *disk = machine->disk;
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < disk->names.count; i++) {
        sim_inode_come_clean(disk->names.list[i].inode);
    }
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        sim_inode_come_clean(disk->durable.list[i].inode);
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (disk->changes[i].is_claimed) {
            sim_change_apply(disk, &disk->changes[i]);
            sim_change_free(disk, &disk->changes[i]);
        } else {
            disk->changes[kept_count++] = disk->changes[i];
        }
    }
    disk->change_count = kept_count;
    sim_astray_drop(disk);
}

/* --- writes that go astray ------------------------------------------------------------------ */

void sim_astray_drop(struct sim_disk *disk)
{
    if (disk->astray.victim != NULL) {
        sim_inode_release(disk, disk->astray.victim);
        free(disk->astray.data);
    }
    disk->astray = (struct sim_astray){.victim = NULL};
}

void sim_astray_take(struct sim_machine *machine, struct sim_inode *inode, uint64_t offset,
                     const void *data, uint64_t size)
{
    struct sim_disk *disk = machine->disk;
    struct prng *prng = &machine->sim->disk_prng;
    struct sim_inode *victim = disk->names.list[prng_below(prng, disk->names.count)].inode;
    uint64_t at;

    if (offset % SIM_SECTOR_BYTES != 0 || size < SIM_SECTOR_BYTES || size % SIM_SECTOR_BYTES != 0 ||
        victim->size < size) {
        return; /* Maybe the next one. */
    }
    at = prng_below(prng, (victim->size - size) / SIM_SECTOR_BYTES + 1) * SIM_SECTOR_BYTES;
    if (victim == inode && at < offset + size && offset < at + size) {
        return;
    }
    disk->is_misdirecting = false;
    sim_astray_drop(disk);
    disk->astray = (struct sim_astray){
        .victim = victim, .offset = at, .size = size, .data = memory_copy(data, size)};
    victim->references++;
    for (uint64_t s = offset / SIM_SECTOR_BYTES; s < (offset + size) / SIM_SECTOR_BYTES; s++) {
        if (inode->saved_of[s] != 0) {
            inode->saved[inode->saved_of[s] - 1].is_astray = true;
        }
    }
    sim_trace(machine->sim, machine->name, "disk write at %llu goes astray",
              (unsigned long long)offset);
}

void sim_astray_land(struct sim_disk *disk)
{
    const struct sim_astray *astray = &disk->astray;

    if (astray->victim != NULL && astray->offset + astray->size <= astray->victim->size) {
        memcpy(astray->victim->data + astray->offset, astray->data, astray->size);
    }
    sim_astray_drop(disk);
}
