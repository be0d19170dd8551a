/* Workers and jobs of io.h on the libuv backend. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>

struct bench;

struct task {
    struct io_job job;
    struct bench *bench;
    int number;
};

struct bench {
    struct fixture *f;
    struct io_worker *worker;
    struct task *tasks;
    int count;
    pthread_t loop_thread;
    pthread_t run_thread;
    int run_count;   /* Written only by the worker. */
    int done_count;  /* Written only by the loop. */
    int again_count; /* How often `done` must submit its own job again. */
    bool is_done;
    uint64_t ran_ns;
};

static void on_run(struct io_job *job)
{
    struct task *t = container_of(job, struct task, job);

    assert_int_equal(t->bench->run_count % t->bench->count, t->number);
    t->bench->run_count++;
    t->bench->run_thread = pthread_self();
    t->bench->ran_ns = io_now_ns(t->bench->f->io);
}

static void on_done(struct io_job *job)
{
    struct task *t = container_of(job, struct task, job);
    struct bench *b = t->bench;

    assert_from_loop(b->f);
    assert_true(pthread_equal(pthread_self(), b->loop_thread));
    assert_int_equal(b->done_count % b->count, t->number);
    b->done_count++;
    if (b->again_count > 0) {
        b->again_count--;
        call_begin(b->f);
        io_worker_submit(b->worker, job);
        call_end(b->f);
        return;
    }
    b->is_done = t->number == b->count - 1;
}

static void bench_init(struct bench *b, struct fixture *f, int count)
{
    *b = (struct bench){.f = f, .count = count, .loop_thread = pthread_self()};
    b->worker = io_worker_start(f->io, "a worker with a long name");
    b->tasks = memory_take_zeroed((size_t)count, sizeof *b->tasks);
    for (int i = 0; i < count; i++) {
        b->tasks[i] =
            (struct task){.job = {.run = on_run, .done = on_done}, .bench = b, .number = i};
    }
}

static void submit_all(struct bench *b)
{
    call_begin(b->f);
    for (int i = 0; i < b->count; i++) {
        io_worker_submit(b->worker, &b->tasks[i].job);
    }
    call_end(b->f);
}

static void bench_deinit(struct bench *b)
{
    if (b->worker != NULL) {
        io_worker_stop(b->worker);
    }
    free(b->tasks);
}

static void test_worker__runs_and_delivers_in_order(void **state)
{
    struct bench b;

    bench_init(&b, *state, 10000);
    submit_all(&b);
    await(b.f, &b.is_done);
    assert_int_equal(b.run_count, 10000);
    assert_int_equal(b.done_count, 10000);
    assert_false(pthread_equal(b.run_thread, b.loop_thread));
    assert_true(b.ran_ns <= io_now_ns(b.f->io)); /* A job may read the clock. */
    bench_deinit(&b);
}

static void test_worker__takes_a_job_again_from_its_done(void **state)
{
    struct bench b;

    bench_init(&b, *state, 1);
    b.again_count = 1000; /* The worker is woken each time, asleep or not. */
    submit_all(&b);
    await(b.f, &b.is_done);
    assert_int_equal(b.run_count, 1001);
    bench_deinit(&b);
}

static void test_worker__stopping_waits_for_jobs_without_a_callback(void **state)
{
    struct bench b;

    bench_init(&b, *state, 1000);
    submit_all(&b);
    io_worker_stop(b.worker);
    b.worker = NULL;
    assert_int_equal(b.run_count, 1000);
    run_for(b.f, 5 * MS_NS);
    assert_int_equal(b.done_count, 0);
    bench_deinit(&b);
}

/* --- two workers ----------------------------------------------------------- */

struct meeting {
    pthread_barrier_t barrier;
    struct io_job jobs[2];
    struct io_worker *workers[2];
    int done_count;
    bool is_over;
};

static void on_first_run(struct io_job *job)
{
    pthread_barrier_wait(&container_of(job, struct meeting, jobs[0])->barrier);
}

static void on_second_run(struct io_job *job)
{
    pthread_barrier_wait(&container_of(job, struct meeting, jobs[1])->barrier);
}

static void on_met(struct meeting *m)
{
    m->done_count++;
    m->is_over = m->done_count == 2;
}

static void on_first_done(struct io_job *job)
{
    on_met(container_of(job, struct meeting, jobs[0]));
}

static void on_second_done(struct io_job *job)
{
    on_met(container_of(job, struct meeting, jobs[1]));
}

static void meeting_begin(struct meeting *m, struct fixture *f)
{
    *m = (struct meeting){.jobs = {{.run = on_first_run, .done = on_first_done},
                                   {.run = on_second_run, .done = on_second_done}}};
    assert_int_equal(pthread_barrier_init(&m->barrier, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        m->workers[i] = io_worker_start(f->io, "meeting");
        io_worker_submit(m->workers[i], &m->jobs[i]);
    }
}

static void test_worker__runs_beside_other_workers(void **state)
{
    struct meeting m;

    meeting_begin(&m, *state);
    await(*state, &m.is_over); /* Neither job could end alone. */
    io_worker_stop(m.workers[0]);
    io_worker_stop(m.workers[1]);
    pthread_barrier_destroy(&m.barrier);
}

static void on_first_done_stopping(struct io_job *job)
{
    struct meeting *m = container_of(job, struct meeting, jobs[0]);

    io_worker_stop(m->workers[1]);
    io_worker_stop(m->workers[0]);
    m->is_over = true;
}

static void test_worker__can_be_stopped_from_a_done(void **state)
{
    struct meeting m;

    meeting_begin(&m, *state);
    m.jobs[0].done = on_first_done_stopping;
    await(*state, &m.is_over);
    run_for(*state, 5 * MS_NS);
    /* The other job's `done` came before, or never. */
    assert_true(m.done_count <= 1);
    pthread_barrier_destroy(&m.barrier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_worker__runs_and_delivers_in_order),
        IO_TEST(test_worker__takes_a_job_again_from_its_done),
        IO_TEST(test_worker__stopping_waits_for_jobs_without_a_callback),
        IO_TEST(test_worker__runs_beside_other_workers),
        IO_TEST(test_worker__can_be_stopped_from_a_done),
    };

    return cmocka_run_group_tests_name("io/worker", tests, NULL, NULL);
}
