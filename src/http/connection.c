/* connection.c - one connection: its request is read and judged, answered, and that is all: the
 * connection ends, so nothing behind the body can be taken for another request. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "http/door.h"
#include "http/exchange.h"
#include "http/routes.h"

enum {
    HEAD_MS = 5000,
    BODY_MS = 15000,
    BODY_BYTES_MAX = 1024 * 1024,
    BYTES_PER_BODY_BYTE = 4, /* What is made of a body takes memory, too. */
    DRAIN_MS = 1000,
    DRAIN_BYTES_MAX = 256 * 1024,
};

/* --- who may ask, and how ------------------------------------------------------------------- */

static bool judge_method(struct exchange *e, const struct route *route)
{
    enum request_method method = e->request.method;
    bool is_get = method == REQUEST_GET || method == REQUEST_HEAD;
    static const char allow_get[] = "Allow: GET, HEAD\r\n";
    static const char allow_post[] = "Allow: POST\r\n";

    if (route->is_post ? method == REQUEST_POST : is_get) {
        return true;
    }
    exchange_say(e, 405, route->is_post ? "this path takes POST" : "this path takes GET and HEAD");
    e->answer.more = route->is_post ? allow_post : allow_get;
    return false;
}

/* Without credentials, a page of another server could read what it makes a browser ask for, if its
 * name led to this node. */
static bool judge_origin(struct exchange *e, const struct route *route)
{
    const struct http_options *o = &e->door->options;
    struct access_names names = {.host = o->host, .announced = o->announced};

    if (route->is_for_all) {
        return true;
    }
    if (!e->credentials.are_given && !access_host_is_own(&names, e->request.host)) {
        exchange_say(
            e, 421,
            "the node does not know itself by this Host: use its address, or the name that "
            "it was started with or announces (--announce), or give a user and a password");
        return false;
    }
    if (!access_is_same_site(&e->request)) {
        exchange_say(e, 403, "requests from pages of other servers are not taken");
        return false;
    }
    return true;
}

static bool judge_body(struct exchange *e, const struct route *route)
{
    const struct request *r = &e->request;

    if (!route->is_post) {
        return true; /* It is not read. */
    }
    if (!access_type_is(r, route->types)) {
        exchange_say(e, 415,
                     "the Content-Type must be that of the body: application/json for "
                     "/execute, text/xml for /RPC2");
    } else if (!r->has_length) {
        exchange_say(e, 411, "a Content-Length is missing");
    } else if (r->length > BODY_BYTES_MAX) {
        exchange_say(e, 413, "the body is larger than 1 MB");
    } else if (r->expect.data != NULL && !slice_is(r->expect, "100-continue")) {
        exchange_say(e, 417, "only 100-continue can be expected");
    } else if (!budget_take(&e->share, r->length * BYTES_PER_BODY_BYTE)) {
        exchange_say(e, 503, "too much memory is taken by other requests: try again");
    } else {
        return true;
    }
    return false;
}

/* --- reading -------------------------------------------------------------------------------- */

/* Receives the head and what comes with it. False: the answer says why not, or there is none. */
static bool receive_head(struct exchange *e, char *head, size_t *ret_size, size_t *ret_head_size)
{
    struct patience patience = exchange_patience(e, HEAD_MS);

    *ret_size = 0;
    *ret_head_size = 0;
    if (!channel_begin(e->channel, &patience)) {
        return false;
    }
    while (*ret_head_size == 0) {
        int64_t size;

        if (*ret_size == REQUEST_HEAD_BYTES_MAX) {
            exchange_say(e, 431, "the headers are larger than 16 kB");
            return false;
        }
        size = channel_receive(e->channel, &patience, head + *ret_size,
                               REQUEST_HEAD_BYTES_MAX - *ret_size);
        if (size <= 0) {
            if (size < 0 && *ret_size > 0) {
                exchange_say(e, 408, "the headers did not come within 5 s");
            }
            return false;
        }
        *ret_size += (size_t)size;
        if (head[0] < 'A' || head[0] > 'Z') {
            exchange_say(e, 400, "this port speaks HTTP");
            return false;
        }
        *ret_head_size = request_head_size(slice_of(head, *ret_size));
    }
    return true;
}

