/* term_log.c - see term_log.h. */
#include "raft/term_log.h"

#include "base/check.h"
#include "base/mutant.h"

void term_log_init(struct term_log *log, struct term_run *runs, uint32_t runs_max)
{
    CHECK(runs_max > 0);
    *log = (struct term_log){.runs = runs, .runs_max = runs_max};
    runs[0] = (struct term_run){0};
}

void term_log_begin(struct term_log *log, raft_index index, raft_term term)
{
    CHECK((index == 0) == (term == 0));
    log->runs[0] = (struct term_run){.first_index = index, .term = term};
    log->run_count = 0;
    log->last_index = index;
}

void term_log_move(struct term_log *log, struct term_run *runs, uint32_t runs_max)
{
    CHECK(runs_max > log->runs_max);
    for (uint32_t i = 0; i <= log->run_count; i++) {
        runs[i] = log->runs[i];
    }
    log->runs = runs;
    log->runs_max = runs_max;
}

/* The run that contains `index`. Nearly all calls are about the newest run. */
static uint32_t run_of(const struct term_log *log, raft_index index)
{
    CHECK(index >= term_log_origin(log));
    CHECK(index <= log->last_index);
    uint32_t low = 0;
    uint32_t high = log->run_count;

    if (log->runs[high].first_index <= index) {
        return high;
    }
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;

        if (log->runs[middle].first_index <= index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/* The run of the new origin becomes the first one, with the following entries that belong to it. */
void term_log_compact(struct term_log *log, raft_index index)
{
    uint32_t dropped_count = run_of(log, index);

    for (uint32_t i = dropped_count; i <= log->run_count; i++) {
        log->runs[i - dropped_count] = log->runs[i];
    }
    log->run_count -= dropped_count;
    log->runs[0].first_index = index;
}

raft_index term_log_origin(const struct term_log *log)
{
    return log->runs[0].first_index;
}

raft_term term_log_last_term(const struct term_log *log)
{
    return log->runs[log->run_count].term;
}

raft_term term_log_term_at(const struct term_log *log, raft_index index)
{
    return log->runs[run_of(log, index)].term;
}

bool term_log_agrees(const struct term_log *log, raft_index index, raft_term term)
{
    if (index < term_log_origin(log)) {
        return term <= log->runs[0].term || MUTANT(any_term_below_origin);
    }
    return index <= log->last_index && term_log_term_at(log, index) == term;
}

raft_index term_log_first_of_run(const struct term_log *log, raft_index index)
{
    return log->runs[run_of(log, index)].first_index;
}

raft_index term_log_last_not_above(const struct term_log *log, raft_index limit, raft_term term)
{
    raft_index end = limit < log->last_index ? limit : log->last_index;

    for (uint32_t i = run_of(log, end); log->runs[i].term > term; i--) {
        if (i == 0) {
            return 0;
        }
        end = log->runs[i].first_index - 1;
    }
    return end;
}

uint32_t term_log_runs_up_to(const struct term_log *log, raft_index last_index)
{
    return run_of(log, last_index);
}

bool term_log_has_room(const struct term_log *log, raft_term term)
{
    return log->run_count < log->runs_max || term_log_last_term(log) == term;
}

void term_log_append(struct term_log *log, raft_term term, uint64_t entry_count)
{
    CHECK(entry_count > 0);
    CHECK(term > 0);
    CHECK(term >= term_log_last_term(log));
    if (term != term_log_last_term(log)) {
        CHECK(log->run_count < log->runs_max);
        log->run_count++;
        log->runs[log->run_count] =
            (struct term_run){.first_index = log->last_index + 1, .term = term};
    }
    log->last_index += entry_count;
}

void term_log_truncate_from(struct term_log *log, raft_index index)
{
    CHECK(index > term_log_origin(log));
    CHECK(index <= log->last_index);
    log->last_index = index - 1;
    while (log->run_count > 0 && log->runs[log->run_count].first_index >= index) {
        log->run_count--;
    }
}
