#include "replica/reads.h"

#include "base/mutant.h"

static struct request *request_of(struct list *node)
{
    return container_of(node, struct request, link);
}

static void move(struct list *to, struct list *node)
{
    list_remove(node);
    list_append(to, node);
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

bool reads_want_round(const struct reads *r)
{
    return !list_is_empty(&r->waiting) && r->asked_ticket <= r->confirmed_ticket;
}

void reads_ask(struct reads *r, uint64_t ticket)
{
    struct list *node;

    r->asked_ticket = ticket;
    while ((node = list_first(&r->waiting)) != NULL) {
        request_of(node)->ticket = ticket;
        move(&r->asked, node);
    }
}

void reads_confirm(struct reads *r, uint64_t ticket, raft_index index)
{
    struct list *node;

    if (ticket > r->confirmed_ticket) {
        r->confirmed_ticket = ticket;
    }
    while ((node = list_first(&r->asked)) != NULL && request_of(node)->ticket <= ticket) {
        request_of(node)->ticket = MUTANT(read_at_any_index) ? 0 : index;
        move(&r->ready, node);
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

void reads_forget_rounds(struct reads *r)
{
    r->asked_ticket = r->confirmed_ticket;
}
