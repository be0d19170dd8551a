#include "replica/requests.h"

#include "base/mutant.h"
#include "resp/errors.h"

static struct request *request_of(struct list *node)
{
    return container_of(node, struct request, link);
}

void requests_init(struct requests *q, uint64_t timeout_ns)
{
    *q = (struct requests){.timeout_ns = timeout_ns};
    list_init(&q->waiting);
    list_init(&q->returned);
}

/* --- in and out ---------------------------------------------------------------------- */

static uint64_t *bytes_of(struct requests *q, const struct request *request)
{
    return request_is_forwarded(request) ? &q->forwarded_bytes : &q->own_bytes;
}

/* A command that waits for a leader has done so since it arrived at this node. If others are
 * executed before it, it waits for them, and for room, as long as necessary. */
static void set_time(const struct requests *q, struct request *request)
{
    bool is_fresh = request->received_ns == 0 || MUTANT(turn_begins_anew);

    request->place_by_ns = (is_fresh ? request->arrived_ns : request->received_ns) + q->timeout_ns;
    if (request->deadline_ns == 0) {
        request->deadline_ns = request->arrived_ns + q->timeout_ns;
    }
}

void requests_submit(struct requests *q, struct request *request, uint64_t now_ns)
{
    request->arrived_ns = now_ns;
    set_time(q, request);
    request->executed_index = 0;
    request->lost_count = 0;
    request->arrival = ++q->arrival_count;
    *bytes_of(q, request) += request->entry->size + sizeof *request;
    q->count++;
    list_append(&q->waiting, &request->link);
}

static void forget(struct requests *q, struct request *request)
{
    *bytes_of(q, request) -= request->entry->size + sizeof *request;
    q->count--;
    entry_release(request->entry);
    request->entry = NULL;
}

/* --- the ends ------------------------------------------------------------------------ */

void requests_finish(struct requests *q, struct request *request, uint64_t executed_index)
{
    forget(q, request);
    request->executed_index = executed_index;
    request->answered(request);
}

void requests_fail(struct requests *q, struct request *request, const char *error)
{
    if (request->has_begun) {
        error = ERROR_CHANGE_IN_DOUBT;
    }
    resp_error(request->reply(request), error);
    requests_finish(q, request, 0);
}

void requests_give_up(struct requests *q, struct request *request, const char *in_doubt,
                      const char *without_effect)
{
    if (request_changes_nothing(request) || MUTANT(doubt_said_failed)) {
        requests_fail(q, request, without_effect);
        return;
    }
    q->in_doubt_count++;
    requests_fail(q, request, in_doubt);
}

/* Most commands are due in the order in which they were placed, but not all. */
void requests_give_up_overdue(struct requests *q, struct pending *pending, uint64_t now_ns)
{
    for (uint64_t number = pending->first; number < pending->next; number++) {
        struct request *request = pending_at(pending, number);

        if (request != NULL && request->deadline_ns <= now_ns) {
            pending_take(pending, number);
            requests_give_up(q, request,
                             MUTANT(timeout_said_failed) ? ERROR_READ_LATE : ERROR_UNCONFIRMED,
                             ERROR_READ_LATE);
        }
    }
}

bool requests_give_back(struct requests *q, struct request *request)
{
    if (!request_is_forwarded(request) || request->has_begun) {
        return false;
    }
    list_remove(&request->link);
    forget(q, request);
    request->refused(request);
    return true;
}

bool requests_fail_late(struct requests *q, struct request *request, uint64_t now_ns,
                        const char *error)
{
    if (request->place_by_ns > now_ns) {
        return false;
    }
    list_remove(&request->link);
    requests_fail(q, request, error);
    return true;
}

void requests_fail_all(struct requests *q, struct list *list, const char *error)
{
    requests_fail_overdue(q, list, UINT64_MAX, error);
}

void requests_fail_overdue(struct requests *q, struct list *list, uint64_t until_ns,
                           const char *error)
{
    list_for_each(node, list)
    {
        struct request *request = request_of(node);

        if (request->deadline_ns <= until_ns) {
            list_remove(node);
            requests_fail(q, request, error);
        }
    }
}

/* --- waiting again ------------------------------------------------------------------- */

/* Refusals may come out of order, because a command that was sent again meets later ones. */
void requests_return(struct requests *q, struct request *request)
{
    struct list *behind = q->returned.previous;

    while (behind != &q->returned && request_of(behind)->arrival > request->arrival) {
        behind = behind->previous;
    }
    list_append(behind->next, &request->link);
}

void requests_take_returned(struct requests *q)
{
    requests_wait_again(q, &q->returned);
}

/* Both lists are in the order of arrival, and so is the result, because the commands of a
 * connection must be executed in order. */
void requests_wait_again(struct requests *q, struct list *list)
{
    struct list *before = q->waiting.next;

    while (!list_is_empty(list)) {
        struct list *node = list_first(list);

        while (before != &q->waiting && (request_of(before)->arrival < request_of(node)->arrival ||
                                         MUTANT(waits_again_at_the_end))) {
            before = before->next;
        }
        list_remove(node);
        list_append(before, node); /* In front of it. */
    }
}
