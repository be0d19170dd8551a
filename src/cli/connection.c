#include "cli/connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/lookup.h"
#include "base/memory.h"

enum { READ_BYTES = 64 * 1024, WAIT_MS_MAX = 60000 };

uint64_t connection_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* True if the waiting signal means: stop waiting. */
static bool wants_to_leave(struct signals *signals)
{
    for (int number; (number = signals_take(signals)) != 0;) {
        if (number == SIGTSTP) {
            signals_stop_here();
        } else if (number != SIGWINCH) { /* The line editor asks for the size itself. */
            return true;
        }
    }
    return false;
}

/* Prints a notice that is due; returns how long to wait at most until the next one. */
static uint64_t give_notice(struct notice *notice, uint64_t now_ms)
{
    if (notice == NULL || notice->due_ms == 0) {
        return WAIT_MS_MAX;
    }
    if (now_ms < notice->due_ms) {
        return notice->due_ms - now_ms;
    }
    fputs("no answer yet, waiting: Ctrl-C gives up\n", stderr);
    notice->due_ms = 0;
    return WAIT_MS_MAX;
}

/* Waits until the descriptor (-1: none) is ready for `events`. */
static int wait_until(int fd, short events, uint64_t deadline_ms, struct patience patience)
{
    struct signals *signals = patience.signals;

    for (;;) {
        struct pollfd polls[2] = {
            {.fd = fd, .events = events},
            {.fd = signals == NULL ? -1 : signals->fd, .events = POLLIN},
        };
        uint64_t now_ms = connection_now_ms();

        if (deadline_ms != 0 && now_ms >= deadline_ms) {
            return CONNECTION_ETIMEDOUT;
        }
        uint64_t left_ms = give_notice(patience.notice, now_ms);

        if (deadline_ms != 0 && deadline_ms - now_ms < left_ms) {
            left_ms = deadline_ms - now_ms;
        }
        int ready = poll(polls, 2, (int)left_ms);

        if (ready < 0 && errno != EINTR) {
            return CONNECTION_ELOST;
        }
        if (ready > 0 && polls[1].revents != 0 && wants_to_leave(signals)) {
            return CONNECTION_EINTERRUPTED;
        }
        if (ready > 0 && polls[0].revents != 0) {
            return 0;
        }
    }
}

static uint64_t deadline_of(struct patience patience)
{
    return patience.timeout_ms == 0 ? 0 : connection_now_ms() + patience.timeout_ms;
}

int connection_pause(uint64_t ms, struct patience patience)
{
    int status = wait_until(-1, 0, connection_now_ms() + ms, patience);

    return status == CONNECTION_ETIMEDOUT ? 0 : status;
}

void connection_init(struct connection *c)
{
    *c = (struct connection){.fd = -1};
}

void connection_close(struct connection *c)
{
    if (c->fd < 0) {
        return;
    }
    tls_session_free(c->session);
    c->session = NULL;
    close(c->fd);
    c->fd = -1;
    redisReaderFree(c->reader);
    c->reader = NULL;
    buffer_clear(&c->output);
}

void connection_deinit(struct connection *c)
{
    connection_close(c);
    buffer_deinit(&c->output);
}

/* Closes, and keeps the reason for a message. */
static int fail(struct connection *c, int status, const char *reason)
{
    snprintf(c->error, sizeof c->error, "%s", reason);
    connection_close(c);
    return status;
}

static int fail_wait(struct connection *c, int status)
{
    switch (status) {
    case CONNECTION_ETIMEDOUT:
        return fail(c, status, "no answer");
    case CONNECTION_EINTERRUPTED:
        return fail(c, status, "interrupted");
    default:
        return fail(c, status, strerror(errno));
    }
}

static int fail_tls(struct connection *c)
{
    const char *reason = tls_session_reason(c->session);
    const char *advice = "--cacert FILE, --insecure";

    if (strstr(reason, "mismatch") != NULL) {
        advice = "--sni NAME: the name that its certificate has";
    } else if (strstr(reason, "alert") != NULL) {
        advice = "the server refuses: --cert FILE --key FILE";
    }
    snprintf(c->error, sizeof c->error, "TLS failed: %s (%s)", reason, advice);
    connection_close(c);
    return CONNECTION_ELOST;
}

/* Agrees on TLS with that host. */
static int secure(struct connection *c, const char *host, uint64_t deadline_ms,
                  struct patience patience)
{
    short events = 0;
    int status;

