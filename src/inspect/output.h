/* output.h - output text, collected in memory and written in large pieces. */
#ifndef RAKIT_INSPECT_OUTPUT_H
#define RAKIT_INSPECT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

struct output {
    struct buffer text;
    FILE *file; /* NULL: all stays in `text`. */
};

/* Writes what has been collected, if it is much. */
void output_spill(struct output *o);
/* Writes the rest. False if something could not be written, now or before. */
bool output_finish(struct output *o);

#endif /* RAKIT_INSPECT_OUTPUT_H */
