/* download.h - fetches a snapshot from a node into FILE.part, in parts, continues there after an
 * interruption, verifies all of it, and gives it its name. */
#ifndef RAKIT_CLI_DOWNLOAD_H
#define RAKIT_CLI_DOWNLOAD_H

#include "cli/progress.h"
#include "cli/source.h"
#include "io/io.h"
#include "store/files.h"

enum {
    DOWNLOAD_EFILE = -20,      /* A file could not be written or read. */
    DOWNLOAD_EDAMAGED = -21,   /* What was fetched is not what the node has. */
    DOWNLOAD_EELSEWHERE = -22, /* The beginning is there, but this node can't continue it. */
};

struct download {
    struct io *io;
    const char *file; /* Borrowed. */
    struct source source;
    struct store_snapshot snapshot; /* That is fetched. */
    struct io_file *part;           /* NULL: not open. */
    uint64_t at;                    /* How much is there. */
    struct progress progress;
    char path[PATH_BYTES_MAX];     /* FILE.part */
    char text[2 * PATH_BYTES_MAX]; /* Why it failed, as a sentence for the user. */
};

void download_init(struct download *d, struct io *io, struct client *client, const char *file);
void download_deinit(struct download *d);
/* 0: it is in FILE, durably. Otherwise a code from above or of source.h. */
int download_snapshot(struct download *d);

#endif /* RAKIT_CLI_DOWNLOAD_H */
