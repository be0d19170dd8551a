/* sim_work.c - workers of io.h. A job takes a time that depends on its machine's disk, and then
 * runs at once: to the rest of the world, all its file operations happen at that moment. If the
 * process dies before, the job still does a random number of its first file operations, so every
 * crash point between two operations is reached. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/world/sim_world.h"

struct io_worker {
    struct io *io;
    struct list link;
    struct io_job *first; /* Waiting or running. */
    struct io_job *last;
    struct io_job *done_first; /* Has run; its `done` has not been called. */
    struct io_job *done_last;
    struct sim_event finish; /* Of the first job. */
    struct sim_task done;
};

static void queue_put(struct io_job **first, struct io_job **last, struct io_job *job)
{
    job->next = NULL;
    if (*first == NULL) {
        *first = job;
    } else {
        (*last)->next = job;
    }
    *last = job;
}

static struct io_job *queue_take(struct io_job **first)
{
    struct io_job *job = *first;

    *first = job->next;
    job->next = NULL;
    return job;
}

static void worker_begin(struct io_worker *worker)
{
    struct sim *sim = worker->io->sim;

    sim_event_start(sim, &worker->finish, sim->now_ns + sim_disk_latency_ns(worker->io->machine));
}

static void worker_finish(struct sim_event *event)
{
    struct io_worker *worker = container_of(event, struct io_worker, finish);
    struct io_job *job = queue_take(&worker->first);

    job->run(job);
    sim_note(worker->io->sim, worker->io->file_operations);
    queue_put(&worker->done_first, &worker->done_last, job);
    sim_post(worker->io, &worker->done);
    if (worker->first != NULL) {
        worker_begin(worker);
    }
}

static void worker_done(struct sim_task *task)
{
    struct io_worker *worker = container_of(task, struct io_worker, done);
    struct io_job *job = queue_take(&worker->done_first);

    if (worker->done_first != NULL) {
        sim_post(worker->io, &worker->done);
    }
    job->done(job); /* May stop the worker. */
}

struct io_worker *io_worker_start(struct io *io, const char *name)
{
    struct io_worker *worker = memory_take_zeroed(1, sizeof *worker);

    (void)name;
    worker->io = io;
    worker->finish.run = worker_finish;
    sim_task_init(&worker->done, worker_done);
    list_init(&worker->link);
    list_append(&io->workers, &worker->link);
    return worker;
}

void io_worker_submit(struct io_worker *worker, struct io_job *job)
{
    if (worker->io->is_dead) {
        return;
    }
    bool was_idle = worker->first == NULL;

    sim_act(worker->io);
    queue_put(&worker->first, &worker->last, job);
    if (was_idle) {
        worker_begin(worker);
    }
}

void io_worker_stop(struct io_worker *worker)
{
    while (worker->first != NULL) { /* Empty in a dead process. */
        struct io_job *job = queue_take(&worker->first);

        job->run(job);
    }
    sim_event_stop(worker->io->sim, &worker->finish);
    sim_unpost(&worker->done);
    list_remove(&worker->link);
    free(worker);
}

void sim_work_die(struct io *io)
{
    struct prng *prng = &io->sim->disk_prng;

    list_for_each(link, &io->workers)
    {
        struct io_worker *worker = container_of(link, struct io_worker, link);

        sim_event_stop(io->sim, &worker->finish);
        if (worker->first != NULL) {
            /* Half of the time it does only a few operations; otherwise it may well finish. */
            uint64_t more = prng_chance(prng, 1, 2) ? prng_below(prng, 4) : prng_below(prng, 40);
            struct io_job *job = queue_take(&worker->first);

            sim_limit_file_operations(io, more);
            job->run(job);
        }
        worker->first = NULL;
        worker->done_first = NULL;
        sim_unpost(&worker->done);
    }
    sim_limit_file_operations(io, 0);
}

void sim_work_bury(struct io *io)
{
    while (!list_is_empty(&io->workers)) {
        struct list *link = list_first(&io->workers);

        list_remove(link);
        free(container_of(link, struct io_worker, link));
    }
}
