/* commands.h - commands about a connection or this node. The node answers them itself, and they
 * never enter the log, except RAFT and REQUEST_LOG, which the leader answers. Each file has its
 * handlers and, at its end, their rows. */
#ifndef RAKIT_CLIENT_COMMANDS_H
#define RAKIT_CLIENT_COMMANDS_H

#include "base/buffer.h"
#include "kv/command.h"

/* Each table ends with a nameless row. */
extern const struct command acl_commands[];
extern const struct command connection_commands[];
extern const struct command client_family_commands[];
extern const struct command command_family_commands[];
extern const struct command node_commands[];
extern const struct command info_commands[];
extern const struct command raft_commands[];
extern const struct command changes_commands[];
extern const struct command cluster_commands[];
extern const struct command replication_commands[];
extern const struct command save_commands[];
extern const struct command slow_commands[];
/* Only at the Sentinel door. */
extern const struct command sentinel_commands[];
extern const struct command pubsub_commands[];

/* CONFIG SET requirepass: the password of the user default; empty: it needs none. */
void acl_require_password(struct command_call *call, struct slice password);

/* CLIENT TRACKING and its relatives. */
void client_tracking(struct command_call *call);
void client_caching(struct command_call *call);
void client_getredir(struct command_call *call);
void client_trackinginfo(struct command_call *call);

/* RAFT READS. */
void reads_command(struct command_call *call);
/* MONITOR, CLIENT PAUSE and UNPAUSE. */
void monitor_command(struct command_call *call);
void client_pause_command(struct command_call *call);
void client_unpause_command(struct command_call *call);
/* RAFT FEED and RAFT SCAN. */
void raft_feed_command(struct command_call *call);
void raft_scan_command(struct command_call *call);
/* RAFT METRICS. */
void raft_metrics_command(struct command_call *call);
/* RAFT REDIRECT. */
void redirect_command(struct command_call *call);

struct command_table; /* command/table.h */
struct clients;

/* The table of the Sentinel door: its own commands, and some of all. */
void commands_add_sentinel(struct command_table *door, const struct command_table *all);
/* What that door calls the cluster. */
const char *sentinel_name(const struct clients *c);
/* The lines of INFO sentinel. */
void sentinel_put_info(const struct clients *c, struct buffer *out);

/* All of these tables, but that of the Sentinel door, up to NULL. */
extern const struct command *const client_command_tables[];

#endif /* RAKIT_CLIENT_COMMANDS_H */
