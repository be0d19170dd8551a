#include "store/snapshot_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"

/* Offsets in the head of a chunk. */
enum {
    AT_CHECKSUM = 8,
    AT_NUMBER = 16,
    AT_PREVIOUS = 24,
    AT_SECTION = 32,
    AT_FLAGS = 40,
    AT_RAW = 44,
    AT_STORED = 48,
};

enum { KNOWN_FLAGS = SNAPSHOT_OPTIONAL | CHUNK_COMPRESSED };

/* --- names --- */

void snapshot_name(char *name, uint64_t index)
{
    snprintf(name, NAME_BYTES_MAX, "snapshot-%016" PRIx64 ".snap", index);
}

void snapshot_path(const char *dir, uint64_t index, char *path)
{
    char name[NAME_BYTES_MAX];

    snapshot_name(name, index);
    store_path(path, dir, name);
}

void snapshot_temporary_path(const char *dir, uint64_t index, char *path)
{
    char name[NAME_BYTES_MAX];

    snprintf(name, sizeof name, "snapshot-%016" PRIx64 ".tmp", index);
    store_path(path, dir, name);
}

bool snapshot_is_possible(const struct store_snapshot *snapshot)
{
    return snapshot->index > 0 && snapshot->term > 0 && snapshot->bytes >= 2 * SECTOR_BYTES &&
           snapshot->bytes % SECTOR_BYTES == 0 && snapshot->bytes >> 48 == 0;
}

static void part_name(char *name, const struct store_snapshot *snapshot)
{
    snprintf(name, NAME_BYTES_MAX, "snapshot-%016" PRIx64 "-%012" PRIx64 "-%016" PRIx64 ".part",
             snapshot->index, snapshot->bytes, snapshot->checksum);
}

void snapshot_part_path(const char *dir, const struct store_snapshot *snapshot, char *path)
{
    char name[NAME_BYTES_MAX];

    part_name(name, snapshot);
    store_path(path, dir, name);
}

struct store_snapshot snapshot_part_of(const char *name)
{
    struct store_snapshot none = {0};
    struct store_snapshot part = {0};
    char again[NAME_BYTES_MAX];
    char *end = NULL;

    if (strncmp(name, "snapshot-", 9) != 0) {
        return none;
    }
    part.index = strtoull(name + 9, &end, 16);
    part.bytes = *end == '-' ? strtoull(end + 1, &end, 16) : 0;
    part.checksum = *end == '-' ? strtoull(end + 1, &end, 16) : 0;
    part_name(again, &part);
    return strcmp(again, name) == 0 ? part : none;
}

uint64_t snapshot_index_of(const char *name)
{
    char again[NAME_BYTES_MAX];
    uint64_t index = 0;

    if (strncmp(name, "snapshot-", 9) != 0) {
        return 0;
    }
    index = strtoull(name + 9, NULL, 16);
    snapshot_name(again, index);
    return strcmp(again, name) == 0 ? index : 0;
}

/* --- the first sector --- */

uint64_t snapshot_head_encode(char *sector, const struct store_identity *identity,
                              const struct store_snapshot *snapshot)
{
    return snapshot_head_encode_as(sector, MAGIC_SNAPSHOT, identity, snapshot);
}

uint64_t snapshot_head_encode_as(char *sector, const char *magic,
                                 const struct store_identity *identity,
                                 const struct store_snapshot *snapshot)
{
    head_init(sector, magic, identity);
    put_u64(sector + HEAD_FIELDS_AT, snapshot->index);
    put_u64(sector + HEAD_FIELDS_AT + 8, snapshot->term);
    put_u64(sector + HEAD_FIELDS_AT + 16, snapshot->time_us);
    head_seal(sector);
    return get_u64(sector + HEAD_CHECKSUM_AT);
}

