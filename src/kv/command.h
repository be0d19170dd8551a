/* command.h - what a command is. Each room has the rows of its commands (name, arity, flags, keys,
 * handler, help): kv/ of data commands, client/ of those about connections and this node, server/
 * of those about its settings. command/table.h finds them by name. */
#ifndef RAKIT_KV_COMMAND_H
#define RAKIT_KV_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "resp/resp.h"

enum command_flag {
    COMMAND_WRITE = 1,         /* Goes through the log; its handler runs on every node. */
    COMMAND_READ = 2,          /* Reads the keyspace; needs a read confirmation. */
    COMMAND_LOCAL = 4,         /* About this connection or node; answered on the spot. */
    COMMAND_FAST = 8,          /* O(1) or O(log n): Redis's "fast". */
    COMMAND_ADMIN = 16,        /* Administration. */
    COMMAND_DENY_OOM = 32,     /* May take memory: Redis's "denyoom". */
    COMMAND_HIDDEN = 64,       /* Help does not list it: an alias, or what is always refused. */
    COMMAND_ASYNC = 128,       /* LOCAL, but its reply may come later: the handler owns that. */
    COMMAND_ENDS_MULTI = 256,  /* LOCAL; served where MULTI was refused, and ends that. */
    COMMAND_WALKS = 512,       /* READ that may look at very many keys. */
    COMMAND_IN_RESERVE = 1024, /* LOCAL; served where all places are taken, as are ADMIN ones. */
    COMMAND_LOADING = 2048,    /* LOCAL; served while the node loads its data. */
};

struct command_call;
struct subcommand; /* command/subcommand.h */

typedef void command_handler(struct command_call *call);
/* Looks at nothing but the arguments and the number of the database. Where they are refused
 * whatever the keyspace holds, replies with the error and returns false. */
typedef bool command_check(struct command_call *call);

/* Of a command that may take much more memory than its arguments: how much, at most. The keyspace
 * is as it was before commands that may yet add `ahead` bytes to it, in any of its values. */
typedef uint64_t command_growth(const struct command_call *call, uint64_t ahead);

struct command {
    const char *name; /* Upper case. */
    int arity;        /* As Redis counts: with the name; negative: at least. */
    uint32_t flags;   /* enum command_flag. */
    int first_key;    /* Position of the first key, 0: none; */
    int last_key;     /* of the last one, negative from the end; */
    int key_step;     /* and the step between them. */
    command_handler *handler;
    const char *group;     /* Of help: "string", "generic", "server", "connection", ... */
    const char *arguments; /* "key value [NX | XX] [GET]" */
    const char *summary;   /* A sentence or two; whoever shows it breaks the lines. */
    uint32_t since_level;  /* Feature level of the cluster that it needs; 0: any. */
    const char *since;     /* Redis version that has it, or Rakit's. */
    /* Asked before a command goes its way, so that what is certain to fail never stands
     * in the log; NULL: nothing to say. The handler asks again, for entries that did. */
    command_check *check;
    command_growth *growth;               /* NULL: it takes no more memory than its arguments. */
    const struct subcommand *subcommands; /* Of a family, the last one nameless; or NULL. */
    /* One word behind the arguments that must be there, which asks for nothing and is not
     * put into the log; NULL: none. */
    const char *ignored_option;
};

/* Where the keys of a command stand. Without one of these it has none. */
#define COMMAND_ONE_KEY         .first_key = 1, .last_key = 1, .key_step = 1
#define COMMAND_KEYS            .first_key = 1, .last_key = -1, .key_step = 1
#define COMMAND_KEYS_AND_VALUES .first_key = 1, .last_key = -1, .key_step = 2

struct kv;
struct keyspace;

/* One call of a command. Arguments are borrowed. The handler writes exactly one
 * reply to `reply`. Handlers of data commands are deterministic: they look at
 * nothing but the keyspace and the arguments. All but the few that are about several databases
 * look at the one that they are given. */
struct command_call {
    const struct command *command;
    uint32_t argument_count;
    const struct slice *arguments; /* [0] is the name. */
    struct resp_writer *reply;
    struct kv *kv;             /* The database that the command is meant for, */
    struct keyspace *keyspace; /* and all of them. */
    uint32_t database;         /* Its number. */
    uint64_t time_us;          /* The log time of its entry; of a read, of the state it sees. */
    void *session;             /* The server's; NULL for data commands. */
    uint64_t work; /* Set by a handler that did more than its reply and its changes show, in bytes
                    * looked at, about; and by a check where the command may do more than its
                    * arguments show. */
};

#endif /* RAKIT_KV_COMMAND_H */
