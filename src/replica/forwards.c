#include "replica/forwards.h"

#include "base/mutant.h"
#include "peer/pieces.h"
#include "resp/errors.h"

enum { LEADERS_LOST_MAX = 2 };

void forwards_init(struct forwards *f, struct requests *requests, uint64_t first_correlation)
{
    *f = (struct forwards){.requests = requests, .piece_bytes = WIRE_PIECE_BYTES_MAX};
    pending_init(&f->sent, first_correlation);
}

void forwards_deinit(struct forwards *f)
{
    pending_deinit(&f->sent);
}

/* --- there and back ---------------------------------------------------------------------- */

bool forwards_may_send(const struct forwards *f, raft_term term)
{
    return f->refused_term != term;
}

void forwards_send(struct forwards *f, struct request *request, raft_id leader, raft_term term,
                   uint64_t until_ns, struct buffer *out)
{
    uint64_t correlation = f->sent.next;
    struct wire_forward w = {
        .correlation = correlation,
        .term = term,
        .resp_version = request->resp_version == 3 ? 3 : 2,
        .is_logged_read = request->is_logged_read,
        .until_ns = until_ns,
        .command = entry_payload(request->entry),
    };

    pieces_put_forward(out, &w, f->piece_bytes);
    request->is_abandon_reported = false;
    list_remove(&request->link);
    pending_put(&f->sent, correlation, request);
    f->leader = leader;
    f->term = term;
    f->sent_count++;
}

void forwards_answered(struct forwards *f, raft_id from, const struct wire_answer *a)
{
    struct request *request = from != f->leader       ? NULL
                              : MUTANT(answers_cross) ? pending_take_first(&f->sent)
                                                      : pending_take(&f->sent, a->correlation);

    if (request == NULL) {
        return; /* Given up before: its client has been answered INDOUBT. */
    }
    if (a->outcome == WIRE_NOT_LEADER) {
        f->refused_term = f->term;
        requests_return(f->requests, request); /* Certainly not executed: for another leader. */
        return;
    }

    struct resp_writer *w = request->reply(request);

    buffer_append_slice(w->out, a->reply);
    requests_finish(f->requests, request, a->executed_index);
}

/* A command that waits for room at the leader must not wait if its client has gone. The report
 * follows the commands on the same connection, so it never arrives before them. */
void forwards_report_abandoned(struct forwards *f, struct buffer *out)
{
    struct pending *p = &f->sent;

    for (uint64_t number = p->first; out != NULL && number < p->next; number++) {
        struct request *request = pending_at(p, number);

        if (request != NULL && request->is_abandoned && !request->is_abandon_reported &&
            !MUTANT(abandon_unreported)) {
            request->is_abandon_reported = true;
            wire_put_abandon(out, &(struct wire_abandon){.correlation = number});
        }
    }
}

uint64_t forwards_held_from(const struct forwards *f)
{
    uint64_t first;

    return pending_first(&f->sent, &first) == NULL ? f->sent.next : first;
}

bool forwards_have_reads(const struct forwards *f)
{
    for (uint64_t number = f->sent.first; number < f->sent.next; number++) {
        const struct request *request = pending_at(&f->sent, number);

        if (request != NULL && request_is_read(request)) {
            return true;
        }
    }
    return false;
}

/* --- when the leader changes ----------------------------------------------------------- */

/* The old leader may still be there, and then it answers each command that it was sent:
 * executed, refused, or in doubt. */
void forwards_wind_down(struct forwards *f, uint64_t until_ns)
{
    if (f->sent.count == 0) {
        f->grace_ns = 0;
    } else if (until_ns == 0) {
        forwards_abandon(f);
    } else if (f->grace_ns == 0) {
        f->grace_ns = until_ns;
    }
}

bool forwards_are_winding_down(struct forwards *f)
{
    if (f->sent.count == 0) {
        f->grace_ns = 0;
    }
    return f->grace_ns != 0;
}

/* A node that was removed only gets these answers, until that connection is closed. */
void forwards_sweep(struct forwards *f, bool is_removed, uint64_t now_ns)
{
    if (forwards_are_winding_down(f) && now_ns >= f->grace_ns &&
        (!is_removed || MUTANT(removed_gives_up_soon))) {
        forwards_abandon(f);
    }
    requests_give_up_overdue(f->requests, &f->sent, now_ns);
}

void forwards_lost(struct forwards *f, raft_id id)
{
    if (id == f->leader) {
        forwards_abandon(f);
    }
}

/* A command that hangs one leader must not hang the next, and the one after that. A read in the
 * log is not sent again, because it belongs after writes that are not. */
static bool may_try_again(struct request *request)
{
    if (!request_changes_nothing(request) || request->is_logged_read ||
        (request->is_query && MUTANT(query_given_up))) {
        return false;
    }
    request->lost_count++;
    return request->lost_count < LEADERS_LOST_MAX || MUTANT(read_tried_for_ever);
}

void forwards_abandon(struct forwards *f)
{
    struct request *request;
    struct list again;

    list_init(&again);
    while ((request = pending_take_first(&f->sent)) != NULL) {
        if (MUTANT(forward_retried) || may_try_again(request)) {
            list_append(&again, &request->link);
        } else {
            requests_give_up(f->requests, request, ERROR_IN_DOUBT,
                             request->is_logged_read ? ERROR_READ_LATE : ERROR_READ_LOST);
        }
    }
    requests_wait_again(f->requests, &again);
}

void forwards_end(struct forwards *f)
{
    struct request *request;

    while ((request = pending_take_first(&f->sent)) != NULL) {
        requests_give_up(f->requests, request, ERROR_IN_DOUBT, ERROR_STOPPING);
    }
}
