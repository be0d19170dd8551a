/* clients.h - the clients' side of the server: their connections, the order of their replies,
 * and limits on what they may use. */
#ifndef RAKIT_CLIENT_CLIENTS_H
#define RAKIT_CLIENT_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "client/notify.h"
#include "io/io.h"
#include "users/password.h"

struct buffer;
struct clients;
struct client;
struct command_call;
struct command_table; /* command/table.h */
struct denials;       /* users/denials.h */
struct replica;
struct server_probe; /* command/probe.h */

/* What Redis Cluster's clients find (docs/adr/0040-doors.md). */
enum cluster_mode {
    CLUSTER_OFF,      /* CLUSTER is refused. */
    CLUSTER_FORWARDS, /* CLUSTER answers, and any node takes any command. */
    CLUSTER_REDIRECTS /* And connections begin with RAFT REDIRECT ON. */
};

/* Options of the clients' side. Strings and pointers are borrowed for its lifetime. */
struct clients_options {
    struct io *io;
    const struct log *log;
    const struct server_probe *probe; /* NULL: no checker observes. */
    struct replica *replica;          /* Executes the commands. */
    const struct command_table *commands;
    struct denials *denials; /* What is refused for want of rights; or NULL. */
    void *context; /* For commands whose handlers are in rooms above: see call_context(). */

    struct io_address address; /* Where to listen. */
    struct io_tls *tls;        /* Of clients that come in at tls_port; NULL: none do. */
    uint16_t tls_port;         /* If it is that of `address`, none come in without TLS. */
    /* Appends the section Tls of INFO, with `context`; NULL: there is none. */
    void (*put_tls)(void *context, struct buffer *out);
    uint16_t peer_port; /* This and the next two: for INFO. */
    const char *run_id;
    uint64_t started_ns;

    uint32_t clients_max;
    uint64_t request_timeout_ns;
    uint64_t input_bytes_max;     /* Limit for one request; beyond it, an error. */
    uint64_t output_bytes_max;    /* Limit for one client's unread replies; beyond it, the
                                   * connection is closed. */
    uint64_t input_memory_bytes;  /* Limit for the large requests that all clients are sending. */
    uint64_t output_memory_bytes; /* Limit for the unread replies of all clients. */
    uint64_t idle_ns;             /* Idle connections are closed after this; 0: never. */
    bool protected_mode;          /* Serves clients only over loopback, unless they need a
                                   * password. */
    bool has_password;            /* The user default has this one, until it is changed. */
    struct password_hash password;
    enum cluster_mode cluster_mode;
    bool followers_are_replicas; /* In INFO, ROLE and HELLO; otherwise they are masters. */
    bool is_sentinel;            /* This is the Sentinel door. Then: */
    const char *sentinel_name;   /* What clients call the cluster; NULL: any name will do. */
    int32_t sentinel_distance;   /* From a node's port for clients to that of its door. */
};

/* Starts to listen. Negative errno on failure; then *ret_port is the port that it was about. */
int clients_start(const struct clients_options *options, struct clients **ret_clients,
                  uint16_t *ret_port);
/* Where connections are accepted; for connections that the process makes to itself. */
struct io_listener *clients_listener(struct clients *c);
/* Another replica executes the commands from now on. None may be under way. */
void clients_set_replica(struct clients *c, struct replica *replica);
/* Serves no more clients than that from now on, though those that are connected stay, and closes
 * connections idle for so long (0: none). */
void clients_limit(struct clients *c, uint32_t clients_max, uint64_t idle_ns);
/* Closes all connections at once, and accepts no new ones: the node ends. */
void clients_shut(struct clients *c);
/* Accepts no new clients; those connected stay. */
void clients_refuse(struct clients *c);
/* Takes commands of clients that may go on; called at the beginning of each turn. */
void clients_run(struct clients *c);
/* Sends the replies written since the last call; called at the end of each turn. */
void clients_send(struct clients *c);
/* Frees everything at once (see server_free). The loop must have ended, so that every closing
 * stream is closed; or the machine must be dead: no callback comes any more. */
void clients_free(struct clients *c);

/* No command is under way, and all replies have been sent. */
bool clients_are_idle(const struct clients *c);

/* The clients' side that received a LOCAL command; and the context of its options, for handlers
 * in rooms above. */
struct clients *call_clients(const struct command_call *call);
void *call_context(const struct command_call *call);

/* The connection ends once all its replies are sent, after this command. */
void call_end_connection(struct command_call *call);

/* For asynchronous local commands (COMMAND_ASYNC): keeps the place of the reply in the order of
 * the connection. Instead of writing a reply, the handler calls reply_later(); later the code
 * that has the answer calls reply_writer() and reply_done(). The slot outlives the connection;
 * the reply is then dropped. */
struct reply_slot;
struct reply_slot *reply_later(struct command_call *call);
struct resp_writer *reply_writer(struct reply_slot *slot);
void reply_done(struct reply_slot *slot);

struct clients_stats {
    uint64_t connected_count;
    uint64_t accepted_count;
    uint64_t refused_count;
    uint64_t closed_slow_count; /* Closed because they did not read their replies. */
    uint64_t commands_count;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t unread_bytes; /* Unsent replies, of all clients now. */
};

/* Resets the counts of events, not the counts of current clients. */
void clients_reset_stats(struct clients *c);
void clients_get_stats(const struct clients *c, struct clients_stats *ret_stats);

/* The events of keys that this node publishes: CONFIG SET notify-keyspace-events. */
void clients_notify(struct clients *c, notify_set set);
notify_set clients_notified(const struct clients *c);

#endif /* RAKIT_CLIENT_CLIENTS_H */
