/* inspect.h - rakit-log: reads a data directory, reports what a start would do with it, and
 * shows its log. It writes nothing there and takes no lock. */
#ifndef RAKIT_INSPECT_INSPECT_H
#define RAKIT_INSPECT_INSPECT_H

#include "base/style.h"
#include "inspect/options.h"
#include "inspect/output.h"
#include "io/io.h"

enum inspect_status {
    INSPECT_GOOD = 0,
    INSPECT_DAMAGED = 1,
    INSPECT_REFUSED = 2, /* Wrong usage, or the directory could not be read. */
};

/* Refused: `text` says why, and what to do. */
enum inspect_status inspect(struct io *io, const struct inspect_options *options,
                            const struct style *style, struct output *out, char *text,
                            size_t text_size);

#endif /* RAKIT_INSPECT_INSPECT_H */
