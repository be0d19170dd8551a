/* same_reply.c - see same_reply.h. */
#include "sim/checks/same_reply.h"

#include <stdio.h>
#include <stdlib.h>

/* PTTL counts from the time at the node, which is later than that of the state. */
static bool is_time_left(struct slice reply, struct slice expected)
{
    char texts[2][24];
    long long left[2];

    snprintf(texts[0], sizeof texts[0], "%.*s", (int)reply.size, reply.data);
    snprintf(texts[1], sizeof texts[1], "%.*s", (int)expected.size, expected.data);
    left[0] = strtoll(texts[0] + 1, NULL, 10);
    left[1] = strtoll(texts[1] + 1, NULL, 10);
    return left[0] >= 0 && left[0] <= left[1];
}

/* Bytes of the string at the start of `text`, with its head. */
static size_t string_size(struct slice text)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    long long size = end == NULL || *text.data != '$' ? -1 : strtoll(text.data + 1, NULL, 10);
    size_t whole = size < 0 ? 0 : (size_t)(end - text.data) + 1 + (size_t)size + 2;

    return whole <= text.size ? whole : 0;
}

static bool take_pair(struct slice *rest, struct slice *ret_pair)
{
    size_t name = string_size(*rest);
    size_t value = string_size(slice_of(rest->data + name, rest->size - name));

    *ret_pair = slice_of(rest->data, name + value);
    *rest = slice_of(rest->data + name + value, rest->size - name - value);
    return name > 0 && value > 0;
}

static bool has_pair(struct slice pairs, struct slice wanted)
{
    struct slice pair;

    while (take_pair(&pairs, &pair)) {
        if (slice_equal(pair, wanted)) {
            return true;
        }
    }
    return false;
}

/* The line with their number, then fields and values, in any order. */
static bool are_same_pairs(struct slice reply, struct slice expected)
{
    const char *end = reply.size == 0 ? NULL : memchr(reply.data, '\n', reply.size);
    size_t line = end == NULL ? 0 : (size_t)(end - reply.data) + 1;
    struct slice rest = slice_of(reply.data + line, reply.size - line);
    struct slice pair;

    if (line == 0 || *reply.data != '*' || reply.size != expected.size ||
        memcmp(reply.data, expected.data, line) != 0) {
        return false;
    }
    while (take_pair(&rest, &pair)) {
        if (!has_pair(slice_of(expected.data + line, expected.size - line), pair)) {
            return false;
        }
    }
    return rest.size == 0; /* Names are written once each in both, and the number is the same. */
}

bool is_same_reply(struct slice command, struct slice reply, struct slice expected)
{
    return slice_equal(reply, expected) ||
           (slice_is(command, "PTTL") && is_time_left(reply, expected)) ||
           (slice_is(command, "HGETALL") && are_same_pairs(reply, expected));
}
