#include "cli/client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/reply.h"
#include "cli/tls_ports.h"

enum {
    ROUND_PAUSE_MS = 100,     /* Between two rounds over all members. */
    RETRY_PAUSE_MS = 20,      /* Before a refused command is sent again; doubled each time. */
    RETRY_PAUSE_MAX_MS = 250, /* The pause is not doubled beyond this. */
    RETRIES_A_NODE = 5,       /* Refusals by one node before another one is tried. */
    ATTEMPT_MS = 1000,        /* For one member, if others are left to try. */
    LOSSES_MAX = 8,           /* Broken connections before a command is given up. */
    NOTICE_MS = 1000,         /* Before the user sees that a command waits. */
};

/* Why a connection was left. */
enum loss { LOSS_BROKEN, LOSS_SILENT, LOSS_NO_LEADER };

void client_address_text(const struct client_address *a, char *text, size_t size)
{
    const char *format = strchr(a->host, ':') != NULL ? "[%s]:%s" : "%s:%s";

    snprintf(text, size, format, a->host, a->port);
}

/* "[::1]" is the address ::1. */
static struct slice without_brackets(struct slice host)
{
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        return slice_of(host.data + 1, host.size - 2);
    }
    return host;
}

bool client_address_parse(struct slice text, struct client_address *ret_address)
{
    const char *colon = text.size == 0 ? NULL : memrchr(text.data, ':', text.size);

    if (colon == NULL) {
        return false;
    }
    struct slice host = slice_of(text.data, (size_t)(colon - text.data));
    struct slice port = slice_of(colon + 1, text.size - host.size - 1);

    host = without_brackets(host);
    if (host.size == 0 || host.size >= sizeof ret_address->host || port.size == 0 ||
        port.size >= sizeof ret_address->port) {
        return false;
    }
    *ret_address = (struct client_address){0};
    memcpy(ret_address->host, host.data, host.size);
    memcpy(ret_address->port, port.data, port.size);
    return true;
}

bool client_read_database(struct slice text, uint32_t *ret_database)
{
    uint32_t number = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = 10 * number + (uint32_t)(text.data[i] - '0');
    }
    if (text.size == 0 || text.size > 9) {
        return false;
    }
    *ret_database = number;
    return true;
}

