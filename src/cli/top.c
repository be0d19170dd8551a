/* top.c - see top.h. */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/print.h"
#include "cli/reply.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/top_view.h"

#define ENTER_SCREEN "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
#define LEAVE_SCREEN "\x1b[?25h\x1b[?1049l"

enum { INTERVAL_MS_DEFAULT = 1000, INTERVAL_MS_MIN = 100, INTERVAL_MS_MAX = 3600 * 1000 };

/* --- the screen -------------------------------------------------------------------------- */

static size_t terminal_rows(void)
{
    struct winsize size = {0};

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

struct top {
    struct client *client;
    struct style style;
    uint64_t interval_ms;
    struct top_rates rates;
    struct termios before; /* Of the terminal. */
    bool is_done;          /* The user wants to end. */
};

static void draw(const struct top *t, const redisReply *reply, const char *fault)
{
    struct style style = t->style;
    struct buffer text = {0};
    struct buffer out = {0};
    char address[300];

    style.columns = complete_columns();
    client_address_text(&t->client->here, address, sizeof address);
    buffer_printf(&text, "%sasked %s every %.4gs, q ends%s\n", style_on(&style, DIM), address,
                  (double)t->interval_ms / 1000, style_off(&style, DIM));
    if (fault != NULL) {
        buffer_printf(&text, "\n%s", style_on(&style, RED));
        print_escaped(&text, slice_str(fault));
        buffer_printf(&text, "%s\n", style_off(&style, RED));
    } else {
        top_rates_draw(&t->rates, &style, &text);
        buffer_printf(&text, "\n");
        status_draw(&text, reply, &style);
    }
    buffer_printf(&out, "\x1b[H");
    top_fit(&out, buffer_slice(&text), terminal_rows());
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    fflush(stdout);
    buffer_deinit(&text);
    buffer_deinit(&out);
}

static void take_keys(struct top *t)
{
    char keys[64];
    ssize_t count = read(STDIN_FILENO, keys, sizeof keys);

    t->is_done |= count <= 0;
    for (ssize_t i = 0; i < count; i++) {
        t->is_done |= keys[i] == 'q' || keys[i] == 'Q' || keys[i] == 4; /* Ctrl-D */
    }
}

static void take_signals(struct top *t)
{
    int number;

    while ((number = signals_take(t->client->patience.signals)) != 0) {
        t->is_done |= number == SIGINT || number == SIGTERM || number == SIGHUP;
        if (number == SIGTSTP) {
            break; /* It stays pending until the end, which is soon: stopping leaves the screen. */
        }
    }
    t->is_done |= number == SIGTSTP;
}

static void wait_for(struct top *t, uint64_t until_ms)
{
    struct pollfd watched[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = t->client->patience.signals->fd, .events = POLLIN}};
    uint64_t now_ms = connection_now_ms();

    while (!t->is_done && now_ms < until_ms) {
        if (poll(watched, 2, (int)(until_ms - now_ms)) < 0 && errno != EINTR) {
            t->is_done = true;
        }
        if (watched[0].revents != 0) {
            take_keys(t);
        }
        if (watched[1].revents != 0) {
            take_signals(t);
        }
        now_ms = connection_now_ms();
    }
}

static void ask_and_draw(struct top *t)
{
    redisReply *reply = NULL;
    int status = client_ask(t->client, &reply, "RAFT", "STATUS", NULL);

    if (status == CLIENT_EINTERRUPTED) {
        t->is_done = true;
    } else if (status < 0) {
        draw(t, NULL, t->client->error);
    } else if (reply_is_error(reply)) {
        draw(t, NULL, reply->str);
    } else {
        top_rates_add(&t->rates, reply_number(reply_field(reply, "commit_index"), 0),
                      connection_now_ms());
        draw(t, reply, NULL);
    }
    if (status == 0) {
        freeReplyObject(reply);
    }
}

/* Single keys, unseen; Ctrl-C stays a signal. */
static bool prepare_terminal(struct top *t)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &t->before) != 0) {
        return false;
    }
    raw = t->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void run(struct top *t)
{
    fputs(ENTER_SCREEN, stdout);
    while (!t->is_done) {
        uint64_t next_ms = connection_now_ms() + t->interval_ms;

        ask_and_draw(t);
        wait_for(t, next_ms);
    }
    fputs(LEAVE_SCREEN, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}

static bool read_interval(const struct words *command, uint64_t *ret_ms)
{
    char text[16] = "";
    char *end = text;
    double ms;

    *ret_ms = INTERVAL_MS_DEFAULT;
    if (command->count == 1) {
        return true;
    }
    if (command->count > 2 || command->word[1].size >= sizeof text) {
        return false;
    }
    memcpy(text, command->word[1].data, command->word[1].size);
    ms = strtod(text, &end) * 1000;
    *ret_ms = ms >= INTERVAL_MS_MIN && ms <= INTERVAL_MS_MAX ? (uint64_t)ms : 0;
    return end != text && *end == '\0' && *ret_ms > 0;
}

bool top_run(struct client *client, const struct style *style, const struct words *command,
             const char **ret_fault)
{
    struct top t = {.client = client, .style = *style};
    struct signals own;
    bool has_signals = client->patience.signals != NULL;

    top_rates_init(&t.rates);
    if (!read_interval(command, &t.interval_ms)) {
        *ret_fault = "Name a time in seconds, from 0.1 to 3600: top [SECONDS]";
        return false;
    }
    if (!style->terminal || isatty(STDIN_FILENO) != 1) {
        *ret_fault = "top draws on a terminal; for a program there is: status --json";
        return false;
    }
    if (!prepare_terminal(&t) || (!has_signals && signals_open(&own) < 0)) {
        *ret_fault = "top cannot prepare the terminal";
        return false;
    }
    if (!has_signals) {
        client->patience.signals = &own;
    }
    run(&t);
    if (!has_signals) {
        client->patience.signals = NULL;
        signals_close(&own);
    }
    return true;
}
