/* cacher.c - see cacher.h. */
#include "sim/cluster/cacher.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "sim/checks/reply_reader.h"

enum { UNANSWERED_MAX = 20 };

/* --- asking ------------------------------------------------------------------------------ */

static struct cacher_request *send_words(struct cacher *r, const struct slice *words,
                                         uint32_t count)
{
    struct cacher_request *request;

    line_send(&r->line, words, count);
    request = &r->requests[r->line.sent_count % CACHER_REQUESTS_MAX];
    *request = (struct cacher_request){.sent_ns = sim_now_ns(r->line.sim)};
    return request;
}

static void name_key(uint32_t key, char *name, size_t size)
{
    snprintf(name, size, "k%u", (unsigned)key);
}

static void get_one(struct cacher *r)
{
    char name[16];
    uint32_t key = (uint32_t)prng_below(&r->line.prng, r->key_count);
    struct cacher_request *request;

    name_key(key, name, sizeof name);

    const struct slice words[] = {slice_str("GET"), slice_str(name)};

    request = send_words(r, words, 2);
    request->operation = witness_invoke(r->witness, 0, words, 2, false);
    request->key = key;
}

static void append_one(struct cacher *r)
{
    char name[16];
    char value[32];
    struct cacher_request *request;

    name_key((uint32_t)prng_below(&r->line.prng, r->key_count), name, sizeof name);
    snprintf(value, sizeof value, "t#%llu", (unsigned long long)witness_next(r->witness));

    const struct slice words[] = {slice_str("APPEND"), slice_str(name), slice_str(value)};

    request = send_words(r, words, 3);
    request->operation = witness_invoke(r->witness, 0, words, 3, true);
    request->is_write = true;
}

static void probe(struct cacher *r)
{
    const struct slice ping = slice_str("PING");
    struct cacher_request *request = send_words(r, &ping, 1);
    uint64_t life = 0;
    uint64_t applied_index = r->applied(r->line.context, r->line.node, &life);

    request->is_probe = true;
    request->applied_index = life == r->life ? applied_index : 0;
}

static void cacher_round(struct line *line)
{
    struct cacher *r = container_of(line, struct cacher, line);

    for (uint64_t n = prng_below(&line->prng, 6);
         n > 0 && line->sent_count < line->answered_count + UNANSWERED_MAX; n--) {
        uint64_t chance = prng_below(&line->prng, 5);

        if (chance < 2) {
            probe(r);
        } else if (chance < 4) {
            get_one(r);
        } else {
            append_one(r);
        }
    }
    if (prng_chance(&line->prng, 1, 60)) {
        line_leave(line);
    }
}

static void cacher_opened(struct line *line)
{
    struct cacher *r = container_of(line, struct cacher, line);
    const struct slice hello[] = {slice_str("HELLO"), slice_str("3")};
    const struct slice track[] = {slice_str("CLIENT"), slice_str("TRACKING"), slice_str("ON"),
                                  slice_str("BCAST"),  slice_str("PREFIX"),   slice_str("k")};

    r->floor = 0;
    (void)r->applied(line->context, line->node, &r->life);
    send_words(r, hello, 2);
    send_words(r, track, r->is_broadcast ? 6 : 3);
}

/* --- invalidations ----------------------------------------------------------------------- */

static void invalidate_all(struct cacher *r)
{
    for (uint32_t i = 0; i < CACHER_KEYS_MAX; i++) {
        r->cache[i].is_there = false;
    }
}

static void invalidate(struct cacher *r, struct slice name)
{
    char text[16];
    unsigned key = 0;

    snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
    if (sscanf(text, "k%u", &key) == 1 && key < CACHER_KEYS_MAX) {
        if (r->cache[key].is_there) {
            witness_note_invalidation(r->witness, false);
        }
        r->cache[key].is_there = false;
    }
}

