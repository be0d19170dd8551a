#include "script/images.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void save(struct image *to, const struct arena *arena)
{
    free(to->bytes);
    to->size = arena->used;
    to->bytes = memory_copy(arena, to->size);
}

static void take(const struct image *from, struct arena *arena)
{
    memcpy(arena, from->bytes, from->size);
}

void images_save_pristine(struct images *images, const struct arena *arena)
{
    save(&images->pristine, arena);
}

void images_take_pristine(const struct images *images, struct arena *arena)
{
    take(&images->pristine, arena);
}

static void drop(struct images *images, struct image *image)
{
    if (image->bytes != NULL) {
        images->bytes -= image->size + image->text_size;
    }
    free(image->text);
    free(image->bytes);
    *image = (struct image){.text = NULL};
}

void images_save(struct images *images, enum image_kind kind, struct slice text,
                 const struct arena *arena)
{
    struct image *to = &images->kept[images->next % IMAGES_MAX];

    if (arena->used > IMAGE_BYTES_MAX) {
        return;
    }
    images->next++;
    drop(images, to);
    for (uint32_t i = 0; images->bytes + arena->used + text.size > IMAGES_BYTES_MAX; i++) {
        drop(images, &images->kept[(images->next + i) % IMAGES_MAX]);
    }
    to->text = text.size == 0 ? NULL : memory_copy(text.data, text.size);
    to->text_size = text.size;
    to->kind = kind;
    save(to, arena);
    images->bytes += to->size + to->text_size;
}

static struct image *find(struct images *images, enum image_kind kind, struct slice text)
{
    for (uint32_t i = 0; i < IMAGES_MAX; i++) {
        struct image *image = &images->kept[i];

        if (image->bytes != NULL && image->kind == kind &&
            slice_equal(slice_of(image->text, image->text_size), text)) {
            return image;
        }
    }
    return NULL;
}

bool images_take(struct images *images, enum image_kind kind, struct slice text,
                 struct arena *arena)
{
    const struct image *image = find(images, kind, text);

    if (image != NULL) {
        take(image, arena);
    }
    return image != NULL;
}

void images_sha(struct images *images, struct slice text, char *ret_sha)
{
    struct image *image = find(images, IMAGE_SCRIPT, text);

    if (image == NULL) {
        sha1_digits(text, ret_sha);
        return;
    }
    if (!image->has_sha) {
        sha1_digits(text, image->sha);
        image->has_sha = true;
    }
    memcpy(ret_sha, image->sha, sizeof image->sha);
}
