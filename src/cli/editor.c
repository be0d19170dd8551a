#include "cli/editor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/complete.h"
#include "cli/history.h"

enum {
    REFRESH_EVERY_MS = 30000, /* How often an idle client updates the members. */
    KEY_TO_END = 0x1e,        /* Keys that Ctrl-C is turned into: first Ctrl-^, which ends the
                               * line. */
    KEY_ABANDON = 0x1d,       /* Then Ctrl-], which abandons it. */
    HINTED_LINE_MAX = 1000,   /* In characters. */
    ESCAPE_MARK = 1,          /* Encloses the bytes of the prompt that have no width. */
};

static struct editor *editor_of(EditLine *line)
{
    void *editor = NULL;

    el_get(line, EL_CLIENTDATA, &editor);
    return editor;
}

/* --- prompt ------------------------------------------------------------- */

static char *prompt_text(EditLine *line)
{
    return editor_of(line)->prompt;
}

static void update_prompt(struct editor *e)
{
    const struct client *client = e->session->client;
    bool connected = connection_is_open(&client->connection);
    bool colour = e->session->style.colour;
    char address[300];
    char database[16] = "";

    client_address_text(&client->here, address, sizeof address);
    if (client->database != 0) {
        snprintf(database, sizeof database, "[%" PRIu32 "]", client->database);
    }
    snprintf(e->prompt, sizeof e->prompt, "%srakit %s%s%s>%s ",
             !colour     ? ""
             : connected ? "\1\x1b[1m\1"
                         : "\1\x1b[31m\1",
             address, database, connected ? "" : " (not connected)", colour ? "\1\x1b[0m\1" : "");
}

static size_t prompt_width(const struct editor *e)
{
    size_t width = 0;
    bool escape = false;

    for (const char *at = e->prompt; *at != '\0'; at++) {
        if (*at == ESCAPE_MARK) {
            escape = !escape;
        } else {
            width += !escape;
        }
    }
    return width;
}

/* --- hints -------------------------------------------------------------- */

