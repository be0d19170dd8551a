#include "replica/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum { ALIGNMENT = 8, CAPACITY_MIN = 4096 };

/* In one piece, at a place of its own: key and value follow it. */
struct feed_record {
    uint64_t
        previous; /* Places; of the oldest and the newest record the outer one means nothing. */
    uint64_t next;
    uint64_t size;
    const char *event; /* A constant of the program. */
    struct feed_id id;
    uint32_t key_size;
    uint32_t value_size;
    uint8_t database;
    uint8_t type;
    bool exists;
    bool has_value;
};

void feed_init(struct feed *f, uint64_t bytes)
{
    *f = (struct feed){.capacity = bytes < CAPACITY_MIN ? 0 : bytes / ALIGNMENT * ALIGNMENT};
    if (f->capacity > 0) {
        f->ring = memory_take((size_t)f->capacity);
    }
}

void feed_deinit(struct feed *f)
{
    free(f->ring);
    *f = (struct feed){.capacity = 0};
}

bool feed_is_on(const struct feed *f)
{
    return f->capacity > 0;
}

bool feed_hears(const struct feed *f)
{
    return f->capacity > 0 && !f->is_paused;
}

uint64_t feed_changes_max(const struct feed *f)
{
    return f->capacity / sizeof(struct feed_record);
}

static bool is_empty(const struct feed *f)
{
    return f->begin == f->end;
}

static struct feed_record *record_at(const struct feed *f, uint64_t place)
{
    return (void *)(f->ring + place % f->capacity);
}

void feed_restart(struct feed *f, uint64_t index)
{
    f->begin = f->end;
    f->floor = (struct feed_id){.index = index, .order = index == 0 ? 0 : UINT32_MAX};
    MUTANT_DO(feed_skips, f->floor = (struct feed_id){.index = 0});
}

void feed_pause(struct feed *f)
{
    f->is_paused = true;
}

void feed_resume(struct feed *f, uint64_t index)
{
    f->is_paused = false;
    if (!MUTANT(feed_pause_unsaid)) {
        feed_restart(f, index);
    }
}

void feed_begin_entry(struct feed *f, uint64_t index)
{
    f->next = (struct feed_id){.index = index, .order = 0};
}

/* --- adding ------------------------------------------------------------------------------ */

static void drop_oldest(struct feed *f)
{
    const struct feed_record *oldest = record_at(f, f->begin);

    if (!MUTANT(feed_forgets_floor)) {
        f->floor = oldest->id;
    }
    f->begin = f->begin == f->last ? f->end : oldest->next;
}

/* A record does not go over the end of the ring: it begins at the next lap. */
static uint64_t place_for(const struct feed *f, uint64_t size)
{
    uint64_t left = f->capacity - f->end % f->capacity;

    return left < size ? f->end + left : f->end;
}

static uint64_t size_of(struct slice key, struct slice value)
{
    uint64_t size = sizeof(struct feed_record) + key.size + value.size;

    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static struct feed_record *take_room(struct feed *f, uint64_t size)
{
    uint64_t place = place_for(f, size);
    bool was_empty;

    while (!is_empty(f) && place + size - f->begin > f->capacity) {
        drop_oldest(f);
    }
    was_empty = is_empty(f);
    if (was_empty) {
        f->begin = place;
    } else {
        record_at(f, f->last)->next = place;
    }

    struct feed_record *r = record_at(f, place);

    *r = (struct feed_record){.previous = f->last, .size = size};
    f->last = place;
    f->end = place + size;
    return r;
}

static void put(char *to, struct slice bytes)
{
    if (bytes.size > 0) {
        memcpy(to, bytes.data, bytes.size);
    }
}

void feed_add(struct feed *f, const struct key_event *event, const struct kv_value *value)
{
    bool has_value = value != NULL && value->traits.type == VALUE_STRING &&
                     value->bytes.size <= FEED_VALUE_BYTES_MAX &&
                     value->bytes.size <= f->capacity / 8;
    struct slice shown = has_value ? value->bytes : slice_of(NULL, 0);
    struct feed_id id = f->next;
    uint64_t size = size_of(event->key, shown);

    f->next.order++;
    if (size > f->capacity / 2) { /* Nobody can have seen it, so it is as if it was dropped. */
        f->begin = f->end;
        f->floor = id;
        return;
    }

    struct feed_record *r = take_room(f, size);

    r->event = event->name;
    r->id = id;
    r->key_size = (uint32_t)event->key.size;
    r->value_size = (uint32_t)shown.size;
    r->database = (uint8_t)event->database;
    r->type = value == NULL ? 0 : value->traits.type;
    r->exists = value != NULL;
    r->has_value = has_value;
    put((char *)(r + 1), event->key);
    put((char *)(r + 1) + event->key.size, shown);
}

/* --- reading ----------------------------------------------------------------------------- */

int feed_compare(struct feed_id a, struct feed_id b)
{
    return a.index != b.index ? (a.index > b.index) - (a.index < b.index)
                              : (a.order > b.order) - (a.order < b.order);
}

bool feed_reaches(const struct feed *f, struct feed_id id)
{
    return feed_compare(id, f->floor) >= 0;
}

struct feed_id feed_newest(const struct feed *f)
{
    return is_empty(f) ? f->floor : record_at(f, f->last)->id;
}

/* Readers are near the end, so the search begins there. */
const struct feed_record *feed_first_behind(const struct feed *f, struct feed_id id)
{
    const struct feed_record *found = NULL;
    uint64_t place = f->last;

    if (is_empty(f)) {
        return NULL;
    }
    for (;;) {
        const struct feed_record *r = record_at(f, place);

        if (feed_compare(r->id, id) <= (MUTANT(feed_repeats) ? -1 : 0)) {
            return found;
        }
        found = r;
        if (place == f->begin) {
            return found;
        }
        place = r->previous;
    }
}

const struct feed_record *feed_next(const struct feed *f, const struct feed_record *record)
{
    return record == record_at(f, f->last) ? NULL : record_at(f, record->next);
}

const struct feed_record *feed_previous(const struct feed *f, const struct feed_record *record)
{
    return record == record_at(f, f->begin) ? NULL : record_at(f, record->previous);
}

const struct feed_record *feed_last_until(const struct feed *f, struct feed_id id)
{
    const struct feed_record *r = is_empty(f) ? NULL : record_at(f, f->last);

    while (r != NULL && feed_compare(r->id, id) > 0) {
        r = feed_previous(f, r);
    }
    return r;
}

struct feed_change feed_show(const struct feed_record *r)
{
    const char *bytes = (const char *)(r + 1);

    return (struct feed_change){
        .id = r->id,
        .database = r->database,
        .event = r->event,
        .key = slice_of(bytes, r->key_size),
        .value = slice_of(bytes + r->key_size, r->value_size),
        .has_value = r->has_value,
        .type = r->exists ? value_type_name(r->type) : NULL,
    };
}
