/* parse_trace.h - parses a whole stream of requests in pieces of any size, and writes the
 * results as text that tests can compare. */
#ifndef RAKIT_TESTS_RESP_PARSE_TRACE_H
#define RAKIT_TESTS_RESP_PARSE_TRACE_H

#include <stdlib.h>

#include "base/memory.h"
#include "resp/resp.h"

/* Length of the next piece; 0 counts as 1. */
typedef size_t piece_size(void *context);

static inline void trace_arguments(struct buffer *trace, const struct resp_parser *p)
{
    for (uint32_t i = 0; i < p->argument_count; i++) {
        buffer_append(trace, "[", 1);
        buffer_append_slice(trace, p->arguments[i]);
        buffer_append(trace, "]", 1);
    }
    buffer_append(trace, ";", 1);
}

/* Each call of the parser gets a fresh copy of exactly the bytes there are, so that sanitizers
 * notice a read beyond them, or of a freed copy. */
static inline enum resp_result parse_copy(struct resp_parser *p, struct slice input,
                                          struct buffer *trace, size_t *ret_consumed)
{
    char *copy = memory_copy(input.data, input.size);
    const char *error = NULL;
    enum resp_result result = resp_parse(p, slice_of(copy, input.size), ret_consumed, &error);

    if (result == RESP_REQUEST) {
        trace_arguments(trace, p);
    } else if (result == RESP_ERROR) {
        buffer_append(trace, error, strlen(error));
    } else if (result == RESP_HTTP) {
        buffer_append(trace, "http", 4);
    } else if (result == RESP_EMPTY) {
        buffer_append(trace, "empty;", 6);
    }
    free(copy);
    return result;
}

/* Appends the results of `stream` to `trace`, up to the first error. */
static inline void parse_stream(const struct resp_limits *limits, struct slice stream,
                                piece_size *next_piece, void *context, struct buffer *trace)
{
    struct resp_parser p;
    size_t begin = 0; /* Where the request being read begins. */
    size_t end = 0;   /* Where the bytes received so far end. */

    resp_parser_init(&p, limits);
    while (end < stream.size) {
        size_t size = next_piece(context);

        size = size == 0 ? 1 : size;
        end += size > stream.size - end ? stream.size - end : size;
        for (;;) {
            size_t consumed = 0;
            enum resp_result result =
                parse_copy(&p, slice_of(stream.data + begin, end - begin), trace, &consumed);

            if (result == RESP_ERROR || result == RESP_HTTP) {
                resp_parser_deinit(&p);
                return;
            }
            if (result == RESP_MORE) {
                break;
            }
            begin += consumed;
        }
    }
    if (begin < end) {
        buffer_append(trace, "more", 4);
    }
    resp_parser_deinit(&p);
}

#endif /* RAKIT_TESTS_RESP_PARSE_TRACE_H */
