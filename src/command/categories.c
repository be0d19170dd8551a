/* categories.c - most commands are in those of their group and flags; the others are named. */
#include "command/categories.h"

#include <stdio.h>
#include <string.h>

#include "kv/subcommand.h"

static const char *const names[CATEGORY_COUNT] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
};

enum {
    DATA = CATEGORY_READ | CATEGORY_WRITE,
    ADMINISTRATION = CATEGORY_ADMIN | CATEGORY_DANGEROUS,
    SORTED = CATEGORY_SET | CATEGORY_SORTEDSET | CATEGORY_LIST | CATEGORY_DANGEROUS,
};

static const struct group {
    const char *name;
    uint32_t categories;
    bool has_data; /* Its commands are reads or writes by their flags. */
} groups[] = {
    {"string", CATEGORY_STRING, true},
    {"generic", CATEGORY_KEYSPACE, true},
    {"hash", CATEGORY_HASH, true},
    {"bitmap", CATEGORY_BITMAP, true},
    {"stream", CATEGORY_STREAM, true},
    {"connection", CATEGORY_CONNECTION, true},
    {"transactions", CATEGORY_TRANSACTION, false},
    {"scripting", CATEGORY_SCRIPTING, false},
    {"pubsub", CATEGORY_PUBSUB, false},
    {"server", 0, true},
};

/* Without "fast" and "slow", which follow from the flags. A subcommand that is not named is as its
 * command. */
static const struct exception {
    const char *command;
    const char *subcommand; /* NULL: the command, and all subcommands that are not named. */
    uint32_t categories;
} exceptions[] = {
    {"ACL", "CAT", 0},
    {"ACL", "GENPASS", 0},
    {"ACL", "WHOAMI", 0},
    {"ASKING", NULL, CATEGORY_CONNECTION},
    {"CLIENT", "KILL", ADMINISTRATION | CATEGORY_CONNECTION},
    {"CLIENT", "LIST", ADMINISTRATION | CATEGORY_CONNECTION},
    {"CLIENT", "NO-EVICT", ADMINISTRATION | CATEGORY_CONNECTION},
    {"CLIENT", "PAUSE", ADMINISTRATION | CATEGORY_CONNECTION},
    {"CLIENT", "UNBLOCK", ADMINISTRATION | CATEGORY_CONNECTION},
    {"CLIENT", "UNPAUSE", ADMINISTRATION | CATEGORY_CONNECTION},
    {"COMMAND", NULL, CATEGORY_CONNECTION},
    {"DBSIZE", NULL, CATEGORY_KEYSPACE | CATEGORY_READ},
    {"FLUSHALL", NULL, CATEGORY_KEYSPACE | CATEGORY_WRITE | CATEGORY_DANGEROUS},
    {"FLUSHDB", NULL, CATEGORY_KEYSPACE | CATEGORY_WRITE | CATEGORY_DANGEROUS},
    {"FUNCTION", "DELETE", CATEGORY_SCRIPTING | CATEGORY_WRITE},
    {"FUNCTION", "FLUSH", CATEGORY_SCRIPTING | CATEGORY_WRITE},
    {"FUNCTION", "LOAD", CATEGORY_SCRIPTING | CATEGORY_WRITE},
    {"FUNCTION", "RESTORE", CATEGORY_SCRIPTING | CATEGORY_WRITE},
    {"GETBIT", NULL, CATEGORY_BITMAP | CATEGORY_READ},
    {"INFO", NULL, CATEGORY_DANGEROUS},
    {"KEYS", NULL, CATEGORY_KEYSPACE | CATEGORY_READ | CATEGORY_DANGEROUS},
    {"LASTSAVE", NULL, ADMINISTRATION},
    {"LOLWUT", NULL, CATEGORY_READ},
    {"MEMORY", NULL, 0},
    {"MEMORY", "USAGE", CATEGORY_READ},
    {"RAFT", "FEED", CATEGORY_STREAM | CATEGORY_READ},
    {"RAFT", "INDEX", CATEGORY_CONNECTION},
    {"RAFT", "READS", CATEGORY_CONNECTION},
    {"RAFT", "REDIRECT", CATEGORY_CONNECTION},
    {"RAFT", "SCAN", CATEGORY_KEYSPACE | CATEGORY_READ | CATEGORY_DANGEROUS},
    {"RAFT", "WAIT", CATEGORY_CONNECTION},
    {"READONLY", NULL, CATEGORY_CONNECTION},
    {"READWRITE", NULL, CATEGORY_CONNECTION},
    {"RESTORE", NULL, CATEGORY_KEYSPACE | CATEGORY_WRITE | CATEGORY_DANGEROUS},
    {"ROLE", NULL, ADMINISTRATION},
    {"SETBIT", NULL, CATEGORY_BITMAP | CATEGORY_WRITE},
    {"SORT", NULL, SORTED | CATEGORY_WRITE},
    {"SORT_RO", NULL, SORTED | CATEGORY_READ},
    {"SWAPDB", NULL, CATEGORY_KEYSPACE | CATEGORY_WRITE | CATEGORY_DANGEROUS},
    {"WAIT", NULL, CATEGORY_CONNECTION | CATEGORY_BLOCKING},
    {"WAITAOF", NULL, CATEGORY_CONNECTION | CATEGORY_BLOCKING},
    {"XINFO", NULL, CATEGORY_STREAM | CATEGORY_READ},
    {"XLEN", NULL, CATEGORY_STREAM | CATEGORY_READ},
    {"XRANGE", NULL, CATEGORY_STREAM | CATEGORY_READ},
    {"XREAD", NULL, CATEGORY_STREAM | CATEGORY_READ | CATEGORY_BLOCKING},
    {"XREVRANGE", NULL, CATEGORY_STREAM | CATEGORY_READ},
};

