#include "cli/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"

/* Names that begin with the typed text. */
struct matches {
    struct slice typed;
    char **names; /* An owned array of owned names. */
    size_t count;
};

size_t complete_columns(void)
{
    struct winsize size = {0};

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Names of two words match only once the first word is typed. */
static void collect(void *context, const char *name)
{
    struct matches *m = context;
    bool typing_second = m->typed.size > 0 && memchr(m->typed.data, ' ', m->typed.size) != NULL;

    if (!typing_second && strchr(name, ' ') != NULL) {
        return;
    }
    m->names = memory_resize(m->names, (m->count + 1) * sizeof *m->names);
    m->names[m->count++] = memory_copy(name, strlen(name) + 1);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcasecmp(*left, *right);
}

/* How many bytes all names have in common, ignoring case. */
static size_t common_size(const struct matches *m)
{
    size_t size = strlen(m->names[0]);

    for (size_t i = 1; i < m->count; i++) {
        size_t same = 0;

        while (same < size && tolower((unsigned char)m->names[i][same]) ==
                                  tolower((unsigned char)m->names[0][same])) {
            same++;
        }
        size = same;
    }
    return size;
}

/* Inserts the rest in the case that the user types. */
static void insert_rest(EditLine *line, const struct matches *m, size_t size, bool finished)
{
    size_t typed = m->typed.size;
    bool lower = typed == 0 || !isupper((unsigned char)m->typed.data[typed - 1]);
    char *rest = memory_take(size - typed + 2);
    size_t used = 0;

    for (size_t i = typed; i < size; i++) {
        unsigned char c = (unsigned char)m->names[0][i];

        rest[used++] = (char)(lower ? tolower(c) : c);
    }
    if (finished) {
        rest[used++] = ' ';
    }
    rest[used] = '\0';
    el_insertstr(line, rest);
    free(rest);
}

/* In columns, from top to bottom. */
static void list_names(struct matches *m)
{
    size_t width = 1;

    qsort(m->names, m->count, sizeof *m->names, compare_names);
    for (size_t i = 0; i < m->count; i++) {
        size_t size = strlen(m->names[i]) + 2;

        width = size > width ? size : width;
    }
    size_t across = complete_columns() / width;

    across = across == 0 ? 1 : across;

    size_t down = (m->count + across - 1) / across;

    printf("\n");
    for (size_t row = 0; row < down; row++) {
        for (size_t i = row; i < m->count; i += down) {
            bool last = i + down >= m->count;

            printf("%-*s", last ? 0 : (int)width, m->names[i]);
        }
        printf("\n");
    }
    fflush(stdout);
}

/* The part of the line that can be completed: from the first word on; after "help", from the
 * second. */
static struct slice typed_name(EditLine *line)
{
    static const char help[] = "help ";
    const LineInfo *info = el_line(line);
    struct slice typed = slice_of(info->buffer, (size_t)(info->cursor - info->buffer));

    while (typed.size > 0 && typed.data[0] == ' ') {
        typed = slice_of(typed.data + 1, typed.size - 1);
    }
    if (typed.size >= sizeof help - 1 && strncasecmp(typed.data, help, sizeof help - 1) == 0) {
        typed = slice_of(typed.data + sizeof help - 1, typed.size - (sizeof help - 1));
    }
    return typed;
}

unsigned char complete_at_cursor(EditLine *line, const struct catalogue *catalogue)
{
    struct matches m = {.typed = typed_name(line)};
    unsigned char next = CC_ERROR; /* A beep. */

    catalogue_complete(catalogue, m.typed, collect, &m);
    if (m.count > 0) {
        size_t size = common_size(&m);

        if (m.count == 1 || size > m.typed.size) {
            insert_rest(line, &m, size, m.count == 1);
            next = CC_REFRESH;
        } else {
            list_names(&m);
            next = CC_REDISPLAY;
        }
    }
    for (size_t i = 0; i < m.count; i++) {
        free(m.names[i]);
    }
    free(m.names);
    return next;
}
