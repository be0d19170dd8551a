#include "http/exchange.h"

#include <stdio.h>

#include "http/door.h"

enum { SEND_MS = 20000, OPEN_MS = 2000 };

/* --- answers -------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {431, "Request Header Fields Too Large"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Internal Server Error";
}

/* A browser asks its user for credentials when it opens a page; a script in a page gets the answer,
 * since the browser does not know this other scheme. */
static const char ask_browser[] = "WWW-Authenticate: Basic realm=\"Rakit\", charset=\"UTF-8\"\r\n";
static const char ask_program[] = "WWW-Authenticate: xBasic realm=\"Rakit\"\r\n";

void exchange_say(struct exchange *e, int status, const char *sentence)
{
    struct answer *a = &e->answer;

    buffer_clear(&a->body);
    buffer_printf(&a->body, "%s\n", sentence);
    a->page = slice_of("", 0);
    a->status = status;
    a->type = "text/plain; charset=utf-8";
    if (status == 401) {
        a->more = e->request.method == REQUEST_POST ? ask_program : ask_browser;
    }
}

struct patience exchange_patience(const struct exchange *e, int64_t ms)
{
    return patience_for(e->door->stop_fd, ms);
}

bool exchange_send_head(struct exchange *e, bool has_length)
{
    const struct answer *a = &e->answer;
    struct patience patience = exchange_patience(e, SEND_MS);
    struct buffer head = {0};
    bool is_sent;

    buffer_printf(
        &head,
        "HTTP/1.1 %d %s\r\n"
        "Connection: close\r\n"
        "Cache-Control: no-store\r\n"
        "Content-Type: %s\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src "
        "'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\n",
        a->status, reason_of(a->status), a->type);
    if (has_length) {
        buffer_printf(&head, "Content-Length: %zu\r\n", a->page.size + buffer_size(&a->body));
    }
    buffer_printf(&head, "%s\r\n", a->more == NULL ? "" : a->more);
    is_sent = channel_send(e->channel, &patience, buffer_begin(&head), buffer_size(&head));
    buffer_deinit(&head);
    return is_sent;
}

void exchange_send(struct exchange *e)
{
    const struct answer *a = &e->answer;
    struct slice body = a->page.size > 0 ? a->page : buffer_slice(&a->body);
    struct patience patience = exchange_patience(e, SEND_MS);

    if (exchange_send_head(e, true) && e->request.method != REQUEST_HEAD) {
        (void)channel_send(e->channel, &patience, body.data, body.size);
    }
}

/* --- the node ------------------------------------------------------------------------------- */

bool exchange_open_node(struct exchange *e)
{
    struct patience patience = exchange_patience(e, OPEN_MS);
    enum node_status status;

    if (e->node.is_open) {
        return true;
    }
    status = node_open(&e->node, &e->door->options, e->peer, &e->credentials, &e->share, &patience);
    if (status == NODE_OPEN) {
        return true;
    }
    node_close(&e->node);
    if (status == NODE_DENIED) {
        exchange_say(e, 401, "the node wants a user and the right password");
    } else if (status == NODE_BARRED) {
        exchange_say(e, 403,
                     "protected mode: only clients over loopback are served, until users have "
                     "passwords; --protected-mode no serves everybody who can reach the node");
    } else if (status == NODE_BUSY) {
        exchange_say(e, 503, "the node takes no more clients (--max-clients)");
    } else {
        exchange_say(e, 503, "the node ends, or did not answer within 2 s");
    }
    return false;
}

bool exchange_is_refused(struct exchange *e, struct slice reply)
{
    static const struct {
        const char *code;
        int status;
    } rows[] = {{"NOAUTH", 401},
                {"NOPERM", 403},
                {"LOADING", 503},
                {"CLUSTERDOWN", 503},
                {"TRYAGAIN", 503}};
    char text[256];
    size_t size = reply.size < 4 ? 0 : reply.size - 3;

    if (reply.data[0] != '-') {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)(size < 250 ? size : 250), reply.data + 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (node_is_error(reply, rows[i].code)) {
            exchange_say(e, rows[i].status, text);
            return true;
        }
    }
    exchange_say(e, 503, text);
    return true;
}

bool exchange_ask(struct exchange *e, const char *line, int64_t ms, struct slice *ret_reply)
{
    struct patience patience = exchange_patience(e, ms);
    const char *fault;

    if (!exchange_open_node(e)) {
        return false;
    }
    fault = node_send_line(&e->node, &patience, line) ? node_receive(&e->node, &patience, ret_reply)
                                                      : "the node ends";
    if (fault != NULL) {
        node_close(&e->node);
        exchange_say(e, 503, fault);
        return false;
    }
    return !exchange_is_refused(e, *ret_reply);
}
