#include "replica/reads.h"

#include "base/check.h"
#include "base/mutant.h"

static struct request *request_of(struct list *node)
{
    return container_of(node, struct request, link);
}

void reads_init(struct reads *r)
{
    *r = (struct reads){0};
    list_init(&r->waiting);
    list_init(&r->asked);
    list_init(&r->ready);
}

void reads_add(struct reads *r, struct request *request)
{
    list_append(&r->waiting, &request->link);
}

bool reads_want_question(const struct reads *r)
{
    return !list_is_empty(&r->waiting) && !r->is_asking;
}

bool reads_are_under_way(const struct reads *r)
{
    return !list_is_empty(&r->waiting) || !list_is_empty(&r->asked) || !list_is_empty(&r->ready);
}

/* Moves all of `from` to the end of `to`. */
static void move_all(struct list *to, struct list *from, uint64_t ticket)
{
    struct list *node;

    while ((node = list_first(from)) != NULL) {
        request_of(node)->ticket = ticket;
        list_remove(node);
        list_append(to, node);
    }
}

void reads_ask(struct reads *r, uint64_t number)
{
    CHECK(!r->is_asking);
    r->number = number;
    r->is_asking = true;
    move_all(&r->asked, &r->waiting, number);
}

void reads_confirm(struct reads *r, uint64_t number, raft_index index)
{
    bool is_answer = r->is_asking && (number == r->number || MUTANT(old_answer_confirms));

    if (is_answer) {
        r->is_asking = false;
        move_all(&r->ready, &r->asked, MUTANT(read_at_any_index) ? 0 : index);
    }
}

struct request *reads_next(const struct reads *r, raft_index applied_index)
{
    struct request *request = list_is_empty(&r->ready) ? NULL : request_of(list_first(&r->ready));

    if (request == NULL || (request->ticket > applied_index && !MUTANT(read_before_applied))) {
        return NULL;
    }
    return request;
}

const struct request *reads_held_up(const struct reads *r, raft_index applied_index)
{
    const struct request *request =
        list_is_empty(&r->ready) ? NULL : request_of(list_first(&r->ready));

    return request != NULL && request->ticket > applied_index ? request : NULL;
}

void reads_take_back(struct reads *r, struct requests *requests)
{
    requests_wait_again(requests, &r->ready);
    requests_wait_again(requests, &r->asked);
    requests_wait_again(requests, &r->waiting);
    r->is_asking = false;
}

void reads_fail_overdue(struct reads *r, struct requests *requests, uint64_t until_ns,
                        const char *error)
{
    requests_fail_overdue(requests, &r->waiting, until_ns, error);
    requests_fail_overdue(requests, &r->asked, until_ns, error);
    requests_fail_overdue(requests, &r->ready, until_ns, error);
}
