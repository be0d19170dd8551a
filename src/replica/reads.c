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
    list_init(&r->due);
}

void reads_add(struct reads *r, struct request *request)
{
    r->may_have_stale = r->may_have_stale || request->read_mode == READ_STALE;
    r->has_leased = r->has_leased || request->read_mode == READ_LEASE;
    list_append(&r->waiting, &request->link);
}

bool reads_want_question(const struct reads *r)
{
    return (!list_is_empty(&r->waiting) || r->wants_refresh) && !r->is_asking;
}

bool reads_are_under_way(const struct reads *r)
{
    return r->is_asking || !list_is_empty(&r->waiting) || !list_is_empty(&r->asked) ||
           !list_is_empty(&r->ready) || !list_is_empty(&r->due);
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

void reads_ask(struct reads *r, uint64_t number, uint64_t now_ns)
{
    CHECK(!r->is_asking);
    r->number = number;
    r->asked_ns = now_ns;
    r->is_asking = true;
    r->wants_refresh = false;
    r->wants_lease = false;
    r->has_leased = false;
    move_all(&r->asked, &r->waiting, number);
}

void reads_confirm(struct reads *r, uint64_t number, raft_index index)
{
    bool is_answer = r->is_asking && (number == r->number || MUTANT(old_answer_confirms));

    if (is_answer) {
        r->is_asking = false;
        move_all(&r->ready, &r->asked, MUTANT(read_at_any_index) ? 0 : index);
        freshness_note(&r->freshness, r->asked_ns, index);
    }
}

/* Whether the state may be shown to that read, in `list` or elsewhere. */
static bool is_due(struct reads *r, const struct request *request, uint64_t now_ns,
                   raft_index applied_index)
{
    if (!freshness_is_within(&r->freshness, now_ns, request->max_age_ns)) {
        return false;
    }
    /* Asked for before it is too old, so that the next reads need not wait. */
    if (!freshness_is_within(&r->freshness, now_ns, request->max_age_ns / 2)) {
        r->wants_refresh = true;
    }
    return request->seen_index <= applied_index || MUTANT(stale_goes_back);
}

static void take_stale(struct reads *r, struct list *from, uint64_t now_ns,
                       raft_index applied_index)
{
    list_for_each(node, from)
    {
        struct request *request = request_of(node);

        if (request->read_mode != READ_STALE) {
            continue;
        }
        if (is_due(r, request, now_ns, applied_index)) {
            list_remove(node);
            list_append(&r->due, node);
        } else {
            r->may_have_stale = true;
        }
    }
}

/* Reads of one connection have one bound, so no later one becomes due before an earlier one if
 * the lists are looked at in the order in which reads pass through them. */
void reads_take_stale(struct reads *r, uint64_t now_ns, raft_index applied_index)
{
    r->may_have_stale = false;
    take_stale(r, &r->ready, now_ns, applied_index);
    take_stale(r, &r->asked, now_ns, applied_index);
    take_stale(r, &r->waiting, now_ns, applied_index);
}

/* None of them is among those that were asked for: the round that confirms a lease confirms
 * them. */
uint32_t reads_take_leased(struct reads *r, raft_index index)
{
    uint32_t count = 0;

    r->has_leased = false;
    list_for_each(node, &r->waiting)
    {
        if (request_of(node)->read_mode == READ_LEASE) {
            request_of(node)->ticket = index;
            list_remove(node);
            list_append(&r->ready, node);
            count++;
        }
    }
    return count;
}

bool reads_accept_lease(const struct reads *r)
{
    list_for_each(node, &r->waiting)
    {
        if (request_of(node)->read_mode != READ_LEASE) {
            return false;
        }
    }
    return !list_is_empty(&r->waiting);
}

void reads_fail_stale(struct reads *r, struct requests *requests, const char *error)
{
    list_for_each(node, &r->waiting)
    {
        if (request_of(node)->read_mode == READ_STALE) {
            list_remove(node);
            requests_fail(requests, request_of(node), error);
        }
    }
}

struct request *reads_next(const struct reads *r, raft_index applied_index)
{
    if (!list_is_empty(&r->due)) {
        return request_of(list_first(&r->due));
    }

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
    requests_wait_again(requests, &r->due);
    requests_wait_again(requests, &r->ready);
    requests_wait_again(requests, &r->asked);
    requests_wait_again(requests, &r->waiting);
    r->is_asking = false;
    r->may_have_stale = false;
    r->has_leased = false;
    r->wants_lease = false;
}

void reads_fail_overdue(struct reads *r, struct requests *requests, uint64_t until_ns,
                        const char *error)
{
    requests_fail_overdue(requests, &r->waiting, until_ns, error);
    requests_fail_overdue(requests, &r->asked, until_ns, error);
    requests_fail_overdue(requests, &r->ready, until_ns, error);
    requests_fail_overdue(requests, &r->due, until_ns, error);
}
