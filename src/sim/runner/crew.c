/* crew.c - see crew.h. */
#include "sim/runner/crew.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/runner/failure.h"

enum { SEED_PATIENCE_S = 60, LOOK_MS = 200 }; /* The first in processor time. */
enum { EXIT_DONE = 0, EXIT_GUILTY = 1, EXIT_SAID = 2 };

/* Memory that a worker shares with its parent. */
struct desk {
    struct trial_outcome outcome;
    struct tally tally;
    _Atomic bool is_busy;
};

struct board {
    _Atomic uint64_t next; /* The position of the next seed, from 0. */
    _Atomic bool is_closed;
    struct desk desks[];
};

struct worker {
    struct desk *desk;
    pid_t pid;
    int end;    /* A pipe that is closed when the process ends. */
    FILE *said; /* Its stderr. */
};

struct crew {
    const struct crew_options *options;
    struct board *board;
    size_t board_size;
    struct worker workers[CREW_WORKERS_MAX];
    uint32_t busy_count;
    uint64_t failure_count;
};

static volatile sig_atomic_t interrupted;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct board *board_new(uint32_t desk_count, size_t *ret_size)
{
    *ret_size = sizeof(struct board) + desk_count * sizeof(struct desk);

    struct board *b =
        mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(b != MAP_FAILED);
    return b;
}

/* --- in the worker ---------------------------------------------------------------------- */

static void aborted(int signal)
{
    (void)signal;
    trial_note_abort();
    fflush(NULL); /* Flushes the trace, too. */
    _exit(EXIT_GUILTY);
}

/* Limits a seed's processor time, so that a busy machine does not matter. */
static void set_patience(void)
{
    const struct itimerval patience = {.it_value.tv_sec = SEED_PATIENCE_S};

    setitimer(ITIMER_PROF, &patience, NULL);
}

static bool has_said_something(void)
{
    fflush(stderr);
    return lseek(STDERR_FILENO, 0, SEEK_END) > 0;
}

static void run_one(const struct crew_options *o, struct desk *desk, uint64_t seed)
{
    struct trial_outcome *outcome = &desk->outcome;

    set_patience();
    trial_run(o->limits, seed, NULL, outcome, &desk->tally);
    if (o->is_twice && !outcome->is_guilty) {
        uint64_t hash = outcome->hash;

        trial_run(o->limits, seed, NULL, outcome, NULL);
        if (outcome->hash != hash) {
            outcome->is_guilty = true;
            snprintf(outcome->rule, sizeof outcome->rule, "determinism");
            snprintf(outcome->check, sizeof outcome->check, "determinism");
            snprintf(outcome->text, sizeof outcome->text,
                     "it is not the same run when it is run again: %016" PRIx64
                     ", then %016" PRIx64,
                     hash, outcome->hash);
        }
    }
    if (outcome->is_guilty) {
        _exit(EXIT_GUILTY);
    }
    if (has_said_something()) {
        _exit(EXIT_SAID);
    }
}

static _Noreturn void work(const struct crew_options *o, struct board *board, struct desk *desk)
{
    while (!atomic_load(&board->is_closed)) {
        uint64_t i = atomic_fetch_add(&board->next, 1);

        if (i >= o->seed_count) {
            break;
        }
        atomic_store(&desk->is_busy, true);
        run_one(o, desk, o->seeds != NULL ? o->seeds[i] : o->from + i);
        atomic_store(&desk->is_busy, false);
    }
    exit(EXIT_DONE); /* Not _exit(): the sanitizer must check for leaks. */
}

/* The beginning of every worker. */
static void settle_in(const struct worker *w)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fileno(w->said), STDERR_FILENO);
    signal(SIGABRT, aborted);
    signal(SIGINT, SIG_IGN); /* The parent handles it: seeds that were begun are finished. */
    signal(SIGTERM, SIG_IGN);
}

/* --- in the parent ---------------------------------------------------------------------- */

/* Forks; returns true in the child. */
static bool start(struct worker *w)
{
    int ends[2];

    if (w->said == NULL) {
        w->said = tmpfile();
    }
    CHECK(w->said != NULL);
    rewind(w->said);
    CHECK(ftruncate(fileno(w->said), 0) == 0);
    CHECK(pipe(ends) == 0);
    fflush(NULL);
    w->pid = fork();
    CHECK(w->pid >= 0);
    if (w->pid == 0) {
        close(ends[0]);
        settle_in(w);
        return true;
    }
    close(ends[1]);
    w->end = ends[0];
    return false;
}

