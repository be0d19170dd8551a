/* fuzz_words.c - fuzz target: a line typed into rakit-cli. Its words, written in quotes and
 * split again, are the same. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "cli/words.h"
#include "fuzz_input.h"

static void check_again(const struct words *words, struct slice line)
{
    struct buffer quoted = {0};
    struct words again;
    size_t size = 0;

    for (uint32_t i = 0; i < words->count; i++) {
        buffer_append(&quoted, " \"", 2);
        for (size_t k = 0; k < words->word[i].size; k++) {
            buffer_printf(&quoted, "\\x%02x", (unsigned char)words->word[i].data[k]);
        }
        buffer_append(&quoted, "\"", 1);
        size += words->word[i].size;
    }
    CHECK(size <= line.size);
    CHECK(words_split(buffer_slice(&quoted), &again) == 0);
    CHECK(again.count == words->count);
    for (uint32_t i = 0; i < words->count; i++) {
        CHECK(slice_equal(again.word[i], words->word[i]));
    }
    words_deinit(&again);
    buffer_deinit(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of(size == 0 ? (const void *)"" : data, size);
    struct words words;

    if (words_split(line, &words) == 0) {
        check_again(&words, line);
        words_deinit(&words);
    }
    return 0;
}
