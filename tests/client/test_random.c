/* Many clients at random: commands of all kinds, split anywhere, answered late and out of order,
 * with clients that disconnect in between. Each must receive what it would have received alone,
 * one command at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/prng.h"
#include "fixture.h"

enum { CLIENTS = 6, COMMANDS = 400, ROUNDS = 60 };

/* One client with its whole script and the expected replies. */
struct script {
    int fd;
    struct buffer requests;
    struct buffer replies;
    struct buffer got;
    size_t sent;
    bool leaves; /* Disconnects before it has read everything. */
    bool is_gone;
};

static void put_bulk(struct buffer *to, int number)
{
    buffer_printf(to, "$%d\r\n%d\r\n", snprintf(NULL, 0, "%d", number), number);
}

/* Each client has its own key, so its replies depend on no other client. */
static void write_script(struct script *s, struct prng *prng, int name)
{
    int value = -1; /* Of its key; -1: none. */
    int large = 0;

    for (int i = 0; i < COMMANDS; i++) {
        switch (prng_below(prng, 9)) {
        case 0:
        case 1:
            value = value < 0 ? 1 : value + 1;
            buffer_printf(&s->requests, "*2\r\n$4\r\nINCR\r\n$2\r\nk%d\r\n", name);
            buffer_printf(&s->replies, ":%d\r\n", value);
            break;
        case 2:
            value = (int)prng_below(prng, 1000);
            buffer_printf(&s->requests, "SET k%d %d\r\n", name, value);
            buffer_printf(&s->replies, "+OK\r\n");
            break;
        case 3:
        case 4:
            buffer_printf(&s->requests, "GET k%d\r\n", name);
            if (value < 0) {
                buffer_printf(&s->replies, "$-1\r\n");
            } else {
                put_bulk(&s->replies, value);
            }
            break;
        case 5:
            buffer_printf(&s->requests, "DEL k%d\r\n", name);
            buffer_printf(&s->replies, ":%d\r\n", value < 0 ? 0 : 1);
            value = -1;
            break;
        case 6:
            buffer_printf(&s->requests, "PING %d\r\n", i);
            put_bulk(&s->replies, i);
            break;
        case 7:
            buffer_printf(&s->requests, "REQUEST_LOG\r\nGET\r\n");
            buffer_printf(&s->replies, "+ADMIN\r\n-ERR wrong number of arguments for 'get' "
                                       "command\r\n");
            break;
        default:
            large += 30000;
            buffer_printf(&s->requests, "SETRANGE l%d %d x\r\nGETRANGE l%d -20000 -1\r\n", name,
                          large - 1, name);
            buffer_printf(&s->replies, ":%d\r\n$20000\r\n", large);
            /* The zeros that SETRANGE adds, then its x. */
            memset(buffer_reserve(&s->replies, 19999), 0, 19999);
            buffer_commit(&s->replies, 19999);
            buffer_printf(&s->replies, "x\r\n");
            break;
        }
    }
}

static void send_some(struct script *s, struct prng *prng)
{
    size_t left = buffer_size(&s->requests) - s->sent;
    size_t size = (size_t)prng_between(prng, 1, prng_chance(prng, 1, 3) ? 30 : 3000);
    ssize_t count;

    if (left == 0 || s->is_gone) {
        return;
    }
    count =
        send(s->fd, buffer_begin(&s->requests) + s->sent, size < left ? size : left, MSG_NOSIGNAL);
    s->sent += count > 0 ? (size_t)count : 0;
}

static void receive_some(struct script *s, struct prng *prng)
{
    size_t size = (size_t)prng_between(prng, 1, 60000);
    ssize_t count;

    if (s->is_gone) {
        return;
    }
    count = recv(s->fd, buffer_reserve(&s->got, size), size, MSG_DONTWAIT);
    if (count > 0) {
        buffer_commit(&s->got, (size_t)count);
    } else {
        assert_true(count < 0 && errno == EAGAIN);
    }
}

static bool is_logged(const struct request *request)
{
    return (request->command->flags & COMMAND_WRITE) != 0 || request->is_logged_read;
}

/* What goes through the log is executed in the order of the log; the rest in any order. */
static void answer_some(struct client_fixture *f, struct prng *prng)
{
    uint64_t count = prng_below(prng, 40);

    while (count > 0 && f->replica.count > 0) {
        uint32_t i = (uint32_t)prng_below(prng, f->replica.count);

        if (is_logged(f->replica.requests[i])) {
            i = 0;
            while (!is_logged(f->replica.requests[i])) {
                i++;
            }
        }
        fake_answer(f, i);
        count--;
    }
    f->replica.is_congested = prng_chance(prng, 1, 8);
    f->replica.has_room_again = !f->replica.is_congested;
    fixture_flush(f);
}

static bool is_over(const struct script *s)
{
    return s->is_gone || buffer_size(&s->got) == buffer_size(&s->replies);
}

static void step(struct client_fixture *f, struct script *s, struct prng *prng)
{
    switch (prng_below(prng, 4)) {
    case 0:
        send_some(s, prng);
        break;
    case 1:
        receive_some(s, prng);
        break;
    case 2:
        answer_some(f, prng);
        break;
    default:
        if (s->leaves && s->sent > 500 && !s->is_gone && prng_chance(prng, 1, 30)) {
            close(s->fd);
            s->is_gone = true;
        }
        break;
    }
}

static void do_nothing(struct io_timer *timer)
{
}

/* Lets the loop handle what is there, without waiting for more. */
static void poll_loop(struct client_fixture *f)
{
    struct io_timer now = {.fired = do_nothing};

    io_timer_start(f->io, &now, io_now_ns(f->io));
    fixture_run(f);
    io_timer_stop(f->io, &now);
}

static void run_round(struct client_fixture *f, uint64_t seed)
{
    struct prng prng = {seed};
    struct script scripts[CLIENTS] = {0};
    bool all_over = false;

    f->replica.holds = true;
    for (int i = 0; i < CLIENTS; i++) {
        scripts[i].fd = fixture_connect(f);
        scripts[i].leaves = i < 2;
        write_script(&scripts[i], &prng, i);
    }
    while (!all_over) {
        for (int i = 0; i < 20; i++) {
            step(f, &scripts[prng_below(&prng, CLIENTS)], &prng);
        }
        poll_loop(f);
        all_over = true;
        for (int i = 0; i < CLIENTS; i++) {
            all_over = all_over && is_over(&scripts[i]);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct script *s = &scripts[i];

        if (buffer_size(&s->got) > 0) {
            assert_memory_equal(buffer_begin(&s->got), buffer_begin(&s->replies),
                                buffer_size(&s->got));
        }
        if (!s->is_gone) {
            close(s->fd);
        }
        buffer_deinit(&s->requests);
        buffer_deinit(&s->replies);
        buffer_deinit(&s->got);
    }
    f->replica.is_congested = false;
    f->replica.has_room_again = true;
    fake_answer_all(f);
    f->replica.holds = false;
    fixture_await_clients(f, 0);
    keyspace_clear(f->replica.keyspace);
}

static void test_clients__receive_what_each_would_have_received_alone(void **state)
{
    struct client_fixture *f = *state;

    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        run_round(f, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clients__receive_what_each_would_have_received_alone,
                                        fixture_up, fixture_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
