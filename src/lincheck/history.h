/* history.h - what clients of a cluster saw: one record an operation, with the time
 * of its call and of its return on one monotonic clock. As a text file:
 * docs/HISTORY_FORMAT.md. Knows nothing of what commands mean. */
#ifndef RAKIT_LINCHECK_HISTORY_H
#define RAKIT_LINCHECK_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* The return time of an operation whose outcome its client never learnt: it may have
 * been executed at any time after its call, or may yet be, or never. */
#define HISTORY_OPEN UINT64_MAX

enum history_reply_kind {
    HISTORY_NOTHING, /* No reply: the operation is open. */
    HISTORY_STATUS,  /* +OK */
    HISTORY_ERROR,   /* -ERR ... */
    HISTORY_INTEGER,
    HISTORY_STRING,
    HISTORY_NIL,
    HISTORY_ARRAY,
};

struct history_reply {
    enum history_reply_kind kind;
    uint32_t element_count;               /* Array. */
    int64_t integer;                      /* Integer. */
    struct slice text;                    /* Status and error (without + and -), string. */
    const struct history_reply *elements; /* Array: no arrays within. */
};

struct history_operation {
    struct slice client;
    uint64_t invoke_ns;
    uint64_t return_ns; /* Or HISTORY_OPEN. */
    /* Of an open one: when the one returned, of the same client, before which it was executed
     * or never; 0: there is none. */
    uint64_t settled_ns;
    uint32_t database;             /* That the command was meant for. */
    const struct slice *arguments; /* The command's name, its key, and so on. */
    uint32_t argument_count;       /* At least 1. */
    uint32_t line;                 /* Where it was read; 0: not from a file. */
    const char *file;              /* Likewise; NULL. */
    struct history_reply reply;
};

struct arena;
struct history;

struct history *history_new(void);
void history_free(struct history *h);

/* Copies the operation and all that it points to, but `file`. */
void history_add(struct history *h, const struct history_operation *operation);
uint32_t history_count(const struct history *h);
const struct history_operation *history_at(const struct history *h, uint32_t i);
/* Memory in use. */
uint64_t history_bytes(const struct history *h);

/* Add the operations of a text, or of a file ("-": standard input). On -1 `error`
 * says what is wrong where ("FILE:LINE: ..."), and nothing of it can be relied on. */
int history_read(struct history *h, const char *name, struct slice text, struct buffer *error);
int history_read_file(struct history *h, const char *path, struct buffer *error);

/* Append, as it stands in files: the first line, an operation with its end of line,
 * its command with arguments, a reply, and a word in quotes where it needs them. */
void history_write_header(struct buffer *out);
void history_write(struct buffer *out, const struct history_operation *operation);
void history_write_command(struct buffer *out, const struct history_operation *operation);
void history_write_reply(struct buffer *out, const struct history_reply *reply);
void history_write_word(struct buffer *out, struct slice word);

/* A copy in the arena, of all that the reply points to. */
struct history_reply history_reply_copy(struct arena *a, const struct history_reply *reply);
bool history_reply_equal(const struct history_reply *a, const struct history_reply *b);

#endif /* RAKIT_LINCHECK_HISTORY_H */
