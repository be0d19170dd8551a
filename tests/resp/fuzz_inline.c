/* fuzz_inline.c - fuzz target: one inline line. Two programs of this house split
 * typed lines by the same rules, each with code of its own: the server, and
 * rakit-cli. They must agree on every line that is a request at all. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/words.h"
#include "fuzz_input.h"
#include "resp/resp.h"

enum { LINE_BYTES_MAX = 300 };

static void compare(const struct resp_parser *p, struct slice line)
{
    struct words words;

    CHECK(words_split(line, &words) == 0);
    CHECK(words.count == p->argument_count);
    for (uint32_t i = 0; i < words.count; i++) {
        CHECK(slice_equal(words.word[i], p->arguments[i]));
    }
    words_deinit(&words);
}

static void judge(struct resp_parser *p, struct slice text)
{
    size_t consumed = 0;
    const char *error = NULL;
    enum resp_result result = resp_parse(p, text, &consumed, &error);
    struct words words;

    /* Redis cuts a line at its end and at nothing else. */
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
        CHECK(words_split(line, &words) == 0);
        CHECK(words.count == 0);
        words_deinit(&words);
        break;
    case RESP_ERROR:
        CHECK(strlen(error) > 0);
        CHECK(line.size > LINE_BYTES_MAX || words_split(line, &words) == WORDS_EQUOTES);
        break;
    case RESP_HTTP:
        break;
    case RESP_MORE:
        CHECK(false); /* The end of the line was there. */
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
