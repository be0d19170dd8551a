/* snapshot_state.c - see snapshot_state.h. */
#include "replica/snapshot_state.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mutant.h"
#include "cluster/level.h"
#include "store/basics.h"

enum { INDEX_BYTES = 8, LEVEL_BYTES = 4, DIGEST_BYTES = 8 };

void snapshot_encode_members(struct buffer *out, const struct membership *members)
{
    struct entry *e = membership_encode(members);

    put_u64(buffer_reserve(out, INDEX_BYTES), members->index);
    buffer_commit(out, INDEX_BYTES);
    buffer_append_slice(out, entry_payload(e));
    entry_release(e);
}

void snapshot_encode_level(struct buffer *out, uint32_t level)
{
    put_u32(buffer_reserve(out, LEVEL_BYTES), level);
    buffer_commit(out, LEVEL_BYTES);
}

void snapshot_encode_digest(struct buffer *out, uint64_t digest)
{
    put_u64(buffer_reserve(out, DIGEST_BYTES), digest);
    buffer_commit(out, DIGEST_BYTES);
}

/* --- reading back -------------------------------------------------------------------- */

void loaded_state_init(struct loaded_state *l, uint64_t hash_seed)
{
    *l = (struct loaded_state){.keyspace = keyspace_new(hash_seed)};
    l->loader = keyspace_loader_new(l->keyspace);
}

void loaded_state_deinit(struct loaded_state *l)
{
    keyspace_loader_free(l->loader);
    if (l->keyspace != NULL) {
        keyspace_free(l->keyspace);
    }
    membership_free(l->members);
    *l = (struct loaded_state){0};
}

void loaded_state_expect(struct loaded_state *l, uint64_t bytes)
{
    keyspace_loader_expect(l->loader, bytes);
}

static bool take_members(struct loaded_state *l, struct slice content)
{
    if (l->members != NULL || content.size < INDEX_BYTES) {
        return false;
    }
    l->members =
        membership_decode(slice_of(content.data + INDEX_BYTES, content.size - INDEX_BYTES));
    if (l->members != NULL) {
        l->members->index = get_u64(content.data);
    }
    return l->members != NULL;
}

static bool take_level(struct loaded_state *l, struct slice content)
{
    if (l->level != 0 || content.size != LEVEL_BYTES || get_u32(content.data) < LEVEL_FIRST) {
        return false;
    }
    l->level = get_u32(content.data);
    return true;
}

static bool take_digest(struct loaded_state *l, struct slice content)
{
    if (l->has_digest || content.size != DIGEST_BYTES) {
        return false;
    }
    l->has_digest = true;
    l->digest = get_u64(content.data);
    return true;
}

static bool take_items(struct loaded_state *l, struct slice content)
{
    return keyspace_loader_take(l->loader, content);
}

static const struct {
    const char *name;
    bool (*take)(struct loaded_state *l, struct slice content);
} sections[] = {
    {SNAPSHOT_MEMBERS, take_members},
    {SNAPSHOT_LEVEL, take_level},
    {SNAPSHOT_DIGEST, take_digest},
    {SNAPSHOT_ITEMS, take_items},
};

int loaded_state_take(struct loaded_state *l, const struct snapshot_chunk *chunk)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (strcmp(chunk->section, sections[i].name) == 0) {
            return sections[i].take(l, chunk->content) ? 0 : STORE_EDAMAGED;
        }
    }
    return chunk->is_optional || MUTANT(unknown_section_skipped) ? 0 : STORE_EFORMAT;
}

/* A log with such an entry would be refused, too. */
static bool is_sound(const struct membership *m, uint64_t index)
{
    bool has_voter = false;

    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        has_voter = has_voter || m->configuration.members[i].incoming;
    }
    return has_voter && m->index > 0 && m->index <= index;
}

bool loaded_state_finish(struct loaded_state *l, const struct store_snapshot *snapshot)
{
    if (!keyspace_loader_finish(l->loader) || l->members == NULL || l->level == 0 ||
        !l->has_digest || !(is_sound(l->members, snapshot->index) || MUTANT(any_members_loaded))) {
        return false;
    }
    keyspace_advance_time(l->keyspace, snapshot->time_us);
    return keyspace_digest(l->keyspace) == l->digest || MUTANT(snapshot_digest_ignored);
}
