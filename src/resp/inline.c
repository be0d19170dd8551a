/* inline.c - inline commands: one line of words, as typed into telnet or netcat. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/split.h"
#include "resp/errors.h"
#include "resp/parse.h"

static bool is_http(struct slice word)
{
    return slice_is(word, "post") || (word.size >= 5 && strncasecmp(word.data, "host:", 5) == 0);
}

static enum resp_result split_line(struct resp_parser *p, struct slice line, const char **ret_error)
{
    struct split s = {line.data, line.data + line.size, p->inline_text};
    struct slice word;
    enum split_result result;

    while ((result = split_next(&s, &word)) == SPLIT_WORD) {
        if (p->read_count == p->limits.arguments_max) {
            return resp_parser_refuse(p, ERROR_INLINE_TOO_BIG, ret_error);
        }
        resp_parser_add_argument(p, (uintptr_t)word.data, word.size);
    }
    if (result == SPLIT_QUOTES) {
        return resp_parser_refuse(p, ERROR_UNBALANCED_QUOTES, ret_error);
    }
    p->argument_count = p->read_count;
    if (p->argument_count == 0) {
        return RESP_EMPTY;
    }
    return is_http(p->arguments[0]) ? RESP_HTTP : RESP_REQUEST;
}

enum resp_result resp_parse_inline(struct resp_parser *p, struct slice input, size_t *ret_consumed,
                                   const char **ret_error)
{
    const char *newline = memchr(input.data + p->position, '\n', input.size - p->position);
    size_t size = newline == NULL ? input.size : (size_t)(newline - input.data);

    if (size > 0 && input.data[size - 1] == '\r') {
        size--;
    }
    if (size > p->limits.inline_bytes_max) {
        return resp_parser_refuse(p, ERROR_INLINE_TOO_BIG, ret_error);
    }
    if (newline == NULL) {
        p->position = input.size;
        return RESP_MORE;
    }
    if (p->inline_capacity < size) {
        free(p->inline_text);
        p->inline_text = memory_take(size);
        p->inline_capacity = size;
    }
    p->in_request = false;
    *ret_consumed = (size_t)(newline + 1 - input.data);
    return split_line(p, slice_of(input.data, size), ret_error);
}
