/* metrics.c - /metrics: what the node reports, the process, and the door itself. */
#include <inttypes.h>

#include "http/door.h"
#include "http/process.h"
#include "http/routes.h"

enum { METRICS_MS = 5000 };

static void put_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP rakit_http_%s %s.\n# TYPE rakit_http_%s %s\n", name, help, name,
                  type);
}

static void put_door(struct door *d, struct buffer *out)
{
    put_head(out, "answers_total", "counter", "Answers of the HTTP door, by class of their status");
    for (int i = 2; i < 6; i++) {
        buffer_printf(out, "rakit_http_answers_total{class=\"%dxx\"} %" PRIu64 "\n", i,
                      atomic_load(&d->counts.answers[i]));
    }
    put_head(out, "refused_total", "counter", "Connections refused because there were too many");
    buffer_printf(out, "rakit_http_refused_total %" PRIu64 "\n", atomic_load(&d->counts.refused));
    put_head(out, "streams", "gauge", "Dashboards that are open");
    buffer_printf(out, "rakit_http_streams %u\n", (unsigned)atomic_load(&d->counts.streams));
    put_head(out, "memory_bytes", "gauge", "Memory reserved for requests and their answers");
    buffer_printf(out, "rakit_http_memory_bytes %" PRIu64 "\n", atomic_load(&d->budget.held_bytes));
}

/* A node that loads has no figures yet, but should not look like one that is down. */
static void put_loading(struct buffer *out)
{
    buffer_printf(out, "# HELP rakit_loading Whether this node is still loading what it has "
                       "stored.\n# TYPE rakit_loading gauge\nrakit_loading 1\n");
}

void show_metrics(struct exchange *e)
{
    struct slice reply = slice_of("", 0);
    struct buffer *out = &e->answer.body;
    bool has_figures = exchange_ask(e, "RAFT METRICS", METRICS_MS, &reply);

    if (!has_figures && !node_is_error(reply, "LOADING")) {
        return;
    }
    buffer_clear(out);
    if (has_figures) {
        buffer_append_slice(out, node_text(reply));
    } else {
        put_loading(out);
    }
    process_put_metrics(out);
    put_door(e->door, out);
    e->answer.status = 200;
    e->answer.type = "text/plain; version=0.0.4; charset=utf-8";
}
