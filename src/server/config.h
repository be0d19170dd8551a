/* config.h - what a server is told at its start. Immutable afterwards, but for what
 * CONFIG SET may change. Filled by options.c, or by a test. */
#ifndef RAKIT_SERVER_CONFIG_H
#define RAKIT_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"

struct server_config {
    struct io_address address;           /* Where it listens for clients. */
    uint16_t peer_port;                  /* Where peers come, on the same host. */
    uint32_t peer_protocol;              /* The newest version that is spoken with them. */
    uint32_t feature_level;              /* The newest that is used. */
    const struct command *more_commands; /* Of a later program, for tests; or NULL. */
    char announce_host[256];             /* The host that others reach it at; \"\": address.host. */
    bool has_contact;
    struct io_address contact; /* A member's client address: join through it. */
    bool is_new_cluster;       /* Make a cluster, whatever is in the data directory. */
    const char *data_dir;
    const char *cluster_key_file; /* The key of the cluster, in a file; NULL: the contact hands it
                                   * over, the data directory has it, or it is made. */

    uint64_t election_timeout_ns; /* Timeouts are drawn from [it, 2 * it). */
    uint64_t heartbeat_interval_ns;
    uint64_t request_timeout_ns; /* A command that waits longer gets an error. */

    uint64_t segment_bytes;          /* Of the write-ahead log. */
    uint64_t load_turn_ns;           /* Of loading, in one turn; 0: the default. */
    uint64_t log_memory_bytes;       /* Newest entries kept in memory. */
    uint64_t log_tail_bytes;         /* Of these, as many stay when the log is cut. */
    uint64_t snapshot_after_bytes;   /* A snapshot is due when the log has grown by so much, */
    uint64_t snapshot_rate_bytes;    /* So much of one is fetched from another node a second. */
    uint64_t snapshot_after_entries; /* or by so many entries. See snapshotter.h. */
    uint64_t in_flight_bytes_max;    /* Of commands under way: half for clients here, which wait
                                   * then, half for forwarded ones, which are refused. */

    uint64_t memory_bytes_max;     /* No growth of the data is taken beyond; 0: no limit. */
    uint64_t machine_memory_bytes; /* Of which it may be a share; 0: not known. */

    uint32_t clients_max;
    uint64_t client_input_bytes_max;  /* One request; beyond it an error. */
    uint64_t client_output_bytes_max; /* Unread replies; beyond it the connection ends. */
    uint64_t output_memory_bytes;     /* Unread replies of all clients together. */
    uint64_t client_idle_ns;          /* Close idle connections after; 0: never. */
    bool protected_mode;              /* Serve clients only over loopback. */
};

/* The values a server has where nothing else is said. */
void server_config_defaults(struct server_config *c);
/* What else takes memory keeps within shares of that limit. */
void server_config_fit_memory(struct server_config *c);
/* NULL where the values make sense together, else what is wrong, in a sentence. */
const char *server_config_check(const struct server_config *c);

/* Whether it listens where clients may come from elsewhere, and serves none of those. */
bool server_config_serves_few(const struct server_config *c);
/* Whether it certainly listens nowhere but at an address of a network, and so serves nobody. */
bool server_config_serves_nobody(const struct server_config *c);

/* The address that this node has for others. */
struct io_address server_config_announced(const struct server_config *c);

#endif /* RAKIT_SERVER_CONFIG_H */
