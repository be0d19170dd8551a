/* server.h - one node, whole: replica, peers and clients on one io. Everything
 * here runs in the simulator as it runs for real. */
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
#include "server/config.h"
#include "store/store.h"

struct replica;
struct clients;
struct contact;
struct server_probe; /* Test hooks: probe.h. */

struct server {
    struct io *io;
    const struct log *log;
    const struct server_probe *probe; /* NULL: nobody watches. */
    struct server_config config;
    struct command_table commands;
    struct replica *replica;
    struct clients *clients; /* NULL until the node serves clients. */
    uint64_t started_ns;     /* Monotonic. */
    bool has_key;            /* The user gave the key of the cluster: */
    struct store_key key;    /* this, */
    uint64_t key_cluster_id; /* of that cluster; 0: not said. */
    char run_id[41];         /* 40 hex digits, new with each start. */
    bool is_stopping;
    bool is_stopped;
    struct contact *contact;    /* NULL: none was named, or it is not needed. */
    struct io_timer stop_timer; /* Bounds server_stop(). */

    /* The server has ended for good: after server_stop(), or because of a fault
     * (exit_status 1, and the reason was logged). Free it later, not in here. */
    void (*stopped)(struct server *server, int exit_status);
    void *context; /* The host's. */
};

/* Opens the data directory, recovers, listens, and joins where it was told to. On
 * failure returns NULL and says why in `text`. `config` is copied (its strings are
 * borrowed for the server's life). `probe` may be NULL. */
struct server *server_start(struct io *io, const struct server_config *config,
                            const struct log *log, const struct server_probe *probe,
                            void (*stopped)(struct server *server, int exit_status), void *context,
                            char *text, size_t text_size);

/* Ends it in order: hands leadership over, answers what is under way, closes. */
void server_stop(struct server *server);

/* Frees everything at once, without a further word to anybody: after `stopped`, or
 * (in the simulator) where the machine has just died. */
void server_free(struct server *server);

#endif /* RAKIT_SERVER_SERVER_H */
