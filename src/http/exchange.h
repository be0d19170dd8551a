/* exchange.h - one request and its answer: what the files of the door share. */
#ifndef RAKIT_HTTP_EXCHANGE_H
#define RAKIT_HTTP_EXCHANGE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "http/access.h"
#include "http/budget.h"
#include "http/channel.h"
#include "http/node.h"
#include "http/patience.h"
#include "http/request.h"

struct door;
struct sockaddr;

struct answer {
    int status;
    const char *type; /* Of the body. */
    const char *more; /* Further headers, each with its end; NULL: none. */
    struct buffer body;
    struct slice page; /* The body, if it is fixed; `body` is empty then. */
    bool is_sent;      /* The handler has sent all itself. */
};

struct exchange {
    struct door *door;
    const struct channel *channel;
    const struct sockaddr *peer;
    struct request request;
    struct credentials credentials;
    struct buffer body;
    struct budget_share share;
    struct node node; /* Opened by exchange_open_node(). */
    struct answer answer;
};

/* Sets an answer of one sentence. */
void exchange_say(struct exchange *e, int status, const char *sentence);
/* So many milliseconds from now on, and no longer than the door lives. */
struct patience exchange_patience(const struct exchange *e, int64_t ms);
/* Connects with the credentials of the request; does nothing if it is open. False: the answer
 * says why not. */
bool exchange_open_node(struct exchange *e);
/* Sends a line of words to the node, and receives the reply. False: the answer says why not. */
bool exchange_ask(struct exchange *e, const char *line, int64_t ms, struct slice *ret_reply);
/* If the reply is an error: sets the answer that corresponds to it, and returns true. */
bool exchange_is_refused(struct exchange *e, struct slice reply);

/* Sends the head of the answer: with the length of its body, or, without a length, for a body that
 * ends with the connection. */
bool exchange_send_head(struct exchange *e, bool has_length);
/* Sends the whole answer. */
void exchange_send(struct exchange *e);

#endif /* RAKIT_HTTP_EXCHANGE_H */
