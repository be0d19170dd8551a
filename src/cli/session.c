#include "cli/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/backup.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/log_view.h"
#include "cli/print.h"
#include "cli/reply.h"
#include "cli/status.h"
#include "cli/top.h"
#include "cli/watch.h"

void session_init(struct session *s, struct client *client, struct style style, bool interactive)
{
    *s = (struct session){.client = client, .style = style, .interactive = interactive};
    catalogue_init(&s->catalogue);
}

void session_deinit(struct session *s)
{
    catalogue_deinit(&s->catalogue);
}

static void write_out(struct buffer *out, FILE *to)
{
    if (buffer_size(out) > 0) {
        fwrite(buffer_begin(out), 1, buffer_size(out), to);
    }
    buffer_deinit(out);
}

/* The stream for errors. First flushes stdout, so that the order is right. */
static FILE *error_stream(const struct session *s)
{
    fflush(stdout);
    return s->interactive ? stdout : stderr;
}

/* Names the line of the stream that an error belongs to. */
static void say_line(const struct session *s, FILE *to)
{
    if (s->line_number > 0) {
        fprintf(to, "line %lu: ", s->line_number);
    }
}

void session_complain(const struct session *s, const char *complaint)
{
    FILE *to = error_stream(s);

    say_line(s, to);
    fprintf(to, "%s%s%s\n", style_on(&s->style, RED), complaint, style_off(&s->style, RED));
}

/* For errors on stdout and on stderr: colours only if a person reads them. */
static struct style error_style(const struct session *s)
{
    struct style style = s->style;

    if (!s->interactive && !isatty(STDERR_FILENO)) {
        style.terminal = false;
        style.colour = false;
    }
    return style;
}

static enum session_outcome show_error(const struct session *s, const redisReply *reply)
{
    struct style style = error_style(s);
    struct buffer out = {0};

    print_reply(&out, reply, &style);
    if (reply_is_error_code(reply, "INDOUBT")) {
        buffer_printf(&out, "Look whether the command was executed before you repeat it.\n");
    }
    if (reply_is_error_code(reply, "NOAUTH")) {
        buffer_printf(&out, "%s",
                      s->interactive ? "To log in: auth [user] password\n"
                                     : "To log in: --user NAME, and the password in "
                                       "RAKIT_PASSWORD\n");
    }

    FILE *to = error_stream(s);

    say_line(s, to);
    write_out(&out, to);
    return SESSION_FAILED;
}

static enum session_outcome outcome_of(const struct session *s, int status)
{
    session_complain(s, s->client->error);
    return status == CLIENT_EUNREACHABLE ? SESSION_UNREACHABLE : SESSION_FAILED;
}

/* Commands that answer with a text of many lines, which would be unreadable if quoted. */
static bool answers_with_text(const struct words *command)
{
    struct slice name = command->word[0];

    return slice_is(name, "INFO") ||
           (command->count > 1 && slice_is(name, "CLIENT") &&
            (slice_is(command->word[1], "LIST") || slice_is(command->word[1], "INFO")));
}

static bool asks_for_log(const struct words *command)
{
    struct slice name = command->word[0];

    return slice_is(name, "REQUEST_LOG") ||
           (command->count > 1 && slice_is(name, "RAFT") && slice_is(command->word[1], "LOG"));
}

static bool asks_for_slow(const struct words *command)
{
    struct slice name = command->word[0];

    return slice_is(name, "SLOW") ||
           (command->count > 1 && slice_is(name, "RAFT") && slice_is(command->word[1], "SLOW"));
}

static bool wants_json(const struct words *command)
{
    return command->count == 2 && slice_is(command->word[0], "STATUS") &&
           slice_is(command->word[1], "--JSON");
}

/* Asks for the width again, because the terminal may have changed. */
static struct style style_now(const struct session *s)
{
    struct style style = s->style;

    style.columns = style.terminal ? complete_columns() : 0;
    return style;
}

static enum session_outcome show(const struct session *s, const struct words *command,
                                 const redisReply *reply)
{
    struct buffer out = {0};

    if (reply_is_error(reply)) {
        return show_error(s, reply);
    }
    bool text = reply->type == REDIS_REPLY_STRING && answers_with_text(command);
    struct style style = style_now(s);
    bool drawn = (asks_for_log(command) && request_log_draw(&out, reply, &style)) ||
                 (asks_for_slow(command) && slow_draw(&out, reply, &style)) ||
                 (slice_is(command->word[0], "STATUS") && !wants_json(command) &&
                  status_draw(&out, reply, &style));

    if (wants_json(command)) {
        json_map(&out, reply);
    } else if (!drawn && text && s->style.terminal) {
        print_text(&out, reply_text(reply));
    } else if (!drawn) {
        print_reply(&out, reply, &s->style);
    }
    write_out(&out, stdout);
    return SESSION_DONE;
}

/* `asked` is sent to the server; `command` is what the user typed. */
static enum session_outcome ask(struct session *s, const struct words *asked,
                                const struct words *command)
{
    redisReply *reply = NULL;
    int status = client_call(s->client, asked, &reply);

    if (status < 0) {
        return outcome_of(s, status);
    }
    enum session_outcome outcome = show(s, command, reply);

    freeReplyObject(reply);
    return outcome;
}