/* The process has ended. If that was a failure, fills it in and returns true. */
static bool collect(struct worker *w, struct crew_failure *ret_failure)
{
    int status = 0;

    while (waitpid(w->pid, &status, 0) < 0) {
        CHECK(errno == EINTR);
    }
    ret_failure->outcome = w->desk->outcome;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE) {
        return false;
    }
    rewind(w->said);

    size_t size = fread(ret_failure->said, 1, sizeof ret_failure->said - 1, w->said);

    ret_failure->said[size] = '\0';
    failure_name(ret_failure, status);
    return true;
}

bool crew_try(const struct trial_limits *limits, uint64_t seed, FILE *trace,
              struct crew_failure *ret_failure)
{
    size_t size;
    struct board *board = board_new(1, &size);
    struct worker w = {.desk = &board->desks[0]};

    w.desk->outcome.seed = seed;
    if (start(&w)) {
        set_patience();
        trial_run(limits, seed, trace, &w.desk->outcome, NULL);
        fflush(NULL);
        _exit(w.desk->outcome.is_guilty ? EXIT_GUILTY
              : has_said_something()    ? EXIT_SAID
                                        : EXIT_DONE);
    }
    bool has_failed = collect(&w, ret_failure);

    close(w.end);
    fclose(w.said);
    munmap(board, size);
    return has_failed;
}

static void start_worker(struct crew *crew, struct worker *w)
{
    atomic_store(&w->desk->is_busy, false);
    if (start(w)) {
        work(crew->options, crew->board, w->desk);
    }
    crew->busy_count++;
}

static void sum_up(const struct crew *crew, struct tally *ret_tally)
{
    *ret_tally = (struct tally){0};
    for (uint32_t i = 0; i < crew->options->worker_count; i++) {
        tally_sum(ret_tally, &crew->board->desks[i].tally);
    }
}

static void worker_ended(struct crew *crew, struct worker *w)
{
    static struct crew_failure failure; /* Large, so not on the stack. */
    const struct crew_options *o = crew->options;

    crew->busy_count--;
    if (!collect(w, &failure)) {
        return;
    }
    crew->failure_count++;
    if (!failure.outcome.is_over) {
        w->desk->tally.run_count++; /* The process died before it could count the run. */
    }
    if (!o->goes_on) {
        atomic_store(&crew->board->is_closed, true);
    }
    o->failed(o->context, &failure);
    if (!atomic_load(&crew->board->is_closed)) {
        start_worker(crew, w);
    }
}

/* Waits for workers to end, or for a moment. */
static void look(struct crew *crew)
{
    struct pollfd ends[CREW_WORKERS_MAX];
    struct worker *whose[CREW_WORKERS_MAX];
    nfds_t count = 0;

    for (uint32_t i = 0; i < crew->options->worker_count; i++) {
        struct worker *w = &crew->workers[i];

        if (w->end >= 0) {
            ends[count] = (struct pollfd){.fd = w->end, .events = POLLIN};
            whose[count++] = w;
        }
    }
    if (poll(ends, count, LOOK_MS) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (ends[i].revents != 0) {
            close(whose[i]->end);
            whose[i]->end = -1;
            worker_ended(crew, whose[i]);
        }
    }
}

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void supervise(struct crew *crew)
{
    const struct crew_options *o = crew->options;
    uint64_t began_ns = now_ns();
    uint64_t shown_ns = began_ns;

    while (crew->busy_count > 0) {
        look(crew);

        uint64_t now = now_ns();

        if (interrupted || (o->for_ns > 0 && now - began_ns >= o->for_ns)) {
            atomic_store(&crew->board->is_closed, true);
        }
        if (o->passing != NULL && now - shown_ns >= LOOK_MS * 1000000u) {
            struct tally so_far;

            shown_ns = now;
            sum_up(crew, &so_far);
            o->passing(o->context, &so_far, crew->workers[0].desk->outcome.seed);
        }
    }
}

void crew_run(const struct crew_options *options, struct crew_result *ret_result)
{
    struct crew crew = {.options = options};

    crew.board = board_new(options->worker_count, &crew.board_size);
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    for (uint32_t i = 0; i < options->worker_count; i++) {
        crew.workers[i].desk = &crew.board->desks[i];
        start_worker(&crew, &crew.workers[i]);
    }
    supervise(&crew);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sum_up(&crew, &ret_result->tally);
    ret_result->begun_count = atomic_load(&crew.board->next);
    if (ret_result->begun_count > options->seed_count) {
        ret_result->begun_count = options->seed_count;
    }
    ret_result->failure_count = crew.failure_count;
    ret_result->is_interrupted = interrupted != 0;
    for (uint32_t i = 0; i < options->worker_count; i++) {
        fclose(crew.workers[i].said);
    }
    munmap(crew.board, crew.board_size);
}
