#include "kv/glob.h"

/* Matches `c` with the class whose first byte after '[' is at `at`. Moves *ret_end past its ']',
 * or to the end of the pattern if that is missing. */
static bool class_matches(struct slice pattern, size_t at, unsigned char c, size_t *ret_end)
{
    const unsigned char *p = (const unsigned char *)pattern.data;
    bool is_negated = at < pattern.size && p[at] == '^';
    bool matches = false;

    if (is_negated) {
        at++;
    }
    while (at < pattern.size && p[at] != ']') {
        if (p[at] == '\\' && at + 1 < pattern.size) {
            at++;
            matches |= p[at] == c;
        } else if (at + 2 < pattern.size && p[at + 1] == '-') {
            unsigned char low = p[at] < p[at + 2] ? p[at] : p[at + 2];
            unsigned char high = p[at] < p[at + 2] ? p[at + 2] : p[at];

            matches |= low <= c && c <= high;
            at += 2;
        } else {
            matches |= p[at] == c;
        }
        at++;
    }
    *ret_end = at < pattern.size ? at + 1 : at;
    return matches != is_negated;
}

/* Matches one byte of text with the one-byte part of the pattern at `at`. */
static bool one_matches(struct slice pattern, size_t at, char c, size_t *ret_end)
{
    switch (pattern.data[at]) {
    case '?':
        *ret_end = at + 1;
        return true;
    case '[':
        return class_matches(pattern, at + 1, (unsigned char)c, ret_end);
    case '\\':
        if (at + 1 < pattern.size) {
            at++;
        }
        break;
    default:
        break;
    }
    *ret_end = at + 1;
    return pattern.data[at] == c;
}

bool glob_matches_within(struct slice pattern, struct slice text, uint64_t *left)
{
    size_t p = 0;
    size_t t = 0;
    bool has_star = false;
    size_t star_p = 0; /* After the last star in the pattern. */
    size_t star_t = 0; /* Up to where that star matches the text so far. */

    while (t < text.size) {
        size_t before = p;
        size_t cost = 1;

        if (p < pattern.size && pattern.data[p] == '*') {
            has_star = true;
            star_p = ++p;
            star_t = t;
            if (p == pattern.size) {
                return true;
            }
        } else if (p < pattern.size && one_matches(pattern, p, text.data[t], &p)) {
            t++;
        } else if (has_star) {
            /* The star takes one more byte. Earlier stars need not be tried again: the part
             * between was matched as early as possible. */
            cost += p - before; /* A class is read even if it does not match. */
            before = star_p;
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
        cost += p - before;
        if (cost >= *left) {
            *left = 0;
            return false;
        }
        *left -= cost;
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

bool glob_matches(struct slice pattern, struct slice text)
{
    uint64_t left = UINT64_MAX;

    return glob_matches_within(pattern, text, &left);
}
