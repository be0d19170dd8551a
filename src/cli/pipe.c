#include "cli/pipe.h"

#include <stdlib.h>

static enum session_outcome run_line(struct session *s, struct slice line)
{
    struct words command;

    if (words_split(line, &command) < 0) {
        session_complain(s, "unbalanced quotes");
        return SESSION_FAILED;
    }
    enum session_outcome outcome = session_run(s, &command);

    words_deinit(&command);
    return outcome;
}

enum session_outcome pipe_run(struct session *s, FILE *input)
{
    enum session_outcome worst = SESSION_DONE;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while (!s->wants_to_end && worst != SESSION_UNREACHABLE &&
           (size = getline(&line, &capacity, input)) >= 0) {
        s->line_number++;

        enum session_outcome outcome = run_line(s, slice_of(line, (size_t)size));

        worst = outcome > worst ? outcome : worst;
        /* The reader of our output may want to respond to it. */
        fflush(stdout);
    }
    free(line);
    return worst;
}
