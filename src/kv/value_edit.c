#include "kv/value_edit.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"

enum { SPARE_BYTES = 64 }; /* Most changes to a small value fit into it. */

static void touch_nothing(struct value_edit *e, size_t first, size_t end)
{
    (void)e;
    (void)first;
    (void)end;
}

static void resize_memory(struct value_edit *e, size_t size)
{
    struct memory_edit *m = container_of(e, struct memory_edit, edit);

    if (size > m->capacity) {
        m->capacity = size < 2 * m->capacity ? 2 * m->capacity : size;
        e->bytes = memory_resize(e->bytes, m->capacity);
    }
    if (size > e->size) {
        memset(e->bytes + e->size, 0, size - e->size);
    }
    e->size = size;
}

void memory_edit_init(struct memory_edit *m, struct slice value)
{
    *m = (struct memory_edit){
        .edit = {.size = value.size, .touch = touch_nothing, .resize = resize_memory},
        .capacity = value.size + SPARE_BYTES,
    };
    m->edit.bytes = memory_take(m->capacity);
    if (value.size > 0) {
        memcpy(m->edit.bytes, value.data, value.size);
    }
}

void memory_edit_deinit(struct memory_edit *m)
{
    free(m->edit.bytes);
}