static bool is_same_address(const struct client_address *a, const struct client_address *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

void client_init(struct client *c, const char *host, const char *port, struct patience patience)
{
    struct slice bare = without_brackets(slice_str(host));

    *c = (struct client){.patience = patience};
    c->patience.notice = &c->notice;
    connection_init(&c->connection);
    snprintf(c->here.host, sizeof c->here.host, "%.*s", (int)bare.size, bare.data);
    snprintf(c->here.port, sizeof c->here.port, "%s", port);
}

void client_use_login(struct client *c, char *user, char *password)
{
    static char name[] = "AUTH"; /* Words borrow their bytes. */
    static char nobody[] = "default";
    char *words[] = {name, user == NULL ? nobody : user, password};

    if (password != NULL) {
        words_from_arguments(3, words, &c->login);
    }
}

void client_deinit(struct client *c)
{
    connection_deinit(&c->connection);
    words_deinit(&c->login);
}

static int explain(struct client *c, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int explain(struct client *c, int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(c->error, sizeof c->error, format, arguments);
    va_end(arguments);
    return status;
}

static struct words words_of(const char *const *texts, struct slice *room)
{
    struct words w = {.word = room};

    for (; texts[w.count] != NULL; w.count++) {
        room[w.count] = slice_str(texts[w.count]);
    }
    return w;
}

/* Whether the server takes no more clients, except administrators. */
static bool is_full(const redisReply *reply)
{
    static const char full[] = "ERR max number of clients";

    return reply != NULL && reply_is_error(reply) &&
           strncmp(reply->str, full, sizeof full - 1) == 0;
}

/* The same, or a protected server that takes nobody from outside: its first answer says so, and
 * it closes. */
static bool is_refusal(const redisReply *reply)
{
    return reply_is_error_code(reply, "DENIED") || is_full(reply);
}

static void remember_members(struct client *c, const redisReply *status)
{
    const redisReply *nodes = reply_field(status, "nodes");
    size_t count = 0;

    for (size_t i = 0; i < reply_count(nodes) && count < CLIENT_MEMBERS_MAX; i++) {
        const redisReply *address = reply_field(reply_element(nodes, i), "address");

        if (client_address_parse(reply_text(address), &c->members[count]) &&
            tls_ports_move(c->tls_distance, c->members[count].port)) {
            count++;
        }
    }
    /* An answer without members (not Rakit, or no password yet) changes nothing. */
    c->member_count = count > 0 ? count : c->member_count;
}

/* Sends the user's AUTH again, if there was one. Codes of connection.h. */
static int log_in(struct client *c, struct patience patience)
{
    redisReply *reply = NULL;
    bool sent = false;
    int status = 0;

    if (c->login.count > 0) {
        status = connection_call(&c->connection, &c->login, patience, &reply, &sent);
    }
    if (reply != NULL && reply_is_error_code(reply, "WRONGPASS")) {
        fprintf(stderr, "%s\n", reply->str);
        words_deinit(&c->login); /* It is not tried again. */
    }
    freeReplyObject(reply);
    return status;
}

/* Each connection begins in database 0, and nothing may be executed there that is meant for
 * another one. A server that wants a password first refuses everything until then; it is asked
 * again after that. Codes of connection.h. */
static int choose_database(struct client *c, struct patience patience)
{
    char number[16];
    struct slice room[2] = {slice_str("SELECT")};
    struct words command = {.count = 2, .word = room};
    redisReply *reply = NULL;
    bool sent = false;

    if (c->database == 0) {
        return 0;
    }
    room[1] = slice_of(number, (size_t)snprintf(number, sizeof number, "%" PRIu32, c->database));

    int status = connection_call(&c->connection, &command, patience, &reply, &sent);

    if (status == 0 && reply_is_error(reply) && !reply_is_error_code(reply, "NOAUTH")) {
        connection_close(&c->connection);
        snprintf(c->connection.error, sizeof c->connection.error, "database %s: %.*s", number,
                 (int)sizeof c->connection.error / 2, reply->str);
        status = CONNECTION_ELOST;
    }
    freeReplyObject(reply);
    return status;
}

/* Sets up a new connection, and asks for the other members. Codes of connection.h. */
static int greet(struct client *c, struct patience patience)
{
    static const char *const status_words[] = {"RAFT", "STATUS", NULL};
    struct slice room[2];
    struct words raft_status = words_of(status_words, room);
    redisReply *reply = NULL;
    bool sent = false;
    int status = log_in(c, patience);

    if (status == 0) {
        status = choose_database(c, patience);
    }
    if (status == 0) {
        status = tls_ports_measure(&c->connection, patience, &c->tls_distance);
    }
    if (status == 0) {
        status = connection_call(&c->connection, &raft_status, patience, &reply, &sent);
    }

    if (status < 0) {
        return status;
    }
    if (reply != NULL && is_refusal(reply)) {
        connection_close(&c->connection);
        snprintf(c->connection.error, sizeof c->connection.error, "%.*s",
                 (int)sizeof c->connection.error - 1, reply->str);
        status = CONNECTION_ELOST;
    }
    remember_members(c, reply);
    freeReplyObject(reply);
    return status;
}

/* One attempt. On 0, `here` is that address. Codes of connection.h. */
static int try_address(struct client *c, const struct client_address *address,
                       struct patience patience)
{
    /* A copy, because the greeting replaces the members. */
    struct client_address target = *address;

    connection_close(&c->connection);
    c->once.is_in_multi = false;

    int status = connection_open(&c->connection, target.host, target.port, patience);

    if (status == 0) {
        status = greet(c, patience);
    }
    if (status == 0) {
        c->here = target;
    }
    return status;
}

int client_connect(struct client *c)
{
    return client_use(c, &c->here);
}

int client_use(struct client *c, const struct client_address *target)
{
    char address[300];

    client_address_text(target, address, sizeof address);

    int status = try_address(c, target, c->patience);

    if (status == CONNECTION_EINTERRUPTED) {
        return explain(c, CLIENT_EINTERRUPTED, "interrupted");
    }
    if (status < 0) {
        return explain(c, CLIENT_EUNREACHABLE, "could not connect to %s: %s", address,
                       c->connection.error);
    }
    return 0;
}

/* Tries each member once: first those after `here` in the list, then the others, and `here`
 * itself last. Codes of connection.h. */
static int try_members(struct client *c)
{
    struct client_address members[CLIENT_MEMBERS_MAX];
    struct client_address here = c->here;
    struct patience patience = c->patience;
    size_t count = c->member_count;
    size_t first = 0;

    if (patience.timeout_ms == 0 || patience.timeout_ms > ATTEMPT_MS) {
        /* A silent member must not keep us from trying the next one. */
        patience.timeout_ms = ATTEMPT_MS;
    }

    memcpy(members, c->members, count * sizeof *members);
    for (size_t i = 0; i < count; i++) {
        if (is_same_address(&members[i], &here)) {
            first = i + 1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct client_address *member = &members[(first + i) % count];

        if (is_same_address(member, &here)) {
            continue;
        }
        int status = try_address(c, member, patience);

        if (status == 0 || status == CONNECTION_EINTERRUPTED) {
            return status;
        }
    }
    return try_address(c, &here, patience);
}

static uint64_t deadline_after(const struct client *c)
{
    return c->patience.timeout_ms == 0 ? 0 : connection_now_ms() + c->patience.timeout_ms;
}

/* Reports to the user, on stderr, which node we use now. */
static void say_moved(const struct client *c, const struct client_address *before, enum loss loss)
{
    static const char *const reasons[] = {
        [LOSS_BROKEN] = "lost",
        [LOSS_SILENT] = "given up, since no answer came",
        [LOSS_NO_LEADER] = "given up, since that node finds no leader or was removed",
    };
    char before_text[300];
    char here_text[300];

    client_address_text(before, before_text, sizeof before_text);
    client_address_text(&c->here, here_text, sizeof here_text);
    if (!is_same_address(before, &c->here)) {
        fprintf(stderr, "connection to %s %s: now talking to %s\n", before_text, reasons[loss],
                here_text);
    } else if (loss != LOSS_NO_LEADER) {
        fprintf(stderr, "connection to %s %s: connected to it again\n", before_text, reasons[loss]);
    }
}

/* Finds a member that answers, for as long as the patience lasts. */
static int reach(struct client *c, enum loss loss)
{
    struct client_address before = c->here;
    uint64_t deadline_ms = deadline_after(c);
    char address[300];
    int status;

    while ((status = try_members(c)) != 0 && status != CONNECTION_EINTERRUPTED) {
        if (deadline_ms != 0 && connection_now_ms() >= deadline_ms) {
            client_address_text(&before, address, sizeof address);
            return explain(c, CLIENT_EUNREACHABLE, "could not connect to %s%s: %s", address,
                           c->member_count > 1 ? " nor to any other member" : "",
                           c->connection.error);
        }
        if (connection_pause(ROUND_PAUSE_MS, c->patience) < 0) {
            status = CONNECTION_EINTERRUPTED;
            break;
        }
    }
    if (status < 0) {
        return explain(c, CLIENT_EINTERRUPTED, "interrupted");
    }
    say_moved(c, &before, loss);
    return 0;
}

bool client_is_alive(const struct client *c)
{
    return connection_is_open(&c->connection) && connection_is_quiet(&c->connection);
}

int client_refresh(struct client *c)
{
    if (client_is_alive(c) && greet(c, c->patience) == 0) {
        return 0;
    }
    return reach(c, LOSS_BROKEN);
}

/* Commands that change nothing, but do not read the keyspace either, so the server does not flag
 * them as reads. */
static bool is_harmless(const struct words *command)
{
    static const char *const names[] = {"PING",   "ECHO",        "INFO",     "COMMAND",
                                        "TIME",   "REQUEST_LOG", "READONLY", "ROLE",
                                        "SELECT", "RESET",       "XREAD"};
    static const char *const raft_names[] = {"STATUS", "MEMBERS", "LOG",  "SLOW",
                                             "BACKUP", "FEED",    "SCAN", "HELP"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_is(command->word[0], names[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof raft_names / sizeof *raft_names; i++) {
        if (command->count > 1 && slice_is(command->word[0], "RAFT") &&
            slice_is(command->word[1], raft_names[i])) {
            return true;
        }
    }
    return false;
}

/* Asks the server whether the command only reads. */
static bool is_repeatable(struct client *c, const struct words *command)
{
    struct slice room[3] = {slice_str("COMMAND"), slice_str("INFO"), command->word[0]};
    struct words question = {.count = 3, .word = room};
    redisReply *reply = NULL;
    bool sent = false;
    bool reads = false;

    if (is_harmless(command) || once_is_wrapped(command)) {
        return true;
    }
    if (connection_call(&c->connection, &question, c->patience, &reply, &sent) < 0) {
        return false;
    }
    const redisReply *flags = reply_element(reply_element(reply, 0), 2);

    for (size_t i = 0; i < reply_count(flags); i++) {
        reads = reads || slice_is(reply_text(reply_element(flags, i)), "readonly");
    }
    freeReplyObject(reply);
    return reads;
}

/* Whether the error means: not executed, but it may be later. */
static bool is_temporary(const redisReply *reply)
{
    return reply_is_error_code(reply, "CLUSTERDOWN") || reply_is_error_code(reply, "TRYAGAIN") ||
           reply_is_error_code(reply, "LOADING") || is_full(reply);
}

/* The connection broke during the command. Returns 0 if the command may be sent again. */
static int after_loss(struct client *c, const struct words *command, int status, bool sent)
{
    if (status == CONNECTION_EINTERRUPTED) {
        if (!sent || is_harmless(command)) {
            return explain(c, CLIENT_EINTERRUPTED, "interrupted");
        }
        return explain(c, CLIENT_EINDOUBT,
                       "interrupted: if the command writes, it may or may not have been executed");
    }
    if (status == CONNECTION_EPROTOCOL) {
        explain(c, CLIENT_EPROTOCOL, "%s", c->connection.error);
        try_address(c, &c->here, c->patience);
        return CLIENT_EPROTOCOL;
    }
    int reached = reach(c, status == CONNECTION_ETIMEDOUT ? LOSS_SILENT : LOSS_BROKEN);

    if (!sent || (reached < 0 && is_harmless(command))) {
        return reached;
    }
    if (reached == 0 && is_repeatable(c, command)) {
        c->is_in_doubt = c->is_in_doubt || once_is_wrapped(command);
        return 0;
    }
    return explain(c, CLIENT_EINDOUBT,
                   "no reply came: the command may or may not have been executed");
}

/* The server refused for now. Waits, and goes to another node if this one keeps refusing: it may
 * be the one that is cut off. Returns 0 or a negative code. */
static int after_refusal(struct client *c, uint32_t refusals)
{
    uint64_t pause_ms = RETRY_PAUSE_MS;

    for (uint32_t i = 1; i < refusals && pause_ms < RETRY_PAUSE_MAX_MS; i++) {
        pause_ms *= 2;
    }
    if (connection_pause(pause_ms, c->patience) < 0) {
        return explain(c, CLIENT_EINTERRUPTED, "interrupted: the command was not executed");
    }
    if (refusals % RETRIES_A_NODE == 0 && c->member_count > 1) {
        return reach(c, LOSS_NO_LEADER);
    }
    return 0;
}

static void remember_login(struct client *c, const struct words *command, const redisReply *reply)
{
    if (!slice_is(command->word[0], "AUTH") || reply_is_error(reply)) {
        return;
    }
    size_t size = 0;

    for (uint32_t i = 0; i < command->count; i++) {
        size += command->word[i].size;
    }
    words_deinit(&c->login);
    c->login = (struct words){
        .word = memory_take(command->count * sizeof *c->login.word),
        .bytes = memory_take(size + 1),
    };
    for (char *to = c->login.bytes; c->login.count < command->count; c->login.count++) {
        struct slice from = command->word[c->login.count];

        if (from.size > 0) {
            memcpy(to, from.data, from.size);
        }
        c->login.word[c->login.count] = slice_of(to, from.size);
        to += from.size;
    }
    greet(c, c->patience); /* If it fails, the next command notices. */
}

/* Remembers the database for the next connection. */
static void remember_database(struct client *c, const struct words *command,
                              const redisReply *reply)
{
    if (reply_is_error(reply)) {
        return;
    }
    if (slice_is(command->word[0], "RESET")) {
        c->database = 0;
    } else if (slice_is(command->word[0], "SELECT") && command->count == 2) {
        client_read_database(command->word[1], &c->database);
    }
}

/* One attempt; connects again first if necessary. Codes of client.h; on 0 without a reply the
 * command may be sent again. */
static int attempt(struct client *c, const struct words *command, redisReply **ret_reply)
{
    bool sent = false;

    if (!client_is_alive(c)) {
        int status = reach(c, LOSS_BROKEN);

        if (status < 0) {
            return status;
        }
    }
    int status = connection_call(&c->connection, command, c->patience, ret_reply, &sent);

    if (status < 0) {
        *ret_reply = NULL;
        status = after_loss(c, command, status, sent);
    }
    return status;
}

static int explain_doubt(struct client *c)
{
    return explain(c, CLIENT_EINDOUBT,
                   "no answer in time: the command may or may not have been executed");
}

/* Whether the command is sent again after this reply. */
static bool is_again(const struct words *command, const redisReply *reply)
{
    return is_temporary(reply) ||
           (once_is_wrapped(command) && reply_is_error_code(reply, "INDOUBT"));
}

static int call_until_answered(struct client *c, const struct words *command,
                               redisReply **ret_reply)
{
    uint64_t deadline_ms = deadline_after(c);
    uint32_t refusals = 0;
    uint32_t losses = 0;

    for (;;) {
        struct client_address asked = c->here;
        redisReply *reply = NULL;
        int status = attempt(c, command, &reply);

        if (status < 0) {
            return status;
        }
        bool is_late = deadline_ms != 0 && connection_now_ms() >= deadline_ms;

        if (reply == NULL) {
            losses++;
            if ((is_late || losses == LOSSES_MAX) && c->is_in_doubt) {
                return explain_doubt(c);
            }
            /* Each other member may be slow, too, but only once. */
            if (is_late && (is_same_address(&asked, &c->here) || losses >= c->member_count)) {
                return explain(c, CLIENT_EUNREACHABLE,
                               "no answer in time: the command was not executed, or it only "
                               "reads. Does a majority of the nodes run?");
            }
            if (losses == LOSSES_MAX) {
                return explain(c, CLIENT_EUNREACHABLE, "every connection breaks at this command");
            }
            continue;
        }
        if (is_late && is_again(command, reply) && c->is_in_doubt) {
            freeReplyObject(reply);
            return explain_doubt(c);
        }
        if (!is_again(command, reply) || is_late) {
            once_note(&c->once, command, reply);
            remember_database(c, command, reply);
            remember_login(c, command, reply);
            *ret_reply = reply;
            return 0;
        }
        c->is_in_doubt = c->is_in_doubt || reply_is_error_code(reply, "INDOUBT");
        freeReplyObject(reply);
        status = after_refusal(c, ++refusals);
        if (status < 0) {
            return c->is_in_doubt ? explain_doubt(c) : status;
        }
    }
}

/* Whether the command can be sent again under a number. The server is asked once about each (of a
 * family such as FUNCTION, about each member: some only read). */
static bool takes_once(struct client *c, const struct words *command)
{
    struct slice room[4] = {slice_str("COMMAND"), slice_str("INFO"), command->word[0],
                            slice_str("ONCE")};
    struct words question = {.count = 4, .word = room};
    redisReply *reply = NULL;
    bool sent = false;
    bool takes = false;

    if (is_harmless(command) || c->once.is_in_multi || slice_is(command->word[0], "ONCE")) {
        return false;
    }
    if (once_is_known(&c->once, command, &takes)) {
        return takes;
    }
    if (!client_is_alive(c) ||
        connection_call(&c->connection, &question, c->patience, &reply, &sent) < 0) {
        return false;
    }
    once_learn(&c->once, command, reply);
    freeReplyObject(reply);
    return once_is_known(&c->once, command, &takes) && takes;
}

/* If the server has forgotten this client, which was idle for long, it begins anew. */
static int call_once(struct client *c, const struct words *command, redisReply **ret_reply)
{
    int status;
    bool is_forgotten;

    do {
        struct words wrapped = once_wrap(&c->once, command);

        status = call_until_answered(c, &wrapped, ret_reply);
        words_deinit(&wrapped);
        is_forgotten = status == 0 && reply_is_error_code(*ret_reply, "EXPIRED") &&
                       c->once.next > 2 && !c->is_in_doubt;
        if (is_forgotten) {
            freeReplyObject(*ret_reply);
            once_forget(&c->once);
        }
    } while (is_forgotten);
    return status;
}

int client_call(struct client *c, const struct words *command, redisReply **ret_reply)
{
    CHECK(command->count > 0);
    c->notice.due_ms = c->gives_notice ? connection_now_ms() + NOTICE_MS : 0;
    c->is_in_doubt = false;

    int status = takes_once(c, command) ? call_once(c, command, ret_reply)
                                        : call_until_answered(c, command, ret_reply);

    c->notice.due_ms = 0;
    return status;
}

int client_ask(struct client *c, redisReply **ret_reply, ...)
{
    struct slice room[8];
    struct words command = {.word = room};
    va_list arguments;

    va_start(arguments, ret_reply);
    for (const char *word; (word = va_arg(arguments, const char *)) != NULL;) {
        CHECK(command.count < 8);
        room[command.count++] = slice_str(word);
    }
    va_end(arguments);
    return client_call(c, &command, ret_reply);
}
