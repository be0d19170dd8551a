#include "replica/reads.h"

#include "base/mutant.h"

enum {
    GATHER_COUNT_MIN = 12, /* With fewer clients there is nothing to gain but latency; */
    GATHER_COUNT_MAX = 64, /* a round of so many is cheap enough. */
    GATHER_NS = 250 * 1000,
};

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

/* How many are in the list, counted up to `max`. */
static uint32_t count_up_to(const struct list *list, uint32_t max)
{
    uint32_t count = 0;

    list_for_each(node, list)
    {
        if (count == max) {
            break;
        }
        count++;
    }
    return count;
}

static bool may_ask(const struct reads *r)
{
    return !list_is_empty(&r->waiting) && r->asked_ticket <= r->confirmed_ticket;
}

bool reads_want_round(const struct reads *r, uint64_t now_ns)
{
    return may_ask(r) && (now_ns >= r->gather_until_ns ||
                          count_up_to(&r->waiting, r->gather_count) == r->gather_count);
}

uint64_t reads_due_ns(const struct reads *r)
{
    return may_ask(r) && !MUTANT(gathered_reads_left) ? r->gather_until_ns : UINT64_MAX;
}

/* A round asks each follower the same for one read as for fifty. The clients of the one that ends
 * now ask again if they are many and quick, and those that wait are with them. */
static void gather(struct reads *r, uint32_t answered_count, uint64_t now_ns)
{
    uint32_t count = answered_count + count_up_to(&r->waiting, GATHER_COUNT_MAX);

    r->gather_count = count < GATHER_COUNT_MAX ? count : GATHER_COUNT_MAX;
    r->gather_until_ns = count < GATHER_COUNT_MIN ? 0 : now_ns + GATHER_NS;
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

void reads_confirm(struct reads *r, uint64_t ticket, raft_index index, uint64_t now_ns)
{
    struct list *node;
    uint32_t count = 0;

    if (ticket > r->confirmed_ticket) {
        r->confirmed_ticket = ticket;
    }
    while ((node = list_first(&r->asked)) != NULL && request_of(node)->ticket <= ticket) {
        request_of(node)->ticket = MUTANT(read_at_any_index) ? 0 : index;
        move(&r->ready, node);
        count++;
    }
    if (count > 0) {
        gather(r, count, now_ns);
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
    r->gather_until_ns = 0;
}
