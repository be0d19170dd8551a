/* progress.h - one line at a terminal that shows how far a long work is: bytes, rate, time left.
 * Nothing elsewhere. */
#ifndef RAKIT_CLI_PROGRESS_H
#define RAKIT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct progress {
    const char *what;
    bool is_shown;        /* Standard error is a terminal. */
    uint64_t begun_ms;    /* By connection_now_ms(). */
    uint64_t shown_ms;    /* When it was last drawn; 0: never. */
    uint64_t begun_bytes; /* Done before. */
};

void progress_begin(struct progress *p, const char *what, uint64_t bytes);
/* Draws it, but not too often. Total 0: it is not known. */
void progress_show(struct progress *p, uint64_t bytes, uint64_t total_bytes);
/* Removes the line. */
void progress_end(struct progress *p);

/* The line, after so much time. */
void progress_put(struct buffer *out, const struct progress *p, uint64_t bytes,
                  uint64_t total_bytes, uint64_t elapsed_ms);

#endif /* RAKIT_CLI_PROGRESS_H */
