/* selector.h - a set of rights: commands, keys and channels. A user has one or more; one of them
 * must allow the whole of a call. */
#ifndef RAKIT_USERS_SELECTOR_H
#define RAKIT_USERS_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "command/categories.h"
#include "command/table.h"
#include "kv/subcommand.h"

/* What rules are read with: it must be the same on all nodes. */
struct rule_words {
    const struct command_table *commands;
    uint32_t level; /* The feature level of the cluster: later commands can't be named yet. */
};

/* One word about commands: +get, -client|kill, +@read, +select|0. The last one that is about a
 * command decides. */
struct command_rule {
    bool allows;
    uint32_t category; /* A bit; 0: about a command. */
    const struct command *command;
    const struct subcommand *subcommand; /* NULL: the whole command. */
    char *first_argument;                /* Owned; only with this one; NULL: with any. */
    char *text;                          /* Owned: the word without its sign, in lower case. */
};

struct key_pattern {
    uint8_t access; /* enum key_access. */
    char *text;     /* Owned. */
};

struct selector {
    bool begins_with_all; /* What no rule is about is allowed. */
    bool has_all_keys;
    bool has_all_channels;
    uint32_t rule_count;
    uint32_t key_count;
    uint32_t channel_count;
    struct command_rule *rules; /* This and the next two: owned. */
    struct key_pattern *keys;
    char **channels;
};

/* Of rules, keys, and channels each. */
enum { SELECTOR_WORDS_MAX = 1024 };

/* A zeroed struct allows nothing. */
void selector_deinit(struct selector *s);
/* Applies one word; NULL, or why it can't be, with nothing changed: a text of resp/errors.h. */
const char *selector_apply(struct selector *s, const struct rule_words *with, struct slice word);

/* Its parts as ACL GETUSER shows them. */
void selector_put_commands(const struct selector *s, struct buffer *out);
void selector_put_keys(const struct selector *s, struct buffer *out);
void selector_put_channels(const struct selector *s, struct buffer *out);
/* All of it as words. */
void selector_write(const struct selector *s, struct buffer *out);

/* It allows everything. */
bool selector_is_unlimited(const struct selector *s);

#endif /* RAKIT_USERS_SELECTOR_H */