static bool input_waits(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* Columns that the line occupies; -1 if that is unknown. */
static long line_width(const char *text, size_t size)
{
    mbstate_t state = {0};
    long width = 0;

    for (size_t used; size > 0; text += used, size -= used) {
        wchar_t wide;

        used = mbrtowc(&wide, text, size, &state);
        if (used == (size_t)-1 || used == (size_t)-2 || used == 0 || wcwidth(wide) < 0) {
            return -1;
        }
        width += wcwidth(wide);
    }
    return width;
}

/* Dim text after the cursor. It is drawn while we wait for a key and erased when one comes, so
 * the line editor does not know of it. It never reaches the right margin, so the terminal never
 * wraps it. */
static void show_hint(struct editor *e)
{
    /* el_line() encodes the whole line, so it is not called for each character of a pasted one. */
    const LineInfoW *line = el_wline(e->line);
    struct buffer hint = {0};

    if (!e->hints || line->cursor != line->lastchar ||
        line->lastchar - line->buffer > HINTED_LINE_MAX || input_waits()) {
        return;
    }
    const LineInfo *info = el_line(e->line);
    size_t size = (size_t)(info->lastchar - info->buffer);

    if (size == 0) {
        return;
    }
    long width = line_width(info->buffer, size);
    size_t columns = complete_columns();
    size_t column = (prompt_width(e) + (size_t)(width < 0 ? 0 : width)) % columns;

    catalogue_hint(&e->session->catalogue, slice_of(info->buffer, size), &hint);

    size_t room = columns - column - 1;
    size_t shown = buffer_size(&hint) < room ? buffer_size(&hint) : room;

    if (width >= 0 && column > 0 && shown > 0) {
        printf("\x1b[2m%.*s\x1b[0m\x1b[%zuD", (int)shown, buffer_begin(&hint), shown);
        fflush(stdout);
        e->hint_shown = true;
    }
    buffer_deinit(&hint);
}

static void hide_hint(struct editor *e)
{
    if (e->hint_shown) {
        fputs("\x1b[K", stdout);
        fflush(stdout);
        e->hint_shown = false;
    }
}

/* --- waiting ------------------------------------------------------------ */

/* Makes room for a message where the line is. */
static void leave_line(void)
{
    fputs("\r\x1b[J", stdout);
    fflush(stdout);
}

/* Draws the line again below the message. */
static void draw_line(struct editor *e)
{
    update_prompt(e);
    el_set(e->line, EL_REFRESH);
}

static void mind_connection(struct editor *e)
{
    bool was_alive = client_is_alive(e->session->client);

    if (!was_alive) {
        leave_line();
    }
    if (client_refresh(e->session->client) < 0) {
        session_complain(e->session, e->session->client->error);
        draw_line(e);
    } else if (!was_alive) {
        draw_line(e);
    }
}

static void mind_signal(struct editor *e, int number)
{
    switch (number) {
    case SIGINT:
        e->abandoning = true;
        break;
    case SIGTSTP:
        fputs("\n", stdout);
        fflush(stdout);
        el_set(e->line, EL_PREP_TERM, 0);
        signals_stop_here();
        el_set(e->line, EL_PREP_TERM, 1);
        draw_line(e);
        break;
    case SIGWINCH:
        leave_line();
        el_resize(e->line);
        draw_line(e);
        break;
    default:
        break; /* The signals remember that they ended us. */
    }
}

/* Waits for a key, or until waiting is pointless. */
static void wait_for_key(struct editor *e)
{
    while (!e->signals.ended && !e->abandoning) {
        struct pollfd polls[3] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = e->signals.fd, .events = POLLIN},
            {.fd = e->session->client->connection.fd, .events = POLLIN},
        };

        show_hint(e);

        int ready = poll(polls, 3, REFRESH_EVERY_MS);

        hide_hint(e);
        if (polls[1].revents != 0) {
            mind_signal(e, signals_take(&e->signals));
        } else if (polls[0].revents != 0) {
            return;
        } else if (polls[2].revents != 0 || (ready == 0 && polls[2].fd >= 0)) {
            mind_connection(e);
        }
    }
}

/* Takes one byte of a key. 1: a character is complete; 0: end of input; -1: incomplete. */
static int read_byte(struct editor *e, wchar_t *ret_key)
{
    char byte;
    ssize_t size = read(STDIN_FILENO, &byte, 1);

    if (size <= 0) {
        return size < 0 && (errno == EINTR || errno == EAGAIN) ? -1 : 0;
    }
    bool was_partial = mbsinit(&e->decoding) == 0;
    size_t used = mbrtowc(ret_key, &byte, 1, &e->decoding);

    if (used == (size_t)-1) {
        /* libedit takes only characters. Dropping the byte would change the command, so the
         * whole line is refused when it is complete. */
        e->is_undecodable = true;
        e->decoding = (mbstate_t){0};
        if (!was_partial) {
            return -1;
        }
        used = mbrtowc(ret_key, &byte, 1, &e->decoding); /* This byte may begin a new character. */
        if (used == (size_t)-1) {
            e->decoding = (mbstate_t){0};
            return -1;
        }
    }
    return used == (size_t)-2 ? -1 : 1;
}

/* Called by libedit for each key. */
static int read_key(EditLine *line, wchar_t *ret_key)
{
    struct editor *e = editor_of(line);

    if (e->abandoning) {
        e->abandoning = false;
        *ret_key = KEY_ABANDON;
        return 1;
    }
    for (;;) {
        wait_for_key(e);
        if (e->signals.ended) {
            return 0;
        }
        if (e->abandoning) {
            *ret_key = KEY_TO_END; /* So that the next prompt is below the whole line. */
            return 1;
        }
        int status = read_byte(e, ret_key);

        if (status >= 0) {
            return status;
        }
    }
}

static unsigned char abandon(EditLine *line, int key)
{
    fputs("^C\n", stdout);
    editor_of(line)->abandoned = true;
    return CC_NEWLINE;
}

static unsigned char complete_key(EditLine *line, int key)
{
    return complete_at_cursor(line, &editor_of(line)->session->catalogue);
}

