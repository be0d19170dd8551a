#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "cli/print.h"
#include "cli/reply.h"
#include "cli/status_figures.h"
#include "cli/table.h"

enum { ID_SHOWN = 8 }; /* Enough of an id to distinguish nodes. */

/* Sums over all nodes. */
struct health {
    long long voters;
    long long reachable; /* Voters. */
    long long contradicted;
    long long isolated;
    long long lagging;        /* Voters. */
    long long full;           /* Voters that are known to have a full disk. */
    long long without_memory; /* Voters that have no memory for more data. */
    long long learners;
    long long commit_index; /* The highest that any node reports. */
    bool has_leader;
    bool is_mixed; /* Nodes run different versions, for example during an upgrade. */
};

static struct slice text_of(const redisReply *map, const char *key)
{
    return reply_text(reply_field(map, key));
}

static bool field_is(const redisReply *map, const char *key, const char *value)
{
    return slice_is(text_of(map, key), value);
}

static struct health count_nodes(const redisReply *status)
{
    const redisReply *nodes = reply_field(status, "nodes");
    struct health h = {
        .commit_index = reply_number(reply_field(status, "commit_index"), 0),
        .has_leader = text_of(status, "leader_id").size > 0,
    };
    const redisReply *first = NULL; /* The first node about which anything is known. */

    for (size_t i = 0; i < reply_count(nodes); i++) {
        const redisReply *node = reply_element(nodes, i);
        long long commit_index = reply_number(reply_field(node, "commit_index"), 0);

        if (commit_index > h.commit_index) {
            h.commit_index = commit_index;
        }
        if (!field_is(node, "health", "unreachable")) {
            first = first == NULL ? node : first;
            h.is_mixed =
                h.is_mixed || !slice_equal(text_of(node, "version"), text_of(first, "version"));
        }
        if (field_is(node, "membership", "learner")) {
            h.learners++;
            continue;
        }
        h.voters++;
        h.reachable += !field_is(node, "health", "unreachable");
        h.lagging += field_is(node, "health", "lagging");
        h.contradicted += field_is(node, "health", "contradicted");
        h.isolated += field_is(node, "health", "isolated");
        h.full += field_is(node, "health", "disk-full");
        h.without_memory += field_is(node, "health", "memory-full");
    }
    return h;
}

static const char *plural(long long count)
{
    return count == 1 ? "" : "s";
}

static void draw_trouble(struct buffer *out, const struct health *h, long long spare)
{
    long long missing = h->voters - h->reachable;

    buffer_printf(out, "degraded: ");
    if (missing > 0) {
        buffer_printf(out, "%lld of %lld voters unreachable, ", missing, h->voters);
    }
    if (h->lagging > 0) {
        buffer_printf(out, "%lld of %lld voters lagging, ", h->lagging, h->voters);
    }
    if (h->contradicted > 0) {
        buffer_printf(out, "%lld of %lld voters at odds with others about what is committed, ",
                      h->contradicted, h->voters);
    }
    if (h->isolated > 0) {
        buffer_printf(out, "%lld of %lld voters with a wrong state, being rebuilt, ", h->isolated,
                      h->voters);
    }
    if (h->full > 0) {
        buffer_printf(out, "%lld of %lld voters with a full disk, ", h->full, h->voters);
    }
    if (h->without_memory > 0) {
        buffer_printf(out, "%lld of %lld voters with no memory for more data, ", h->without_memory,
                      h->voters);
    }
    if (spare < 0) {
        buffer_printf(out, "no majority: no reads, no writes");
    } else if (spare == 0) {
        buffer_printf(out, "tolerates no further failures");
    } else {
        buffer_printf(out, "tolerates %lld more failure%s", spare, plural(spare));
    }
}

/* The summary that a person wants first. */
static void draw_verdict(struct buffer *out, const struct health *h, const struct style *style)
{
    long long spare = h->reachable - h->full - (h->voters / 2 + 1);
    bool whole = h->reachable == h->voters && h->lagging == 0 && h->contradicted == 0 &&
                 h->isolated == 0 && h->full == 0 && h->without_memory == 0;
    enum colour colour = !h->has_leader || spare < 0 ? RED : whole ? GREEN : YELLOW;

    buffer_printf(out, "%s", style_on(style, colour));
    if (!h->has_leader) {
        buffer_printf(out, "no leader: no reads, no writes");
    } else if (!whole) {
        draw_trouble(out, h, spare);
    } else if (spare == 0) {
        buffer_printf(out, "healthy: tolerates no failure");
    } else {
        buffer_printf(out, "healthy: tolerates %lld failure%s", spare, plural(spare));
    }
    buffer_printf(out, "%s\n", style_off(style, colour));
}

