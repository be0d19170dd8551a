/* connection.h - one TCP connection that carries one command at a time. Every wait ends after a
 * time without progress, or when the user presses Ctrl-C. It knows nothing of clusters; client.h
 * does.
 *
 * After any negative code the connection is closed, because a late reply would be taken for that
 * of the next command. */
#ifndef RAKIT_CLI_CONNECTION_H
#define RAKIT_CLI_CONNECTION_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/signals.h"
#include "cli/tls.h"
#include "cli/words.h"

enum {
    CONNECTION_ELOST = -1,        /* Refused, closed or broken. */
    CONNECTION_ETIMEDOUT = -2,    /* No progress for too long. */
    CONNECTION_EINTERRUPTED = -3, /* The user does not want to wait. */
    CONNECTION_EPROTOCOL = -4,    /* The other side does not speak RESP. */
};

/* Tells the user once, on stderr, that a command is still waiting. */
struct notice {
    uint64_t due_ms; /* By connection_now_ms(); 0: nothing to print, or printed already. */
};

/* How long to wait, who is notified, and what interrupts the wait. */
struct patience {
    uint64_t timeout_ms;     /* Without progress; 0: no limit. */
    struct signals *signals; /* Borrowed; may be NULL. */
    struct notice *notice;   /* Borrowed; may be NULL. */
};

struct connection {
    int fd;                      /* -1: closed. */
    struct tls_client *tls;      /* Borrowed, set by the owner; NULL: it is not encrypted. */
    struct tls_session *session; /* Of the open connection, if it is encrypted. */
    redisReader *reader;
    bool has_received; /* Anything, since it was opened. */
    struct buffer output;
    char error[512]; /* The last failure, for a message. */
};

/* Milliseconds of the monotonic clock. */
uint64_t connection_now_ms(void);

void connection_init(struct connection *c);
/* Looks up the name and tries its addresses one after the other, all within `patience`. */
int connection_open(struct connection *c, const char *host, const char *port,
                    struct patience patience);
/* Does nothing if it is closed already. */
void connection_close(struct connection *c);
void connection_deinit(struct connection *c);

static inline bool connection_is_open(const struct connection *c)
{
    return c->fd >= 0;
}

/* False if something arrived that nobody asked for: nearly always the end of the connection. */
bool connection_is_quiet(const struct connection *c);

/* Sends a command and waits for its reply; on 0 the caller frees `*ret_reply` with
 * freeReplyObject(). `*ret_sent` is always set: false means that the server can't have received
 * the whole command, so it has not executed it. */
int connection_call(struct connection *c, const struct words *command, struct patience patience,
                    redisReply **ret_reply, bool *ret_sent);

/* Waits for this time; CONNECTION_EINTERRUPTED if the user does not want to. */
int connection_pause(uint64_t ms, struct patience patience);

#endif /* RAKIT_CLI_CONNECTION_H */
