#include "cli/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "cli/words.h"

char *history_path(void)
{
    const char *chosen = getenv("RAKIT_HISTORY");
    const char *home = getenv("HOME");
    struct buffer path = {0};

    if (chosen != NULL) {
        return chosen[0] == '\0' ? NULL : memory_copy(chosen, strlen(chosen) + 1);
    }
    if (home == NULL || home[0] == '\0') {
        return NULL;
    }
    buffer_printf(&path, "%s/.rakit_history", home);
    buffer_append(&path, "", 1);
    return path.data; /* A fresh buffer: its data starts at the front. */
}

/* Only whole lines; each newline is replaced by NUL. */
static char *read_file(const char *path, size_t *ret_size)
{
    struct buffer text = {0};
    FILE *file = fopen(path, "re");

    *ret_size = 0;
    if (file == NULL) {
        return NULL;
    }
    for (;;) {
        char *to = buffer_reserve(&text, 65536);
        size_t size = fread(to, 1, 65536, file);

        if (size == 0) {
            break;
        }
        buffer_commit(&text, size);
    }
    fclose(file);
    *ret_size = buffer_size(&text);
    return text.data;
}

static void rewrite(const char *path, const char *text, size_t size)
{
    struct buffer temporary = {0};

    buffer_printf(&temporary, "%s.%ld", path, (long)getpid());
    buffer_append(&temporary, "", 1);

    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        bool whole = write(fd, text, size) == (ssize_t)size;

        close(fd);
        if (!whole || rename(temporary.data, path) != 0) {
            unlink(temporary.data);
        }
    }
    buffer_deinit(&temporary);
}

void history_load(const char *path, void (*found)(void *context, const char *line), void *context)
{
    size_t size;
    char *text = read_file(path, &size);
    size_t line_count = 0;
    size_t start = 0;

    for (size_t i = 0; i < size; i++) {
        line_count += text[i] == '\n';
    }
    for (size_t skip = line_count > HISTORY_LINES_MAX ? line_count - HISTORY_LINES_MAX : 0;
         skip > 0; start++) {
        skip -= text[start] == '\n';
    }
    if (line_count > 2 * HISTORY_LINES_MAX) {
        rewrite(path, text + start, size - start);
    }
    for (size_t i = start; i < size; i++) {
        if (text[i] == '\n') {
            text[i] = '\0';
            found(context, text + start);
            start = i + 1;
        }
    }
    free(text);
}

void history_append(const char *path, const char *line)
{
    struct buffer text = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0) {
        return;
    }
    buffer_printf(&text, "%s\n", line);
    /* In one write, so that lines of two clients do not mix. */
    ssize_t size = write(fd, buffer_begin(&text), buffer_size(&text));

    (void)size;
    close(fd);
    buffer_deinit(&text);
}

static bool mentions(const struct words *w, const char *word)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (slice_is(w->word[i], word)) {
            return true;
        }
    }
    return false;
}

static bool begins_with_word(struct slice line, const char *word)
{
    size_t size = strlen(word);

    while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
        line = slice_of(line.data + 1, line.size - 1);
    }
    return line.size >= size && strncasecmp(line.data, word, size) == 0;
}

bool history_is_secret(struct slice line)
{
    struct words w;

    if (words_split(line, &w) < 0) {
        /* Mistyped. Compares only the beginning: rather too many matches than too few. */
        return begins_with_word(line, "auth") || begins_with_word(line, "hello") ||
               begins_with_word(line, "config") || begins_with_word(line, "acl");
    }
    bool secret = w.count > 0 && (slice_is(w.word[0], "AUTH") ||
                                  (slice_is(w.word[0], "HELLO") && mentions(&w, "AUTH")) ||
                                  (slice_is(w.word[0], "ACL") && mentions(&w, "SETUSER")) ||
                                  (slice_is(w.word[0], "CONFIG") && mentions(&w, "requirepass")));

    words_deinit(&w);
    return secret;
}
