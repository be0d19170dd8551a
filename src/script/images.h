/* images.h - copies of the arena as it was after something was compiled, which save compiling it
 * again. They are this node's own: taking one gives the same bytes as compiling does, and only the
 * very same text takes it, so it makes no difference which ones are there. */
#ifndef RAKIT_SCRIPT_IMAGES_H
#define RAKIT_SCRIPT_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "script/arena.h"
#include "script/sha1.h"

/* What a text was taken for. */
enum image_kind { IMAGE_SCRIPT, IMAGE_LIBRARY };

enum {
    IMAGES_MAX = 32,
    IMAGE_BYTES_MAX = 4 * 1024 * 1024,   /* Larger ones are not kept, */
    IMAGES_BYTES_MAX = 24 * 1024 * 1024, /* and of all others the newest. */
};

struct image {
    enum image_kind kind;
    char *text;
    size_t text_size;
    char sha[SHA1_DIGITS]; /* Of the text of a script. */
    bool has_sha;
    void *bytes; /* NULL: there is none. */
    size_t size;
};

struct images {
    struct image pristine; /* Nothing compiled. */
    struct image kept[IMAGES_MAX];
    uint32_t next;
    size_t bytes; /* Of all that are kept. */
};

void images_save_pristine(struct images *images, const struct arena *arena);
void images_take_pristine(const struct images *images, struct arena *arena);
/* The oldest ones make room. */
void images_save(struct images *images, enum image_kind kind, struct slice text,
                 const struct arena *arena);
/* False: there is none, and the arena is as it was. */
bool images_take(struct images *images, enum image_kind kind, struct slice text,
                 struct arena *arena);

/* The SHA-1 of a script, which is known if it was compiled lately. */
void images_sha(struct images *images, struct slice text, char *ret_sha);

#endif /* RAKIT_SCRIPT_IMAGES_H */
