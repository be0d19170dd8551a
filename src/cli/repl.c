#include "cli/repl.h"

#include <stdio.h>
#include <string.h>

#include "cli/editor.h"

enum { SLOW_MS = 500 }; /* From this on, the time that a command took is printed. */

static void greet(const struct session *s)
{
    printf("%srakit-cli %s. help: the commands; status: the cluster; Ctrl-D: leave.%s\n",
           style_on(&s->style, DIM), RAKIT_VERSION, style_off(&s->style, DIM));
}

static void run_timed(struct session *s, const struct words *command)
{
    uint64_t start_ms = connection_now_ms();

    session_run(s, command);

    uint64_t took_ms = connection_now_ms() - start_ms;

    if (took_ms >= SLOW_MS && !s->wants_to_end) {
        printf("%s(%.2f s)%s\n", style_on(&s->style, DIM), (double)took_ms / 1000,
               style_off(&s->style, DIM));
    }
    fflush(stdout);
}

static void run_line(struct session *s, struct editor *e, struct slice line)
{
    struct words command;

    if (words_split(line, &command) < 0) {
        editor_remember(e, line); /* So that it can be recalled and corrected. */
        session_complain(s, "Unbalanced quotes");
        return;
    }
    if (command.count > 0) {
        editor_remember(e, line);
        run_timed(s, &command);
    }
    words_deinit(&command);
}

enum session_outcome repl_run(struct session *s)
{
    struct editor e;
    int status = editor_open(&e, s);

    if (status < 0) {
        session_complain(s, strerror(-status));
        return SESSION_FAILED;
    }
    greet(s);
    while (!s->wants_to_end && !e.signals.ended) {
        struct slice line;

        if (client_is_alive(s->client)) {
            session_load_catalogue(s);
        }
        enum editor_outcome outcome = editor_read(&e, &line);

        if (outcome == EDITOR_END) {
            printf("\n");
            break;
        }
        if (outcome == EDITOR_LINE) {
            run_line(s, &e, line);
        }
    }
    editor_close(&e);
    return SESSION_DONE;
}
