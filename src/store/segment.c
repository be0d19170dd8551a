#include "store/segment.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"

/* Offsets in a batch's head; docs/DISK_FORMAT.md, "Batch". */
enum {
    AT_MAGIC = 0,
    AT_CHECKSUM = 8, /* Covers everything after it, up to the end of the table. */
    AT_HEAD_BYTES = 16,
    AT_ENTRY_COUNT = 20,
    AT_CLUSTER = 24,
    AT_NODE = 32,
    AT_SEGMENT = 40,
    AT_OFFSET = 48,
    AT_BATCH_BYTES = 56,
    AT_NUMBER = 64,
    AT_JOB = 72,
    AT_SYNCED_BATCH = 80,
    AT_PREVIOUS_CHECKSUM = 88,
    AT_VOTE_GENERATION = 96,
    AT_COMMIT_INDEX = 104,
    AT_TRUNCATE_FROM = 112,
    AT_FIRST_INDEX = 120,
};
_Static_assert(AT_FIRST_INDEX + 8 == BATCH_HEAD_BYTES, "the head is full");

void segment_head_encode(char *sector, const struct store_identity *identity,
                         const struct segment_head *head)
{
    head_init(sector, MAGIC_SEGMENT, identity);
    put_u64(sector + HEAD_FIELDS_AT, head->number);
    put_u64(sector + HEAD_FIELDS_AT + 8, head->bytes);
    put_u64(sector + HEAD_FIELDS_AT + 16, head->salt);
    put_u64(sector + HEAD_FIELDS_AT + 24, head->reused);
    head_seal(sector);
}

void segment_head_decode(const char *sector, struct segment_head *ret_head)
{
    ret_head->number = get_u64(sector + HEAD_FIELDS_AT);
    ret_head->bytes = get_u64(sector + HEAD_FIELDS_AT + 8);
    ret_head->salt = get_u64(sector + HEAD_FIELDS_AT + 16);
    ret_head->reused = get_u64(sector + HEAD_FIELDS_AT + 24);
}

uint64_t batch_head_bytes(uint32_t entry_count)
{
    return sectors_round_up(BATCH_HEAD_BYTES + (uint64_t)BATCH_IDENTITY_BYTES * entry_count);
}

uint64_t record_bytes(uint32_t size)
{
    return (RECORD_HEAD_BYTES + (uint64_t)size + 7) / 8 * 8;
}

uint64_t batch_bytes_of_one(uint32_t size)
{
    return batch_head_bytes(1) + sectors_round_up(record_bytes(size));
}

/* Binds a payload to its identity: the same bytes elsewhere have another checksum. */
static uint64_t payload_checksum(const struct batch_place *place, const struct entry_identity *id,
                                 const char *payload)
{
    char bound[48];

    put_u64(bound, place->identity.cluster_id);
    put_u64(bound + 8, place->segment);
    put_u64(bound + 16, id->index);
    put_u64(bound + 24, id->term);
    put_u64(bound + 32, id->time_us);
    put_u32(bound + 40, id->size);
    put_u32(bound + 44, id->kind);
    return checksum_seeded(payload, id->size, checksum_seeded(bound, sizeof bound, place->salt));
}

static void record_encode(char *to, const struct entry_identity *id)
{
    put_u64(to, id->index);
    put_u64(to + 8, id->term);
    put_u64(to + 16, id->time_us);
    put_u64(to + 24, id->checksum);
    put_u32(to + 32, id->size);
    put_u32(to + 36, id->kind);
}

static void identity_encode(char *to, const struct entry_identity *id)
{
    put_u64(to, id->term);
    put_u64(to + 8, id->time_us);
    put_u64(to + 16, id->checksum);
    put_u32(to + 24, id->offset);
    put_u32(to + 28, id->size);
    put_u64(to + 32, id->kind);
}

static void head_encode(char *to, struct batch_head *head, const struct batch_place *place)
{
    uint32_t head_bytes = BATCH_HEAD_BYTES + BATCH_IDENTITY_BYTES * head->entry_count;

    memcpy(to + AT_MAGIC, MAGIC_BATCH, 8);
    put_u32(to + AT_HEAD_BYTES, head_bytes);
    put_u32(to + AT_ENTRY_COUNT, head->entry_count);
    put_u64(to + AT_CLUSTER, place->identity.cluster_id);
    put_u64(to + AT_NODE, place->identity.node_id);
    put_u64(to + AT_SEGMENT, place->segment);
    put_u64(to + AT_OFFSET, place->offset);
    put_u64(to + AT_BATCH_BYTES, head->batch_bytes);
    put_u64(to + AT_NUMBER, head->number);
    put_u64(to + AT_JOB, head->job);
    put_u64(to + AT_SYNCED_BATCH, head->synced_batch);
    put_u64(to + AT_PREVIOUS_CHECKSUM, head->previous_checksum);
    put_u64(to + AT_VOTE_GENERATION, head->vote_generation);
    put_u64(to + AT_COMMIT_INDEX, head->commit_index);
    put_u64(to + AT_TRUNCATE_FROM, head->truncate_from);
    put_u64(to + AT_FIRST_INDEX, head->first_index);
    head->checksum = checksum_seeded(to + AT_HEAD_BYTES, head_bytes - AT_HEAD_BYTES, place->salt);
    put_u64(to + AT_CHECKSUM, head->checksum);
}

