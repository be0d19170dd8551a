/* fuzz_glob.c - fuzz target: a pattern and a text, separated by the first zero byte. A second
 * matcher, slow and simple, must agree: it converts the pattern to a list of byte sets and
 * stars, and fills in a table. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "kv/glob.h"

enum { PATTERN_BYTES_MAX = 100, TEXT_BYTES_MAX = 200 };

struct token {
    bool is_star;
    bool has[256];
};

static void allow_range(struct token *token, unsigned char a, unsigned char b)
{
    for (int c = a < b ? a : b; c <= (a < b ? b : a); c++) {
        token->has[c] = true;
    }
}

/* Called after the '['; returns the position after the class. */
static size_t read_class(struct slice pattern, size_t at, struct token *token)
{
    bool is_negated = at < pattern.size && pattern.data[at] == '^';

    at += is_negated;
    while (at < pattern.size && pattern.data[at] != ']') {
        const unsigned char *p = (const unsigned char *)pattern.data + at;
        size_t left = pattern.size - at;

        if (p[0] == '\\' && left >= 2) {
            token->has[p[1]] = true;
            at += 2;
        } else if (left >= 3 && p[1] == '-') {
            allow_range(token, p[0], p[2]);
            at += 3;
        } else {
            token->has[p[0]] = true;
            at += 1;
        }
    }
    for (int c = 0; c < 256 && is_negated; c++) {
        token->has[c] = !token->has[c];
    }
    return at < pattern.size ? at + 1 : at;
}

static uint32_t read_tokens(struct slice pattern, struct token *tokens)
{
    uint32_t count = 0;

    for (size_t at = 0; at < pattern.size; count++) {
        struct token *token = &tokens[count];
        unsigned char c = (unsigned char)pattern.data[at++];

        memset(token, 0, sizeof *token);
        if (c == '*') {
            token->is_star = true;
        } else if (c == '?') {
            memset(token->has, true, sizeof token->has);
        } else if (c == '[') {
            at = read_class(pattern, at, token);
        } else if (c == '\\' && at < pattern.size) {
            token->has[(unsigned char)pattern.data[at++]] = true;
        } else {
            token->has[c] = true;
        }
    }
    return count;
}

static bool slow_match(struct slice pattern, struct slice text)
{
    struct token tokens[PATTERN_BYTES_MAX];
    uint32_t count = read_tokens(pattern, tokens);
    /* Whether the tokens so far match the first `i` bytes. */
    bool row[TEXT_BYTES_MAX + 1] = {true};

    for (uint32_t k = 0; k < count; k++) {
        bool before = row[0];

        row[0] = tokens[k].is_star && row[0];
        for (size_t i = 1; i <= text.size; i++) {
            bool here = row[i];

            row[i] = tokens[k].is_star ? here || row[i - 1]
                                       : before && tokens[k].has[(unsigned char)text.data[i - 1]];
            before = here;
        }
    }
    return row[text.size];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);

    if (zero == NULL) {
        return 0;
    }

    struct slice pattern = slice_of(data, (size_t)(zero - data));
    struct slice text = slice_of(zero + 1, size - pattern.size - 1);

    if (pattern.size > PATTERN_BYTES_MAX || text.size > TEXT_BYTES_MAX) {
        return 0;
    }

    /* A copy, so that a read beyond the pattern is noticed. */
    char *copy = memory_copy(pattern.data, pattern.size);

    CHECK(glob_matches(slice_of(copy, pattern.size), text) == slow_match(pattern, text));
    free(copy);
    return 0;
}
