/* io_uv_names.c - the addresses of names, as the name servers last reported them.
 *
 * Invariants:
 * - At most one lookup of a name is under way, and none waits for another: each has a thread.
 * - Lookups are never cancelled. The answer is kept even if nobody waits for it any more.
 * - The last good answer of a name is kept until a good one replaces it, or until the name makes
 *   room for others. It may be out of date: nodes check anyway who they have reached. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_uv_internal.h"

enum { NAMES_MAX = 64 }; /* Several times as many as a cluster has members. */

/* Any answer, good or bad, is fresh for this long. */
static const uint64_t fresh_ns = 1000000000ull;

struct io_uv_name {
    struct list node; /* In io->names; the last one is the one that was asked for last. */
    char host[256];
    struct lookup *lookup; /* NULL: no lookup is under way. */
    struct list askers;    /* Those that wait for the lookup. */
    uint64_t asked_ns;     /* When the last lookup began. */
    uint64_t answered_ns;  /* When a lookup last ended; 0: never. */
    int status;            /* Result of the last lookup: 0 or an error. */
    struct io_uv_addresses good;
};

static void free_name(struct io *io, struct io_uv_name *name)
{
    list_remove(&name->node);
    io->name_count--;
    free(name);
}

/* Drops the name that has not been asked for longest. False if all have a lookup under way. */
static bool make_room(struct io *io)
{
    if (io->name_count < NAMES_MAX) {
        return true;
    }
    list_for_each(node, &io->names)
    {
        struct io_uv_name *name = container_of(node, struct io_uv_name, node);

        if (name->lookup == NULL) {
            free_name(io, name);
            return true;
        }
    }
    return false;
}

static struct io_uv_name *find(struct io *io, const char *host)
{
    list_for_each(node, &io->names)
    {
        struct io_uv_name *name = container_of(node, struct io_uv_name, node);

        if (strcmp(name->host, host) == 0) {
            return name;
        }
    }
    return NULL;
}

/* NULL: there is no room for another one. */
static struct io_uv_name *find_or_make(struct io *io, const char *host)
{
    struct io_uv_name *name = find(io, host);

    if (name == NULL) {
        if (!make_room(io)) {
            return NULL;
        }
        name = memory_take_zeroed(1, sizeof *name);
        memcpy(name->host, host, strlen(host) + 1);
        list_init(&name->node);
        list_init(&name->askers);
        io->name_count++;
    }
    list_remove(&name->node);
    list_append(&io->names, &name->node);
    return name;
}

static bool start_lookup(struct io *io, struct io_uv_name *name)
{
    bool must_wait = MUTANT(lookups_wait_for_one_another) && io->lookup_count > 0;

    name->lookup = must_wait ? NULL : lookup_start(name->host, NULL, io->completions_fd);
    if (name->lookup == NULL) {
        return false;
    }
    io->lookup_count++;
    name->asked_ns = io_now_ns(io);
    return true;
}

static bool is_fresh(struct io *io, const struct io_uv_name *name)
{
    return name->answered_ns > 0 && io_now_ns(io) - name->answered_ns < fresh_ns;
}

void io_uv_names_ask(struct io *io, struct io_uv_asker *asker, const char *host)
{
    struct io_uv_name *name = find_or_make(io, host);

    list_init(&asker->node);
    asker->is_waiting = false;
    asker->asked_ns = 0;
    asker->good = (struct io_uv_addresses){0};
    asker->status = -EAGAIN;
    if (name == NULL) {
        return;
    }
    asker->good = name->good;
    asker->status = name->status;
    if (name->lookup == NULL && !is_fresh(io, name) && !start_lookup(io, name)) {
        asker->status = -EAGAIN;
    }
    if (name->lookup != NULL) {
        asker->is_waiting = true;
        asker->asked_ns = name->asked_ns;
        list_append(&name->askers, &asker->node);
    }
}

void io_uv_names_forget(struct io_uv_asker *asker)
{
    asker->is_waiting = false;
    list_remove(&asker->node);
}

/* --- answers --------------------------------------------------------------- */

static void keep(struct io_uv_name *name, const struct addrinfo *list)
{
    struct io_uv_addresses found = {0};

    for (const struct addrinfo *a = list; a != NULL && found.count < IO_UV_ADDRESSES_MAX;
         a = a->ai_next) {
        if ((a->ai_family == AF_INET || a->ai_family == AF_INET6) &&
            a->ai_addrlen <= sizeof found.address[0]) {
            memcpy(&found.address[found.count++], a->ai_addr, a->ai_addrlen);
        }
    }
    if (found.count > 0) {
        name->good = found;
    } else {
        name->status = -ENXIO;
    }
}

static void tell_askers(struct io_uv_name *name)
{
    struct list *node;

    while ((node = list_first(&name->askers)) != NULL) {
        struct io_uv_asker *asker = container_of(node, struct io_uv_asker, node);

        io_uv_names_forget(asker);
        asker->status = name->status;
        asker->good = name->good;
        asker->answered(asker);
    }
}

static void take_answer(struct io *io, struct io_uv_name *name)
{
    struct addrinfo *list = NULL;
    int status;

    if (name->lookup == NULL || !lookup_take(name->lookup, &status, &list)) {
        return;
    }
    name->lookup = NULL;
    io->lookup_count--;
    name->answered_ns = io_now_ns(io);
    name->status = status == 0 ? 0 : io_uv_resolve_error(status);
    if (status == 0) {
        keep(name, list);
        freeaddrinfo(list);
    }
    tell_askers(name);
}

void io_uv_names_deliver(struct io *io)
{
    if (io->lookup_count == 0) {
        return;
    }
    io_uv_enter(io);
    list_for_each(node, &io->names)
    {
        take_answer(io, container_of(node, struct io_uv_name, node));
    }
}

void io_uv_names_deinit(struct io *io)
{
    struct list *node;

    while ((node = list_first(&io->names)) != NULL) {
        struct io_uv_name *name = container_of(node, struct io_uv_name, node);

        CHECK(list_is_empty(&name->askers));
        if (name->lookup != NULL) {
            lookup_abandon(name->lookup);
        }
        free_name(io, name);
    }
}
