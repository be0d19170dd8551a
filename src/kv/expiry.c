/* expiry.c - the marks of a database (kv/due.h). Each key that expires, or has a field that does,
 * has a mark, for the first such instant or for an earlier one. If that is put off, the mark stays
 * where it is, and the item is flagged as deferred; the mark moves when it comes up. Marks of keys
 * that were deleted stay, too. If there are too many of those, all marks are made anew, in steps.
 */
#include "kv/expiry.h"

#include "base/check.h"
#include "base/mutant.h"
#include "kv/hash_value.h"
#include "kv/kv.h"
#include "kv/kv_private.h"

enum {
    FOUND_MAX = 4,         /* Of one mark: hardly ever more than one. */
    SPARE_MARKS = 4096,    /* So many may be out of date, */
    KEYS_A_SPARE_MARK = 8, /* and so many more of a large database. */
};

/* --- marking ----------------------------------------------------------------------------- */

static uint64_t field_due_ms(const struct item *item)
{
    MUTANT_DO(expired_fields_stay, return 0;);
    return hash_value_expires_ms(item_value(item));
}

struct item_due kv_item_due(const struct item *item)
{
    struct traits traits = item_traits(item);
    struct item_due due = {.at_ms = traits.expires_ms, .expires = traits.expires_ms != 0};
    uint64_t field_ms = traits.type == VALUE_HASH ? field_due_ms(item) : 0;

    if (field_ms != 0 && (due.at_ms == 0 || field_ms < due.at_ms)) {
        due.at_ms = field_ms;
    }
    due.is_deferred = due.at_ms != 0 && item_is_deferred(item);
    return due;
}

static void mark(struct kv *kv, uint64_t hash, struct item *item, uint64_t at_ms)
{
    due_add(&kv->due, kv->common->now_ms, at_ms + 1, due_mark(hash));
    item_set_deferred(item, false);
}

void kv_mark_due(struct kv *kv, uint64_t hash, struct item *item, struct item_due old)
{
    struct item_due now = kv_item_due(item);

    kv->expiring_count += now.expires ? 1 : 0;
    kv->expiring_count -= old.expires ? 1 : 0;
    kv->due_count += now.at_ms != 0 ? 1 : 0;
    kv->due_count -= old.at_ms != 0 ? 1 : 0;
    if (now.at_ms == 0) {
        return;
    }
    if (old.at_ms == 0 || old.at_ms > now.at_ms) {
        mark(kv, hash, item, now.at_ms);
    } else {
        item_set_deferred(item, old.is_deferred || old.at_ms < now.at_ms);
    }
}

void kv_discard_marks(struct kv *kv)
{
    due_discard(&kv->due, &kv->common->garbage, &kv->common->garbage_bytes);
    kv->expiring_count = 0;
    kv->due_count = 0;
    kv->is_marking_anew = false;
}

/* --- marks that are out of date ---------------------------------------------------------- */

static void mark_item(void *context, struct item *item)
{
    struct kv *kv = context;
    struct item_due due = kv_item_due(item);

    if (due.at_ms != 0) {
        mark(kv, table_hash(&kv->table, item_key(item)), item, due.at_ms);
    }
}

static bool has_too_many_marks(const struct kv *kv)
{
    uint64_t spare = SPARE_MARKS + kv->table.count / KEYS_A_SPARE_MARK;

    return kv->due.count > 2 * kv->due_count + spare && !MUTANT(stale_marks_stay);
}

/* Returns how many steps that took. */
static uint64_t mark_anew(struct kv *kv, uint64_t count)
{
    uint64_t steps = 0;

    if (!kv->is_marking_anew) {
        if (!has_too_many_marks(kv)) {
            return 0;
        }
        due_discard(&kv->due, &kv->common->garbage, &kv->common->garbage_bytes);
        kv->is_marking_anew = true;
        kv->marking_at = 0;
    }
    while (kv->is_marking_anew && steps < count) {
        steps += 1 + table_walk(&kv->table, kv->marking_at, &kv->marking_at, mark_item, kv);
        kv->is_marking_anew = kv->marking_at != 0;
    }
    return steps;
}

/* --- looking ----------------------------------------------------------------------------- */

/* At the very millisecond it has not. */
static bool has_come(struct item_due due, uint64_t now_ms)
{
    return due.at_ms != 0 && now_ms > due.at_ms;
}

/* Whether an item that is not due needs a mark in the place of one that came up. If it is not
 * deferred, there is one for its exact time: this one, or another. */
static bool needs_mark(struct item_due due, const struct due_taken *taken)
{
    uint64_t at_ms = due.at_ms + 1;
    bool is_within =
        taken->span_ms == 0 || (at_ms >= taken->from_ms && at_ms - taken->from_ms < taken->span_ms);

    return is_within || (due.is_deferred && !MUTANT(deferred_mark_is_lost));
}

