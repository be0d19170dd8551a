/* parse.c - requests: RESP arrays of bulk strings, and inline lines (inline.c).
 *
 * A length is used only after it was checked against its limit. Memory is allocated for
 * arguments that have arrived, never for announced ones. Stricter than Redis in one point: a
 * length or a value must be followed by a line end, because otherwise the two sides are out of
 * step. */
#include "resp/parse.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "resp/errors.h"
#include "resp/resp.h"

enum {
    FIRST_ARGUMENTS = 16,  /* Room for so many at first. */
    KEPT_ARGUMENTS = 1024, /* More room than this is freed at the next call. */
    LENGTH_DIGITS_MAX = 19,
};

enum length_result { LENGTH_READ, LENGTH_MORE, LENGTH_BAD };

/* Reads "[-]digits\r
 * ", as decimal_read() would, and where that ends. */
static inline enum length_result read_length(const char *text, size_t size, int64_t *ret_value,
                                             size_t *ret_used)
{
    size_t first = size > 0 && text[0] == '-' ? 1 : 0;
    size_t i = first;
    uint64_t magnitude = 0;

    for (; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9) {
            break;
        }
        if (i - first == LENGTH_DIGITS_MAX) {
            return LENGTH_BAD;
        }
        magnitude = magnitude * 10 + digit;
    }
    if (i == size) {
        return LENGTH_MORE;
    }
    if (i == first || text[i] != '\r' || (text[first] == '0' && i > 1) ||
        magnitude > (uint64_t)INT64_MAX) {
        return LENGTH_BAD;
    }
    if (i + 1 == size) {
        return LENGTH_MORE;
    }
    if (text[i + 1] != '\n') {
        return LENGTH_BAD;
    }
    *ret_value = first == 1 ? -(int64_t)magnitude : (int64_t)magnitude;
    *ret_used = i + 2;
    return LENGTH_READ;
}

void resp_parser_init(struct resp_parser *p, const struct resp_limits *limits)
{
    *p = (struct resp_parser){.limits = *limits};
}

void resp_parser_deinit(struct resp_parser *p)
{
    free(p->arguments);
    free(p->inline_text);
    *p = (struct resp_parser){.limits = p->limits};
}

enum resp_result resp_parser_refuse(struct resp_parser *p, const char *text, const char **ret_error)
{
    p->argument_count = 0;
    *ret_error = text;
    return RESP_ERROR;
}

void resp_parser_add_argument(struct resp_parser *p, uintptr_t data, size_t size)
{
    if (p->read_count == p->argument_capacity) {
        uint32_t capacity = p->argument_capacity == 0 ? FIRST_ARGUMENTS : 2 * p->argument_capacity;

        CHECK(capacity > p->argument_capacity);
        p->arguments = memory_resize(p->arguments, capacity * sizeof *p->arguments);
        p->argument_capacity = capacity;
    }
    p->arguments[p->read_count].data = (const char *)data;
    p->arguments[p->read_count].size = size;
    p->read_count++;
}

static enum resp_result read_argument_count(struct resp_parser *p, struct slice input,
                                            size_t *ret_consumed, const char **ret_error)
{
    int64_t count = 0;
    size_t used = 0;

    switch (read_length(input.data + 1, input.size - 1, &count, &used)) {
    case LENGTH_MORE:
        return RESP_MORE;
    case LENGTH_READ:
        break;
    case LENGTH_BAD:
        return resp_parser_refuse(p, ERROR_MULTIBULK_LENGTH, ret_error);
    }
    if (count > (int64_t)p->limits.arguments_max) {
        return resp_parser_refuse(
            p, p->limits.is_early ? ERROR_EARLY_MULTIBULK : ERROR_MULTIBULK_LENGTH, ret_error);
    }
    if (count <= 0) {
        p->in_request = false;
        *ret_consumed = 1 + used;
        return RESP_EMPTY;
    }
    p->argument_count = (uint32_t)count;
    p->position = 1 + used;
    return RESP_REQUEST;
}

/* Reads "$size\r
 * " at the current position. */
