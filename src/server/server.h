/* server.h - one whole node: replica, peers and clients on one io. All of it runs in the
 * simulator exactly as in production. */
#ifndef RAKIT_SERVER_SERVER_H
#define RAKIT_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "cluster/members.h"
#include "command/table.h"
#include "io/io.h"
#include "kv/kv.h"
#include "peer/peers.h"
#include "server/config.h"
#include "server/doors.h"
#include "server/settings.h"
#include "server/tls.h"
#include "store/store.h"

struct replica;
struct contact;
struct server_probe; /* Observers in tests: probe.h. */

struct server {
    struct io *io;
    const struct log *log;
    const struct server_probe *probe; /* NULL: no checker observes. */
    struct server_config config;
    struct command_table commands;
    struct peers peers;
    struct denials *denials;
    struct replica *replica;
    struct doors doors;
    struct tls tls;
    uint64_t started_ns;     /* Monotonic. */
    bool has_key;            /* The user gave the key of the cluster. */
    struct store_key key;    /* That key. */
    uint64_t key_cluster_id; /* The cluster it belongs to; 0: not given. */
    char run_id[41];         /* 40 hex digits, new at each start. */
    bool is_loading;         /* Not all that was stored is in memory yet. */
    bool wants_restart;      /* The replica has stopped, to start again from its directory. */
    bool is_stopping;
    bool is_stopped;
    struct contact *contact;    /* NULL: none was given, or it is not needed any more. */
    struct io_timer stop_timer; /* Limits the time of server_stop(). */

    /* The server has ended: after server_stop(), or because of a fault (exit_status 1, and the
     * reason was logged). Do not free it in this callback. */
    void (*stopped)(struct server *server, int exit_status);
    /* All that was stored is loaded, and the node takes part; NULL: nobody wants to know. Also
     * called when it has started again within its process. */
    void (*runs)(struct server *server);
    void *context;                       /* For the host. */
    void (*stop)(struct server *server); /* server_stop(), for SHUTDOWN: tests have another one. */
};

/* Opens the data directory, recovers, listens, and joins if it was asked to. On failure returns
 * NULL and puts the reason into `text`. `config` is copied (its strings are borrowed for the
 * server's lifetime). `probe` may be NULL. */
struct server *server_start(struct io *io, const struct server_config *config,
                            const struct log *log, const struct server_probe *probe,
                            void (*stopped)(struct server *server, int exit_status), void *context,
                            char *text, size_t text_size);

/* What its settings are about, for settings.h; valid until the next callback. */
static inline struct settings_target server_settings(struct server *server)
{
    return (struct settings_target){.config = &server->config,
                                    .replica = server->replica,
                                    .clients = server->doors.plain,
                                    .sentinel_clients = server->doors.sentinel,
                                    .log = server->log,
                                    .denials = server->denials};
}

/* Ends the node in order: transfers leadership, answers commands under way, closes. */
void server_stop(struct server *server);

/* Frees everything at once, without sending anything: after `stopped`, or, in the simulator, if
 * the machine has just died. */
void server_free(struct server *server);

#endif /* RAKIT_SERVER_SERVER_H */
