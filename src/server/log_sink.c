#include "server/log_sink.h"

#include <stdio.h>
#include <string.h>

#include "server/stamp.h"

/* Replaces control characters. Addresses and names come from outside, and must not start a new
 * line or control a terminal. */
static void disarm(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < ' ' || c == 0x7f) {
            text[i] = '?';
        }
    }
}

static size_t format_plain(const struct log_sink *sink, const char *stamp, enum log_level level,
                           const char *event, const char *fields, char *line, size_t size)
{
    static const char *const words[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    static const char *const colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    const char *gap = fields[0] == '\0' ? "" : "  ";
    char event_text[LOG_LINE_BYTES_MAX];
    char field_text[LOG_LINE_BYTES_MAX];

    snprintf(event_text, sizeof event_text, "%s", event);
    snprintf(field_text, sizeof field_text, "%s", fields);
    disarm(event_text, strlen(event_text));
    disarm(field_text, strlen(field_text));

    int used = sink->has_colours
                   ? snprintf(line, size, "\033[2m%s\033[0m %s%s\033[0m %s%s\033[2m%s\033[0m",
                              stamp, colours[level], words[level], event_text, gap, field_text)
                   : snprintf(line, size, "%s %s %s%s%s", stamp, words[level], event_text, gap,
                              field_text);

    return used < 0 ? 0 : (size_t)used;
}

static size_t format_logfmt(const char *stamp, enum log_level level, const char *event,
                            const char *fields, char *line, size_t size)
{
    int used = snprintf(line, size, "ts=%s level=%s event=\"%s\"%s%s", stamp, log_level_name(level),
                        event, fields[0] == '\0' ? "" : " ", fields);

    disarm(line, strlen(line));
    return used < 0 ? 0 : (size_t)used;
}

size_t log_sink_format(const struct log_sink *sink, uint64_t wall_ns, enum log_level level,
                       const char *event, const char *fields, char *line)
{
    char stamp[STAMP_BYTES];
    size_t room = LOG_LINE_BYTES_MAX - 1; /* Leaves room for the '\n'. */
    size_t size;

    stamp_utc(stamp, wall_ns);
    size = sink->format == LOG_PLAIN ? format_plain(sink, stamp, level, event, fields, line, room)
                                     : format_logfmt(stamp, level, event, fields, line, room);
    if (size > room - 1) {
        size = room - 1;
    }
    line[size] = '\n';
    return size + 1;
}

void log_sink_write(void *context, enum log_level level, const char *event, const char *fields)
{
    struct log_sink *sink = context;
    char line[LOG_LINE_BYTES_MAX];
    size_t size = log_sink_format(sink, sink->wall_ns(sink->context), level, event, fields, line);

    sink->write_line(sink->context, line, size);
}

bool log_format_of(const char *name, enum log_format *ret_format)
{
    if (strcmp(name, "plain") == 0) {
        *ret_format = LOG_PLAIN;
    } else if (strcmp(name, "logfmt") == 0) {
        *ret_format = LOG_LOGFMT;
    } else {
        return false;
    }
    return true;
}

bool log_level_of(const char *name, enum log_level *ret_level)
{
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        if (strcmp(name, log_level_name((enum log_level)level)) == 0) {
            *ret_level = (enum log_level)level;
            return true;
        }
    }
    return false;
}
