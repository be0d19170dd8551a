/* io_uv_timer.c - timers in our own heap, with one libuv timer set for the earliest. libuv
 * counts in milliseconds and callers in nanoseconds, and the order of two timers must not depend
 * on rounding.
 *
 * A timer never fires early; it may fire up to a millisecond late. libuv's clock stands still
 * while the machine is suspended, and that of io.h does not: a timer that became due during
 * suspension fires when the loop next wakes, or after its remaining time by libuv's clock. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_uv_internal.h"

static bool is_before(const struct io_uv_timer *a, const struct io_uv_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void put(struct io_uv_timers *timers, size_t place, struct io_uv_timer *t)
{
    timers->heap[place] = t;
    t->place = place;
}

/* Moves the timer at `place` up or down to its position. */
static void settle(struct io_uv_timers *timers, size_t place)
{
    struct io_uv_timer *t = timers->heap[place];

    while (place > 0 && is_before(t, timers->heap[(place - 1) / 2])) {
        put(timers, place, timers->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < timers->count && is_before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (child >= timers->count || !is_before(timers->heap[child], t)) {
            break;
        }
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, t);
}

static void insert(struct io_uv_timers *timers, struct io_uv_timer *t)
{
    if (timers->count == timers->capacity) {
        timers->capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
        timers->heap = memory_resize(timers->heap, timers->capacity * sizeof timers->heap[0]);
    }
    put(timers, timers->count, t);
    timers->count++;
    settle(timers, t->place);
}

/* Removes and frees it, and returns the owner's timer. */
static struct io_timer *take_out(struct io_uv_timers *timers, struct io_uv_timer *t)
{
    struct io_timer *timer = t->timer;
    size_t place = t->place;

    CHECK(timers->heap[place] == t);
    timers->count--;
    if (place < timers->count) {
        put(timers, place, timers->heap[timers->count]);
        settle(timers, place);
    }
    free(t);
    timer->backend = NULL;
    return timer;
}

void io_timer_start(struct io *io, struct io_timer *timer, uint64_t at_ns)
{
    struct io_uv_timers *timers = &io->timers;
    struct io_uv_timer *t = timer->backend;
    uint64_t now_ns = io_now_ns(io);
    bool is_new = t == NULL;

    if (is_new) {
        t = memory_take(sizeof *t);
        t->timer = timer;
        timer->backend = t;
    }
    /* Not in the past: otherwise a timer that always restarts itself at 0 would come before all
     * others each time. */
    t->at_ns = at_ns > now_ns ? at_ns : now_ns;
    t->sequence = timers->next_sequence++;
    if (is_new) {
        insert(timers, t);
    } else {
        settle(timers, t->place);
    }
}

void io_timer_stop(struct io *io, struct io_timer *timer)
{
    if (timer->backend != NULL) {
        take_out(&io->timers, timer->backend);
    }
}

static void on_alarm(uv_timer_t *alarm)
{
    struct io *io = io_uv_of((uv_handle_t *)alarm);
    struct io_uv_timers *timers = &io->timers;
    /* Timers that the callbacks start wait for the next time. */
    uint64_t end_sequence = timers->next_sequence;

    io->alarm_ms = UINT64_MAX;
    io_uv_enter(io);
    while (timers->count > 0 && timers->heap[0]->at_ns <= io->now_ns &&
           timers->heap[0]->sequence < end_sequence) {
        struct io_timer *timer = take_out(timers, timers->heap[0]);

        timer->fired(timer);
    }
}

/* How far the clock of io.h is ahead of libuv's. The clocks are read in this order so that the
 * result is too small rather than too large: then the alarm is late, never early. */
static uint64_t ahead_ns(void)
{
    uint64_t clock_ns = io_uv_clock_ns();
    uint64_t uv_ns = uv_hrtime();

    return clock_ns > uv_ns && !MUTANT(alarm_stops_in_sleep) ? clock_ns - uv_ns : 0;
}

void io_uv_timers_arm(struct io *io)
{
    uint64_t alarm_ms = UINT64_MAX;

    if (io->timers.count > 0) {
        uint64_t at_ns = io->timers.heap[0]->at_ns;
        uint64_t offset_ns = ahead_ns();
        uint64_t uv_at_ns = at_ns > offset_ns ? at_ns - offset_ns : 0;

        alarm_ms = uv_at_ns / 1000000 + (uv_at_ns % 1000000 > 0);
    }
    if (alarm_ms == io->alarm_ms) {
        return;
    }
    io->alarm_ms = alarm_ms;
    if (alarm_ms == UINT64_MAX) {
        uv_timer_stop(&io->alarm);
        return;
    }
    /* uv_now() is uv_hrtime() in whole milliseconds, read some time ago. */
    uint64_t uv_now_ms = uv_now(&io->loop);

    uv_timer_start(&io->alarm, on_alarm, alarm_ms > uv_now_ms ? alarm_ms - uv_now_ms : 0, 0);
}

void io_uv_timers_deinit(struct io *io)
{
    /* The owners may be gone, so not even `backend` is written. */
    for (size_t i = 0; i < io->timers.count; i++) {
        free(io->timers.heap[i]);
    }
    free(io->timers.heap);
}
