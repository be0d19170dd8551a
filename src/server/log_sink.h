/* log_sink.h - the format of log lines: coloured for people at a terminal, logfmt for machines.
 * main.c provides the clock and the file.
 *
 *   2026-11-23T08:32:11.123Z INFO  became leader  term=3 reason="election won"
 *   ts=2026-11-23T08:32:11.123Z level=info event="became leader" term=3 reason="election won"
 *
 * Invariant: one event is one line, whatever bytes it consists of. */
#ifndef RAKIT_SERVER_LOG_SINK_H
#define RAKIT_SERVER_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum log_format { LOG_PLAIN, LOG_LOGFMT };

struct log_sink {
    enum log_format format;
    bool has_colours; /* For LOG_PLAIN. */
    uint64_t (*wall_ns)(void *context);
    /* Receives one whole line, including '
     * '. */
    void (*write_line)(void *context, const char *line, size_t size);
    void *context;
};

enum { LOG_LINE_BYTES_MAX = 2048 };

/* The write function for struct log, whose context must be a struct log_sink. Any thread may
 * call it that may call wall_ns and write_line. */
void log_sink_write(void *context, enum log_level level, const char *event, const char *fields);

/* Writes the line to `line` (LOG_LINE_BYTES_MAX bytes; longer lines are cut) and returns its
 * size. */
size_t log_sink_format(const struct log_sink *sink, uint64_t wall_ns, enum log_level level,
                       const char *event, const char *fields, char *line);

/* "plain", "logfmt"; "debug", "info", "warn", "error". False: no such name. */
bool log_format_of(const char *name, enum log_format *ret_format);
bool log_level_of(const char *name, enum log_level *ret_level);

#endif /* RAKIT_SERVER_LOG_SINK_H */
