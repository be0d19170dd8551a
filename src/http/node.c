#include "http/node.h"

#include <sys/socket.h>
#include <unistd.h>

#include "resp/decimal.h"
#include "resp/errors.h"
#include "resp/resp.h"

enum {
    READ_BYTES = 16 * 1024,
    /* What is made of a reply takes memory, too. */
    BYTES_PER_REPLY_BYTE = 4,
};

static const char fault_end[] = "the node has closed the connection, or did not answer in time; if "
                                "it was a write, it may be executed";
static const char fault_large[] = "the reply is larger than 8 MB";
static const char fault_memory[] = "too much memory is taken by other requests: try again";

/* --- sending -------------------------------------------------------------------------------- */

bool node_send(struct node *n, const struct patience *patience, const struct slice *words,
               uint32_t count)
{
    struct buffer out = {0};
    bool is_sent;

    buffer_printf(&out, "*%u\r\n", count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_printf(&out, "$%zu\r\n", words[i].size);
        buffer_append_slice(&out, words[i]);
        buffer_append(&out, "\r\n", 2);
    }
    is_sent = patience_send(patience, n->fd, buffer_begin(&out), buffer_size(&out));
    buffer_deinit(&out);
    return is_sent;
}

bool node_send_line(struct node *n, const struct patience *patience, const char *line)
{
    return patience_send(patience, n->fd, line, strlen(line)) &&
           patience_send(patience, n->fd, "\r\n", 2);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Receives all that is there, at least a byte. NULL, or why there is none. */
static const char *receive_more(struct node *n, const struct patience *patience)
{
    bool waits = true;

    for (;;) {
        char *to = buffer_reserve(&n->in, READ_BYTES);
        int64_t size = waits ? patience_receive(patience, n->fd, to, READ_BYTES)
                             : recv(n->fd, to, READ_BYTES, MSG_DONTWAIT);

        if (size <= 0) {
            return waits ? fault_end : NULL;
        }
        buffer_commit(&n->in, (size_t)size);
        if (buffer_size(&n->in) > NODE_REPLY_BYTES_MAX) {
            return fault_large;
        }
        if (!budget_take(n->share, (uint64_t)size * BYTES_PER_REPLY_BYTE)) {
            return fault_memory;
        }
        waits = false;
    }
}

const char *node_receive(struct node *n, const struct patience *patience, struct slice *ret_reply)
{
    buffer_consume(&n->in, n->reply_size);
    n->reply_size = 0;
    while (n->reply_size == 0) {
        if (buffer_size(&n->in) > 0) {
            n->reply_size = resp_reply_size(buffer_slice(&n->in));
        }
        if (n->reply_size == 0) {
            const char *fault = receive_more(n, patience);

            if (fault != NULL) {
                return fault;
            }
        }
    }
    *ret_reply = slice_of(buffer_slice(&n->in).data, n->reply_size);
    return NULL;
}

/* --- opening and closing -------------------------------------------------------------------- */

static bool greet(struct node *n, const struct credentials *c, const struct patience *patience)
{
    struct slice words[7] = {slice_str("HELLO"), slice_str("3")};
    uint32_t count = 2;

    if (c->are_given) {
        words[count++] = slice_str("AUTH");
        words[count++] = c->user;
        words[count++] = c->password;
    }
    words[count++] = slice_str("SETNAME");
    words[count++] = slice_str("http");
    return node_send(n, patience, words, count);
}

static bool is_full(struct slice reply)
{
    return reply.size > strlen(ERROR_MANY_CLIENTS) &&
           memcmp(reply.data + 1, ERROR_MANY_CLIENTS, strlen(ERROR_MANY_CLIENTS)) == 0;
}

enum node_status node_open(struct node *n, const struct http_options *door,
                           const struct sockaddr *peer, const struct credentials *credentials,
                           struct budget_share *share, const struct patience *patience)
{
    struct slice reply;

    *n = (struct node){.fd = door->connect(door->context, peer), .share = share};
    if (n->fd < 0) {
        return NODE_DOWN;
    }
    n->is_open = true;
    if (!greet(n, credentials, patience) || node_receive(n, patience, &reply) != NULL) {
        return NODE_DOWN;
    }
    if (reply.data[0] != '-') {
        return NODE_OPEN;
    }
    if (node_is_error(reply, "DENIED")) {
        return NODE_BARRED;
    }
    return node_is_error(reply, "WRONGPASS") || node_is_error(reply, "NOAUTH") ||
                   (credentials->are_given && !is_full(reply))
               ? NODE_DENIED
               : NODE_BUSY;
}

void node_close(struct node *n)
{
    if (n->is_open) {
        close(n->fd);
    }
    buffer_deinit(&n->in);
    n->is_open = false;
}

/* --- replies -------------------------------------------------------------------------------- */

bool node_is_error(struct slice reply, const char *code)
{
    size_t size = strlen(code);

    return reply.size > size + 1 && reply.data[0] == '-' &&
           memcmp(reply.data + 1, code, size) == 0 &&
           (reply.data[size + 1] == ' ' || reply.data[size + 1] == '\r');
}

struct slice node_text(struct slice reply)
{
    const char *end = reply.size == 0 ? NULL : memchr(reply.data, '\n', reply.size);
    size_t head = end == NULL ? 0 : (size_t)(end - reply.data) + 1;
    int64_t size = 0;
    size_t mark;

    if (head < 4 || (reply.data[0] != '$' && reply.data[0] != '=') ||
        !decimal_read(slice_of(reply.data + 1, head - 3), &size)) {
        return slice_of("", 0);
    }
    mark = reply.data[0] == '=' ? strlen("txt:") : 0;
    if (size < (int64_t)mark || (uint64_t)size + 2 > reply.size - head) {
        return slice_of("", 0);
    }
    return slice_of(reply.data + head + mark, (size_t)size - mark);
}

struct slice node_info(struct slice info, const char *name)
{
    size_t size = strlen(name);
    const char *end = info.data + info.size;

    for (const char *at = info.data; at < end;) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((line_end == NULL ? end : line_end) - at);

        if (line > size && memcmp(at, name, size) == 0 && at[size] == ':') {
            return slice_of(at + size + 1, line - size - 1);
        }
        at = next == NULL ? end : next + 1;
    }
    return slice_of("", 0);
}
