#include "store/entry.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

struct entry *entry_new(uint8_t kind, uint32_t size)
{
    CHECK(size <= ENTRY_BYTES_MAX);

    struct entry *e = memory_take(sizeof *e + size);

    e->index = 0;
    e->term = 0;
    e->time_us = 0;
    e->references = 1;
    e->size = size;
    e->kind = kind;
    return e;
}

struct entry *entry_hold(struct entry *e)
{
    CHECK(e->references > 0);
    e->references++;
    return e;
}

void entry_release(struct entry *e)
{
    if (e == NULL) {
        return;
    }
    CHECK(e->references > 0);
    if (--e->references == 0) {
        free(e);
    }
}
