/* io_uv.c - the frame of the libuv backend: the loop and the turn, time and randomness, signals.
 *
 * One iteration of libuv runs: timers, idle handles (our deferred work), prepare handles, the
 * wait for I/O and its callbacks, check handles, callbacks of closed handles. The turn runs at
 * two places, each time only if a callback has run since the last turn: in "check" after I/O,
 * and in "prepare" after everything else. So there is one turn per batch, and the loop never
 * waits without it. */
#include "io/io_uv.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "io/io_uv_internal.h"
#include "io/io_uv_tls.h"

/* --- the turn -------------------------------------------------------------- */

static void give_turn(struct io *io)
{
    if (io->turn_is_due) {
        /* Cleared before the call, because the turn itself may cause new callbacks. */
        io->turn_is_due = false;
        if (io->turn != NULL) {
            io->turn(io->turn_context);
        }
    }
    io->in_batch = false;
}

static void on_after_poll(uv_check_t *check)
{
    struct io *io = io_uv_of((uv_handle_t *)check);

    if (uv_is_active((uv_handle_t *)&io->soon)) {
        uv_idle_stop(&io->soon);
        io_uv_enter(io);
    }
    give_turn(io);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct io *io = io_uv_of((uv_handle_t *)prepare);

    give_turn(io);
    io_uv_timers_arm(io);
}

static void on_soon(uv_idle_t *idle)
{
}

void io_turn_soon(struct io *io)
{
    uv_idle_start(&io->soon, on_soon);
}

void io_set_turn(struct io *io, void (*turn)(void *context), void *context)
{
    io->turn = turn;
    io->turn_context = context;
}

/* --- deferred work --------------------------------------------------------- */

static void on_idle(uv_idle_t *idle)
{
    struct io *io = io_uv_of((uv_handle_t *)idle);
    struct list batch;
    struct list *node;

    /* Work deferred from here on waits for the next iteration, so that I/O is handled in
     * between. */
    list_init(&batch);
    while ((node = list_first(&io->deferred)) != NULL) {
        list_remove(node);
        list_append(&batch, node);
    }
    io_uv_enter(io);
    while ((node = list_first(&batch)) != NULL) {
        struct io_uv_deferred *deferred = container_of(node, struct io_uv_deferred, node);

        list_remove(node);
        deferred->run(deferred);
    }
    if (list_is_empty(&io->deferred)) {
        uv_idle_stop(idle);
    }
}

void io_uv_defer(struct io *io, struct io_uv_deferred *deferred)
{
    list_append(&io->deferred, &deferred->node);
    uv_idle_start(&io->idle, on_idle);
}

/* --- making and running ---------------------------------------------------- */

static void on_completions(uv_poll_t *poll, int status, int events)
{
    struct io *io = io_uv_of((uv_handle_t *)poll);
    uint64_t count;

    CHECK(status == 0);
    if (read(io->completions_fd, &count, sizeof count) == (ssize_t)sizeof count) {
        io_uv_workers_deliver(io);
        io_uv_names_deliver(io);
        io_uv_inside_deliver(io);
    }
}

struct io *io_uv_new(void)
{
    struct io *io = memory_take_zeroed(1, sizeof *io);

    /* These fail only if memory or descriptors run out at the very start, and without a loop
     * there is no program. */
    CHECK(uv_loop_init(&io->loop) == 0);
    io->loop.data = io;
    io->thread = pthread_self();
    io->alarm_ms = UINT64_MAX;
    list_init(&io->deferred);
    list_init(&io->connects);
    list_init(&io->workers);
    list_init(&io->names);

    CHECK(uv_check_init(&io->loop, &io->after_poll) == 0);
    CHECK(uv_check_start(&io->after_poll, on_after_poll) == 0);
    CHECK(uv_prepare_init(&io->loop, &io->before_poll) == 0);
    CHECK(uv_prepare_start(&io->before_poll, on_before_poll) == 0);
    CHECK(uv_idle_init(&io->loop, &io->idle) == 0);
    CHECK(uv_idle_init(&io->loop, &io->soon) == 0);
    CHECK(uv_timer_init(&io->loop, &io->alarm) == 0);
    /* Not a uv_async_t: its receiver busy-waits for a sender that was preempted within
     * uv_async_send(), which costs a millisecond on a busy machine. */
    io->completions_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(io->completions_fd >= 0);
    CHECK(uv_poll_init(&io->loop, &io->completions, io->completions_fd) == 0);
    CHECK(uv_poll_start(&io->completions, UV_READABLE, on_completions) == 0);
    io_uv_inside_init(io);
    signal(SIGPIPE, SIG_IGN);
    return io;
}

