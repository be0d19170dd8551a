/* categories.h - in which of Redis's categories a command is: for rights of users, and for what
 * COMMAND shows. All nodes must agree, as rights are judged where entries are executed; so what is
 * in a category stays there. */
#ifndef RAKIT_COMMAND_CATEGORIES_H
#define RAKIT_COMMAND_CATEGORIES_H

#include <stdint.h>

#include "kv/command.h"

/* Bits, in Redis's order. */
enum command_category {
    CATEGORY_KEYSPACE = 1 << 0,
    CATEGORY_READ = 1 << 1,
    CATEGORY_WRITE = 1 << 2,
    CATEGORY_SET = 1 << 3,
    CATEGORY_SORTEDSET = 1 << 4,
    CATEGORY_LIST = 1 << 5,
    CATEGORY_HASH = 1 << 6,
    CATEGORY_STRING = 1 << 7,
    CATEGORY_BITMAP = 1 << 8,
    CATEGORY_HYPERLOGLOG = 1 << 9,
    CATEGORY_GEO = 1 << 10,
    CATEGORY_STREAM = 1 << 11,
    CATEGORY_PUBSUB = 1 << 12,
    CATEGORY_ADMIN = 1 << 13,
    CATEGORY_FAST = 1 << 14,
    CATEGORY_SLOW = 1 << 15,
    CATEGORY_BLOCKING = 1 << 16,
    CATEGORY_DANGEROUS = 1 << 17,
    CATEGORY_CONNECTION = 1 << 18,
    CATEGORY_TRANSACTION = 1 << 19,
    CATEGORY_SCRIPTING = 1 << 20,
};

enum { CATEGORY_COUNT = 21 };

/* A set of them. `subcommand` is NULL for a command as a whole. */
uint32_t command_categories(const struct command *command, const struct subcommand *subcommand);
/* In lower case; `i` is the number of its bit. */
const char *category_name(unsigned i);
/* Ignores case; 0: there is none of that name. */
uint32_t category_named(struct slice name);

enum { COMMAND_FULL_NAME_BYTES = 48 };

/* As errors and rules name it, in lower case: "get", "client|kill". */
void command_full_name(const struct command *command, const struct subcommand *subcommand,
                       char name[COMMAND_FULL_NAME_BYTES]);

#endif /* RAKIT_COMMAND_CATEGORIES_H */
