/* history.h - what clients of a cluster saw: one record for each operation, with the times of
 * its call and of its return on one monotonic clock. docs/HISTORY_FORMAT.md describes the text
 * format. This file knows nothing of what commands mean. */
#ifndef RAKIT_LINCHECK_HISTORY_H
#define RAKIT_LINCHECK_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* The return time of an operation whose outcome its client never learned: it may have been
 * executed at any time after its call, or be executed later, or never. */
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
    /* Only for an open operation: the return time of a later operation of the same client that
     * bounds it. This operation was executed before that one, or never. 0: no such bound. */
    uint64_t settled_ns;
    uint32_t database;             /* The one that the command was meant for. */
    const struct slice *arguments; /* The command's name, its key, and so on. */
    uint32_t argument_count;       /* At least 1. */
    uint32_t line;                 /* Line of the file; 0: not from a file. */
    const char *file;              /* Name of the file; NULL: not from a file. */
    struct history_reply reply;
};

struct arena;
struct history;

struct history *history_new(void);
void history_free(struct history *h);

/* Copies the operation and everything that it points to, except `file`. */
void history_add(struct history *h, const struct history_operation *operation);
uint32_t history_count(const struct history *h);
const struct history_operation *history_at(const struct history *h, uint32_t i);
/* Memory in use. */
uint64_t history_bytes(const struct history *h);

/* Add the operations of a text, or of a file ("-": standard input). On -1, `error` says what is
 * wrong and where ("FILE:LINE: ..."), and `h` may hold only a part of the operations. */
int history_read(struct history *h, const char *name, struct slice text, struct buffer *error);
int history_read_file(struct history *h, const char *path, struct buffer *error);

/* Append in the format of files: the first line; an operation with its line end; its command
 * with arguments; a reply; a word, in quotes if it needs them. */
void history_write_header(struct buffer *out);
void history_write(struct buffer *out, const struct history_operation *operation);
void history_write_command(struct buffer *out, const struct history_operation *operation);
void history_write_reply(struct buffer *out, const struct history_reply *reply);
void history_write_word(struct buffer *out, struct slice word);

/* A copy, in the arena, of the reply and everything that it points to. */
struct history_reply history_reply_copy(struct arena *a, const struct history_reply *reply);
bool history_reply_equal(const struct history_reply *a, const struct history_reply *b);

#endif /* RAKIT_LINCHECK_HISTORY_H */
