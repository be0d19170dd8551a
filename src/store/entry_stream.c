#include "store/entry_stream.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mutant.h"

/* Offsets in the head of a record. */
enum { AT_INDEX = 0, AT_TERM = 8, AT_TIME = 16, AT_SIZE = 24, AT_KIND = 28 };

/* --- writing --- */

static void put_range(struct buffer *out, const char *data, uint64_t size, uint64_t *offset,
                      uint64_t *left)
{
    if (*offset >= size) {
        *offset -= size;
        return;
    }

    uint64_t count = size - *offset < *left ? size - *offset : *left;

    buffer_append(out, data + *offset, count);
    *offset = 0;
    *left -= count;
}

uint64_t entry_record_put(struct buffer *out, const struct entry *e, uint64_t offset, uint64_t max)
{
    char head[ENTRY_RECORD_HEAD];
    uint64_t left = max;

    CHECK(offset <= entry_record_bytes(e));
    put_u64(head + AT_INDEX, e->index);
    put_u64(head + AT_TERM, e->term);
    put_u64(head + AT_TIME, e->time_us);
    put_u32(head + AT_SIZE, e->size);
    put_u32(head + AT_KIND, e->kind);
    put_range(out, head, sizeof head, &offset, &left);
    put_range(out, e->data, e->size, &offset, &left);
    return max - left;
}

/* --- reading --- */

void entry_stream_init(struct entry_stream *s, const struct store_origin *after)
{
    *s = (struct entry_stream){.last = *after};
}

void entry_stream_deinit(struct entry_stream *s)
{
    entry_release(s->entry);
    s->entry = NULL;
}

static uint32_t size_of(const struct entry_stream *s)
{
    return get_u32(s->head + AT_SIZE);
}

/* The head is complete. */
static bool is_next(const struct entry_stream *s)
{
    uint64_t time_us = get_u64(s->head + AT_TIME);

    return (get_u64(s->head + AT_INDEX) == s->last.index + 1 || MUTANT(archive_gap_accepted)) &&
           get_u64(s->head + AT_TERM) >= s->last.term && time_us >= s->last.time_us &&
           size_of(s) <= ENTRY_BYTES_MAX && get_u32(s->head + AT_KIND) <= UINT8_MAX;
}

static int begin_entry(struct entry_stream *s)
{
    if (!is_next(s)) {
        return -EBADMSG;
    }
    if (s->each != NULL) {
        s->entry = entry_new((uint8_t)get_u32(s->head + AT_KIND), size_of(s));
        s->entry->index = get_u64(s->head + AT_INDEX);
        s->entry->term = get_u64(s->head + AT_TERM);
        s->entry->time_us = get_u64(s->head + AT_TIME);
    }
    return 0;
}

static int end_entry(struct entry_stream *s)
{
    struct entry *e = s->entry;
    int rv = e == NULL ? 0 : s->each(s->context, e);

    s->last = (struct store_origin){.index = get_u64(s->head + AT_INDEX),
                                    .term = get_u64(s->head + AT_TERM),
                                    .time_us = get_u64(s->head + AT_TIME)};
    s->offset = 0;
    s->entry = NULL;
    entry_release(e);
    return rv;
}

/* Takes bytes off the front of *bytes, up to `size` of the record. */
static struct slice take(struct entry_stream *s, struct slice *bytes, uint64_t size)
{
    uint64_t count = size - s->offset < bytes->size ? size - s->offset : bytes->size;
    struct slice taken = slice_of(bytes->data, count);

    *bytes = slice_of(bytes->data + count, bytes->size - count);
    s->offset += count;
    return taken;
}

static int take_head(struct entry_stream *s, struct slice *bytes)
{
    char *to = s->head + s->offset;
    struct slice taken = take(s, bytes, ENTRY_RECORD_HEAD);

    memcpy(to, taken.data, taken.size);
    return s->offset == ENTRY_RECORD_HEAD ? begin_entry(s) : 0;
}

static void take_payload(struct entry_stream *s, struct slice *bytes)
{
    uint64_t at = s->offset - ENTRY_RECORD_HEAD;
    struct slice taken = take(s, bytes, ENTRY_RECORD_HEAD + (uint64_t)size_of(s));

    if (s->entry != NULL && taken.size > 0) {
        memcpy(s->entry->data + at, taken.data, taken.size);
    }
}

int entry_stream_take(struct entry_stream *s, struct slice bytes)
{
    int rv = 0;

    while (rv == 0 && bytes.size > 0) {
        if (s->offset < ENTRY_RECORD_HEAD) {
            rv = take_head(s, &bytes);
        } else {
            take_payload(s, &bytes);
        }
        if (rv == 0 && s->offset >= ENTRY_RECORD_HEAD &&
            s->offset == ENTRY_RECORD_HEAD + (uint64_t)size_of(s)) {
            rv = end_entry(s);
        }
    }
    return rv;
}
