/* feed.h - the newest changes of keys, for readers that go on where they were (XREAD): a ring of
 * bytes, filled while entries are applied. Each change has an id, the index of its entry and its
 * place in it, which is the same on all nodes. A reader that names the last id it has seen misses
 * nothing, as long as the ring reaches back to there; otherwise it learns that. */
#ifndef RAKIT_REPLICA_FEED_H
#define RAKIT_REPLICA_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/event.h"
#include "kv/kv.h"

enum { FEED_VALUE_BYTES_MAX = 64 * 1024 }; /* Of longer values only the type is shown. */

struct feed_id {
    uint64_t index;
    uint32_t order; /* UINT32_MAX: behind all of that entry. */
};

struct feed_change {
    struct feed_id id;
    uint32_t database;
    const char *event;
    struct slice key;   /* This and the value: borrowed until the next entry is applied. */
    struct slice value; /* If has_value. */
    bool has_value;     /* A string that is not too long. */
    const char *type;   /* NULL: there is no such key any more. */
};

struct feed_record;

/* Zeroed: off. */
struct feed {
    char *ring;
    uint64_t capacity; /* 0: off. */
    bool is_paused;
    uint64_t begin;       /* Where the oldest record is, */
    uint64_t end;         /* and the next one: places rise, modulo the capacity. */
    uint64_t last;        /* The newest record, if there is one. */
    struct feed_id floor; /* All later changes are here. */
    struct feed_id next;  /* Of the entry that is being applied. */
};

void feed_init(struct feed *f, uint64_t bytes);
void feed_deinit(struct feed *f);
bool feed_is_on(const struct feed *f);
/* Whether changes are to be added: it is on, and not paused. */
bool feed_hears(const struct feed *f);
/* About how many changes it can have at once. */
uint64_t feed_changes_max(const struct feed *f);
/* Nothing is added until it resumes; then it begins anew behind entry `index`. */
void feed_pause(struct feed *f);
void feed_resume(struct feed *f, uint64_t index);
/* The state is that after entry `index` now; what led to it is not known. */
void feed_restart(struct feed *f, uint64_t index);
/* That entry is applied next. */
void feed_begin_entry(struct feed *f, uint64_t index);
/* A key was changed; `value`: what it is now, NULL if there is no such key. */
void feed_add(struct feed *f, const struct key_event *event, const struct kv_value *value);

/* Negative, 0 or positive, as a is before b, the same, or behind it. */
int feed_compare(struct feed_id a, struct feed_id b);
/* Whether all changes behind `id` are here, up to the newest. */
bool feed_reaches(const struct feed *f, struct feed_id id);
/* The newest change; the floor, if there is none. */
struct feed_id feed_newest(const struct feed *f);
/* The first record behind `id`; NULL: there is none. */
const struct feed_record *feed_first_behind(const struct feed *f, struct feed_id id);
const struct feed_record *feed_next(const struct feed *f, const struct feed_record *record);
/* The last record that is not behind `id`; NULL: there is none. */
const struct feed_record *feed_last_until(const struct feed *f, struct feed_id id);
const struct feed_record *feed_previous(const struct feed *f, const struct feed_record *record);
struct feed_change feed_show(const struct feed_record *record);

#endif /* RAKIT_REPLICA_FEED_H */