static enum resp_result read_bulk_size(struct resp_parser *p, struct slice input,
                                       const char **ret_error)
{
    const char *text = input.data + p->position;
    int64_t size = 0;
    size_t used = 0;

    if (p->position == input.size) {
        return RESP_MORE;
    }
    if (*text != '$') {
        snprintf(p->error_text, sizeof p->error_text, ERROR_NOT_A_BULK,
                 *text == '\0' ? ' ' : *text);
        return resp_parser_refuse(p, p->error_text, ret_error);
    }
    switch (read_length(text + 1, input.size - p->position - 1, &size, &used)) {
    case LENGTH_MORE:
        return RESP_MORE;
    case LENGTH_READ:
        break;
    case LENGTH_BAD:
        return resp_parser_refuse(p, ERROR_BULK_LENGTH, ret_error);
    }
    if (size < 0 || (uint64_t)size > p->limits.bulk_bytes_max) {
        return resp_parser_refuse(
            p, p->limits.is_early && size >= 0 ? ERROR_EARLY_BULK : ERROR_BULK_LENGTH, ret_error);
    }
    p->position += 1 + used;
    if (p->position > p->limits.request_bytes_max ||
        (uint64_t)size > p->limits.request_bytes_max - p->position) {
        return resp_parser_refuse(p, ERROR_REQUEST_TOO_LARGE, ret_error);
    }
    p->bulk_size = (uint64_t)size;
    p->has_bulk_size = true;
    return RESP_REQUEST;
}

static enum resp_result read_arguments(struct resp_parser *p, struct slice input,
                                       const char **ret_error)
{
    while (p->read_count < p->argument_count) {
        if (!p->has_bulk_size) {
            enum resp_result result = read_bulk_size(p, input, ret_error);

            if (result != RESP_REQUEST) {
                return result;
            }
        }
        if (input.size - p->position < p->bulk_size + 2) {
            return RESP_MORE;
        }

        uint64_t end = p->position + p->bulk_size;

        if (input.data[end] != '\r' || input.data[end + 1] != '\n') {
            return resp_parser_refuse(p, ERROR_NO_CRLF, ret_error);
        }
        resp_parser_add_argument(p, p->position, p->bulk_size);
        p->position = end + 2;
        p->has_bulk_size = false;
    }
    return RESP_REQUEST;
}

static enum resp_result parse_array(struct resp_parser *p, struct slice input, size_t *ret_consumed,
                                    const char **ret_error)
{
    enum resp_result result = RESP_REQUEST;

    if (p->argument_count == 0) {
        result = read_argument_count(p, input, ret_consumed, ret_error);
    }
    if (result == RESP_REQUEST) {
        result = read_arguments(p, input, ret_error);
    }
    if (result != RESP_REQUEST) {
        return result;
    }
    /* The input does not move any more from here on: offsets become pointers. */
    for (uint32_t i = 0; i < p->argument_count; i++) {
        p->arguments[i].data = input.data + (uintptr_t)p->arguments[i].data;
    }
    p->in_request = false;
    *ret_consumed = p->position;
    return RESP_REQUEST;
}

/* Frees the room for the previous request's arguments. */
static void give_room_back(struct resp_parser *p)
{
    if (p->argument_capacity > KEPT_ARGUMENTS) {
        free(p->arguments);
        p->arguments = NULL;
        p->argument_capacity = 0;
    }
}

static void begin_request(struct resp_parser *p, char first)
{
    p->argument_count = 0;
    p->read_count = 0;
    p->position = 0;
    p->has_bulk_size = false;
    p->is_inline = first != '*';
    p->in_request = true;
}

enum resp_result resp_parse(struct resp_parser *p, struct slice input, size_t *ret_consumed,
                            const char **ret_error)
{
    if (!p->in_request) {
        give_room_back(p);
        if (input.size == 0) {
            return RESP_MORE;
        }
        begin_request(p, input.data[0]);
    }
    CHECK(p->position <= input.size);
    return p->is_inline ? resp_parse_inline(p, input, ret_consumed, ret_error)
                        : parse_array(p, input, ret_consumed, ret_error);
}

uint64_t resp_parser_wanted(const struct resp_parser *p, size_t input_size)
{
    if (!p->in_request || !p->has_bulk_size) {
        return 1;
    }

    uint64_t whole = p->position + p->bulk_size + 2;

    return whole > input_size ? whole - input_size : 1;
}