/* --- open and close ------------------------------------------------------ */

static void recall(void *context, const char *line)
{
    struct editor *e = context;
    HistEvent event;

    history(e->history, &event, H_ENTER, line);
}

static void bind_keys(EditLine *line)
{
    static const char *const keys[][2] = {
        {"^I", "rakit-complete"},          {"^]", "rakit-abandon"},
        {"^^", "ed-move-to-end"},          {"^R", "em-inc-search-prev"},
        {"\\e[3~", "ed-delete-next-char"}, {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},      {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},       {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},
    };

    /* Wide strings: libedit keeps these, but leaks a copy of narrow ones. */
    el_wset(line, EL_ADDFN, L"rakit-complete", L"complete a command", complete_key);
    el_wset(line, EL_ADDFN, L"rakit-abandon", L"abandon the line", abandon);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        el_set(line, EL_BIND, keys[i][0], keys[i][1], NULL);
    }
}

static void open_line(struct editor *e)
{
    e->line = el_init("rakit-cli", stdin, stdout, stderr);
    CHECK(e->line != NULL);
    el_set(e->line, EL_CLIENTDATA, e);
    el_set(e->line, EL_SIGNAL, 0);
    el_set(e->line, EL_PROMPT_ESC, prompt_text, ESCAPE_MARK);
    el_set(e->line, EL_GETCFN, read_key);
    el_set(e->line, EL_EDITOR, "emacs");
    el_set(e->line, EL_HIST, history, e->history);
    el_source(e->line, NULL); /* The user's own key bindings, before those that we need. */
    /* Ctrl-D typed while a command runs waits for the prompt, like other keys; otherwise the
     * terminal would turn it into a zero byte. */
    el_set(e->line, EL_SETTY, "-x", "eof=", NULL);
    bind_keys(e->line);
}

int editor_open(struct editor *e, struct session *session)
{
    const char *term = getenv("TERM");
    HistEvent event;

    *e = (struct editor){.session = session};

    int status = signals_open(&e->signals);

    if (status < 0) {
        return status;
    }
    session->client->patience.signals = &e->signals;
    e->hints = term != NULL && strcmp(term, "dumb") != 0;
    e->history = history_init();
    CHECK(e->history != NULL);
    history(e->history, &event, H_SETSIZE, HISTORY_LINES_MAX);
    history(e->history, &event, H_SETUNIQUE, 1);
    e->history_file = history_path();
    if (e->history_file != NULL) {
        history_load(e->history_file, recall, e);
    }
    open_line(e);
    return 0;
}

void editor_close(struct editor *e)
{
    el_end(e->line);
    history_end(e->history);
    free(e->history_file);
    e->session->client->patience.signals = NULL;
    signals_close(&e->signals);
}

enum editor_outcome editor_read(struct editor *e, struct slice *ret_line)
{
    int size = 0;

    e->abandoned = false;
    e->is_undecodable = false;
    update_prompt(e);
    el_resize(e->line); /* The size may have changed while a command ran. */

    const char *text = el_gets(e->line, &size);

    if (e->abandoned) {
        return EDITOR_ABANDONED;
    }
    if (text == NULL || size <= 0 || e->signals.ended) {
        return EDITOR_END;
    }
    if (e->is_undecodable) {
        session_complain(e->session,
                         "Not executed: the line has bytes that are no characters in this locale. "
                         "Set LC_ALL to one that fits the terminal (C.UTF-8), or write such bytes "
                         "as \"\\xHH\".");
        return EDITOR_ABANDONED;
    }
    *ret_line = slice_of(text, (size_t)size - (text[size - 1] == '\n'));
    return EDITOR_LINE;
}

void editor_remember(struct editor *e, struct slice line)
{
    HistEvent event;

    if (history_is_secret(line)) {
        return;
    }
    char *text = memory_take(line.size + 1);

    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    history(e->history, &event, H_ENTER, text);
    if (e->history_file != NULL) {
        history_append(e->history_file, text);
    }
    free(text);
}
