/* fuzz_inline.c - fuzz target: one inline line. The parser returns exactly the words that
 * base/split finds, or refuses what that refuses. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/split.h"
#include "fuzz_input.h"
#include "resp/resp.h"

enum { LINE_BYTES_MAX = 300 };

struct words_found {
    char room[LINE_BYTES_MAX];
    struct slice words[LINE_BYTES_MAX];
    uint32_t count;
};

static enum split_result split_all(struct slice line, struct words_found *found)
{
    struct split s = {line.data, line.data + line.size, found->room};
    enum split_result result;

    found->count = 0;
    while ((result = split_next(&s, &found->words[found->count])) == SPLIT_WORD) {
        found->count++;
    }
    return result;
}

static void compare(const struct resp_parser *p, struct slice line)
{
    struct words_found found;

    CHECK(split_all(line, &found) == SPLIT_END);
    CHECK(found.count == p->argument_count);
    for (uint32_t i = 0; i < found.count; i++) {
        CHECK(slice_equal(found.words[i], p->arguments[i]));
    }
}

static void judge(struct resp_parser *p, struct slice text)
{
    size_t consumed = 0;
    const char *error = NULL;
    enum resp_result result = resp_parse(p, text, &consumed, &error);
    struct words_found found;

    /* Redis splits only at the end of a line. */
    struct slice line = slice_of(text.data, text.size - 1);

    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    switch (result) {
    case RESP_REQUEST:
        CHECK(consumed == text.size);
        compare(p, line);
        break;
    case RESP_EMPTY:
        CHECK(consumed == text.size);
        CHECK(split_all(line, &found) == SPLIT_END);
        CHECK(found.count == 0);
        break;
    case RESP_ERROR:
        CHECK(strlen(error) > 0);
        CHECK(line.size > LINE_BYTES_MAX || split_all(line, &found) == SPLIT_QUOTES);
        break;
    case RESP_HTTP:
        break;
    case RESP_MORE:
        CHECK(false); /* The line was complete. */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resp_limits limits = {.arguments_max = 1000,
                                 .bulk_bytes_max = 1000,
                                 .request_bytes_max = 3000,
                                 .inline_bytes_max = LINE_BYTES_MAX};
    struct resp_parser p;

    if (size > 0 && (data[0] == '*' || memchr(data, '\n', size) != NULL)) {
        return 0;
    }

    char *text = memory_take(size + 1);

    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\n';
    resp_parser_init(&p, &limits);
    judge(&p, slice_of(text, size + 1));
    resp_parser_deinit(&p);
    free(text);
    return 0;
}