/* ["invalidate", [key...]], or a null for all keys. */
static void cacher_pushed(struct line *line, struct slice push)
{
    struct cacher *r = container_of(line, struct cacher, line);
    struct slice rest = push;
    struct slice name;
    int64_t count = 0;

    if (!reply_take_head(&rest, '>', &count) || count != 2 || !reply_take_string(&rest, &name) ||
        !slice_is(name, "invalidate")) {
        verdict_broken(r->verdict, "reply", "a client that caches was sent \"%.*s\"",
                       (int)push.size, push.data);
    } else if (reply_take_head(&rest, '*', &count)) {
        for (; count > 0 && reply_take_string(&rest, &name); count--) {
            invalidate(r, name);
        }
    } else {
        witness_note_invalidation(r->witness, true);
        invalidate_all(r);
    }
}

/* --- answers ----------------------------------------------------------------------------- */

static void take_value(struct cacher *r, const struct cacher_request *request, struct slice reply)
{
    bool is_null = reply.data[0] == '_';
    uint64_t position =
        witness_return(r->witness, request->operation, is_null ? slice_str("$-1\r\n") : reply,
                       r->floor, sim_now_ns(r->line.sim));

    r->floor = position;
    if (reply.data[0] != '-' && !request->is_write) {
        r->cache[request->key] = (struct cacher_value){
            .is_there = true, .index = position / 2, .since_ns = sim_now_ns(r->line.sim)};
    }
}

/* Values that were there when it was sent are not older than what the node had applied then. */
static void check_cache(struct cacher *r, const struct cacher_request *request)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        const struct cacher_value *v = &r->cache[i];
        char name[16];

        name_key(i, name, sizeof name);
        if (v->is_there && v->since_ns < request->sent_ns) {
            witness_check_cached(r->witness, slice_str(name), v->index, request->applied_index,
                                 r->line.node);
        }
    }
}

static void cacher_replied(struct line *line, struct slice reply)
{
    struct cacher *r = container_of(line, struct cacher, line);
    struct cacher_request request = r->requests[line->answered_count % CACHER_REQUESTS_MAX];

    if (request.operation != 0) {
        take_value(r, &request, reply);
    } else if (request.is_probe && reply.data[0] != '-') {
        check_cache(r, &request);
    }
    if (reply.data[0] == '-' && (request.operation == 0 || prng_chance(&line->prng, 1, 2))) {
        line_leave(line);
    }
}

static void cacher_lost(struct line *line)
{
    struct cacher *r = container_of(line, struct cacher, line);

    for (uint64_t i = line->answered_count + 1; i <= line->sent_count; i++) {
        uint64_t operation = r->requests[i % CACHER_REQUESTS_MAX].operation;

        if (operation != 0) {
            witness_forget(r->witness, operation);
        }
    }
    invalidate_all(r);
}

/* --- life -------------------------------------------------------------------------------- */

void cacher_init(struct cacher *r, struct sim *sim, struct witness *witness,
                 struct verdict *verdict)
{
    *r = (struct cacher){.witness = witness, .verdict = verdict};
    line_init(&r->line, sim, "t0");
    r->line.opened = cacher_opened;
    r->line.round = cacher_round;
    r->line.replied = cacher_replied;
    r->line.pushed = cacher_pushed;
    r->line.lost = cacher_lost;
}

void cacher_deinit(struct cacher *r)
{
    line_deinit(&r->line);
}

void cacher_start(struct cacher *r)
{
    CHECK(r->key_count <= CACHER_KEYS_MAX);
    line_start(&r->line);
}

void cacher_rest(struct cacher *r)
{
    r->line.is_needed = false;
    line_leave(&r->line);
}

void cacher_place(struct cacher *r, uint16_t port, uint64_t ordinal, uint64_t index, bool is_write)
{
    const struct line *line = &r->line;

    if (line->talk.phase == TALK_OPEN && line->port == port && ordinal > line->answered_count &&
        ordinal <= line->sent_count) {
        const struct cacher_request *request = &r->requests[ordinal % CACHER_REQUESTS_MAX];

        if (request->operation != 0) {
            witness_place(r->witness, request->operation, index, is_write);
        }
    }
}
