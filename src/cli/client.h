/* client.h - a client of the whole cluster: it talks to one member, learns the others from it,
 * and switches to one of those if it dies.
 *
 * A command is sent again only if it certainly was not executed, if executing it twice changes
 * nothing, or under the same number of ONCE, by which the cluster executes it once. Everything
 * else that is interrupted is CLIENT_EINDOUBT, which the caller must report to the user. */
#ifndef RAKIT_CLI_CLIENT_H
#define RAKIT_CLI_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/connection.h"
#include "cli/once.h"
#include "cli/words.h"

enum {
    CLIENT_EUNREACHABLE = -1, /* No member answers; not executed. */
    CLIENT_EINDOUBT = -2,     /* Sent, but no reply: may or may not have been executed. */
    CLIENT_EINTERRUPTED = -3, /* The user interrupted it; not executed, or only a read. */
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
    bool gives_notice;                                 /* A person is waiting for the replies. */
    struct notice notice;                              /* For the command that is waiting. */
    struct client_address here;                        /* The node that we use now, or used last. */
    struct client_address members[CLIENT_MEMBERS_MAX]; /* `here` may be among them. */
    size_t member_count;
    int tls_distance;   /* With TLS: from a member's port in RAFT STATUS to that for TLS. */
    struct once once;   /* The numbers of writes. */
    bool is_in_doubt;   /* The command that is waiting may have been executed. */
    struct words login; /* The last AUTH that was accepted; count 0: none. */
    uint32_t database;  /* Selected on each connection before anything else is sent. */
    char error[1024];   /* Why the last call failed, as a sentence for the user. */
};

void client_init(struct client *c, const char *host, const char *port, struct patience patience);
/* Logs in on each connection; NULL: as the user default; without a password: not at all. */
void client_use_login(struct client *c, char *user, char *password);
void client_deinit(struct client *c);

/* Connects to the first address, once, and selects `database`. Returns 0, CLIENT_EUNREACHABLE or
 * CLIENT_EINTERRUPTED. */
int client_connect(struct client *c);

/* Leaves the node in use for that one, by one attempt. The same results. */
int client_use(struct client *c, const struct client_address *address);

/* Executes a command. On 0 the caller frees `*ret_reply`; an error of the server is a reply too.
 * On a negative code, `error` says what happened. Errors that mean "not executed, no leader" are
 * retried until the patience is over. */
int client_call(struct client *c, const struct words *command, redisReply **ret_reply);

/* The same with the words as arguments; the last one is NULL. */
int client_ask(struct client *c, redisReply **ret_reply, ...) __attribute__((sentinel));

/* For idle times: false if the connection has died. */
bool client_is_alive(const struct client *c);
/* Connects again if necessary, and updates the members. */
int client_refresh(struct client *c);

/* "host:port", with brackets around an IPv6 address. */
void client_address_text(const struct client_address *a, char *text, size_t size);

/* The number of a database in decimal digits; false, and nothing changed, if it is not one. */
bool client_read_database(struct slice text, uint32_t *ret_database);

/* Parses "host:port"; false if it does not have that form. */
bool client_address_parse(struct slice text, struct client_address *ret_address);

#endif /* RAKIT_CLI_CLIENT_H */
