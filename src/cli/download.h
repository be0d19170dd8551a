/* download.h - fetches a file of a backup from a node: FILE, a snapshot, or the next one of FILE.1,
 * FILE.2, ..., entries of the log. It is fetched in parts into a file with the suffix .part, and
 * an interrupted fetch is continued there. All of it is verified before it gets its name. */
#ifndef RAKIT_CLI_DOWNLOAD_H
#define RAKIT_CLI_DOWNLOAD_H

#include "backup/reading.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "io/io.h"
#include "store/files.h"

enum {
    DOWNLOAD_EFILE = -20,      /* A file could not be written or read. */
    DOWNLOAD_EDAMAGED = -21,   /* What was fetched is not what the node has. */
    DOWNLOAD_EELSEWHERE = -22, /* This node can't continue what is there. */
};

struct download {
    struct io *io;
    const char *file; /* Borrowed. */
    struct source source;
    struct progress progress;
    char path[PATH_BYTES_MAX];     /* The file that is incomplete. */
    char text[2 * PATH_BYTES_MAX]; /* Why it failed, as a sentence for the user. */
    uint64_t at;                   /* How much of it is there. */
    /* FILE: */
    struct store_snapshot snapshot; /* That is fetched. */
    struct io_file *part;           /* NULL: not open. */
    /* FILE.1 and so on: */
    struct backup_end end;    /* Of what is there. */
    struct store_origin last; /* The last entry to be fetched; that of `end` if nothing is new. */
    struct entry_stream stream;
    struct snapshot_writer writer;
};

void download_init(struct download *d, struct io *io, struct client *client, const char *file);
void download_deinit(struct download *d);
/* FILE is not there yet. 0: it is, durably. Otherwise a code from above or of source.h. */
int download_snapshot(struct download *d);
/* FILE is there, and maybe others. 0: the entries behind them are in the next file, durably, or
 * there are none. */
int download_entries(struct download *d);

/* For these two: they set the text, and return the code. */
int download_explain(struct download *d, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int download_explain_file(struct download *d, const char *what, int error);
int download_explain_source(struct download *d, int code);
/* Gives the file its name, that of number `number`. */
int download_publish(struct download *d, uint32_t number);

#endif /* RAKIT_CLI_DOWNLOAD_H */
