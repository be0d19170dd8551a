/* operator.c - the cluster's administrator: sends one command at a time, to any node. The
 * results show in the cluster, so the replies are only traced. */
#include "sim/cluster/cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"

static void operator_end(struct operator* o)
{
    o->is_busy = false;
    io_timer_stop(o->io, &o->timer);
}

static void operator_opened(struct talk *talk)
{
    struct operator* o = container_of(talk, struct operator, talk);
    struct slice arguments[OPERATOR_WORDS_MAX];

    for (uint32_t i = 0; i < o->word_count; i++) {
        arguments[i] = slice_str(o->words[i]);
    }
    talk_command(talk, arguments, o->word_count);
    talk_flush(talk);
}

static void operator_replied(struct talk *talk, struct slice reply)
{
    struct operator* o = container_of(talk, struct operator, talk);

    sim_trace(o->cluster->sim, "op", "has reply: %.*s", (int)reply.size - 2, reply.data);
    o->done_count += reply.data[0] != '-';
    talk_close(talk);
}

static void operator_closed(struct talk *talk)
{
    operator_end(container_of(talk, struct operator, talk));
}

static void operator_tired(struct io_timer *timer)
{
    talk_close(&container_of(timer, struct operator, timer)->talk);
}

void operator_init(struct operator* o, struct cluster *c)
{
    o->cluster = c;
    o->machine = sim_machine_new(c->sim, "op");
    o->io = sim_boot(o->machine);
    talk_init(&o->talk, o->io);
    o->talk.opened = operator_opened;
    o->talk.replied = operator_replied;
    o->talk.closed = operator_closed;
    o->timer.fired = operator_tired;
}

void operator_deinit(struct operator* o)
{
    sim_die(o->io, SIM_EXITED);
    io_timer_stop(o->io, &o->timer);
    sim_bury(o->io);
    talk_deinit(&o->talk);
}

void operator_command(struct operator* o, const char *a, const char *b, const char *c)
{
    operator_command_to(o, cluster_pick_up(o->cluster, &o->cluster->prng), a, b, c);
}

void operator_command_to(struct operator* o, const struct node *n, const char *a, const char *b,
                         const char *c)
{
    const char *words[] = {a, b, c, NULL};

    operator_command_words(o, n, words);
}

void operator_command_words(struct operator* o, const struct node *n, const char *const *words)
{
    struct io_address address = {.port = CLUSTER_PORT};

    if (o->is_busy || n == NULL) {
        return;
    }
    o->word_count = 0;
    while (o->word_count < OPERATOR_WORDS_MAX && words[o->word_count] != NULL) {
        snprintf(o->words[o->word_count], sizeof o->words[0], "%s", words[o->word_count]);
        o->word_count++;
    }
    sim_trace(o->cluster->sim, "op", "asks %s: %s %s %s", n->name, words[0],
              o->word_count < 2 ? "" : words[1], o->word_count < 3 ? "" : words[2]);
    o->is_busy = true;
    snprintf(address.host, sizeof address.host, "%s", n->host);
    talk_open(&o->talk, &address);
    io_timer_start(o->io, &o->timer, io_now_ns(o->io) + 5 * SIM_S);
}
