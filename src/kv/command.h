/* command.h - what a command is. Each room has the rows of its commands (name, arity, flags,
 * keys, handler, help): kv/ for data commands, client/ for those about connections and this
 * node, server/ for those about its settings. command/table.h finds them by name. */
#ifndef RAKIT_KV_COMMAND_H
#define RAKIT_KV_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "resp/resp.h"

enum command_flag {
    COMMAND_WRITE = 1,         /* Goes through the log; its handler runs on every node. */
    COMMAND_READ = 2,          /* Reads the keyspace; needs a read confirmation. */
    COMMAND_LOCAL = 4,         /* About this connection or node, which answers it itself. */
    COMMAND_FAST = 8,          /* O(1) or O(log n): Redis's "fast". */
    COMMAND_ADMIN = 16,        /* Administration. */
    COMMAND_DENY_OOM = 32,     /* May allocate memory: Redis's "denyoom". */
    COMMAND_HIDDEN = 64,       /* Not listed in help: an alias, or always refused. */
    COMMAND_ASYNC = 128,       /* LOCAL, but the handler may reply later. */
    COMMAND_QUEUED = 256,      /* LOCAL; may be in a transaction: replies once, at once. */
    COMMAND_WALKS = 512,       /* READ that may look at very many keys. */
    COMMAND_IN_RESERVE = 1024, /* LOCAL; allowed in the reserve of connections, like ADMIN ones. */
    COMMAND_LOADING = 2048,    /* LOCAL; served while the node loads its data. */
    COMMAND_OUTERMOST = 4096,  /* READ or WRITE, but never within a transaction or a script. */
    COMMAND_INTERNAL = 8192,   /* Made by nodes; clients do not know it. */
    COMMAND_UNQUEUED = 16384,  /* LOCAL; executed at once also after MULTI. */
    COMMAND_ALONE = 1 << 16,   /* LOCAL; begins only when all before it on its connection are
                                * answered. */
    COMMAND_PUSHES = 1 << 21,  /* LOCAL; replies messages, which CLIENT REPLY does not silence. */
    COMMAND_WHILE_SUBSCRIBED = 1 << 17, /* LOCAL; allowed to subscribers in RESP2. */
    COMMAND_VARIES =
        1 << 22, /* READ whose reply differs from node to node: it must not get into the
                                  * state. */
    COMMAND_NO_LOGIN = 1 << 24,  /* LOCAL; needs no login, and no rights: Redis's "no_auth". */
    COMMAND_NO_SCRIPT = 1 << 20, /* READ or WRITE, but never within a script: Redis's "noscript". */
    COMMAND_MAY_LACK_KEYS = 1 << 23, /* Redis's "no_mandatory_keys". */
};

/* The version of Redis that clients and scripts are shown. */
#define REDIS_VERSION     "7.2.0"
#define REDIS_VERSION_NUM 0x070200

struct command_call;
struct subcommand; /* kv/subcommand.h */

typedef void command_handler(struct command_call *call);
/* Uses only the arguments and the number of the database. If they must be refused whatever the
 * keyspace contains, replies the error and returns false. */
typedef bool command_check(struct command_call *call);

/* For a command that may take much more memory than its arguments: the most that it may take.
 * The keyspace is the one before commands that may still add `ahead` bytes to any of its values. */
typedef uint64_t command_growth(const struct command_call *call, uint64_t ahead);

/* For a command whose subcommands are treated differently: the row for these arguments, of the
 * same name, whose flags, check and growth count. */
typedef const struct command *command_choice(uint32_t argument_count,
                                             const struct slice *arguments);

struct command {
    const char *name; /* Upper case. */
    int arity;        /* As in Redis: counts the name; negative: at least. */
    uint32_t flags;   /* enum command_flag. */
    int first_key;    /* Position of the first key; 0: none. */
    int last_key;     /* Position of the last key; negative: from the end. */
    int key_step;     /* Step between keys. */
    int key_count_at; /* Position of the argument that says how many keys there are; 0: none. */
    command_handler *handler;
    command_handler *inner; /* What it does within a transaction or a script, without a
                             * connection. NULL: a LOCAL command is refused there, and for others
                             * `handler` is called. */
    const char *group;      /* For help: "string", "generic", "server", "connection", ... */
    const char *arguments;  /* "key value [NX | XX] [GET]" */
    const char *integers;   /* For COMMAND DOCS: those of them, and of its subcommands, that are
                            * integers; or NULL. */
    const char *summary;    /* A sentence or two, without line breaks. */
    uint32_t since_level;   /* The feature level of the cluster that it needs; 0: any. */
    const char *since;      /* The version of Redis that has it, or Rakit's. */
    /* Called before the command is submitted, so that a command which must fail never enters the
     * log; NULL: no check. The handler checks again, for entries in the log. */
    command_check *check;
    command_growth *growth;               /* NULL: it takes no more memory than its arguments. */
    const struct subcommand *subcommands; /* Subcommands; the last one has no name; or NULL. */
    command_choice *choose;               /* See command_for(); NULL: this row counts always. */
};

/* The positions of a command's keys. Without one of these it has none. */
#define COMMAND_ONE_KEY         .first_key = 1, .last_key = 1, .key_step = 1
#define COMMAND_KEYS            .first_key = 1, .last_key = -1, .key_step = 1
#define COMMAND_KEYS_AND_VALUES .first_key = 1, .last_key = -1, .key_step = 2
/* As many as argument 2 says. */
#define COMMAND_COUNTED_KEYS    .first_key = 3, .last_key = -1, .key_step = 1, .key_count_at = 2

struct kv;
struct keyspace;
struct command_table; /* command/table.h */

/* What the user of a call may do. */
struct command_guard {
    /* Whether the user may execute the command with these arguments, of which the first is its
     * name; if not, writes the error. `in_script`: a script calls it. */
    bool (*admits)(struct command_guard *guard, bool in_script, const struct command *command,
                   uint32_t argument_count, const struct slice *arguments,
                   struct resp_writer *reply);
    uint64_t work; /* What judging has cost, in bytes compared. */
};

/* One call of a command. Arguments are borrowed. The handler writes exactly one reply to
 * `reply`. Handlers of data commands are deterministic: they use only the keyspace, the
 * arguments, log time and index. All but those about several databases use only the given
 * database. */
struct command_call {
    const struct command *command;
    uint32_t argument_count;
    const struct slice *arguments; /* [0] is the name. */
    struct resp_writer *reply;
    struct kv *kv;             /* The database in which the command is executed. */
    struct keyspace *keyspace; /* All databases. */
    uint32_t database;         /* Its number. */
    uint64_t time_us;          /* The log time of its entry; for a read, what log time it is, as
                                * the node knows: not before that of the state that it sees. */
    uint64_t index;            /* The log index of its entry; for a read, of that state. */
    uint32_t level;            /* The feature level of the cluster. */
    uint64_t steps;            /* That the scripts of this entry have taken. */
    bool is_kept;              /* Its reply becomes part of the state (ONCE). */
    const struct command_table *commands; /* Those that it may execute (command/execute.h), */
    struct command_guard *guard;          /* if this admits them; NULL: all. */
    uint64_t user;                        /* Whose call it is. */
    void *session;                        /* The server's; NULL for data commands. */
    uint64_t work; /* Set by a handler that did more than its reply and its changes show, in
                    * bytes read; and by a check if the command may do more than its arguments
                    * show. */
};

#endif /* RAKIT_KV_COMMAND_H */