/* NULL: by its group and its flags. */
static const struct exception *exception_of(const struct command *command, const char *subcommand)
{
    const struct exception *whole = NULL;

    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        const struct exception *e = &exceptions[i];

        if (strcmp(e->command, command->name) != 0) {
            continue;
        }
        if (e->subcommand == NULL) {
            whole = e;
        } else if (subcommand != NULL && strcmp(e->subcommand, subcommand) == 0) {
            return e;
        }
    }
    return whole;
}

static uint32_t by_flags(const struct command *command)
{
    uint32_t categories = (command->flags & COMMAND_ADMIN) != 0 ? ADMINISTRATION : 0;
    bool has_data = true;

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (strcmp(groups[i].name, command->group) == 0) {
            categories |= groups[i].categories;
            has_data = groups[i].has_data;
        }
    }
    categories |= has_data && (command->flags & COMMAND_READ) != 0 ? CATEGORY_READ : 0;
    categories |= has_data && (command->flags & COMMAND_WRITE) != 0 ? CATEGORY_WRITE : 0;
    return categories;
}

uint32_t command_categories(const struct command *command, const struct subcommand *subcommand)
{
    const struct exception *e = exception_of(command, subcommand == NULL ? NULL : subcommand->name);
    uint32_t categories = e != NULL ? e->categories : by_flags(command);
    bool is_help = subcommand != NULL && strcmp(subcommand->name, "HELP") == 0;

    if (is_help) {
        categories &= ~(uint32_t)(ADMINISTRATION | DATA);
    }
    return categories | ((command->flags & COMMAND_FAST) != 0 ? CATEGORY_FAST : CATEGORY_SLOW);
}

const char *category_name(unsigned i)
{
    return names[i];
}

uint32_t category_named(struct slice name)
{
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (slice_is(name, names[i])) {
            return 1u << i;
        }
    }
    return 0;
}

void command_full_name(const struct command *command, const struct subcommand *subcommand,
                       char name[COMMAND_FULL_NAME_BYTES])
{
    snprintf(name, COMMAND_FULL_NAME_BYTES, "%s%s%s", command->name, subcommand == NULL ? "" : "|",
             subcommand == NULL ? "" : subcommand->name);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
}
