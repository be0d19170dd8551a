#include "cli/words.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/split.h"

int words_split(struct slice line, struct words *ret_words)
{
    /* Every word but the last needs a byte and a space; split_next() needs one more place. */
    struct words w = {
        .word = memory_take((line.size / 2 + 2) * sizeof *w.word),
        .bytes = memory_take(line.size + 1),
    };
    struct split s = {.at = line.data, .end = line.data + line.size, .to = w.bytes};
    enum split_result result;

    while ((result = split_next(&s, &w.word[w.count])) == SPLIT_WORD) {
        w.count++;
    }
    if (result == SPLIT_QUOTES) {
        words_deinit(&w);
        return WORDS_EQUOTES;
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
