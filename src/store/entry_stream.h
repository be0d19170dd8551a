/* entry_stream.h - entries of the log as one string of bytes, for backups: records, one behind the
 * other, which may be split anywhere (docs/DISK_FORMAT.md, "Archives"). */
#ifndef RAKIT_STORE_ENTRY_STREAM_H
#define RAKIT_STORE_ENTRY_STREAM_H

#include "base/buffer.h"
#include "store/basics.h"
#include "store/entry.h"

enum { ENTRY_RECORD_HEAD = 32 };

/* The size of an entry's record. */
static inline uint64_t entry_record_bytes(const struct entry *e)
{
    return ENTRY_RECORD_HEAD + (uint64_t)e->size;
}

/* Appends bytes of the entry's record, from `offset` on, `max` at the most. Returns how many. */
uint64_t entry_record_put(struct buffer *out, const struct entry *e, uint64_t offset, uint64_t max);

/* Reads such a string. */
struct entry_stream {
    struct store_origin last; /* The last entry that was complete. */
    uint64_t offset;          /* How many bytes of the next one's record there were. */
    /* Called with each entry, borrowed. Not 0: reading stops with that. NULL: payloads are passed
     * over. */
    int (*each)(void *context, struct entry *e);
    void *context;
    /* Private. */
    char head[ENTRY_RECORD_HEAD];
    struct entry *entry; /* Arriving, if there is `each`. */
};

/* The first entry must be the one after that. */
void entry_stream_init(struct entry_stream *s, const struct store_origin *after);
void entry_stream_deinit(struct entry_stream *s);
/* 0; -EBADMSG: these can't be entries that follow each other; or what `each` returned. A declared
 * size is compared with its bound before memory is taken for it. */
int entry_stream_take(struct entry_stream *s, struct slice bytes);

#endif /* RAKIT_STORE_ENTRY_STREAM_H */
