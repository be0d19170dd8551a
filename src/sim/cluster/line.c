/* line.c - see line.h. */
#include "sim/cluster/line.h"

#include <stdio.h>

#include "base/check.h"
#include "base/list.h"

static struct line *line_of(struct talk *talk)
{
    return container_of(talk, struct line, talk);
}

static void line_opened(struct talk *talk)
{
    struct line *line = line_of(talk);

    line->port = sim_stream_port(&talk->stream);
    line->sent_count = 0;
    line->answered_count = 0;
    line->opened(line);
    talk_flush(talk);
}

static void line_replied(struct talk *talk, struct slice reply)
{
    struct line *line = line_of(talk);

    if (reply.data[0] == '>' && line->pushed != NULL) {
        line->pushed(line, reply);
    } else if (!line_is_waiting(line)) {
        talk_close(talk); /* A reply without a request: an error before the connection ends. */
    } else {
        line->answered_count++;
        line->waits_since_ns = io_now_ns(line->io);
        line->replied(line, reply);
    }
}

static void line_closed(struct talk *talk)
{
    struct line *line = line_of(talk);

    line->lost(line);
    line->sent_count = 0;
    line->answered_count = 0;
}

static void connect_to_some(struct line *line)
{
    struct io_address address = line->pick_node(line->context, &line->prng);

    snprintf(line->node, sizeof line->node, "%.31s", address.host);
    line->waits_since_ns = io_now_ns(line->io);
    talk_open(&line->talk, &address);
}

static void line_round(struct io_timer *timer)
{
    struct line *line = container_of(timer, struct line, timer);
    uint64_t now_ns = io_now_ns(line->io);
    bool is_late = now_ns > line->waits_since_ns + line->patience_ns;

    if (line->talk.phase == TALK_CLOSED && line->is_needed && now_ns >= line->closed_until_ns) {
        connect_to_some(line);
    } else if (line->talk.phase == TALK_CONNECTING && is_late) {
        talk_close(&line->talk);
    } else if (line->talk.phase == TALK_OPEN && line_is_waiting(line) && is_late) {
        talk_close(&line->talk);
    } else if (line->talk.phase == TALK_OPEN) {
        line->round(line);
        talk_flush(&line->talk);
    }
    io_timer_start(line->io, timer, now_ns + 1 + prng_below(&line->prng, 2 * line->think_ns));
}

void line_init(struct line *line, struct sim *sim, const char *name)
{
    *line = (struct line){.sim = sim, .is_needed = true};
    line->prng = sim_fork_prng(sim);
    line->machine = sim_machine_new(sim, name);
    line->io = sim_boot(line->machine);
    line->timer.fired = line_round;
    talk_init(&line->talk, line->io);
    line->talk.opened = line_opened;
    line->talk.replied = line_replied;
    line->talk.closed = line_closed;
}

void line_deinit(struct line *line)
{
    sim_die(line->io, SIM_EXITED);
    io_timer_stop(line->io, &line->timer);
    sim_bury(line->io);
    talk_deinit(&line->talk);
}

void line_start(struct line *line)
{
    io_timer_start(line->io, &line->timer, io_now_ns(line->io) + 1);
}

void line_send(struct line *line, const struct slice *arguments, uint32_t count)
{
    CHECK(line->talk.phase == TALK_OPEN);
    if (!line_is_waiting(line)) {
        line->waits_since_ns = io_now_ns(line->io);
    }
    line->sent_count++;
    talk_command(&line->talk, arguments, count);
}

void line_leave(struct line *line)
{
    talk_close(&line->talk);
}
