/* node.h - a connection to the node on behalf of a client of the door: commands out, replies in. It
 * speaks RESP3. */
#ifndef RAKIT_HTTP_NODE_H
#define RAKIT_HTTP_NODE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "http/access.h"
#include "http/budget.h"
#include "http/http.h"
#include "http/patience.h"

enum { NODE_REPLY_BYTES_MAX = 8 * 1024 * 1024 };

enum node_status {
    NODE_OPEN,
    NODE_DENIED, /* The node wants other credentials. */
    NODE_BARRED, /* It serves no client from there: protected mode. */
    NODE_BUSY,   /* It takes no more clients. */
    NODE_DOWN,   /* It does not answer, or ends. */
};

/* All zeros: closed. */
struct node {
    bool is_open;
    int fd;
    struct buffer in;
    size_t reply_size; /* Of the reply at its beginning, which was handed out. */
    struct budget_share *share;
};

/* Connects, and presents the credentials, if there are any. */
enum node_status node_open(struct node *n, const struct http_options *door,
                           const struct sockaddr *peer, const struct credentials *credentials,
                           struct budget_share *share, const struct patience *patience);
void node_close(struct node *n);

/* Sends one command. */
bool node_send(struct node *n, const struct patience *patience, const struct slice *words,
               uint32_t count);
/* Sends words that have no blanks. */
bool node_send_line(struct node *n, const struct patience *patience, const char *line);
/* Receives one reply, which stays until the next one. NULL, or why there is none. */
const char *node_receive(struct node *n, const struct patience *patience, struct slice *ret_reply);

/* Whether the reply is an error whose code is this word. */
bool node_is_error(struct slice reply, const char *code);
/* The bytes of a bulk or verbatim reply; empty: it is none. */
struct slice node_text(struct slice reply);
/* The value of a line "name:value" of INFO; empty: it is not there. */
struct slice node_info(struct slice info, const char *name);

#endif /* RAKIT_HTTP_NODE_H */
