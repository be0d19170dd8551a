#include "replica/trouble.h"

#include <stdio.h>
#include <string.h>

static const char advice[] = " advice=";

/* One line, whatever names and reasons contain. */
static void make_printable(char *text)
{
    for (; *text != 0; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = ' ';
        }
    }
}

void trouble_note(struct trouble *t, const char *event, const char *fields)
{
    const char *end = strstr(fields, advice); /* That is in the log. */
    int size = end == NULL ? (int)strlen(fields) : (int)(end - fields);

    t->wall_ns = io_wall_ns(t->io);
    snprintf(t->text, sizeof t->text, "%s%s%.*s", event, size > 0 ? ": " : "", size, fields);
    make_printable(t->text);
}

static void take_line(void *context, enum log_level level, const char *event, const char *fields)
{
    struct trouble *t = context;

    if (level >= LOG_WARN) {
        trouble_note(t, event, fields);
    }
    if (t->next != NULL && t->next->sink != NULL && level >= t->next->level) {
        t->next->sink(t->next->context, level, event, fields);
    }
}

void trouble_init(struct trouble *t, struct io *io, const struct log *log)
{
    *t = (struct trouble){.next = log, .io = io};
    t->log = (struct log){
        .level = log != NULL && log->sink != NULL && log->level < LOG_WARN ? log->level : LOG_WARN,
        .sink = take_line,
        .context = t};
}
