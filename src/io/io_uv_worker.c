/* io_uv_worker.c - threads that run jobs, one at a time and in order.
 *
 * Invariants:
 * - A job is in one place at a time: in `waiting` or `finished` (both under the mutex), with the
 *   worker, or in `delivering` (only the loop uses that).
 * - The three queues together hold the jobs in order of submission. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/io_uv_internal.h"

struct job_queue {
    struct io_job *first;
    struct io_job *last; /* Valid only if `first` is not NULL. */
};

struct io_worker {
    struct list node; /* In io->workers. */
    struct io *io;
    pthread_t thread;
    struct job_queue delivering;

    pthread_mutex_t mutex; /* Protects everything below. */
    pthread_cond_t wake;
    struct job_queue waiting;
    struct job_queue finished;
    bool is_asleep;
    bool is_stopping;
};

static void push(struct job_queue *queue, struct io_job *job)
{
    job->next = NULL;
    if (queue->first == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

static struct io_job *pop(struct job_queue *queue)
{
    struct io_job *job = queue->first;

    if (job != NULL) {
        queue->first = job->next;
        job->next = NULL;
    }
    return job;
}

/* --- on the worker --------------------------------------------------------- */

/* Waits for a job; NULL once the worker must stop and no job is left. */
static struct io_job *await_job(struct io_worker *worker)
{
    while (worker->waiting.first == NULL && !worker->is_stopping) {
        worker->is_asleep = true;
        pthread_cond_wait(&worker->wake, &worker->mutex);
        worker->is_asleep = false;
    }
    return pop(&worker->waiting);
}

static void *run_jobs(void *context)
{
    struct io_worker *worker = context;
    struct io_job *job;

    pthread_mutex_lock(&worker->mutex);
    while ((job = await_job(worker)) != NULL) {
        pthread_mutex_unlock(&worker->mutex);
        job->run(job);
        pthread_mutex_lock(&worker->mutex);
        /* Otherwise the loop has been woken already. */
        bool must_tell = worker->finished.first == NULL;

        push(&worker->finished, job);
        if (must_tell) {
            /* After unlocking, or the loop would wake up and wait for the mutex. */
            pthread_mutex_unlock(&worker->mutex);
            uint64_t one = 1;

            CHECK(write(worker->io->completions_fd, &one, sizeof one) == sizeof one);
            pthread_mutex_lock(&worker->mutex);
        }
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* --- on the loop ----------------------------------------------------------- */

struct io_worker *io_worker_start(struct io *io, const char *name)
{
    struct io_worker *worker = memory_take_zeroed(1, sizeof *worker);
    char short_name[16]; /* Linux keeps no more. */
    sigset_t all;
    sigset_t before;

    worker->io = io;
    CHECK(pthread_mutex_init(&worker->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&worker->wake, NULL) == 0);

    /* Signals are handled by the loop. */
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    CHECK(pthread_create(&worker->thread, NULL, run_jobs, worker) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);

    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(worker->thread, short_name);
    list_append(&io->workers, &worker->node);
    return worker;
}

void io_worker_submit(struct io_worker *worker, struct io_job *job)
{
    pthread_mutex_lock(&worker->mutex);
    bool must_wake = worker->is_asleep;

    CHECK(!worker->is_stopping);
    push(&worker->waiting, job);
    pthread_mutex_unlock(&worker->mutex);
    if (must_wake) {
        pthread_cond_signal(&worker->wake);
    }
}

void io_worker_stop(struct io_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->is_stopping = true;
    pthread_mutex_unlock(&worker->mutex);
    pthread_cond_signal(&worker->wake);
    CHECK(pthread_join(worker->thread, NULL) == 0);

    list_remove(&worker->node);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

/* The next finished job of any worker. Starts from the beginning each time, since a `done` may
 * stop workers, its own included. */
static struct io_job *next_delivery(struct io *io)
{
    list_for_each(node, &io->workers)
    {
        struct io_worker *worker = container_of(node, struct io_worker, node);

        if (worker->delivering.first != NULL) {
            return pop(&worker->delivering);
        }
    }
    return NULL;
}

void io_uv_workers_deliver(struct io *io)
{
    struct io_job *job;

    list_for_each(node, &io->workers)
    {
        struct io_worker *worker = container_of(node, struct io_worker, node);

        CHECK(worker->delivering.first == NULL);
        pthread_mutex_lock(&worker->mutex);
        worker->delivering = worker->finished;
        worker->finished.first = NULL;
        pthread_mutex_unlock(&worker->mutex);
    }
    io_uv_enter(io);
    while ((job = next_delivery(io)) != NULL) {
        job->done(job);
    }
}
