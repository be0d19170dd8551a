#include "cli/pipe.h"

#include <stdlib.h>

#include "base/buffer.h"

static enum session_outcome run_line(struct session *s, struct slice line, unsigned long number)
{
    struct words command;

    if (words_split(line, &command) < 0) {
        struct buffer complaint = {0};

        buffer_printf(&complaint, "line %lu: unbalanced quotes", number);
        buffer_append(&complaint, "", 1);
        session_complain(s, buffer_begin(&complaint));
        buffer_deinit(&complaint);
        return SESSION_FAILED;
    }
    enum session_outcome outcome = session_run(s, &command);

    words_deinit(&command);
    return outcome;
}

enum session_outcome pipe_run(struct session *s, FILE *input)
{
    enum session_outcome worst = SESSION_DONE;
    unsigned long number = 0;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while (!s->wants_to_end && worst != SESSION_UNREACHABLE &&
           (size = getline(&line, &capacity, input)) >= 0) {
        enum session_outcome outcome = run_line(s, slice_of(line, (size_t)size), ++number);

        worst = outcome > worst ? outcome : worst;
        /* Whoever reads the other end may want to answer. */
        fflush(stdout);
    }
    free(line);
    return worst;
}
