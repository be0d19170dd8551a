#include "cli/catalogue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/reply.h"

struct own_command {
    const char *name;
    const char *syntax;
    const char *summary;
};

static const struct own_command own_commands[] = {
    {"backup", "file",
     "Fetches a backup from this node into a file, or continues the one that is there."},
    {"changes", "prefix [id]",
     "Prints each change of a key with this prefix, from now on or behind an id. As the only "
     "command "
     "of the program, also: watch."},
    {"clear", "", "Clears the screen."},
    {"exit", "", "Ends the client."},
    {"help", "[command | group]", "Lists the commands, or explains one of them."},
    {"quit", "", "Ends the client."},
    {"request_log", "[from [count]] [stages]",
     "Shows the replicated log as a table, with the stages of recent entries. One entry alone is "
     "drawn in full."},
    {"slow", "", "Shows which nodes writes wait for, and the slowest writes of the last minutes."},
    {"status", "[--json]",
     "Shows the cluster: its nodes, the leader, what failures it tolerates, and how each node is."},
    {"top", "[seconds]", "Shows the state of the cluster all the time, until q is typed."},
    {"verify", "file", "Reads a backup, and shows what is in it or what is damaged."},
};

enum { OWN_COUNT = sizeof own_commands / sizeof *own_commands };

static char *text_copy(struct slice text)
{
    char *copy = memory_take(text.size + 1);

    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

static struct catalogue_entry *add_entry(struct catalogue *c)
{
    c->entries = memory_resize(c->entries, (c->count + 1) * sizeof *c->entries);
    return &c->entries[c->count++];
}

void catalogue_init(struct catalogue *c)
{
    *c = (struct catalogue){0};
    for (size_t i = 0; i < OWN_COUNT; i++) {
        *add_entry(c) = (struct catalogue_entry){
            .name = text_copy(slice_str(own_commands[i].name)),
            .group = text_copy(slice_str("client")),
            .syntax = text_copy(slice_str(own_commands[i].syntax)),
            .summary = text_copy(slice_str(own_commands[i].summary)),
            .since = text_copy(slice_str("")),
        };
    }
}

static void free_entry(struct catalogue_entry *e)
{
    free(e->name);
    free(e->group);
    free(e->syntax);
    free(e->summary);
    free(e->since);
}

void catalogue_deinit(struct catalogue *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free_entry(&c->entries[i]);
    }
    free(c->entries);
    *c = (struct catalogue){0};
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c, struct slice name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (slice_is(name, c->entries[i].name)) {
            return &c->entries[i];
        }
    }
    return NULL;
}

bool catalogue_is_member(const struct catalogue_entry *entry, const struct catalogue_entry *family)
{
    size_t size = strlen(family->name);

    return strncmp(entry->name, family->name, size) == 0 && entry->name[size] == ' ';
}

bool catalogue_has_members(const struct catalogue *c, const struct catalogue_entry *family)
{
    for (size_t i = 0; i < c->count; i++) {
        if (catalogue_is_member(&c->entries[i], family)) {
            return true;
        }
    }
    return false;
}

static int compare_entries(const void *a, const void *b)
{
    const struct catalogue_entry *left = a;
    const struct catalogue_entry *right = b;
    int order = strcasecmp(left->group, right->group);

    return order != 0 ? order : strcasecmp(left->name, right->name);
}

/* Removes control characters, which a server must not send to our terminal. */
static char *clean_copy(struct slice text)
{
    char *copy = text_copy(text);

    for (size_t i = 0; i < text.size; i++) {
        if (iscntrl((unsigned char)copy[i])) {
            copy[i] = ' ';
        }
    }
    return copy;
}

/* `name` is "get", or "config|get" for the second word of a container. */
static void add_server_entry(struct catalogue *c, struct slice name, const redisReply *docs)
{
    char *upper = clean_copy(name);

    for (char *at = upper; *at != '\0'; at++) {
        *at = *at == '|' ? ' ' : (char)toupper((unsigned char)*at);
    }
    if (name.size == 0 || catalogue_find(c, slice_str(upper)) != NULL) {
        free(upper); /* request_log: our own entry is better than the server's. */
        return;
    }
    *add_entry(c) = (struct catalogue_entry){
        .name = upper,
        .group = clean_copy(reply_text(reply_field(docs, "group"))),
        .syntax = clean_copy(reply_text(reply_field(docs, "syntax"))),
        .summary = clean_copy(reply_text(reply_field(docs, "summary"))),
        .since = clean_copy(reply_text(reply_field(docs, "since"))),
    };
}

void catalogue_add_server(struct catalogue *c, const redisReply *docs)
{
    CHECK(!c->has_server);

    for (size_t i = 0; i + 1 < reply_count(docs); i += 2) {
        const redisReply *body = reply_element(docs, i + 1);
        const redisReply *children = reply_field(body, "subcommands");

        add_server_entry(c, reply_text(reply_element(docs, i)), body);
        for (size_t k = 0; k + 1 < reply_count(children); k += 2) {
            add_server_entry(c, reply_text(reply_element(children, k)),
                             reply_element(children, k + 1));
        }
    }
    qsort(c->entries, c->count, sizeof *c->entries, compare_entries);
    c->has_server = true;
}
