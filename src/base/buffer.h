/* buffer.h - a growable byte buffer with a read position. Bytes are appended at
 * the end and consumed at the front; consumed room is reused when the buffer
 * next needs to grow, so a steady flow does not allocate. */
#ifndef RAKIT_BASE_BUFFER_H
#define RAKIT_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buffer {
    char *data;      /* Owned; NULL while nothing was ever stored. */
    size_t start;    /* First byte not yet consumed. */
    size_t end;      /* One past the last byte. */
    size_t capacity; /* Bytes at `data`. */
};

static inline size_t buffer_size(const struct buffer *b)
{
    return b->end - b->start;
}

static inline char *buffer_begin(const struct buffer *b)
{
    return b->data + b->start;
}

static inline struct slice buffer_slice(const struct buffer *b)
{
    return slice_of(b->data == NULL ? "" : b->data + b->start, b->end - b->start);
}

/* A zeroed struct is an empty buffer too. */
void buffer_init(struct buffer *b);
void buffer_deinit(struct buffer *b);

/* Makes room for `size` more bytes behind the end and returns where they go.
 * buffer_commit() then says how many were written. */
char *buffer_reserve(struct buffer *b, size_t size);
void buffer_commit(struct buffer *b, size_t size);

void buffer_append(struct buffer *b, const void *data, size_t size);
void buffer_append_slice(struct buffer *b, struct slice s);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the first `size` bytes. */
void buffer_consume(struct buffer *b, size_t size);
/* Forgets everything and keeps the memory. */
void buffer_clear(struct buffer *b);
/* Forgets everything and gives memory beyond `keep_bytes` back. */
void buffer_trim(struct buffer *b, size_t keep_bytes);

#endif /* RAKIT_BASE_BUFFER_H */
