/* client.h - a client of the whole cluster: talks to one member, learns the
 * others from it, and goes on with one of those when it dies.
 *
 * A command is sent again only where it certainly was not executed, or where
 * executing it twice changes nothing. Everything else that breaks off is
 * CLIENT_EINDOUBT: the caller must say so to the user. */
#ifndef RAKIT_CLI_CLIENT_H
#define RAKIT_CLI_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/connection.h"
#include "cli/words.h"

enum {
    CLIENT_EUNREACHABLE = -1, /* No member answers; not executed. */
    CLIENT_EINDOUBT = -2,     /* Sent, but no reply: may or may not have been executed. */
    CLIENT_EINTERRUPTED = -3, /* The user broke it off; not executed, or only a read. */
    CLIENT_EPROTOCOL = -4,    /* The reply cannot be understood; executed or not. */
};

enum { CLIENT_MEMBERS_MAX = 64 };

struct client_address {
    char host[256];
    char port[6];
};

struct client {
    struct connection connection;
    struct patience patience;
    bool gives_notice;                                 /* A person waits for the replies. */
    struct notice notice;                              /* Of the command that waits. */
    struct client_address here;                        /* Whom we talk to, or did last. */
    struct client_address members[CLIENT_MEMBERS_MAX]; /* `here` may be among them. */
    size_t member_count;
    struct words login; /* The last AUTH that was accepted; count 0: none. */
    uint32_t database;  /* Chosen on each connection before anything else is said. */
    char error[1024];   /* Why the last call failed, as a sentence for the user. */
};

void client_init(struct client *c, const char *host, const char *port, struct patience patience);
void client_deinit(struct client *c);

/* Connects to the first address, once, and chooses `database` there. 0, CLIENT_EUNREACHABLE or
 * CLIENT_EINTERRUPTED. */
int client_connect(struct client *c);

/* Executes a command. On 0 the caller frees `*ret_reply`; an error of the server
 * is a reply too. On a negative code `error` says what happened. Errors by which
 * the server says that it has not executed the command for want of a leader are
 * answered by trying again until the patience is over. */
int client_call(struct client *c, const struct words *command, redisReply **ret_reply);

/* The same for words that are written out here; the last argument is NULL. */
int client_ask(struct client *c, redisReply **ret_reply, ...) __attribute__((sentinel));

/* For idle times: false where the connection has died in the meantime. */
bool client_is_alive(const struct client *c);
/* Connects again where needed, and learns who the members are now. */
int client_refresh(struct client *c);

/* "host:port", with brackets around an IPv6 address. */
void client_address_text(const struct client_address *a, char *text, size_t size);

/* The number of a database in decimal digits; false, and nothing changed, where it is none. */
bool client_read_database(struct slice text, uint32_t *ret_database);

/* Takes "host:port" apart; false where it is not of that form. */
bool client_address_parse(struct slice text, struct client_address *ret_address);

#endif /* RAKIT_CLI_CLIENT_H */