uint64_t batch_encode(char *to, struct batch_head *head, const struct batch_place *place,
                      struct entry *const *entries, bool without_body)
{
    uint64_t table_end = BATCH_HEAD_BYTES + (uint64_t)BATCH_IDENTITY_BYTES * head->entry_count;
    uint64_t at = batch_head_bytes(head->entry_count);

    CHECK(head->entry_count <= BATCH_ENTRIES_MAX);
    CHECK(!without_body || head->entry_count == 1);
    memset(to + table_end, 0, at - table_end);
    for (uint32_t i = 0; i < head->entry_count; i++) {
        const struct entry *e = entries[i];
        struct entry_identity id = {
            .index = e->index,
            .term = e->term,
            .time_us = e->time_us,
            .offset = (uint32_t)at,
            .size = e->size,
            .kind = e->kind,
        };

        id.checksum = payload_checksum(place, &id, e->data);
        CHECK(e->index == head->first_index + i);
        identity_encode(to + BATCH_HEAD_BYTES + (uint64_t)BATCH_IDENTITY_BYTES * i, &id);
        record_encode(to + at, &id);
        if (!without_body) {
            uint64_t end = at + RECORD_HEAD_BYTES + e->size;

            memcpy(to + at + RECORD_HEAD_BYTES, e->data, e->size);
            memset(to + end, 0, at + record_bytes(e->size) - end);
        }
        at += record_bytes(e->size);
    }
    head->batch_bytes = sectors_round_up(at);
    head_encode(to, head, place);
    if (without_body) {
        return batch_head_bytes(1) + RECORD_HEAD_BYTES;
    }
    memset(to + at, 0, head->batch_bytes - at);
    return head->batch_bytes;
}

uint64_t batch_head_expect(const char *data)
{
    uint32_t count = get_u32(data + AT_ENTRY_COUNT);
    uint64_t bytes = BATCH_HEAD_BYTES + (uint64_t)BATCH_IDENTITY_BYTES * count;

    if (memcmp(data, MAGIC_BATCH, 8) != 0 || count > BATCH_ENTRIES_MAX ||
        get_u32(data + AT_HEAD_BYTES) != bytes) {
        return 0;
    }
    return bytes;
}

void batch_head_claims(const char *data, uint64_t *ret_segment, uint64_t *ret_offset)
{
    *ret_segment = get_u64(data + AT_SEGMENT);
    *ret_offset = get_u64(data + AT_OFFSET);
}

bool batch_head_decode(const char *data, const struct batch_place *place,
                       struct batch_head *ret_head)
{
    uint64_t head_bytes = batch_head_expect(data);

    if (head_bytes == 0) {
        return false;
    }
    bool is_whole = get_u64(data + AT_CHECKSUM) ==
                    checksum_seeded(data + AT_HEAD_BYTES, head_bytes - AT_HEAD_BYTES, place->salt);
    bool is_in_place = get_u64(data + AT_CLUSTER) == place->identity.cluster_id &&
                       get_u64(data + AT_NODE) == place->identity.node_id &&
                       get_u64(data + AT_SEGMENT) == place->segment &&
                       get_u64(data + AT_OFFSET) == place->offset;

    if (!(is_whole || MUTANT(batch_checksum_ignored)) || !is_in_place) {
        return false;
    }
    ret_head->checksum = get_u64(data + AT_CHECKSUM);
    ret_head->entry_count = get_u32(data + AT_ENTRY_COUNT);
    ret_head->batch_bytes = get_u64(data + AT_BATCH_BYTES);
    ret_head->number = get_u64(data + AT_NUMBER);
    ret_head->job = get_u64(data + AT_JOB);
    ret_head->synced_batch = get_u64(data + AT_SYNCED_BATCH);
    ret_head->previous_checksum = get_u64(data + AT_PREVIOUS_CHECKSUM);
    ret_head->vote_generation = get_u64(data + AT_VOTE_GENERATION);
    ret_head->commit_index = get_u64(data + AT_COMMIT_INDEX);
    ret_head->truncate_from = get_u64(data + AT_TRUNCATE_FROM);
    ret_head->first_index = get_u64(data + AT_FIRST_INDEX);
    return true;
}

void batch_identity_at(const char *data, const struct batch_head *head, uint32_t i,
                       struct entry_identity *ret_identity)
{
    const char *row = data + BATCH_HEAD_BYTES + (uint64_t)BATCH_IDENTITY_BYTES * i;

    CHECK(i < head->entry_count);
    ret_identity->index = head->first_index + i;
    ret_identity->term = get_u64(row);
    ret_identity->time_us = get_u64(row + 8);
    ret_identity->checksum = get_u64(row + 16);
    ret_identity->offset = get_u32(row + 24);
    ret_identity->size = get_u32(row + 28);
    ret_identity->kind = (uint8_t)get_u32(row + 32);
}

struct slice batch_payload(const char *data, const struct batch_head *head,
                           const struct batch_place *place, const struct entry_identity *identity)
{
    const char *record = data + identity->offset;
    char expected[RECORD_HEAD_BYTES];

    if (identity->size > ENTRY_BYTES_MAX ||
        identity->offset + record_bytes(identity->size) > head->batch_bytes) {
        return slice_of(NULL, 0);
    }
    record_encode(expected, identity);
    if (memcmp(record, expected, sizeof expected) != 0) {
        return slice_of(NULL, 0);
    }
    record += RECORD_HEAD_BYTES;
    if (identity->checksum != payload_checksum(place, identity, record) &&
        !MUTANT(payload_checksum_ignored)) {
        return slice_of(NULL, 0);
    }
    return slice_of(record, identity->size);
}
