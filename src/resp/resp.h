/* resp.h - the Redis protocol, server side: requests in, replies out. It knows RESP2 and RESP3
 * replies and inline commands, but no commands. Lengths are checked against limits before memory
 * is allocated for them. */
#ifndef RAKIT_RESP_RESP_H
#define RAKIT_RESP_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* --- requests ------------------------------------------------------------------- */

struct resp_limits {
    uint32_t arguments_max;     /* Arguments of one command. */
    uint64_t bulk_bytes_max;    /* Bytes of one argument. */
    uint64_t request_bytes_max; /* Bytes of one command in all, as received. */
    uint32_t inline_bytes_max;  /* Bytes of one inline line, without its line end. */
    bool is_early;              /* They are those before login, as errors say. */
};

/* Redis's limits, if it has them; a whole request is limited to 1 GB. */
static inline struct resp_limits resp_limits_default(void)
{
    return (struct resp_limits){
        .arguments_max = 1024 * 1024,
        .bulk_bytes_max = 512u * 1024 * 1024,
        .request_bytes_max = 1024u * 1024 * 1024,
        .inline_bytes_max = 64 * 1024,
    };
}

/* The state of one connection's parser. It remembers its position in an incomplete request, so
 * no byte is parsed twice. A zeroed struct with limits is a fresh parser. */
struct resp_parser {
    struct resp_limits limits;
    uint32_t argument_count; /* Of the request being read; valid after RESP_REQUEST. */
    struct slice *arguments; /* Owned array; before RESP_REQUEST, `data` holds offsets. */
    /* The fields from here on are private. Positions count from the start of the request. */
    uint32_t argument_capacity;
    uint32_t read_count; /* Arguments that have arrived completely. */
    uint64_t position;   /* Where the next item begins. */
    uint64_t bulk_size;  /* Of the argument at `position`, if has_bulk_size. */
    bool in_request;     /* A part of a request was read. */
    bool is_inline;      /* The request is an inline line. */
    bool has_bulk_size;  /* The header of the argument at `position` has been read. */
    char *inline_text;   /* Owned: unquoted words of an inline command. */
    size_t inline_capacity;
    char error_text[64]; /* For errors that quote a byte of the input. */
};

enum resp_result {
    RESP_MORE,    /* The request is incomplete: see resp_parser_wanted(). */
    RESP_REQUEST, /* arguments[] holds a request of *ret_consumed bytes. */
    RESP_EMPTY,   /* Nothing to do (an empty line, "*0"): consume and go on. */
    RESP_ERROR,   /* Send the error text and close the connection. */
    RESP_HTTP,    /* "POST" or "Host:": a browser was tricked into connecting; close at once. */
};

void resp_parser_init(struct resp_parser *p, const struct resp_limits *limits);
void resp_parser_deinit(struct resp_parser *p);
/* Tries to read one request from the start of `input`. After RESP_MORE, call it again with the
 * same bytes, possibly at another address, plus new ones. Arguments borrow from `input` (or, for
 * inline commands, from the parser) until the next call; the caller must not move the input
 * while it uses them. *ret_consumed is set on RESP_REQUEST and RESP_EMPTY. On RESP_ERROR,
 * *ret_error is one of resp/errors.h, formatted for this request; it lives as long as the
 * parser. After RESP_ERROR and RESP_HTTP the parser takes no more input. */
enum resp_result resp_parse(struct resp_parser *p, struct slice input, size_t *ret_consumed,
                            const char **ret_error);
/* After RESP_MORE: how many bytes are missing at least; at least 1. The number comes from the
 * client, so grow buffers only as bytes arrive. */
uint64_t resp_parser_wanted(const struct resp_parser *p, size_t input_size);

/* --- replies -------------------------------------------------------------------- */

/* Where replies are written, and in which version of the protocol: 2 or 3. */
struct resp_writer {
    struct buffer *out;
    int version;
};

void resp_simple(struct resp_writer *w, const char *text); /* +text */
void resp_ok(struct resp_writer *w);
/* -text; line ends in it become spaces. The text begins with its code: "ERR ...". */
void resp_error(struct resp_writer *w, const char *text);
void resp_errorf(struct resp_writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resp_integer(struct resp_writer *w, int64_t value);
void resp_bulk(struct resp_writer *w, struct slice value);
void resp_bulk_text(struct resp_writer *w, const char *text);
void resp_bulkf(struct resp_writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resp_null(struct resp_writer *w);       /* $-1, or _ */
void resp_null_array(struct resp_writer *w); /* *-1, or _ */
void resp_array(struct resp_writer *w, uint64_t count);
void resp_map(struct resp_writer *w, uint64_t pair_count); /* A flat array in RESP2. */
void resp_set(struct resp_writer *w, uint64_t count);      /* An array in RESP2. */
void resp_push(struct resp_writer *w, uint64_t count);     /* An array in RESP2. */
void resp_boolean(struct resp_writer *w, bool value);      /* An integer in RESP2. */
void resp_double(struct resp_writer *w, double value);     /* A bulk in RESP2. */
/* =N txt:...; a bulk in RESP2 (for INFO, CLIENT LIST). */
void resp_verbatim(struct resp_writer *w, struct slice text);

/* Appends a whole reply that was written in version 3 as it is in version 2. */
void resp_convert_to_2(struct slice reply, struct buffer *out);
/* The size of the reply, of any version, that `text` begins with; 0 if it is cut off. */
size_t resp_reply_size(struct slice text);

#endif /* RAKIT_RESP_RESP_H */
