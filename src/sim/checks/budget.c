/* budget.c - see budget.h. */
#include "sim/checks/budget.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { MARKS_MAX = 256 };

struct known_configuration {
    uint64_t index;
    uint64_t term;
    struct raft_configuration configuration;
};

struct marked {
    uint64_t id;
    enum budget_mark mark;
};

struct budget {
    const struct checker *checker;
    struct known_configuration *known;
    uint32_t known_count;
    uint32_t known_capacity;
    struct marked marked[MARKS_MAX];
    uint32_t marked_count;
};

/* One question to all configurations. */
struct budget_poll {
    const struct budget *budget;
    bool (*is_in)(void *context, uint64_t id);
    void *context;
    uint64_t asked;   /* The node whose disk is asked about; 0: none. */
    uint64_t damaged; /* What that disk loses. */
    enum checker_loss loss;
    bool is_majority;
};

struct budget *budget_new(const struct checker *checker)
{
    struct budget *b = memory_take_zeroed(1, sizeof *b);

    b->checker = checker;
    return b;
}

void budget_free(struct budget *b)
{
    free(b->known);
    free(b);
}

static const struct raft_configuration *find_configuration(const struct budget *b, uint64_t index,
                                                           uint64_t term)
{
    for (uint32_t i = b->known_count; i > 0; i--) {
        const struct known_configuration *k = &b->known[i - 1];

        if (k->index == index && k->term == term) {
            return &k->configuration;
        }
    }
    return NULL;
}

void budget_note_configuration(struct budget *b, uint64_t index, uint64_t term,
                               const struct raft_configuration *configuration)
{
    if (find_configuration(b, index, term) != NULL) {
        return;
    }
    if (b->known_count == b->known_capacity) {
        b->known_capacity = b->known_capacity == 0 ? 16 : 2 * b->known_capacity;
        b->known = memory_resize(b->known, b->known_capacity * sizeof *b->known);
    }
    b->known[b->known_count++] =
        (struct known_configuration){.index = index, .term = term, .configuration = *configuration};
}

void budget_mark(struct budget *b, uint64_t id, enum budget_mark mark)
{
    uint32_t at = 0;

    while (at < b->marked_count && b->marked[at].id != id) {
        at++;
    }
    if (at == b->marked_count) {
        CHECK(at < MARKS_MAX);
        b->marked_count++;
    }
    b->marked[at] = (struct marked){.id = id, .mark = mark};
}

enum budget_mark budget_mark_of(const struct budget *b, uint64_t id)
{
    for (uint32_t i = 0; i < b->marked_count; i++) {
        if (b->marked[i].id == id) {
            return b->marked[i].mark;
        }
    }
    return BUDGET_SOUND;
}

bool budget_has_damage(const struct budget *b)
{
    for (uint32_t i = 0; i < b->marked_count; i++) {
        if (b->marked[i].mark == BUDGET_DAMAGED || b->marked[i].mark == BUDGET_GONE) {
            return true;
        }
    }
    return false;
}

/* --- majorities ------------------------------------------------------------------------------ */

static bool is_sound(const struct budget_poll *poll, uint64_t id)
{
    return id != poll->asked && budget_mark_of(poll->budget, id) == BUDGET_SOUND;
}

static bool has_majority(const struct budget_poll *poll, const struct raft_configuration *c,
                         bool outgoing)
{
    uint32_t voter_count = 0;
    uint32_t in_count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *m = &c->members[i];

        if (outgoing ? m->outgoing : m->incoming) {
            voter_count++;
            in_count += poll->is_in(poll->context, m->id);
        } else if (!outgoing && !m->outgoing && !is_sound(poll, m->id)) {
            /* A learner counts as a voter: the leader may have promoted it before it hears of
             * that. */
            voter_count++;
        }
    }
    return voter_count == 0 || in_count > voter_count / 2;
}

static void poll_configuration(void *context, uint64_t index, uint64_t term)
{
    struct budget_poll *poll = context;
    const struct raft_configuration *c = find_configuration(poll->budget, index, term);

    CHECK(c != NULL);
    poll->is_majority =
        poll->is_majority && has_majority(poll, c, false) && has_majority(poll, c, true);
}

static void poll_disk(void *context, const struct checker_disk *d)
{
    struct budget_poll *poll = context;

    if (budget_mark_of(poll->budget, d->id) != BUDGET_GONE) {
        checker_disk_each_configuration(d, d->id == poll->damaged ? poll->loss : d->may_lose,
                                        poll_configuration, poll);
    }
}

static bool poll_all(struct budget_poll *poll)
{
    poll->is_majority = true;
    checker_each_disk(poll->budget->checker, poll_disk, poll);
    return poll->is_majority;
}

bool budget_is_majority(const struct budget *b, bool (*is_in)(void *context, uint64_t id),
                        void *context)
{
    struct budget_poll poll = {.budget = b, .is_in = is_in, .context = context};

    return poll_all(&poll);
}

/* --- the rules ------------------------------------------------------------------------------- */

struct question {
    const struct budget *budget;
    uint64_t id; /* Whose disk. */
    const struct checker_disk *disk;
    uint64_t promised_last;
};

static bool is_left(const struct question *q, uint64_t id)
{
    return id != q->id && budget_mark_of(q->budget, id) == BUDGET_SOUND;
}

static bool can_speak(void *context, uint64_t id)
{
    return is_left(context, id);
}

static bool holds_the_log(void *context, uint64_t id)
{
    const struct question *q = context;
    const struct checker_disk *d = checker_disk_of(q->budget->checker, id);

    return is_left(q, id) && d != NULL && d->log.last >= q->promised_last &&
           checker_log_at(&d->log, q->promised_last).chain ==
               checker_log_at(&q->disk->log, q->promised_last).chain;
}

/* Whether it votes for nobody else in the terms up to the disk's. */
static bool holds_the_vote(void *context, uint64_t id)
{
    const struct question *q = context;
    const struct checker_disk *d = checker_disk_of(q->budget->checker, id);

    return is_left(q, id) && d != NULL &&
           (d->current_term > q->disk->current_term ||
            (d->current_term == q->disk->current_term &&
             (q->disk->voted_for == 0 || d->voted_for == q->disk->voted_for)));
}

bool budget_may_fall_silent(const struct budget *b, uint64_t id)
{
    struct question q = {.budget = b, .id = id};
    struct budget_poll poll = {.budget = b, .is_in = can_speak, .context = &q, .asked = id};

    return poll_all(&poll);
}

bool budget_may_forget(const struct budget *b, uint64_t id, enum checker_loss loss)
{
    struct question q = {.budget = b, .id = id, .disk = checker_disk_of(b->checker, id)};

    if (q.disk == NULL) {
        return true; /* It never had an id. */
    }
    q.promised_last = checker_promised_last(b->checker, &q.disk->log);

    struct budget_poll log = {.budget = b,
                              .is_in = holds_the_log,
                              .context = &q,
                              .asked = id,
                              .damaged = id,
                              .loss = loss};
    struct budget_poll vote = log;

    vote.is_in = holds_the_vote;
    return poll_all(&log) && poll_all(&vote);
}
