/* log.h - the program's own voice: levelled events with key=value fields. An
 * event is a short sentence; what varies goes into its fields, which are
 * printf-formatted as "key=value key=value" with values quoted by LOG_Q where
 * they may hold spaces. The sink decides on time stamps, colours and place. */
#ifndef RAKIT_BASE_LOG_H
#define RAKIT_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    enum log_level level; /* Events below it are dropped. */
    void (*sink)(void *context, enum log_level level, const char *event, const char *fields);
    void *context;
};

/* A value in quotes, for fields: log_write(l, LOG_INFO, "x", "path=" LOG_Q, path). */
#define LOG_Q "\"%s\""

/* `l` may be NULL: then nothing is said. `fields` may be "". */
void log_write(const struct log *l, enum log_level level, const char *event, const char *fields,
               ...) __attribute__((format(printf, 4, 5)));

const char *log_level_name(enum log_level level);

#endif /* RAKIT_BASE_LOG_H */
