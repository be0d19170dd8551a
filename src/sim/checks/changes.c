/* changes.c - see changes.h. What a reader has seen of an entry is kept until it sees one of a
 * later entry, since a reply may end in the middle. */
#include "sim/checks/changes.h"

#include <string.h>

#include "base/memory.h"
#include "sim/checks/reply_reader.h"
#include "sim/checks/witness_private.h"

enum {
    COMPARED_MAX = 500,                 /* Readers are at about the same place. */
    SCANNED_VALUE_BYTES_MAX = 64 * 1024 /* Of longer ones a scan shows the key alone. */
};

/* One of the entry's, followed by key and value. */
struct seen {
    uint32_t key_size;
    uint32_t value_size;
    bool has_value;
    bool is_hash;
    bool exists;
};

void witness_note_moved_reader(struct witness *w)
{
    w->stats.moved_reader_count++;
}

void changes_deinit(struct changes *c)
{
    buffer_deinit(&c->entry);
}

static void broken(const struct changes *c, uint64_t index, const char *what, struct slice key)
{
    verdict_broken(c->witness->verdict, "changes",
                   "a reader of the changes of \"%s\" in database %u, at %llu-%llu, %s at entry "
                   "%llu: \"%.*s\"",
                   c->prefix, c->database, (unsigned long long)c->index,
                   (unsigned long long)c->order, what, (unsigned long long)index, (int)key.size,
                   key.size == 0 ? "" : key.data);
}

/* --- an entry ---------------------------------------------------------------------------- */

static struct slice key_of(const struct seen *s)
{
    return slice_of(s + 1, s->key_size);
}

static struct slice value_of(const struct seen *s)
{
    return slice_of((const char *)(s + 1) + s->key_size, s->value_size);
}

static const struct seen *next_of(const struct seen *s)
{
    size_t size = sizeof *s + s->key_size + s->value_size;

    return (const void *)((const char *)s + (size + 7) / 8 * 8);
}

static bool is_last_of_its_key(const struct changes *c, const struct seen *s)
{
    const char *end = buffer_begin(&c->entry) + buffer_size(&c->entry);

    for (const struct seen *other = next_of(s); (const char *)other < end; other = next_of(other)) {
        if (slice_equal(key_of(other), key_of(s))) {
            return false;
        }
    }
    return true;
}

/* The last change of a key in an entry has its value there. */
static bool has_right_value(const struct changes *c, const struct seen *s)
{
    struct slice value = {0};
    bool is_hash = false;
    bool exists = model_show(c->witness->model, c->database, c->index, key_of(s), &value, &is_hash);
    bool must_be_shown = exists && !is_hash && value.size <= c->value_bytes_max;

    return !(exists != s->exists || (exists && is_hash != s->is_hash) ||
             (must_be_shown && !s->has_value) ||
             (s->has_value && !slice_equal(value, value_of(s))));
}

/* Returns how many keys it has seen, as they are after the entry. `is_over`: it will see no more of
 * the entry. */
static uint32_t check_seen(const struct changes *c, bool is_over, bool *ret_replaced)
{
    const char *begin = buffer_slice(&c->entry).data;
    uint32_t count = 0;

    *ret_replaced = false;
    for (const struct seen *s = (const void *)begin;
         (const char *)s < begin + buffer_size(&c->entry); s = next_of(s)) {
        if (s->key_size == 0) {
            *ret_replaced = true;
        } else if (!model_has_changed(c->witness->model, c->database, c->index, key_of(s))) {
            broken(c, c->index, "sees a change that there was not", key_of(s));
        } else if (is_last_of_its_key(c, s) && has_right_value(c, s)) {
            count++;
        } else if (is_last_of_its_key(c, s) && is_over) {
            broken(c, c->index, "sees a wrong value", key_of(s));
        }
    }
    return count;
}

/* Whether it has seen all of the present entry. */
static bool is_whole(struct changes *c, bool is_over)
{
    bool is_replaced;
    uint32_t count = check_seen(c, is_over, &is_replaced);

    return count == model_count_changed(c->witness->model, c->database, slice_str(c->prefix),
                                        c->index) &&
           (is_replaced || !model_is_replaced(c->witness->model, c->database, c->index));
}

/* The first entry behind the present one that has something for it, below `end`; or `end`. */
static uint64_t next_with_changes(const struct changes *c, uint64_t end)
{
    const struct model *m = c->witness->model;
    uint64_t i = c->index + 1;

    while (i < end && model_count_changed(m, c->database, slice_str(c->prefix), i) == 0 &&
           !model_is_replaced(m, c->database, i)) {
        i++;
    }
    return i;
}

