/* words.h - the words of a command: of a typed line, split by the rules of
 * base/split.h, or of an argument vector. */
#ifndef RAKIT_CLI_WORDS_H
#define RAKIT_CLI_WORDS_H

#include <stdint.h>

#include "base/slice.h"

enum { WORDS_EQUOTES = -1 }; /* A quote is not closed, or closed inside a word. */

struct words {
    uint32_t count;
    struct slice *word; /* Owned, with the bytes that they point to. */
    char *bytes;
};

/* On a refusal `ret_words` is untouched; otherwise call words_deinit() on it. */
int words_split(struct slice line, struct words *ret_words);

/* Words from an argument vector, taken as they are. */
void words_from_arguments(int argument_count, char *const *arguments, struct words *ret_words);

void words_deinit(struct words *w);

#endif /* RAKIT_CLI_WORDS_H */
