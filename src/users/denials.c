#include "users/denials.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"
#include "command/categories.h"

enum {
    SHOWN_BYTES = 1024,     /* Of each text. */
    GROUPED_MS = 60 * 1000, /* What is alike within this time is one entry. */
    GROUPED_AMONG = 10,     /* The newest ones. */
};

struct entry {
    struct list link;
    enum denial_reason reason;
    enum denial_place place;
    struct buffer object;
    struct buffer user;
    struct buffer client;
    uint64_t count;
    uint64_t id;
    uint64_t made_ms;
    uint64_t changed_ms;
};

struct denials {
    struct list entries; /* The newest first. */
    uint32_t count;
    uint32_t max;
    uint64_t next_id;
    uint64_t counts[DENIAL_REASONS];
};

struct denials *denials_new(void)
{
    struct denials *d = memory_take_zeroed(1, sizeof *d);

    list_init(&d->entries);
    d->max = DENIALS_MAX;
    return d;
}

static void drop(struct denials *d, struct entry *e)
{
    list_remove(&e->link);
    buffer_deinit(&e->object);
    buffer_deinit(&e->user);
    buffer_deinit(&e->client);
    free(e);
    d->count--;
}

void denials_reset(struct denials *d)
{
    list_for_each(node, &d->entries)
    {
        drop(d, container_of(node, struct entry, link));
    }
}

void denials_free(struct denials *d)
{
    if (d != NULL) {
        denials_reset(d);
        free(d);
    }
}

static struct slice cut(struct slice s)
{
    return slice_of(s.data, s.size < SHOWN_BYTES ? s.size : SHOWN_BYTES);
}

static bool is_alike(const struct entry *e, const struct denial *denial, uint64_t now_ms)
{
    return e->reason == denial->reason && e->place == denial->place &&
           now_ms - e->changed_ms <= GROUPED_MS &&
           slice_equal(buffer_slice(&e->object), cut(denial->object)) &&
           slice_equal(buffer_slice(&e->user), cut(denial->user));
}

static struct entry *find_alike(const struct denials *d, const struct denial *denial,
                                uint64_t now_ms)
{
    uint32_t seen = 0;
    struct entry *found = NULL;

    list_for_each(node, &d->entries)
    {
        struct entry *e = container_of(node, struct entry, link);

        if (seen++ < GROUPED_AMONG && found == NULL && is_alike(e, denial, now_ms)) {
            found = e;
        }
    }
    return found;
}

static struct entry *add(struct denials *d, const struct denial *denial, uint64_t now_ms)
{
    struct entry *e = memory_take_zeroed(1, sizeof *e);

    list_init(&e->link);
    e->reason = denial->reason;
    e->place = denial->place;
    e->id = d->next_id++;
    e->made_ms = now_ms;
    buffer_append_slice(&e->object, cut(denial->object));
    buffer_append_slice(&e->user, cut(denial->user));
    d->count++;
    return e;
}

void denials_add(struct denials *d, const struct denial *denial, uint64_t now_ms)
{
    struct entry *e = find_alike(d, denial, now_ms);

    d->counts[denial->reason]++;
    if (e == NULL) {
        e = add(d, denial, now_ms);
    }
    list_remove(&e->link);
    list_append(d->entries.next, &e->link); /* In front of the first one. */
    e->count++;
    e->changed_ms = now_ms;
    buffer_clear(&e->client);
    buffer_append_slice(&e->client, cut(denial->client));
    while (d->count > d->max) {
        drop(d, container_of(d->entries.previous, struct entry, link));
    }
}

void denials_add_judged(struct denials *d, const struct judged *v, enum denial_place place,
                        struct slice user, struct slice client, uint64_t now_ms)
{
    char name[COMMAND_FULL_NAME_BYTES];
    struct denial denial = {.place = place, .object = v->object, .user = user, .client = client};

    denial.reason = v->judgement == JUDGED_KEY       ? DENIAL_KEY
                    : v->judgement == JUDGED_CHANNEL ? DENIAL_CHANNEL
                                                     : DENIAL_COMMAND;
    if (denial.reason == DENIAL_COMMAND) {
        command_full_name(v->command, v->subcommand, name);
        denial.object = slice_str(name);
    }
    denials_add(d, &denial, now_ms);
}

void denials_limit(struct denials *d, uint32_t max)
{
    d->max = max;
}

uint32_t denials_max(const struct denials *d)
{
    return d->max;
}

static void reply_entry(const struct entry *e, uint64_t now_ms, struct resp_writer *w)
{
    static const char *const reasons[] = {"command", "key", "channel", "auth"};
    static const char *const places[] = {"toplevel", "multi", "lua"};

    resp_map(w, 10);
    resp_bulk_text(w, "count");
    resp_integer(w, (int64_t)e->count);
    resp_bulk_text(w, "reason");
    resp_bulk_text(w, reasons[e->reason]);
    resp_bulk_text(w, "context");
    resp_bulk_text(w, places[e->place]);
    resp_bulk_text(w, "object");
    resp_bulk(w, buffer_slice(&e->object));
    resp_bulk_text(w, "username");
    resp_bulk(w, buffer_slice(&e->user));
    resp_bulk_text(w, "age-seconds");
    resp_double(w, (double)(now_ms - e->changed_ms) / 1000);
    resp_bulk_text(w, "client-info");
    resp_bulk(w, buffer_slice(&e->client));
    resp_bulk_text(w, "entry-id");
    resp_integer(w, (int64_t)e->id);
    resp_bulk_text(w, "timestamp-created");
    resp_integer(w, (int64_t)e->made_ms);
    resp_bulk_text(w, "timestamp-last-updated");
    resp_integer(w, (int64_t)e->changed_ms);
}

void denials_reply(const struct denials *d, uint64_t count_max, uint64_t now_ms,
                   struct resp_writer *w)
{
    uint64_t left = d->count < count_max ? d->count : count_max;

    resp_array(w, left);
    list_for_each(node, &d->entries)
    {
        if (left > 0) {
            left--;
            reply_entry(container_of(node, struct entry, link), now_ms, w);
        }
    }
}

uint64_t denials_count(const struct denials *d, enum denial_reason reason)
{
    return d->counts[reason];
}
