#include "power_loss.h"

#include <string.h>

#include "base/check.h"
#include "sim/world/sim_disk.h"

enum { INODES_MAX = 256 };

/* All files that may have a name after a power loss. */
struct inodes {
    struct sim_inode *list[INODES_MAX];
    bool is_temporary[INODES_MAX]; /* All their names are temporary. */
    uint32_t count;
};

static bool is_temporary_name(const char *path)
{
    size_t size = strlen(path);

    return size > 4 && strcmp(path + size - 4, ".tmp") == 0;
}

static void note_inode(struct inodes *inodes, struct sim_inode *inode, const char *path)
{
    uint32_t i = 0;

    while (i < inodes->count && inodes->list[i] != inode) {
        i++;
    }
    if (i == inodes->count) {
        CHECK(i < INODES_MAX);
        inodes->list[inodes->count++] = inode;
        inodes->is_temporary[i] = true;
    }
    inodes->is_temporary[i] &= is_temporary_name(path);
}

static void find_inodes(const struct sim_disk *disk, struct inodes *inodes)
{
    inodes->count = 0;
    for (uint32_t i = 0; i < disk->durable.count; i++) {
        note_inode(inodes, disk->durable.list[i].inode, disk->durable.list[i].path);
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (disk->changes[i].inode != NULL) {
            note_inode(inodes, disk->changes[i].inode, disk->changes[i].path);
        }
    }
}

void power_loss_survey(struct sim_machine *machine, struct power_loss *ret_loss)
{
    const struct sim_disk *disk = machine->disk;
    struct power_loss loss = {.change_count = disk->change_count};
    struct inodes inodes;

    find_inodes(disk, &inodes);
    for (uint32_t i = 0; i < inodes.count; i++) {
        const struct sim_inode *inode = inodes.list[i];

        if (!inodes.is_temporary[i]) {
            loss.bit_count += inode->saved_count + (inode->size != inode->durable_size);
        }
    }
    loss.is_sample = loss.bit_count > POWER_LOSS_BITS;
    loss.count =
        loss.is_sample ? POWER_LOSS_SAMPLE : (uint64_t)(loss.change_count + 1) << loss.bit_count;
    *ret_loss = loss;
}

/* Whether the next sector or size is kept. */
struct fate {
    bool is_exhaustive;
    uint64_t bits;
    struct prng prng;
    uint64_t keep_permille;
};

static bool is_kept(struct fate *fate, bool is_temporary)
{
    if (is_temporary) {
        return prng_chance(&fate->prng, 1, 2);
    }
    if (!fate->is_exhaustive) {
        return prng_chance(&fate->prng, fate->keep_permille, 1000);
    }

    bool is_kept = (fate->bits & 1) != 0;

    fate->bits >>= 1;
    return is_kept;
}

static void strike_inode(struct sim_disk *disk, struct sim_inode *inode, bool is_temporary,
                         struct fate *fate)
{
    for (uint32_t i = 0; i < inode->saved_count; i++) {
        const struct sim_saved *saved = &inode->saved[i];

        if (!is_kept(fate, is_temporary)) {
            memcpy(inode->data + saved->sector * SIM_SECTOR_BYTES, saved->content,
                   SIM_SECTOR_BYTES);
        }
    }
    if (inode->size != inode->durable_size && !is_kept(fate, is_temporary)) {
        /* Wraps to the right result if the file shrinks. */
        disk->used_bytes += inode->durable_size - inode->size;
        inode->size = inode->durable_size;
    }
    memset(inode->data + inode->size, 0, inode->capacity - inode->size);
    sim_inode_sync(inode); /* The present content is the durable content. */
}

void power_loss_strike(struct sim_machine *machine, const struct power_loss *loss, uint64_t number)
{
    static const uint64_t keeps[] = {500, 900, 100, 500};
    struct sim_disk *disk = machine->disk;
    struct fate fate = {.is_exhaustive = !loss->is_sample,
                        .bits = number,
                        .prng = {.state = number},
                        .keep_permille = number == 0   ? 0
                                         : number == 1 ? 1000
                                                       : keeps[number % 4]};
    uint64_t kept_changes = loss->is_sample ? prng_below(&fate.prng, loss->change_count + 1)
                                            : number >> loss->bit_count;
    struct inodes inodes;

    CHECK(number < loss->count);
    CHECK(disk->change_count == loss->change_count);
    if (loss->is_sample && number < 2) {
        kept_changes = number * loss->change_count;
    }
    find_inodes(disk, &inodes);
    for (uint32_t i = 0; i < inodes.count; i++) {
        if (inodes.list[i]->capacity > 0) {
            strike_inode(disk, inodes.list[i], inodes.is_temporary[i], &fate);
        }
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        if (i < kept_changes) {
            sim_change_apply(disk, &disk->changes[i]);
        }
    }
    for (uint32_t i = 0; i < disk->change_count; i++) {
        sim_change_free(disk, &disk->changes[i]);
    }
    disk->change_count = 0;
}

void power_loss_cut(struct io *io)
{
    io->file_operations = UINT64_MAX; /* Any limit is exceeded. */
}
