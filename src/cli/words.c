#include "cli/words.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

/* A walk over the line. The words come out shorter than they went in, so a
 * copy as long as the line always has room. */
struct splitter {
    const char *at;
    const char *end;
    char *to;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
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

/* After a backslash inside double quotes; at least one more byte is there. */
static void take_escape(struct splitter *s)
{
    if (s->end - s->at >= 3 && s->at[0] == 'x' && hex_digit(s->at[1]) >= 0 &&
        hex_digit(s->at[2]) >= 0) {
        *s->to++ = (char)(hex_digit(s->at[1]) * 16 + hex_digit(s->at[2]));
        s->at += 3;
        return;
    }
    *s->to++ = unescape(*s->at++);
}

/* Stands behind the opening quote; stops behind the closing one. */
static int take_quoted(struct splitter *s, char quote)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == quote) {
            return s->at == s->end || is_space(*s->at) ? 0 : WORDS_EQUOTES;
        }
        if (c == '\\' && quote == '"' && s->at < s->end) {
            take_escape(s);
        } else if (c == '\\' && quote == '\'' && s->at < s->end && *s->at == '\'') {
            *s->to++ = *s->at++;
        } else {
            *s->to++ = c;
        }
    }
    return WORDS_EQUOTES;
}

static int take_word(struct splitter *s)
{
    while (s->at < s->end && !is_space(*s->at)) {
        char c = *s->at++;

        if (c == '"' || c == '\'') {
            int status = take_quoted(s, c);

            if (status < 0) {
                return status;
            }
        } else {
            *s->to++ = c;
        }
    }
    return 0;
}

int words_split(struct slice line, struct words *ret_words)
{
    /* Every word but the last needs a byte and a space. */
    struct words w = {
        .word = memory_take((line.size / 2 + 1) * sizeof *w.word),
        .bytes = memory_take(line.size + 1),
    };
    struct splitter s = {.at = line.data, .end = line.data + line.size, .to = w.bytes};

    for (;;) {
        while (s.at < s.end && is_space(*s.at)) {
            s.at++;
        }
        if (s.at == s.end) {
            break;
        }
        char *start = s.to;

        if (take_word(&s) < 0) {
            words_deinit(&w);
            return WORDS_EQUOTES;
        }
        w.word[w.count++] = slice_of(start, (size_t)(s.to - start));
    }
    *ret_words = w;
    return 0;
}

void words_from_arguments(int argument_count, char *const *arguments, struct words *ret_words)
{
    CHECK(argument_count >= 0);

    uint32_t count = (uint32_t)argument_count;
    struct words w = {.count = count, .word = memory_take((count + 1) * sizeof *w.word)};

    for (uint32_t i = 0; i < count; i++) {
        w.word[i] = slice_str(arguments[i]);
    }
    *ret_words = w;
}

void words_deinit(struct words *w)
{
    free(w->word);
    free(w->bytes);
    *w = (struct words){0};
}