    c->session = tls_session_new(c->tls, c->fd, host);
    if (c->session == NULL) {
        return fail(c, CONNECTION_ELOST, "TLS needs the name or the address of the host");
    }
    while ((status = tls_session_shake(c->session, &events)) == TLS_AGAIN) {
        status = wait_until(c->fd, events, deadline_ms, patience);
        if (status < 0) {
            return fail_wait(c, status);
        }
    }
    return status < 0 ? fail_tls(c) : 0;
}

static int connect_to(struct connection *c, const struct addrinfo *address, uint64_t deadline_ms,
                      struct patience patience)
{
    int on = 1;
    int error = 0;
    socklen_t size = sizeof error;

    c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        snprintf(c->error, sizeof c->error, "%s", strerror(errno));
        return CONNECTION_ELOST;
    }
    c->has_received = false;
    c->reader = redisReaderCreate();
    CHECK(c->reader != NULL);
    if (connect(c->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
        return fail(c, CONNECTION_ELOST, strerror(errno));
    }
    int status = wait_until(c->fd, POLLOUT, deadline_ms, patience);

    if (status < 0) {
        return fail_wait(c, status);
    }
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        return fail(c, CONNECTION_ELOST, strerror(error != 0 ? error : errno));
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return 0;
}

/* Waits for the lookup as long as patience allows; then abandons it. */
static int await_lookup(struct lookup *lookup, int wake_fd, uint64_t deadline_ms,
                        struct patience patience, int *ret_resolved, struct addrinfo **ret_list)
{
    int status = wait_until(wake_fd, POLLIN, deadline_ms, patience);

    if (status < 0) {
        lookup_abandon(lookup);
    } else {
        CHECK(lookup_take(lookup, ret_resolved, ret_list));
    }
    return status;
}

/* The addresses of the host; free them with freeaddrinfo(). */
static int look_up(struct connection *c, const char *host, const char *port, uint64_t deadline_ms,
                   struct patience patience, struct addrinfo **ret_list)
{
    int resolved = EAI_SYSTEM;
    int status = CONNECTION_ELOST;
    int wake_fd = eventfd(0, EFD_CLOEXEC);
    struct lookup *lookup = wake_fd < 0 ? NULL : lookup_start(host, port, wake_fd);

    if (lookup != NULL) {
        status = await_lookup(lookup, wake_fd, deadline_ms, patience, &resolved, ret_list);
    }
    if (wake_fd >= 0) {
        close(wake_fd);
    }
    if (status == CONNECTION_ETIMEDOUT) {
        return fail(c, status, "the name servers did not answer in time");
    }
    if (status == CONNECTION_EINTERRUPTED) {
        return fail_wait(c, status);
    }
    return resolved == 0 ? 0 : fail(c, CONNECTION_ELOST, gai_strerror(resolved));
}

/* When to try the next address: each of the `left` ones gets its share of the time. */
static uint64_t share_of(uint64_t deadline_ms, uint64_t left)
{
    uint64_t now_ms = connection_now_ms();

    if (deadline_ms == 0) {
        return 0;
    }
    return now_ms >= deadline_ms ? deadline_ms : now_ms + (deadline_ms - now_ms) / left;
}

int connection_open(struct connection *c, const char *host, const char *port,
                    struct patience patience)
{
    struct addrinfo *addresses = NULL;
    uint64_t deadline_ms = deadline_of(patience);
    uint64_t left = 0;

    CHECK(!connection_is_open(c));

    int status = look_up(c, host, port, deadline_ms, patience, &addresses);

    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
        left++;
    }
    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
        uint64_t until_ms = share_of(deadline_ms, left);

        status = connect_to(c, a, until_ms, patience);
        if (status == 0 && c->tls != NULL) {
            status = secure(c, host, until_ms, patience);
        }
        if (status == 0 || status == CONNECTION_EINTERRUPTED) {
            break;
        }
        left--;
    }
    if (addresses != NULL) {
        freeaddrinfo(addresses);
    }
    return status;
}

bool connection_is_quiet(const struct connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return c->reader->pos == c->reader->len && poll(&p, 1, 0) == 0;
}

