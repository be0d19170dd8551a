#include "http/routes.h"

static const char *const json_types[] = {"application/json", NULL};
static const char *const xml_types[] = {"text/xml", "application/xml", NULL};

static const char get[] = "GET, HEAD";

static const struct route routes[] = {
    {.path = "/livez", .allowed = get, .is_for_all = true, .handle = probe_alive},
    {.path = "/readyz", .allowed = get, .is_for_all = true, .handle = probe_ready},
    {.path = "/metrics", .allowed = get, .handle = show_metrics},
    {.path = "/status.json", .allowed = get, .handle = show_status},
    {.path = "/events", .allowed = get, .handle = stream_events},
    {.path = "/", .allowed = get, .is_for_all = true, .handle = show_page},
    {.path = "/dashboard.css", .allowed = get, .is_for_all = true, .handle = show_style},
    {.path = "/dashboard.js", .allowed = get, .is_for_all = true, .handle = show_script},
    {.path = "/icon.svg", .allowed = get, .is_for_all = true, .handle = show_icon},
    {.path = "/execute",
     .allowed = "POST",
     .is_post = true,
     .types = json_types,
     .handle = take_execute},
    {.path = "/RPC2",
     .allowed = "POST",
     .is_post = true,
     .types = xml_types,
     .handle = take_xmlrpc},
};

const struct route *route_of(struct slice path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (slice_equal(path, slice_str(routes[i].path))) {
            return &routes[i];
        }
    }
    return NULL;
}