static struct slice short_id(struct slice id)
{
    return slice_of(id.data, id.size > ID_SHOWN ? ID_SHOWN : id.size);
}

/* The address of the node with this id, or the id if it is not listed. */
static struct slice address_of(const redisReply *nodes, struct slice id)
{
    for (size_t i = 0; i < reply_count(nodes); i++) {
        const redisReply *node = reply_element(nodes, i);

        if (slice_equal(text_of(node, "id"), id)) {
            return text_of(node, "address");
        }
    }
    return short_id(id);
}

/* The name of a node, or else the beginning of its id. */
static struct slice label_of(const redisReply *node)
{
    struct slice name = text_of(node, "name");

    return name.size > 0 ? name : short_id(text_of(node, "id"));
}

/* Which nodes are about to take the place of others. */
static void draw_replacements(struct buffer *out, const redisReply *nodes,
                              const struct style *style)
{
    for (size_t i = 0; i < reply_count(nodes); i++) {
        const redisReply *node = reply_element(nodes, i);
        struct slice replaced = text_of(node, "replaces");

        if (replaced.size > 0) {
            buffer_printf(out, ", %s", style_on(style, YELLOW));
            print_line(out, text_of(node, "address"));
            buffer_printf(out, " is to replace ");
            print_line(out, address_of(nodes, replaced));
            buffer_printf(out, "%s", style_off(style, YELLOW));
        }
    }
}

/* Two lines, because one would not fit a usual terminal. */
static void draw_headlines(struct buffer *out, const redisReply *status, const struct health *h,
                           const struct style *style)
{
    const redisReply *nodes = reply_field(status, "nodes");

    if (field_is(status, "configuration", "removed")) {
        buffer_printf(out, "%sremoved: this node serves nothing any more; ask another one%s\n",
                      style_on(style, RED), style_off(style, RED));
    } else {
        draw_verdict(out, h, style);
    }
    buffer_printf(out, "cluster ");
    print_line(out, short_id(text_of(status, "cluster_id")));
    if (h->has_leader) {
        buffer_printf(out, ", leader ");
        print_line(out, address_of(nodes, text_of(status, "leader_id")));
    } else {
        buffer_printf(out, ", no leader");
    }
    buffer_printf(out, ", %lld voter%s", h->voters, plural(h->voters));
    if (h->learners > 0) {
        buffer_printf(out, ", %lld learner%s", h->learners, plural(h->learners));
    }
    buffer_printf(out, ", term %lld", reply_number(reply_field(status, "term"), 0));
    if (field_is(status, "configuration", "joint")) {
        buffer_printf(out, ", %smembership is changing%s", style_on(style, YELLOW),
                      style_off(style, YELLOW));
    }
    draw_replacements(out, nodes, style);
    buffer_append(out, "\n", 1);
}

static enum colour role_colour(struct slice role)
{
    if (slice_is(role, "leader")) {
        return GREEN;
    }
    if (slice_is(role, "candidate") || slice_is(role, "pre-candidate")) {
        return YELLOW;
    }
    return slice_is(role, "unknown") ? DIM : PLAIN;
}

static enum colour health_colour(struct slice health)
{
    return slice_is(health, "ok") ? GREEN : slice_is(health, "lagging") ? YELLOW : RED;
}

/* For a node that has not been heard, "-" instead of a number. */
static void add_number(struct table *t, enum colour colour, long long number, bool known)
{
    if (known && number >= 0) {
        table_add_number(t, colour, number);
    } else {
        table_add(t, DIM, slice_str(""));
    }
}

static long long number_of(const redisReply *map, const char *key)
{
    return reply_number(reply_field(map, key), -1);
}

