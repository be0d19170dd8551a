/* model_once.c - see model_once.h. There are few clients, and 64 numbers of each are remembered. */
#include "sim/checks/model_once.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sim/checks/model_reply.h"
#include "sim/checks/model_state.h"

enum { NUMBERS = 64, REPLY_BYTES_MAX = 1024, CLIENT_BYTES_MAX = 4096, KEEP_S = 24 * 3600 };

/* A number that was executed. */
struct record {
    uint64_t number; /* 0: none. */
    char *reply;     /* Owned; NULL: it is not kept. */
    size_t size;
};

struct model_session {
    char *client;
    size_t client_size;
    uint64_t newest; /* Its highest number; 0: it is not remembered any more. */
    uint64_t expires_ms;
    bool was_forgotten;
    struct record records[NUMBERS]; /* By number, modulo. */
};

/* --- sessions ---------------------------------------------------------------------------- */

static void forget(struct record *r)
{
    free(r->reply);
    *r = (struct record){.number = 0};
}

static void forget_all(struct model_session *s)
{
    for (uint32_t i = 0; i < NUMBERS; i++) {
        forget(&s->records[i]);
    }
    s->newest = 0;
    s->expires_ms = 0;
}

void model_sessions_free(struct model *m)
{
    for (uint32_t i = 0; i < m->session_count; i++) {
        forget_all(&m->sessions[i]);
        free(m->sessions[i].client);
    }
    free(m->sessions);
}

/* NULL: such a client was never there. */
static struct model_session *session_of(struct model *m, struct slice client, uint64_t now_ms)
{
    for (uint32_t i = 0; i < m->session_count; i++) {
        struct model_session *s = &m->sessions[i];

        if (slice_equal(slice_of(s->client, s->client_size), client)) {
            if (s->newest != 0 && now_ms > s->expires_ms) {
                forget_all(s);
                s->was_forgotten = true;
            }
            return s;
        }
    }
    return NULL;
}

static struct model_session *session_for(struct model *m, struct slice client, uint64_t now_ms)
{
    struct model_session *s = session_of(m, client, now_ms);

    if (s == NULL) {
        m->sessions = memory_resize(m->sessions, (m->session_count + 1) * sizeof *m->sessions);
        s = &m->sessions[m->session_count++];
        *s = (struct model_session){.client = memory_copy(client.data, client.size),
                                    .client_size = client.size};
    }
    return s;
}

static void keep_for(struct model_session *s, uint64_t now_ms, uint64_t keep_s)
{
    uint64_t expires_ms = now_ms + keep_s * 1000;

    s->expires_ms = expires_ms > s->expires_ms ? expires_ms : s->expires_ms;
}

/* --- numbers ----------------------------------------------------------------------------- */

static bool is_remembered(const struct model_session *s, uint64_t number)
{
    return number + NUMBERS > s->newest;
}

/* The oldest replies are dropped if all are too large together. */
static void limit_bytes(struct model_session *s)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < NUMBERS; i++) {
        bytes += s->records[i].size;
    }
    for (uint64_t n = s->newest < NUMBERS ? 1 : s->newest - NUMBERS + 1;
         bytes > CLIENT_BYTES_MAX && n <= s->newest; n++) {
        struct record *r = &s->records[n % NUMBERS];

        bytes -= r->size;
        free(r->reply);
        r->reply = NULL;
        r->size = 0;
    }
}

static void remember(struct model_session *s, uint64_t number, struct slice reply)
{
    struct record *r = &s->records[number % NUMBERS];

    for (uint64_t n = s->newest + 1; n < number && n <= s->newest + NUMBERS; n++) {
        forget(&s->records[n % NUMBERS]); /* What had these places is too old now. */
    }
    forget(r);
    *r = (struct record){.number = number};
    if (reply.size > 0 && reply.size <= REPLY_BYTES_MAX) {
        r->reply = memory_copy(reply.data, reply.size);
        r->size = reply.size;
    }
    s->newest = number > s->newest ? number : s->newest;
    limit_bytes(s);
}

static enum model_once_verdict execute(struct model *m, const struct model_once *once,
                                       uint32_t database, uint64_t index,
                                       const struct slice *arguments, uint32_t count,
                                       struct buffer *reply)
{
    size_t before = buffer_size(reply);
    struct model_session *s;
    bool is_anew;

    if (!model_write(m, database, index, arguments, count, reply)) {
        return MODEL_ONCE_STRANGE;
    }
    s = session_for(m, once->client, model_place_now(m, 0).now_ms);
    is_anew = s->was_forgotten;
    remember(s, once->number, slice_of(buffer_begin(reply) + before, buffer_size(reply) - before));
    keep_for(s, model_place_now(m, 0).now_ms, once->keep_s);
    return is_anew ? MODEL_ONCE_ANEW : MODEL_ONCE_FIRST;
}

static enum model_once_verdict refuse(struct buffer *reply, const char *error)
{
    say(reply, error);
    return MODEL_ONCE_EXPIRED;
}

enum model_once_verdict model_write_once(struct model *m, const struct model_once *once,
                                         uint32_t database, uint64_t index,
                                         const struct slice *arguments, uint32_t count,
                                         struct buffer *reply)
{
    struct model_session *s = session_of(m, once->client, model_place_at(m, 0, index).now_ms);
    const struct record *r = s == NULL ? NULL : &s->records[once->number % NUMBERS];

    if ((s == NULL || s->newest == 0) && once->number != 1) {
        return refuse(reply, "-EXPIRED not executed now: no client of this name is remembered, so "
                             "nobody knows whether this number was executed before. A new client "
                             "begins with number 1, or with ONCE <client> OPEN\r\n");
    }
    if (r != NULL && !is_remembered(s, once->number)) {
        return refuse(reply, "-EXPIRED not executed now: the client has sent 64 or more later "
                             "numbers, so nobody knows whether this one was executed before. Read "
                             "what it would have changed\r\n");
    }
    if (r == NULL || r->number != once->number) {
        return execute(m, once, database, index, arguments, count, reply);
    }
    if (r->reply == NULL) {
        say(reply, "-EXECUTED this number was executed before, and is not executed again. Its "
                   "reply was too large to be kept\r\n");
        return MODEL_ONCE_GONE;
    }
    buffer_append(reply, r->reply, r->size);
    return MODEL_ONCE_AGAIN;
}

/* --- OPEN -------------------------------------------------------------------------------- */

bool model_open_write(struct model *m, struct model_place to, const struct slice *arguments,
                      uint32_t count, struct buffer *reply)
{
    struct model_session *s;
    int64_t keep_s = KEEP_S;

    if (!slice_is(arguments[0], "ONCE") || count < 3 || !slice_is(arguments[2], "OPEN")) {
        return false;
    }
    if (count == 5) {
        (void)parse_integer(arguments[4], &keep_s);
    }
    s = session_for(m, arguments[1], to.now_ms);
    if (s->newest == 0) {
        remember(s, 1, slice_of("", 0));
    }
    keep_for(s, to.now_ms, (uint64_t)keep_s);
    say_integer(reply, (int64_t)s->newest + 1);
    return true;
}