/* Returns whether a key of that mark is due. If so, the mark is the caller's, otherwise it has
 * moved or is gone. */
static bool look_at(struct kv *kv, const struct due_taken *taken, uint64_t now_ms)
{
    struct item *found[FOUND_MAX];
    uint32_t count = table_find_marked(&kv->table, taken->mark, found, FOUND_MAX);
    bool is_due = false;

    for (uint32_t i = 0; i < count; i++) {
        struct item_due due = kv_item_due(found[i]);

        if (has_come(due, now_ms)) {
            is_due = true;
        } else if (due.at_ms != 0 && needs_mark(due, taken)) {
            mark(kv, table_hash(&kv->table, item_key(found[i])), found[i], due.at_ms);
        }
    }
    return is_due;
}

/* Returns how many steps that took. */
static uint64_t look(struct kv *kv, uint64_t now_ms, uint64_t count)
{
    struct due_taken taken;
    uint64_t steps = mark_anew(kv, count);

    due_advance(&kv->due, now_ms);
    if (kv->due.now_ms > now_ms) {
        now_ms = kv->due.now_ms; /* The clock of a leader that was replaced was ahead. */
    }
    for (; steps < count && due_take(&kv->due, &kv->due.open, &taken); steps++) {
        if (look_at(kv, &taken, now_ms)) {
            due_put(&kv->due, &kv->due.ready, taken.mark);
        }
    }
    return steps;
}

static bool has_work(const struct kv *kv)
{
    return kv->due.count > 0 || kv->is_marking_anew;
}

bool keyspace_has_expiring(const struct keyspace *k)
{
    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (k->databases[i] != NULL && has_work(k->databases[i])) {
            return true;
        }
    }
    return false;
}

bool keyspace_look_due(struct keyspace *k, uint64_t now_ms, uint64_t count)
{
    bool is_more = false;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        struct kv *kv = k->databases[i];

        if (kv != NULL && has_work(kv)) {
            uint64_t steps = look(kv, now_ms, count);

            count -= steps < count ? steps : count;
            is_more = is_more || kv->due.open.first != NULL || kv->is_marking_anew;
        }
    }
    return is_more;
}

/* --- offering ---------------------------------------------------------------------------- */

/* The keys of a mark that was ready of which something is due. */
static uint32_t find_due(const struct kv *kv, uint64_t mark, uint64_t now_ms,
                         struct slice *ret_keys)
{
    struct item *found[FOUND_MAX];
    uint32_t count = table_find_marked(&kv->table, mark, found, FOUND_MAX);
    uint32_t expired = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (has_come(kv_item_due(found[i]), now_ms)) {
            ret_keys[expired++] = item_key(found[i]);
        }
    }
    return expired;
}

uint32_t keyspace_offer_due(struct keyspace *k, uint32_t database, uint64_t now_ms,
                            struct slice *keys, uint32_t count, uint64_t bytes_max)
{
    struct kv *kv = k->databases[database];
    struct due_taken taken;
    uint32_t offered = 0;
    uint64_t bytes = 0;

    CHECK(count >= FOUND_MAX);
    while (kv != NULL && offered + FOUND_MAX <= count && bytes < bytes_max &&
           due_take(&kv->due, &kv->due.ready, &taken)) {
        uint32_t expired = find_due(kv, taken.mark, now_ms, keys + offered);

        due_put(&kv->due, expired > 0 ? &kv->due.offered : &kv->due.open, taken.mark);
        for (uint32_t i = 0; i < expired; i++) {
            bytes += keys[offered + i].size;
        }
        offered += expired;
    }
    return offered;
}

void keyspace_reopen_due(struct keyspace *k)
{
    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        if (k->databases[i] != NULL) {
            due_reopen(&k->databases[i]->due, &k->databases[i]->due.ready);
            due_reopen(&k->databases[i]->due, &k->databases[i]->due.offered);
        }
    }
}

uint64_t keyspace_next_due_ms(const struct keyspace *k)
{
    uint64_t next_ms = UINT64_MAX;

    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        const struct kv *kv = k->databases[i];
        bool is_now = kv != NULL && (kv->due.open.first != NULL || kv->due.ready.first != NULL ||
                                     kv->is_marking_anew);
        uint64_t at_ms = kv == NULL ? UINT64_MAX : is_now ? 0 : due_next_ms(&kv->due);

        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

bool keyspace_remove_expired(struct keyspace *k, uint32_t database, struct slice key)
{
    struct kv *kv = k->databases[database];

    return kv != NULL && kv_remove_expired(kv, key);
}
