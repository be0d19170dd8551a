/* inline.c - inline commands: one line of words, as typed into telnet or netcat.
 * Words are separated by blanks. "double quotes" know \n \r \t \b \a \xHH and
 * \anything; 'single quotes' know \' only; a closing quote ends its word. */
#include <stdlib.h>

#include "base/memory.h"
#include "resp/parse.h"

struct splitter {
    const char *at;  /* Next byte of the line. */
    const char *end; /* One past its last. */
    char *to;        /* Where unquoted bytes go: never more than were read. */
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return c;
    }
}

/* After the closing quote a word must be over. */
static bool quote_is_closed(const struct splitter *s)
{
    return s->at == s->end || is_blank(*s->at);
}

/* Behind an opening '"'. False where the quotes are unbalanced. */
static bool split_double_quoted(struct splitter *s)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == '"') {
            return quote_is_closed(s);
        }
        if (c == '\\' && s->end - s->at >= 3 && s->at[0] == 'x' && hex_value(s->at[1]) >= 0 &&
            hex_value(s->at[2]) >= 0) {
            c = (char)(hex_value(s->at[1]) * 16 + hex_value(s->at[2]));
            s->at += 3;
        } else if (c == '\\' && s->at < s->end) {
            c = unescape(*s->at++);
        }
        *s->to++ = c;
    }
    return false;
}

/* Behind an opening '\''. */
static bool split_single_quoted(struct splitter *s)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == '\'') {
            return quote_is_closed(s);
        }
        if (c == '\\' && s->at < s->end && *s->at == '\'') {
            c = *s->at++;
        }
        *s->to++ = c;
    }
    return false;
}

/* One word from its first byte on. A quote may also open within a word. */
static bool split_word(struct splitter *s)
{
    while (s->at < s->end && !is_blank(*s->at)) {
        char c = *s->at++;

        if (c == '"') {
            return split_double_quoted(s);
        }
        if (c == '\'') {
            return split_single_quoted(s);
        }
        *s->to++ = c;
    }
    return true;
}

static bool is_http(struct slice word)
{
    return slice_is(word, "post") || (word.size >= 5 && strncasecmp(word.data, "host:", 5) == 0);
}

static enum resp_result split_line(struct resp_parser *p, struct slice line, const char **ret_error)
{
    struct splitter s = {line.data, line.data + line.size, p->inline_text};

    for (;;) {
        while (s.at < s.end && is_blank(*s.at)) {
            s.at++;
        }
        if (s.at == s.end) {
            break;
        }

        const char *word = s.to;

        if (!split_word(&s)) {
            return resp_parser_refuse(p, "ERR Protocol error: unbalanced quotes in request",
                                      ret_error);
        }
        if (p->read_count == p->limits.arguments_max) {
            return resp_parser_refuse(p, "ERR Protocol error: too big inline request", ret_error);
        }
        resp_parser_add_argument(p, (uintptr_t)word, (size_t)(s.to - word));
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
        return resp_parser_refuse(p, "ERR Protocol error: too big inline request", ret_error);
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