/* Both as send() and recv() do, with EAGAIN and what to wait for. */
static ssize_t send_some(struct connection *c, const void *data, size_t size, short *ret_events)
{
    ssize_t sent;

    *ret_events = POLLOUT;
    if (c->session == NULL) {
        return send(c->fd, data, size, MSG_NOSIGNAL);
    }
    sent = tls_session_send(c->session, data, size, ret_events);
    if (sent == TLS_AGAIN) {
        errno = EAGAIN;
    }
    return sent;
}

static ssize_t take_some(struct connection *c, void *data, size_t size, short *ret_events)
{
    ssize_t got;

    *ret_events = POLLIN;
    if (c->session == NULL) {
        return recv(c->fd, data, size, 0);
    }
    got = tls_session_receive(c->session, data, size, ret_events);
    if (got == TLS_AGAIN) {
        errno = EAGAIN;
    }
    return got;
}

static void encode(struct buffer *out, const struct words *command)
{
    buffer_printf(out, "*%u\r\n", command->count);
    for (uint32_t i = 0; i < command->count; i++) {
        buffer_printf(out, "$%zu\r\n", command->word[i].size);
        buffer_append_slice(out, command->word[i]);
        buffer_append(out, "\r\n", 2);
    }
}

/* On failure, bytes left in `output` were not given to the system. */
static int send_all(struct connection *c, struct patience patience)
{
    while (buffer_size(&c->output) > 0) {
        short events = 0;
        ssize_t size = send_some(c, buffer_begin(&c->output), buffer_size(&c->output), &events);

        if (size > 0) {
            buffer_consume(&c->output, (size_t)size);
        } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            int status = wait_until(c->fd, events, deadline_of(patience), patience);

            if (status < 0) {
                return status;
            }
        } else {
            return CONNECTION_ELOST;
        }
    }
    return 0;
}

/* Reads once into the reader. */
static int receive_some(struct connection *c, struct patience patience)
{
    char bytes[READ_BYTES];
    short events = 0;
    ssize_t size = take_some(c, bytes, sizeof bytes, &events);

    if (size < 0 && errno == EAGAIN) {
        int status = wait_until(c->fd, events, deadline_of(patience), patience);

        if (status < 0) {
            return fail_wait(c, status);
        }
        size = take_some(c, bytes, sizeof bytes, &events);
    }
    if (size == 0) {
        return fail(c, CONNECTION_ELOST,
                    c->has_received || c->tls != NULL
                        ? "closed by the server"
                        : "closed by the server without an answer (is the port for TLS? --tls)");
    }
    /* By TLS 1.3, a server refuses a certificate only after the handshake of the client. */
    if (size < 0 && errno == EPROTO && c->session != NULL) {
        return fail_tls(c);
    }
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : fail_wait(c, CONNECTION_ELOST);
    }
    CHECK(redisReaderFeed(c->reader, bytes, (size_t)size) == REDIS_OK);
    c->has_received = true;
    return 0;
}

/* The server may refuse a command before it has read all of it, answer why, and close. That
 * answer is more useful than "connection reset". */
static redisReply *last_words(struct connection *c)
{
    char bytes[READ_BYTES];
    void *reply = NULL;

    short events = 0;

    for (ssize_t size; (size = take_some(c, bytes, sizeof bytes, &events)) > 0;) {
        CHECK(redisReaderFeed(c->reader, bytes, (size_t)size) == REDIS_OK);
    }
    return redisReaderGetReply(c->reader, &reply) == REDIS_OK ? reply : NULL;
}

int connection_call(struct connection *c, const struct words *command, struct patience patience,
                    redisReply **ret_reply, bool *ret_sent)
{
    CHECK(connection_is_open(c));

    buffer_clear(&c->output);
    encode(&c->output, command);

    int status = send_all(c, patience);

    *ret_sent = buffer_size(&c->output) == 0;
    if (status < 0) {
        int reason = errno;

        *ret_reply = status == CONNECTION_ELOST ? last_words(c) : NULL;
        if (*ret_reply != NULL) {
            connection_close(c);
            return 0;
        }
        errno = reason;
        return fail_wait(c, status);
    }
    buffer_trim(&c->output, READ_BYTES);

    for (;;) {
        void *reply = NULL;

        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
            return fail(c, CONNECTION_EPROTOCOL, "a reply that cannot be understood");
        }
        if (reply != NULL) {
            *ret_reply = reply;
            return 0;
        }
        status = receive_some(c, patience);
        if (status < 0) {
            return status;
        }
    }
}
