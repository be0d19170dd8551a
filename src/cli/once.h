/* once.h - writes under a number, so that they can be sent again: ONCE in front of a command, if
 * it writes and the server knows ONCE. */
#ifndef RAKIT_CLI_ONCE_H
#define RAKIT_CLI_ONCE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/words.h"

enum { ONCE_KNOWN_MAX = 64, ONCE_NAME_BYTES = 24 };

/* What is known about a command. */
struct once_known {
    char name[ONCE_NAME_BYTES];
    bool takes_once;
};

struct once {
    char client[32];  /* A random name; "": not chosen yet. */
    uint64_t next;    /* The number of the next command. */
    bool is_in_multi; /* Commands are put into a queue, and only EXEC executes them. */
    uint32_t known_count;
    struct once_known known[ONCE_KNOWN_MAX];
};

/* Whether it is known if the command can be sent with ONCE; if so, whether it can. */
bool once_is_known(const struct once *o, const struct words *command, bool *ret_takes_once);
/* The reply to COMMAND INFO <command> ONCE. */
void once_learn(struct once *o, const struct words *command, const redisReply *reply);
/* The command with ONCE and the next number in front; words_deinit() it. */
struct words once_wrap(struct once *o, const struct words *command);
/* It was wrapped here, or typed so. */
bool once_is_wrapped(const struct words *command);
/* The server does not remember this client any more: the next command begins anew. */
void once_forget(struct once *o);
/* The command was answered. */
void once_note(struct once *o, const struct words *command, const redisReply *reply);

#endif /* RAKIT_CLI_ONCE_H */