/* "unreachable(12s)" is one word, so that rows can be split at blanks. */
static void add_health(struct table *t, const redisReply *node)
{
    struct slice health = text_of(node, "health");
    long long silent_ms = number_of(node, "silent_ms");
    struct buffer text = {0};

    buffer_append_slice(&text, health);
    if (slice_is(health, "unreachable") && silent_ms >= 0) {
        long long s = silent_ms / 1000;

        buffer_printf(&text, "(%lld%s)",
                      s < 120    ? s
                      : s < 7200 ? s / 60
                                 : s / 3600,
                      s < 120    ? "s"
                      : s < 7200 ? "min"
                                 : "h");
    }
    table_add_text(t, health_colour(health), buffer_slice(&text));
    buffer_deinit(&text);
}

static void add_node(struct table *t, const redisReply *node, const struct health *h, bool answers)
{
    struct slice role = text_of(node, "role");
    struct slice health = text_of(node, "health");
    bool lagging = slice_is(health, "lagging");
    long long commit = number_of(node, "commit_index");
    long long applied = number_of(node, "applied_index");
    bool known = number_of(node, "term") > 0 && !slice_is(health, "unreachable");
    long long lag = h->commit_index > applied ? h->commit_index - applied : 0;

    table_add_text(t, answers ? BOLD : PLAIN, label_of(node));
    table_add_text(t, answers ? BOLD : PLAIN, text_of(node, "address"));
    table_add_text(t, role_colour(role), role);
    add_number(t, PLAIN, number_of(node, "term"), known);
    /* What is applied is committed, so a lower commit index is not a known one. */
    add_number(t, PLAIN, commit, known && commit >= applied);
    add_number(t, PLAIN, applied, known);
    add_number(t, lagging ? YELLOW : PLAIN, lag, known && applied >= 0);
    add_health(t, node);
    if (h->is_mixed) {
        struct slice version = text_of(node, "version");

        table_add_text(t, PLAIN, known && version.size == 0 ? slice_str("older") : version);
    }
}

static int compare_addresses(const void *a, const void *b)
{
    const redisReply *const *left = a;
    const redisReply *const *right = b;

    /* Numbers by their value: port 900 before port 8000. */
    return strverscmp(text_of(*left, "address").data, text_of(*right, "address").data);
}

/* Borrowed from the reply, in a stable order; free() the array. */
static const redisReply **sorted_nodes(const redisReply *nodes)
{
    size_t count = reply_count(nodes);
    const redisReply **sorted = memory_take((count + 1) * sizeof *sorted);

    for (size_t i = 0; i < count; i++) {
        sorted[i] = reply_element(nodes, i);
    }
    qsort(sorted, count, sizeof *sorted, compare_addresses);
    return sorted;
}

static void draw_nodes(struct buffer *out, const redisReply *status, const redisReply **nodes,
                       const struct health *h, const struct style *style)
{
    static const struct table_column columns[] = {
        {"NODE", TABLE_LEFT, true},    {"ADDRESS", TABLE_LEFT, false},
        {"ROLE", TABLE_LEFT, false},   {"TERM", TABLE_RIGHT, true},
        {"COMMIT", TABLE_RIGHT, true}, {"APPLIED", TABLE_RIGHT, false},
        {"LAG", TABLE_RIGHT, false},   {"HEALTH", TABLE_LEFT, false},
        {"VERSION", TABLE_LEFT, true},
    };
    size_t column_count = sizeof columns / sizeof *columns;
    size_t count = reply_count(reply_field(status, "nodes"));
    struct table t;

    table_init(&t, columns, h->is_mixed ? column_count : column_count - 1);
    for (size_t i = 0; i < count; i++) {
        bool answers = slice_equal(text_of(nodes[i], "id"), text_of(status, "node_id"));

        add_node(&t, nodes[i], h, answers);
    }
    table_draw(&t, style, out);
    table_deinit(&t);
}

bool status_draw(struct buffer *out, const redisReply *reply, const struct style *style)
{
    if (reply_count(reply_field(reply, "nodes")) == 0) {
        return false;
    }
    const redisReply **nodes = sorted_nodes(reply_field(reply, "nodes"));
    struct health h = count_nodes(reply);

    draw_headlines(out, reply, &h, style);
    buffer_append(out, "\n", style->terminal ? 1 : 0);
    draw_nodes(out, reply, nodes, &h, style);
    status_figures_draw(out, nodes, reply_count(reply_field(reply, "nodes")), time(NULL), style);
    free(nodes);
    return true;
}