uint64_t snapshot_head_decode(const char *sector, struct store_snapshot *ret_snapshot)
{
    *ret_snapshot = (struct store_snapshot){
        .index = get_u64(sector + HEAD_FIELDS_AT),
        .term = get_u64(sector + HEAD_FIELDS_AT + 8),
        .time_us = get_u64(sector + HEAD_FIELDS_AT + 16),
    };
    return get_u64(sector + HEAD_CHECKSUM_AT);
}

/* --- chunks --- */

uint64_t chunk_bytes(uint32_t stored_bytes)
{
    return sectors_round_up(CHUNK_HEAD_BYTES + (uint64_t)stored_bytes);
}

static uint64_t chunk_checksum(const char *data, uint32_t stored_bytes)
{
    return checksum(data + AT_NUMBER, CHUNK_HEAD_BYTES - AT_NUMBER + (size_t)stored_bytes);
}

void chunk_encode(char *to, struct chunk_head *head)
{
    size_t used = CHUNK_HEAD_BYTES + (size_t)head->stored_bytes;

    CHECK(strlen(head->section) <= SNAPSHOT_SECTION_MAX);
    memset(to, 0, CHUNK_HEAD_BYTES);
    memset(to + used, 0, chunk_bytes(head->stored_bytes) - used);
    memcpy(to, MAGIC_CHUNK, 8);
    put_u64(to + AT_NUMBER, head->number);
    put_u64(to + AT_PREVIOUS, head->previous);
    memcpy(to + AT_SECTION, head->section, strlen(head->section));
    put_u32(to + AT_FLAGS, head->flags);
    put_u32(to + AT_RAW, head->raw_bytes);
    put_u32(to + AT_STORED, head->stored_bytes);
    head->checksum = chunk_checksum(to, head->stored_bytes);
    put_u64(to + AT_CHECKSUM, head->checksum);
}

bool chunk_head_decode(const char *data, struct chunk_head *ret_head)
{
    if (memcmp(data, MAGIC_CHUNK, 8) != 0) {
        return false;
    }
    *ret_head = (struct chunk_head){
        .number = get_u64(data + AT_NUMBER),
        .previous = get_u64(data + AT_PREVIOUS),
        .checksum = get_u64(data + AT_CHECKSUM),
        .flags = get_u32(data + AT_FLAGS),
        .raw_bytes = get_u32(data + AT_RAW),
        .stored_bytes = get_u32(data + AT_STORED),
    };
    memcpy(ret_head->section, data + AT_SECTION, SNAPSHOT_SECTION_MAX);
    MUTANT_DO(chunk_size_unchecked, return true);
    return (ret_head->flags | KNOWN_FLAGS) == KNOWN_FLAGS &&
           ret_head->raw_bytes <= SNAPSHOT_CHUNK_MAX &&
           ret_head->stored_bytes <= ret_head->raw_bytes;
}

bool chunk_is_good(const char *data, const struct chunk_head *head)
{
    uint64_t end = chunk_bytes(head->stored_bytes);

    if (chunk_checksum(data, head->stored_bytes) != head->checksum &&
        !MUTANT(chunk_checksum_ignored)) {
        return false;
    }
    for (uint64_t i = CHUNK_HEAD_BYTES + (uint64_t)head->stored_bytes; i < end; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

bool chunk_is_end(const struct chunk_head *head)
{
    return strcmp(head->section, SNAPSHOT_END) == 0 && head->flags == 0 &&
           head->stored_bytes == END_BODY_BYTES && head->raw_bytes == END_BODY_BYTES;
}

void totals_encode(char *body, const struct snapshot_totals *totals)
{
    put_u64(body, totals->chunks);
    put_u64(body + 8, totals->raw_bytes);
    put_u64(body + 16, totals->file_bytes);
}

void totals_decode(const char *body, struct snapshot_totals *ret_totals)
{
    *ret_totals = (struct snapshot_totals){
        .chunks = get_u64(body),
        .raw_bytes = get_u64(body + 8),
        .file_bytes = get_u64(body + 16),
    };
}
