/* Which disk made a write slow: REQUEST_LOG ... STAGES, RAFT SLOW and RAFT STATUS name it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"

enum { NODES = 3, WORDS = 4 };

/* A client that sends one command, and keeps the reply. */
struct asker {
    struct talk talk;
    struct io *io;
    const char *words[WORDS];
    uint32_t count;
    char reply[64 * 1024];
};

static void on_opened(struct talk *talk)
{
    struct asker *a = container_of(talk, struct asker, talk);
    struct slice arguments[WORDS];

    for (uint32_t i = 0; i < a->count; i++) {
        arguments[i] = slice_str(a->words[i]);
    }
    talk_command(talk, arguments, a->count);
    talk_flush(talk);
}

static void on_replied(struct talk *talk, struct slice reply)
{
    struct asker *a = container_of(talk, struct asker, talk);

    snprintf(a->reply, sizeof a->reply, "%.*s", (int)reply.size, reply.data);
    talk_close(talk);
}

static void on_closed(struct talk *talk)
{
    (void)talk;
}

static struct asker *asker_new(struct cluster *c)
{
    struct asker *a = calloc(1, sizeof *a);

    assert_non_null(a);
    a->io = sim_boot(sim_machine_new(c->sim, "asker"));
    talk_init(&a->talk, a->io);
    a->talk.opened = on_opened;
    a->talk.replied = on_replied;
    a->talk.closed = on_closed;
    return a;
}

static void asker_free(struct asker *a)
{
    sim_die(a->io, SIM_EXITED);
    sim_bury(a->io);
    talk_deinit(&a->talk);
    free(a);
}

/* Asks that node; the words end with NULL. */
static const char *ask(struct asker *a, struct cluster *c, const struct node *n,
                       const char *const *words)
{
    struct io_address address = {.port = CLUSTER_PORT};

    a->count = 0;
    while (words[a->count] != NULL) {
        a->words[a->count] = words[a->count];
        a->count++;
    }
    a->reply[0] = 0;
    snprintf(address.host, sizeof address.host, "%s", n->host);
    talk_open(&a->talk, &address);
    for (int ms = 0; ms < 5000 && a->reply[0] == 0; ms += 10) {
        calm_cluster_run_for(c, 10 * SIM_MS);
    }
    assert_true(a->reply[0] != 0);
    return a->reply;
}

#define ASK(a, c, n, ...) ask(a, c, n, (const char *const[]){__VA_ARGS__, NULL})

static void set_disk_ms(struct node *n, uint64_t ms)
{
    const struct sim_disk_profile disk = {.latency_min_ns = ms * SIM_MS,
                                          .latency_max_ns = ms * SIM_MS + SIM_US,
                                          .capacity_bytes = UINT64_MAX};

    sim_set_disk(n->machine, &disk);
}

/* Much faster than the disks that are slow here. */
static void set_network(struct cluster *c)
{
    struct sim_network network = *sim_get_network(c->sim);

    network.delay_min_ns = 100 * SIM_US;
    network.delay_max_ns = SIM_MS;
    network.loss_ppm = 0;
    sim_set_network(c->sim, &network);
}

/* Users write for a second, and then everything is stored everywhere. */
static void write_some(struct cluster *c)
{
    static const struct user_options users = {.key_count = 20,
                                              .pipeline_max = 1,
                                              .value_bytes_max = 30,
                                              .think_ns = 300 * SIM_MS,
                                              .patience_ns = 30 * SIM_S};

    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, SIM_S);
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, SIM_S);
}

/* "host:port", as a bulk string. */
static const char *address_of(const struct node *n)
{
    static char text[64];
    char address[32];

    snprintf(address, sizeof address, "%s:%d", n->host, CLUSTER_PORT);
    snprintf(text, sizeof text, "$%zu\r\n%s\r\n", strlen(address), address);
    return text;
}

/* The number behind that text, in microseconds. */
static long long number_behind(const char *reply, const char *text)
{
    const char *at = strstr(reply, text);

    assert_non_null(at);
    at = strchr(at + strlen(text), ':');
    assert_non_null(at);
    return strtoll(at + 1, NULL, 10);
}

static long long stored_us(const char *reply, const struct node *n)
{
    const char *stored = strstr(reply, "$6\r\nstored\r\n");

    assert_non_null(stored);
    return number_behind(stored, address_of(n));
}

/* The text of the last entry that was shown. */
static const char *last_entry(const char *reply)
{
    const char *at = reply;
    const char *found = reply;

    while ((at = strstr(at, "$7\r\ntime_ms\r\n")) != NULL) {
        found = at++;
    }
    return found;
}

static void name_last(char *text, size_t size, const struct node *n)
{
    snprintf(text, size, "$4\r\nlast\r\n%s", address_of(n));
}

/* One slow follower delays nobody, but it is shown; if the other one is slow as well, the faster
 * of the two is what writes wait for. */
static void test_stages__name_the_slow_disk(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(c);
    struct node *first = &c->nodes[(leader - c->nodes + 1) % NODES];
    struct node *second = &c->nodes[(leader - c->nodes + 2) % NODES];
    struct asker *a = asker_new(c);
    char last[128];
    const char *reply;

    (void)state;
    set_network(c);
    for (uint32_t i = 0; i < NODES; i++) {
        set_disk_ms(&c->nodes[i], 1);
    }
    set_disk_ms(second, 80);
    calm_cluster_run_for(c, SIM_S);
    write_some(c);
    reply = last_entry(ASK(a, c, second, "REQUEST_LOG", "STAGES"));
    assert_true(stored_us(reply, leader) < 20000);
    assert_true(stored_us(reply, first) < 20000);
    assert_true(stored_us(reply, second) >= 80000);
    name_last(last, sizeof last, second);
    assert_null(strstr(reply, last));
    assert_true(number_behind(reply, "committed_us") < 20000);
    assert_true(number_behind(reply, "answered_us") >= number_behind(reply, "committed_us"));

    set_disk_ms(first, 40);
    write_some(c);
    reply = last_entry(ASK(a, c, second, "RAFT", "LOG", "STAGES"));
    name_last(last, sizeof last, first);
    assert_non_null(strstr(reply, last));
    assert_true(number_behind(reply, "committed_us") >= 40000);

    reply = ASK(a, c, first, "RAFT", "SLOW");
    assert_true(number_behind(strstr(reply, address_of(second)), "late") >= 2);
    assert_true(number_behind(strstr(reply, address_of(first)), "last") >= 1);
    assert_true(number_behind(strstr(reply, address_of(second)), "stored_p99_us") >= 80000);
    assert_non_null(strstr(reply, "slowest"));
    assert_non_null(strstr(strstr(reply, "slowest"), last));

    calm_cluster_run_for(c, 2 * SIM_S);
    reply = ASK(a, c, first, "RAFT", "STATUS");
    assert_true(number_behind(strstr(reply, address_of(second)), "sync_max_us") >= 80000);
    assert_true(number_behind(strstr(reply, address_of(leader)), "sync_p50_us") < 20000);
    asker_free(a);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages__name_the_slow_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