/* `rest`: what has come with the head. */
static bool receive_body(struct exchange *e, struct slice rest)
{
    struct patience patience = exchange_patience(e, BODY_MS);
    size_t length = (size_t)e->request.length;
    size_t at = rest.size < length ? rest.size : length;
    char *to;

    if (e->request.expect.data != NULL && at < length &&
        !channel_send(e->channel, &patience, "HTTP/1.1 100 Continue\r\n\r\n", 25)) {
        return false;
    }
    buffer_append(&e->body, rest.data, at);
    to = buffer_reserve(&e->body, length - at);
    while (at < length) {
        int64_t size = channel_receive(e->channel, &patience, to, length - at);

        if (size <= 0) {
            exchange_say(e, 408, "the body did not come within 15 s");
            return false;
        }
        at += (size_t)size;
        to += size;
        buffer_commit(&e->body, (size_t)size);
    }
    return true;
}

/* --- answering ------------------------------------------------------------------------------ */

/* Before the body is read, the node has seen the credentials. */
static void handle(struct exchange *e, const struct route *route, struct slice rest)
{
    if (!judge_method(e, route) || !judge_origin(e, route) || !judge_body(e, route)) {
        return;
    }
    if (route->is_post && (!exchange_open_node(e) || !receive_body(e, rest))) {
        return;
    }
    route->handle(e);
}

static void judge(struct exchange *e, struct slice head, struct slice rest)
{
    const char *fault;
    int status = request_parse(head, &e->request, &fault);
    const struct route *route;

    if (status != 0) {
        e->request.method = REQUEST_OTHER;
        exchange_say(e, status, fault);
        return;
    }
    route = route_of(e->request.path);
    if (route == NULL) {
        exchange_say(e, 404,
                     "there is nothing at this path; see /, /metrics, /status.json, /livez, "
                     "/readyz, /execute and /RPC2");
    } else if (!access_read_credentials(&e->request, &e->credentials)) {
        exchange_say(e, 401, "Authorization must be Basic, with a user and a password");
    } else {
        handle(e, route, rest);
    }
}

/* If bytes were left unread, closing would be a reset, and the client might lose the answer. */
static void drain(const struct exchange *e)
{
    struct patience patience = exchange_patience(e, DRAIN_MS);
    char bytes[4096];
    int64_t left = DRAIN_BYTES_MAX;

    channel_finish(e->channel);
    while (left > 0) {
        int64_t size = channel_receive(e->channel, &patience, bytes, sizeof bytes);

        if (size <= 0) {
            return;
        }
        left -= size;
    }
}

static void count(struct exchange *e)
{
    int class = e->answer.status / 100;

    if (class > 0 && class < 6) {
        atomic_fetch_add(&e->door->counts.answers[class], 1);
    }
}

void connection_serve(struct place *place)
{
    struct exchange e = {.door = place->door,
                         .channel = &place->channel,
                         .peer = (const struct sockaddr *)&place->peer,
                         .share = {.budget = &place->door->budget}};
    char head[REQUEST_HEAD_BYTES_MAX];
    size_t size;
    size_t head_size;

    if (receive_head(&e, head, &size, &head_size)) {
        judge(&e, slice_of(head, head_size), slice_of(head + head_size, size - head_size));
    }
    if (e.answer.status != 0 && !e.answer.is_sent) {
        exchange_send(&e);
    }
    count(&e);
    node_close(&e.node);
    buffer_deinit(&e.body);
    buffer_deinit(&e.answer.body);
    budget_give_back(&e.share);
    if (e.answer.status != 0) {
        drain(&e);
    }
}
