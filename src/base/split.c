/* split.c - see split.h. */
#include "base/split.h"

#include <stdbool.h>

/* Vertical tab and form feed belong to words, as in Redis. */
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
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

/* Called after a backslash inside double quotes, with at least one more byte left. */
static void take_escape(struct split *s)
{
    if (s->end - s->at >= 3 && s->at[0] == 'x' && hex_digit(s->at[1]) >= 0 &&
        hex_digit(s->at[2]) >= 0) {
        *s->to++ = (char)(hex_digit(s->at[1]) * 16 + hex_digit(s->at[2]));
        s->at += 3;
        return;
    }
    *s->to++ = unescape(*s->at++);
}

/* Called after the opening quote; stops after the closing one. False if there is no closing
 * quote, or if it is inside a word. */
static bool take_quoted(struct split *s, char quote)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == quote) {
            return s->at == s->end || is_space(*s->at);
        }
        if (c == '\\' && quote == '"' && s->at < s->end) {
            take_escape(s);
        } else if (c == '\\' && quote == '\'' && s->at < s->end && *s->at == '\'') {
            *s->to++ = *s->at++;
        } else {
            *s->to++ = c;
        }
    }
    return false;
}

/* Reads a word that starts at the current byte. */
static bool take_word(struct split *s)
{
    while (s->at < s->end && !is_space(*s->at)) {
        char c = *s->at++;

        if (c == '"' || c == '\'') {
            if (!take_quoted(s, c)) {
                return false;
            }
        } else {
            *s->to++ = c;
        }
    }
    return true;
}

enum split_result split_next(struct split *s, struct slice *ret_word)
{
    while (s->at < s->end && is_space(*s->at)) {
        s->at++;
    }
    if (s->at == s->end) {
        return SPLIT_END;
    }

    char *start = s->to;

    if (!take_word(s)) {
        return SPLIT_QUOTES;
    }
    *ret_word = slice_of(start, (size_t)(s->to - start));
    return SPLIT_WORD;
}