/* It goes on at entry `index`. */
static void leave_entry(struct changes *c, uint64_t index)
{
    uint64_t missed;

    if (c->order != CHANGES_LAST_ORDER && c->index > 0 && !is_whole(c, true)) {
        broken(c, c->index, "has not seen all changes", slice_of("", 0));
    }
    missed = next_with_changes(c, index);
    if (missed < index) {
        broken(c, missed, "has not seen the changes", slice_of("", 0));
    }
    buffer_clear(&c->entry);
}

/* --- what is the same for all ------------------------------------------------------------ */

static uint64_t sum_of(const struct change *change)
{
    const struct slice parts[] = {change->key, change->event, change->value, change->type};
    uint64_t sum = 0xcbf29ce484222325u;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t j = 0; j < parts[i].size; j++) {
            sum = (sum ^ (unsigned char)parts[i].data[j]) * 0x100000001b3u;
        }
        sum = (sum ^ 0xff) * 0x100000001b3u;
    }
    return sum;
}

/* A change with that id is the same one on all nodes. */
static void compare_with_others(struct changes *c, const struct change *change)
{
    struct witness *w = c->witness;
    struct witness_change new = {change->index, change->order, sum_of(change)};
    const struct witness_change *all = (const void *)buffer_begin(&w->changes);
    size_t count = buffer_size(&w->changes) / sizeof *all;

    for (size_t i = count; i > 0 && count - i < COMPARED_MAX; i--) {
        if (all[i - 1].index == new.index && all[i - 1].order == new.order) {
            if (all[i - 1].sum != new.sum) {
                broken(c, new.index, "sees another change than there was at another node",
                       change->key);
            }
            return;
        }
    }
    buffer_append(&w->changes, &new, sizeof new);
}

/* --- what it sees ------------------------------------------------------------------------ */

static void note(struct changes *c, const struct change *change)
{
    static const char padding[8] = {0};
    struct seen s = {.key_size = (uint32_t)change->key.size,
                     .value_size = (uint32_t)change->value.size,
                     .has_value = change->has_value,
                     .is_hash = slice_is(change->type, "hash"),
                     .exists = change->has_value || change->type.size > 0};
    size_t size = sizeof s + s.key_size + s.value_size;

    buffer_append(&c->entry, &s, sizeof s);
    buffer_append_slice(&c->entry, change->key);
    buffer_append_slice(&c->entry, change->value);
    buffer_append(&c->entry, padding, (8 - size % 8) % 8);
}

void changes_saw(struct changes *c, const struct change *change)
{
    bool is_replaced = change->key.size == 0;

    if (change->index < c->index || (change->index == c->index && change->order <= c->order)) {
        broken(c, change->index, "sees a change again, or goes back", change->key);
        return;
    }
    if (change->index > c->witness->applied_index ||
        (is_replaced && !model_was_arranged(c->witness->model, change->index))) {
        broken(c, change->index, "sees a change that there was not", change->key);
        return;
    }
    compare_with_others(c, change);
    if (change->index > c->index) {
        leave_entry(c, change->index);
    }
    c->index = change->index;
    c->order = change->order;
    note(c, change);
    c->witness->stats.change_count++;
}

void changes_compacted(struct changes *c, uint64_t index, uint64_t order)
{
    if (index > c->witness->applied_index || index < c->index ||
        (index == c->index && order <= c->order)) {
        broken(c, index, "is misinformed about what is kept", slice_of("", 0));
    }
    c->witness->stats.compacted_count++;
}

void changes_scanned(struct changes *c, uint64_t index, uint64_t key_count, struct slice keys)
{
    uint64_t live = 0;
    uint64_t most = 0;
    struct slice key;
    struct slice shown;

    for (uint64_t i = 0;
         i < key_count && reply_take_string(&keys, &key) && reply_take_string(&keys, &shown); i++) {
        struct slice value = {0};
        bool is_hash = false;
        bool exists = model_show(c->witness->model, c->database, index, key, &value, &is_hash);

        live += exists ? 1 : 0;
        if (exists &&
            (is_hash || value.size > SCANNED_VALUE_BYTES_MAX ? shown.data != NULL
                                                             : !slice_equal(shown, value))) {
            broken(c, index, "scans a wrong value", key);
        }
    }
    model_count_keys(c->witness->model, c->database, index, slice_str(c->prefix), &most);
    if (live != most) {
        broken(c, index, "does not scan all keys", slice_of("", 0));
    }
    c->index = index;
    c->order = CHANGES_LAST_ORDER;
    buffer_clear(&c->entry);
}

bool changes_are_all(struct changes *c)
{
    uint64_t end = c->witness->applied_index + 1;

    return (c->index == 0 || c->order == CHANGES_LAST_ORDER || is_whole(c, false)) &&
           next_with_changes(c, end) == end;
}
