#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { BUFFER_FIRST_BYTES = 512 };

void buffer_init(struct buffer *b)
{
    *b = (struct buffer){0};
}

void buffer_deinit(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

/* Many megabytes would take long to copy. At the start, the system moves their pages. */
static void move(struct buffer *b, size_t capacity)
{
    size_t used = buffer_size(b);

    if (b->data != NULL && b->start == 0) {
        b->data = memory_resize(b->data, capacity);
    } else {
        char *data = memory_take(capacity);

        if (b->data != NULL) {
            memcpy(data, b->data + b->start, used);
        }
        free(b->data);
        b->data = data;
    }
    b->capacity = capacity;
}

static void grow(struct buffer *b, size_t size)
{
    size_t used = buffer_size(b);
    size_t wanted = used + size;

    CHECK(wanted >= size);
    /* Moving pays only if it frees at least as much as it copies. */
    if (b->data != NULL && wanted <= b->capacity && b->start >= used) {
        memmove(b->data, b->data + b->start, used);
    } else {
        size_t capacity = b->capacity > 0 ? b->capacity : BUFFER_FIRST_BYTES;

        while (capacity < wanted) {
            capacity += capacity / 2;
        }

        move(b, capacity);
    }
    b->start = 0;
    b->end = used;
}

char *buffer_reserve(struct buffer *b, size_t size)
{
    if (b->start == b->end) {
        b->start = 0;
        b->end = 0;
    }
    if (b->capacity - b->end < size || b->data == NULL) {
        grow(b, size);
    }
    return b->data + b->end;
}

void buffer_commit(struct buffer *b, size_t size)
{
    CHECK(size <= b->capacity - b->end);
    b->end += size;
}

void buffer_append(struct buffer *b, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(buffer_reserve(b, size), data, size);
        b->end += size;
    }
}

void buffer_append_slice(struct buffer *b, struct slice s)
{
    buffer_append(b, s.data, s.size);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list arguments;
    va_list again;
    size_t room = b->capacity - b->end;

    va_start(arguments, format);
    va_copy(again, arguments);

    int size = vsnprintf(b->data == NULL ? NULL : b->data + b->end, room, format, arguments);

    CHECK(size >= 0);
    if ((size_t)size >= room) {
        vsnprintf(buffer_reserve(b, (size_t)size + 1), (size_t)size + 1, format, again);
    }
    b->end += (size_t)size;
    va_end(again);
    va_end(arguments);
}

void buffer_consume(struct buffer *b, size_t size)
{
    CHECK(size <= buffer_size(b));
    b->start += size;
}

void buffer_clear(struct buffer *b)
{
    b->start = 0;
    b->end = 0;
}

void buffer_trim(struct buffer *b, size_t keep_bytes)
{
    if (b->capacity > keep_bytes) {
        buffer_deinit(b);
    } else {
        buffer_clear(b);
    }
}
