/* slice.h - borrowed bytes: a pointer and a length. */
#ifndef RAKIT_BASE_SLICE_H
#define RAKIT_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data;
    size_t size; /* In bytes. `data` may be NULL only if this is 0. */
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

static inline struct slice slice_str(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Compares with a C string, ignoring the case of ASCII letters. */
static inline bool slice_is(struct slice a, const char *word)
{
    return strlen(word) == a.size && strncasecmp(a.data, word, a.size) == 0;
}

#endif /* RAKIT_BASE_SLICE_H */
