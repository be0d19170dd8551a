#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOG_FIELDS_BYTES = 1024 };

void log_write(const struct log *l, enum log_level level, const char *event, const char *fields,
               ...)
{
    if (l == NULL || l->sink == NULL || level < l->level) {
        return;
    }

    char text[LOG_FIELDS_BYTES];
    va_list arguments;

    va_start(arguments, fields);
    vsnprintf(text, sizeof text, fields, arguments); /* Overlong fields are cut. */
    va_end(arguments);
    l->sink(l->context, level, event, text);
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level];
}
