/* buffer.h - a growable byte buffer with a read position. Bytes are appended at the end and
 * consumed at the front. Consumed room is reused when the buffer needs to grow, so a steady flow
 * does not allocate. */
#ifndef RAKIT_BASE_BUFFER_H
#define RAKIT_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buffer {
    char *data;      /* Owned; NULL until something is stored. */
    size_t start;    /* First byte not yet consumed. */
    size_t end;      /* One past the last byte. */
    size_t capacity; /* Bytes at `data`. */
};

static inline size_t buffer_size(const struct buffer *b)
{
    return b->end - b->start;
}

/* NULL if nothing was ever stored: C17 allows no offset to a null pointer, not even 0. */
static inline char *buffer_begin(const struct buffer *b)
{
    return b->data == NULL ? NULL : b->data + b->start;
}

static inline struct slice buffer_slice(const struct buffer *b)
{
    return slice_of(b->data == NULL ? "" : b->data + b->start, b->end - b->start);
}

/* A zeroed struct is an empty buffer too. */
void buffer_init(struct buffer *b);
void buffer_deinit(struct buffer *b);

/* Makes room for `size` more bytes at the end and returns where they go. Call buffer_commit()
 * with the number of bytes written. */
char *buffer_reserve(struct buffer *b, size_t size);
void buffer_commit(struct buffer *b, size_t size);

void buffer_append(struct buffer *b, const void *data, size_t size);
void buffer_append_slice(struct buffer *b, struct slice s);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `size` bytes. */
void buffer_consume(struct buffer *b, size_t size);
/* Drops everything and keeps the memory. */
void buffer_clear(struct buffer *b);
/* Drops everything and frees memory beyond `keep_bytes`. */
void buffer_trim(struct buffer *b, size_t keep_bytes);

#endif /* RAKIT_BASE_BUFFER_H */
