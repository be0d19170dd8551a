/* source.h - what a backup is fetched from: a node, asked by RAFT BACKUP for what it can hand out,
 * and for parts of that. Nothing that it answers is believed without a check. */
#ifndef RAKIT_CLI_SOURCE_H
#define RAKIT_CLI_SOURCE_H

#include "cli/client.h"
#include "store/basics.h"

enum {
    SOURCE_EGONE = -10,    /* The node does not have that snapshot, or these entries, any more. */
    SOURCE_EREFUSED = -11, /* It answered with another error. */
    SOURCE_EODD = -12,     /* Its answer makes no sense. */
};

enum { SOURCE_SNAPSHOTS_MAX = 16, SOURCE_PART_MAX = 1024 * 1024 };

struct source {
    struct client *client; /* Borrowed. */
    uint64_t cluster_id;
    uint64_t node_id;
    uint64_t first_index;     /* Of its log. */
    struct store_origin last; /* The last entry that it has executed. */
    struct store_snapshot snapshots[SOURCE_SNAPSHOTS_MAX]; /* By index. */
    size_t snapshot_count;
    redisReply *part;                                    /* The last one. */
    struct client_address nodes[CLIENT_MEMBERS_MAX + 1]; /* See source_list_nodes(). */
    char error[1024]; /* Why the last call failed, as a sentence for the user. */
};

void source_init(struct source *s, struct client *client);
void source_deinit(struct source *s);
/* Asks what there is. 0, a code from above, or one of client.h. */
int source_look(struct source *s);
/* Has the node make a snapshot now, however long that takes. Its index. */
int source_make_snapshot(struct source *s, uint64_t *ret_index);
/* How many nodes there are: the one in use, which is number 0, and the other members. */
size_t source_list_nodes(struct source *s);
/* Goes on with that one of the last list. */
int source_use_node(struct source *s, size_t number);
/* A part of a snapshot: at least a byte, unless it ends at `offset`. Valid until the next call. */
int source_read_snapshot(struct source *s, const struct store_snapshot *snapshot, uint64_t offset,
                         struct slice *ret_bytes);
/* A part of the string of entries (store/entry_stream.h): from the one after `previous` on, at that
 * offset of its record, to `last` at the most. Valid until the next call. */
int source_read_log(struct source *s, const struct store_origin *previous, uint64_t offset,
                    uint64_t last, struct slice *ret_bytes);

#endif /* RAKIT_CLI_SOURCE_H */
