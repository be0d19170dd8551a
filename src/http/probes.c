/* probes.c - /livez: the node's loop turns. /readyz: the node serves a new client's read now. */
#include <inttypes.h>
#include <stdio.h>

#include "http/door.h"
#include "http/routes.h"

enum { LOOP_MS = 2000, READ_MS = 2000 };

/* Whatever the node answers, its loop turns. */
void probe_alive(struct exchange *e)
{
    struct patience patience = exchange_patience(e, LOOP_MS);
    enum node_status status =
        node_open(&e->node, &e->door->options, e->peer, &e->credentials, &e->share, &patience);

    if (status == NODE_DOWN) {
        exchange_say(e, 503, "the node ends, or did not answer within 2 s");
    } else {
        exchange_say(e, 200, "ok");
    }
}

/* --- readiness ------------------------------------------------------------------------------ */

struct findings {
    struct buffer text;
    bool is_ready;
    bool shows_all;
};

static void note(struct findings *f, bool is_good, const char *what, struct slice found)
{
    f->is_ready &= is_good;
    if (!is_good || f->shows_all) {
        buffer_printf(&f->text, "[%c] %s: %.*s\n", is_good ? '+' : '-', what,
                      (int)(found.size < 200 ? found.size : 200), found.data);
    }
}

static void note_info(struct findings *f, struct slice info)
{
    struct slice loading = node_info(info, "loading");
    struct slice membership = node_info(info, "raft_membership");
    struct slice leader = node_info(info, "raft_leader_address");
    struct slice quarantine = node_info(info, "quarantine");

    note(f, slice_is(loading, "0"), "loading", slice_is(loading, "0") ? slice_str("no") : loading);
    note(f, !slice_is(membership, "removed") && !slice_is(membership, "none"), "membership",
         membership);
    note(f, !slice_is(leader, "none"), "leader", leader);
    note(f, slice_is(quarantine, "no"), "quarantine", quarantine);
}

/* A read as clients send it, because only that shows that reads are served. */
static bool note_read(struct findings *f, struct exchange *e)
{
    int64_t begin_ms = patience_now_ms();
    struct slice reply;
    char text[64];

    if (!exchange_ask(e, "DBSIZE", READ_MS, &reply)) {
        struct slice fault = buffer_slice(&e->answer.body);

        note(f, false, "read", slice_of(fault.data, fault.size > 0 ? fault.size - 1 : 0));
        return e->answer.status != 401 && e->answer.status != 403;
    }
    snprintf(text, sizeof text, "served within %" PRId64 " ms", patience_now_ms() - begin_ms + 1);
    note(f, true, "read", slice_str(text));
    return true;
}

void probe_ready(struct exchange *e)
{
    struct findings f = {.is_ready = true, .shows_all = slice_is(e->request.query, "verbose")};
    struct slice reply;

    if (!exchange_ask(e, "INFO persistence raft digests", LOOP_MS, &reply)) {
        return;
    }
    note_info(&f, node_text(reply));
    if (note_read(&f, e)) { /* Otherwise the answer asks for other credentials. */
        buffer_printf(&f.text, "%s", f.is_ready ? "ready" : "not ready");
        exchange_say(e, f.is_ready ? 200 : 503, "");
        buffer_clear(&e->answer.body);
        buffer_append_slice(&e->answer.body, buffer_slice(&f.text));
        buffer_append(&e->answer.body, "\n", 1);
    }
    buffer_deinit(&f.text);
}
