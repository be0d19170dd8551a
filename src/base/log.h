/* log.h - log lines: levelled events with key=value fields. An event is a short sentence without
 * variable parts; those are in its fields, which are printf-formatted as "key=value key=value".
 * Values that may contain spaces are quoted with LOG_Q. The sink adds time stamps and colours
 * and decides where lines go. */
#ifndef RAKIT_BASE_LOG_H
#define RAKIT_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    enum log_level level; /* Events below this level are dropped. */
    void (*sink)(void *context, enum log_level level, const char *event, const char *fields);
    void *context;
};

/* Quotes a value in fields: log_write(l, LOG_INFO, "x", "path=" LOG_Q, path). */
#define LOG_Q "\"%s\""

/* If `l` is NULL, nothing is logged. `fields` may be "". */
void log_write(const struct log *l, enum log_level level, const char *event, const char *fields,
               ...) __attribute__((format(printf, 4, 5)));

const char *log_level_name(enum log_level level);

#endif /* RAKIT_BASE_LOG_H */