static enum session_outcome run_slow(struct session *s, const struct words *command)
{
    struct slice room[2] = {slice_str("RAFT"), slice_str("SLOW")};
    struct words asked = {.count = 2, .word = room};

    return ask(s, &asked, command);
}

/* A person wants to see the stages, too. */
static enum session_outcome run_request_log(struct session *s, const struct words *command)
{
    struct slice room[4];
    struct words asked = {.count = command->count + 1, .word = room};

    if (!s->style.terminal || command->count > 3 ||
        slice_is(command->word[command->count - 1], "STAGES")) {
        return ask(s, command, command);
    }
    memcpy(room, command->word, command->count * sizeof *room);
    room[command->count] = slice_str("STAGES");
    return ask(s, &asked, command);
}

static enum session_outcome run_status(struct session *s, const struct words *command)
{
    struct slice room[2] = {slice_str("RAFT"), slice_str("STATUS")};
    struct words asked = {.count = 2, .word = room};

    return ask(s, &asked, command);
}

static enum session_outcome run_help(struct session *s, const struct words *command)
{
    struct style style = style_now(s);
    struct buffer out = {0};

    session_load_catalogue(s);
    if (command->count == 1) {
        help_overview(&out, &s->catalogue, &style);
    } else if (!help_topic(&out, &s->catalogue, command, &style)) {
        session_complain(
            s, s->has_docs ? "There is no such command and no such group. Try: help"
                           : "The server did not explain its commands: that needs a login, and "
                             "the right to COMMAND");
        return SESSION_FAILED;
    }
    write_out(&out, stdout);
    return SESSION_DONE;
}

static enum session_outcome run_top(struct session *s, const struct words *command)
{
    const char *fault;

    if (!top_run(s->client, &s->style, command, &fault)) {
        session_complain(s, fault);
        return SESSION_FAILED;
    }
    return SESSION_DONE;
}

/* Why this client could not understand the replies after the command; or NULL. */
static const char *beyond_us(const struct words *command)
{
    static const char *const streams[] = {"SUBSCRIBE",   "PSUBSCRIBE",   "SSUBSCRIBE",
                                          "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
                                          "MONITOR"};

    if (command->count > 1 && slice_is(command->word[0], "HELLO") &&
        slice_is(command->word[1], "3")) {
        return "rakit-cli speaks version 2 of the protocol only";
    }
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        if (slice_is(command->word[0], streams[i])) {
            return "rakit-cli shows one reply to each command, so it can't show messages: use "
                   "redis-cli. (changes PREFIX shows the changes of keys)";
        }
    }
    return NULL;
}

/* As the only command of the program, "watch" can't be the one of a transaction. */
static bool asks_for_changes(const struct session *s, struct slice name)
{
    bool is_only = !s->interactive && s->line_number == 0;

    return slice_is(name, "changes") || (is_only && slice_is(name, "watch"));
}

enum session_outcome session_run(struct session *s, const struct words *command)
{
    if (command->count == 0) {
        return SESSION_DONE;
    }
    struct slice name = command->word[0];

    if (slice_is(name, "quit") || slice_is(name, "exit")) {
        s->wants_to_end = true;
        return SESSION_DONE;
    }
    if (slice_is(name, "clear")) {
        fputs(s->style.terminal ? "\x1b[H\x1b[2J" : "", stdout);
        return SESSION_DONE;
    }
    if (slice_is(name, "help")) {
        return run_help(s, command);
    }
    if (slice_is(name, "backup")) {
        return backup_run(s, command);
    }
    if (asks_for_changes(s, name)) {
        return watch_run(s, command);
    }
    if (slice_is(name, "top")) {
        return run_top(s, command);
    }
    if (slice_is(name, "verify")) {
        return backup_run_verify(s, command);
    }
    if (slice_is(name, "status") && (command->count == 1 || wants_json(command))) {
        return run_status(s, command);
    }
    if (slice_is(name, "slow") && command->count == 1) {
        return run_slow(s, command);
    }
    if (slice_is(name, "request_log")) {
        return run_request_log(s, command);
    }
    const char *fault = beyond_us(command);

    if (fault != NULL) {
        session_complain(s, fault);
        return SESSION_FAILED;
    }
    return ask(s, command, command);
}

void session_load_catalogue(struct session *s)
{
    redisReply *reply = NULL;

    if (s->asked_for_docs) {
        return;
    }
    int status = client_ask(s->client, &reply, "COMMAND", "DOCS", NULL);

    if (status < 0) {
        /* If it was unreadable, it would be so again. */
        s->asked_for_docs = status == CLIENT_EPROTOCOL;
        return;
    }
    /* A server that wants a password, or another user, first is asked again after that. */
    s->has_docs = !reply_is_error(reply);
    s->asked_for_docs =
        !reply_is_error_code(reply, "NOAUTH") && !reply_is_error_code(reply, "NOPERM");
    if (s->asked_for_docs) {
        catalogue_add_server(&s->catalogue, reply);
    }
    freeReplyObject(reply);
}
