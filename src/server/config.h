/* config.h - the settings of a server. Filled by options.c or by a test; immutable afterwards,
 * except by settings.h. */
#ifndef RAKIT_SERVER_CONFIG_H
#define RAKIT_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "client/clients.h"
#include "io/io.h"
#include "replica/from_backup.h"
#include "server/tls_config.h"

struct server_config {
    struct io_address address;           /* Where to listen for clients. */
    uint16_t peer_port;                  /* Where to listen for peers, on the same host. */
    uint32_t peer_protocol;              /* The newest version of the peer protocol to speak. */
    uint32_t feature_level;              /* The newest feature level to use. */
    const struct command *more_commands; /* For tests: commands of a later program; or NULL. */
    char announce_host[256];             /* The host at which others reach this node; "":
                                          * address.host. */
    bool has_contact;
    struct io_address contact; /* A member's client address, to join through. */
    const char *name;          /* What people call this node; NULL: what the log says. */
    bool is_learner;           /* Join as a learner, and stay one. */
    const char *replaces;      /* Join in the place of that node; NULL: of none. */
    bool is_new_cluster;       /* Make a cluster, whatever is in the data directory. */
    const char *restore_file;  /* Make a cluster of this backup; NULL: do not. */
    struct backup_point restore_point;
    const char *data_dir;
    const char *cluster_key_file; /* The file with the key of the cluster. NULL: the key is in
                                   * the data directory, comes from the contact, or is made. */

    uint64_t election_timeout_ns; /* Timeouts are drawn from [this, 2 * this). */
    uint64_t heartbeat_interval_ns;
    uint64_t request_timeout_ns; /* A command that waits longer gets an error. */

    uint64_t segment_bytes;          /* Size of a segment of the write-ahead log. */
    uint64_t load_turn_ns;           /* Loading may take so much of one turn; 0: the default. */
    uint64_t log_memory_bytes;       /* The newest entries, up to this, are kept in memory. */
    uint64_t log_tail_bytes;         /* So many of the newest entries are kept when the log is
                                      * cut. */
    uint64_t snapshot_after_bytes;   /* A snapshot is due when the log has grown by so much. */
    uint64_t snapshot_rate_bytes;    /* The most that is fetched of another node's snapshot per
                                      * second. */
    uint64_t scrub_period_ns;        /* Everything on the disk is read so often; 0: never. */
    uint64_t feed_bytes;             /* For the newest changes of keys; 0: none are kept. */
    uint64_t scrub_rate_bytes;       /* The most that is read per second then. */
    uint64_t snapshot_after_entries; /* A snapshot is also due after so many entries. See
                                      * snapshotter.h. */
    uint64_t digest_interval;        /* States are compared after each so many entries: a power
                                      * of two, the same on all nodes; 0: the default. */
    uint64_t check_after_ns;         /* Memory is checked at least so often; 0: the default. */
    uint64_t in_flight_bytes_max;    /* Limit for commands under way: half for this node's
                                      * clients, which then wait; half for forwarded commands,
                                      * which are then refused. */

    uint64_t memory_bytes_max;     /* Growth of the data beyond this is refused; 0: no limit. */
    uint64_t machine_memory_bytes; /* memory_bytes_max may be a percentage of it; 0: unknown. */
    uint32_t piece_bytes;          /* Large payloads between nodes are sent in pieces of this size;
                                    * 0: the largest. */
    uint64_t disk_bytes_max;       /* Limit on the data directory; 0: the file system's. */
    uint64_t machine_disk_bytes;   /* The size of that file system; 0: unknown. */

    uint32_t clients_max;
    uint32_t clients_max_possible;    /* There are files for so many; 0: for clients_max. */
    uint64_t client_input_bytes_max;  /* Limit for one request; beyond it, an error. */
    uint64_t client_output_bytes_max; /* Limit for one client's unread replies; beyond it, the
                                       * connection is closed. */
    uint64_t input_memory_bytes;      /* Limit for the large requests that all clients are
                                       * sending. */
    uint64_t output_memory_bytes;     /* Limit for the unread replies of all clients. */
    uint64_t client_idle_ns;          /* Idle connections are closed after this; 0: never. */
    bool protected_mode;              /* Serves clients only over loopback, unless they need a
                                       * password. */
    bool has_password;                /* The user default has this one, until it is changed. */
    struct password_hash password;
    enum cluster_mode cluster_mode; /* What Redis Cluster's clients find. */
    uint16_t sentinel_port;         /* Where to listen for Sentinel's clients; 0: nowhere. */
    uint16_t http_port;             /* Where to listen for HTTP; 0: nowhere. */
    const char *sentinel_name;      /* What they call the cluster; NULL: any name will do. */
    bool followers_are_replicas;    /* For INFO, ROLE and HELLO; otherwise all are masters. */
    struct tls_config tls;
};

/* Sets the defaults. */
void server_config_defaults(struct server_config *c);
/* Keeps the limits of everything else within their parts of that limit. */
void server_config_fit_memory(struct server_config *c);
/* Makes the log's parts small enough for the disk. */
void server_config_fit_disk(struct server_config *c);
/* NULL if the settings can be used together; otherwise a sentence that says what is wrong. */
const char *server_config_check(const struct server_config *c);

/* Whether it listens on addresses that clients elsewhere can reach, but serves only loopback. */
bool server_config_serves_few(const struct server_config *c);
/* Whether it certainly listens only on a network address although it serves only loopback, and
 * so serves nobody. */
bool server_config_serves_nobody(const struct server_config *c);

/* The address that this node announces to others. */
struct io_address server_config_announced(const struct server_config *c);

#endif /* RAKIT_SERVER_CONFIG_H */
