#include "cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/reply.h"
#include "store/snapshot.h"

void source_init(struct source *s, struct client *client)
{
    *s = (struct source){.client = client};
}

void source_deinit(struct source *s)
{
    freeReplyObject(s->part);
    s->part = NULL;
}

static int explain(struct source *s, int code, const char *text)
{
    snprintf(s->error, sizeof s->error, "%s", text);
    return code;
}

/* What a call of the client's has come to. Takes the reply if it is none that can be used. */
static int judge(struct source *s, int status, redisReply **reply)
{
    int code = 0;

    if (status < 0) {
        return explain(s, status, s->client->error);
    }
    if (reply_is_error(*reply)) {
        code = reply_is_error_code(*reply, "GONE") ? SOURCE_EGONE : SOURCE_EREFUSED;
        explain(s, code, (*reply)->str);
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return code;
}

static int odd(struct source *s)
{
    return explain(s, SOURCE_EODD,
                   "the node's answer makes no sense: is it a Rakit server of another version?");
}

/* --- what there is --- */

static uint64_t number_of(const redisReply *map, const char *key)
{
    long long number = reply_number(reply_field(map, key), -1);

    return number < 0 ? 0 : (uint64_t)number;
}

static uint64_t digits_of(const redisReply *map, const char *key)
{
    struct slice text = reply_text(reply_field(map, key));
    char digits[17] = "";

    if (text.size == 16) {
        memcpy(digits, text.data, 16);
    }
    return strtoull(digits, NULL, 16);
}

static void take_snapshots(struct source *s, const redisReply *list)
{
    s->snapshot_count = 0;
    for (size_t i = 0; i < reply_count(list) && s->snapshot_count < SOURCE_SNAPSHOTS_MAX; i++) {
        const redisReply *row = reply_element(list, i);
        struct store_snapshot snapshot = {.index = number_of(row, "index"),
                                          .term = number_of(row, "term"),
                                          .time_us = number_of(row, "time_us"),
                                          .bytes = number_of(row, "bytes"),
                                          .checksum = digits_of(row, "checksum")};

        if (snapshot_is_possible(&snapshot)) {
            s->snapshots[s->snapshot_count++] = snapshot;
        }
    }
}

int source_look(struct source *s)
{
    redisReply *reply = NULL;
    int rv = judge(s, client_ask(s->client, &reply, "RAFT", "BACKUP", NULL), &reply);

    if (rv != 0) {
        return rv;
    }
    s->cluster_id = digits_of(reply, "cluster_id");
    s->node_id = digits_of(reply, "node_id");
    s->first_index = number_of(reply, "first_index");
    s->last = (struct store_origin){.index = number_of(reply, "last_index"),
                                    .term = number_of(reply, "last_term"),
                                    .time_us = number_of(reply, "last_time_us")};
    take_snapshots(s, reply_field(reply, "snapshots"));
    freeReplyObject(reply);
    return s->cluster_id == 0 || s->node_id == 0 ? odd(s) : 0;
}

size_t source_list_nodes(struct source *s)
{
    const struct client *c = s->client;
    size_t count = 0;

    s->nodes[count++] = c->here;
    for (size_t i = 0; i < c->member_count; i++) {
        if (strcmp(c->members[i].host, c->here.host) != 0 ||
            strcmp(c->members[i].port, c->here.port) != 0) {
            s->nodes[count++] = c->members[i];
        }
    }
    return count;
}

int source_use_node(struct source *s, size_t number)
{
    int rv = client_use(s->client, &s->nodes[number]);

    return rv == 0 ? 0 : explain(s, rv, s->client->error);
}

int source_make_snapshot(struct source *s, uint64_t *ret_index)
{
    uint64_t timeout_ms = s->client->patience.timeout_ms;
    redisReply *reply = NULL;

    s->client->patience.timeout_ms = 0;

    int rv = judge(s, client_ask(s->client, &reply, "RAFT", "SNAPSHOT", NULL), &reply);

    s->client->patience.timeout_ms = timeout_ms;
    *ret_index = rv == 0 ? number_of(reply, "index") : 0;
    freeReplyObject(reply);
    return rv;
}

/* --- parts --- */

/* A part of something of which `left` bytes are missing. */
static int take_part(struct source *s, uint64_t left, struct slice *ret_bytes)
{
    *ret_bytes = reply_text(s->part);
    return s->part->type != REDIS_REPLY_STRING || ret_bytes->size > left ||
                   ret_bytes->size > SOURCE_PART_MAX || (left > 0 && ret_bytes->size == 0)
               ? odd(s)
               : 0;
}

struct digits {
    char text[24];
};

static struct digits decimal(uint64_t number)
{
    struct digits d;

    snprintf(d.text, sizeof d.text, "%" PRIu64, number);
    return d;
}

int source_read_snapshot(struct source *s, const struct store_snapshot *snapshot, uint64_t offset,
                         struct slice *ret_bytes)
{
    struct digits checksum;
    int rv;

    snprintf(checksum.text, sizeof checksum.text, "%016" PRIx64, snapshot->checksum);
    freeReplyObject(s->part);
    s->part = NULL;
    rv = judge(s,
               client_ask(s->client, &s->part, "RAFT", "BACKUP", "SNAPSHOT",
                          decimal(snapshot->index).text, decimal(snapshot->term).text,
                          decimal(snapshot->bytes).text, checksum.text, decimal(offset).text, NULL),
               &s->part);
    return rv != 0 ? rv : take_part(s, snapshot->bytes - offset, ret_bytes);
}

int source_read_log(struct source *s, const struct store_origin *previous, uint64_t offset,
                    uint64_t last, struct slice *ret_bytes)
{
    int rv;

    freeReplyObject(s->part);
    s->part = NULL;
    rv = judge(s,
               client_ask(s->client, &s->part, "RAFT", "BACKUP", "LOG",
                          decimal(previous->index + 1).text, decimal(previous->term).text,
                          decimal(offset).text, decimal(last).text, NULL),
               &s->part);
    return rv != 0 ? rv : take_part(s, UINT64_MAX, ret_bytes);
}
