/* routes.h - which paths there are, and what is asked of their requests. */
#ifndef RAKIT_HTTP_ROUTES_H
#define RAKIT_HTTP_ROUTES_H

#include <stdbool.h>

#include "http/exchange.h"

struct route {
    const char *path;
    const char *allowed;      /* The methods, as the header Allow has them. */
    bool is_post;             /* Else GET and HEAD. */
    bool is_for_all;          /* It shows nothing that a stranger may not know. */
    const char *const *types; /* Of the body of a POST; NULL ends them. */
    void (*handle)(struct exchange *e);
};

/* NULL: there is no such path. */
const struct route *route_of(struct slice path);

/* Each sets the answer. */
void probe_alive(struct exchange *e);  /* probes.c: /livez */
void probe_ready(struct exchange *e);  /* /readyz */
void show_metrics(struct exchange *e); /* metrics.c */
void show_status(struct exchange *e);  /* rpc.c: /status.json */
void take_execute(struct exchange *e); /* /execute */
void take_xmlrpc(struct exchange *e);  /* /RPC2 */
void show_page(struct exchange *e);    /* page.c: / */
void show_style(struct exchange *e);   /* /dashboard.css */
void show_script(struct exchange *e);  /* /dashboard.js */
void show_icon(struct exchange *e);    /* /icon.svg */
/* events.c: /events. It sends until the door or the other side ends. */
void stream_events(struct exchange *e);

#endif /* RAKIT_HTTP_ROUTES_H */