int io_uv_run(struct io *io)
{
    CHECK(pthread_equal(pthread_self(), io->thread));
    uv_run(&io->loop, UV_RUN_DEFAULT);
    /* The loop stopped after the last "check": what closed since then gets its turn when the
     * loop runs again. The clock must not stand still until then. */
    io->in_batch = false;
    return 0;
}

void io_uv_stop(struct io *io)
{
    uv_stop(&io->loop);
}

static void on_dropped(uv_handle_t *handle)
{
    free(handle);
}

static void drop_handle(uv_handle_t *handle, void *context)
{
    if (uv_is_closing(handle)) {
        return;
    }
    switch (handle->type) {
    case UV_TCP:
        io_uv_stream_drop(container_of(handle, struct io_uv_stream, tcp));
        break;
    case UV_POLL:
        io_uv_listener_release((uv_poll_t *)handle);
        uv_close(handle, on_dropped);
        break;
    default:
        CHECK(handle->type == UV_SIGNAL);
        uv_close(handle, on_dropped);
    }
}

void io_uv_free(struct io *io)
{
    CHECK(list_is_empty(&io->workers));
    io->turn = NULL;
    io_uv_connects_deinit(io);
    io_uv_names_deinit(io);
    uv_close((uv_handle_t *)&io->after_poll, NULL);
    uv_close((uv_handle_t *)&io->before_poll, NULL);
    uv_close((uv_handle_t *)&io->idle, NULL);
    uv_close((uv_handle_t *)&io->soon, NULL);
    uv_close((uv_handle_t *)&io->alarm, NULL);
    uv_close((uv_handle_t *)&io->completions, NULL);
    close(io->completions_fd);
    uv_walk(&io->loop, drop_handle, NULL);
    while (uv_loop_close(&io->loop) == UV_EBUSY) {
        uv_run(&io->loop, UV_RUN_DEFAULT);
    }
    io_uv_timers_deinit(io);
    io_uv_inside_deinit(io);
    io_uv_tls_deinit(io);
    free(io);
}

/* --- time and chance ------------------------------------------------------- */

/* A suspended machine must look like a stopped process: when it resumes, its timeouts have
 * expired, and a leader takes nothing that others have given up meanwhile (I-75).
 * CLOCK_MONOTONIC stands still during suspension, so it can't be used. */
uint64_t io_uv_clock_ns(void)
{
    clockid_t clock = MUTANT(clock_stops_in_sleep) ? CLOCK_MONOTONIC : CLOCK_BOOTTIME;
    struct timespec now;

    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t io_now_ns(struct io *io)
{
    /* Jobs read the clock too; only the loop's thread has batches. */
    if (!pthread_equal(pthread_self(), io->thread)) {
        return io_uv_clock_ns();
    }
    return io->in_batch ? io->now_ns : io_uv_read_clock(io);
}

uint64_t io_spent_ns(struct io *io)
{
    uint64_t now_ns = io_uv_clock_ns();

    return io->in_batch && now_ns > io->now_ns ? now_ns - io->now_ns : 0;
}

uint64_t io_wall_ns(struct io *io)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void io_random(struct io *io, void *bytes, size_t size)
{
    char *at = bytes;

    while (size > 0) {
        ssize_t count = getrandom(at, size, 0);

        CHECK(count > 0 || errno == EINTR);
        if (count > 0) {
            at += count;
            size -= (size_t)count;
        }
    }
}

int io_uv_resolve_error(int gai_error)
{
    switch (gai_error) {
    case EAI_AGAIN:
    case EAI_FAIL:
    case EAI_SYSTEM: /* For example, out of descriptors. */
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    default:
        return -ENXIO;
    }
}

/* --- signals --------------------------------------------------------------- */

struct signal_watch {
    uv_signal_t handle; /* Must be first: see io_uv_internal.h. */
    void (*handler)(void *context, int signal_number);
    void *context;
};

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct signal_watch *watch = container_of(handle, struct signal_watch, handle);

    io_uv_enter(io_uv_of((uv_handle_t *)handle));
    watch->handler(watch->context, signal_number);
}

void io_uv_on_signal(struct io *io, int signal_number,
                     void (*handler)(void *context, int signal_number), void *context)
{
    struct signal_watch *watch = memory_take_zeroed(1, sizeof *watch);

    watch->handler = handler;
    watch->context = context;
    CHECK(uv_signal_init(&io->loop, &watch->handle) == 0);
    CHECK(uv_signal_start(&watch->handle, on_signal, signal_number) == 0);
}
