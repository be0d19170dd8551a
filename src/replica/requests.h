/* requests.h - the commands that are under way at a replica: those that wait to be placed, in
 * the order of arrival; how many bytes all of them take; and how each ends.
 *
 * Each request ends exactly once. Failed and unknown are kept apart: an error that says "not
 * executed" is given only to commands that certainly were not; one that may have been executed
 * ends by requests_give_up(), the only place that decides whether a command is in doubt. */
#ifndef RAKIT_REPLICA_REQUESTS_H
#define RAKIT_REPLICA_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "command/request.h"
#include "replica/pending.h"

struct requests {
    uint64_t timeout_ns;
    struct list waiting;      /* Not placed yet, in the order of arrival. */
    struct list returned;     /* The same, but refused by a former leader a moment ago. */
    uint64_t arrival_count;   /* Submitted so far. */
    uint64_t count;           /* Under way: submitted and not answered. */
    uint64_t own_bytes;       /* Bytes of the entries of clients here. */
    uint64_t forwarded_bytes; /* Bytes of the entries of forwarded commands. */
    uint64_t in_doubt_count;  /* Answered with INDOUBT so far. */
};

void requests_init(struct requests *q, uint64_t timeout_ns);
/* A command has arrived, and waits. */
void requests_submit(struct requests *q, struct request *request, uint64_t now_ns);

/* --- the ends: the request is in no list any more, unless it says otherwise --- */

/* Its reply has been written. */
void requests_finish(struct requests *q, struct request *request, uint64_t executed_index);
/* With an error. A change of members that has begun is in doubt, whatever the error. */
void requests_fail(struct requests *q, struct request *request, const char *error);
/* Its outcome is unknown, because it was proposed, or sent to a leader: it ends in doubt, with
 * the first error, or with the second one if it changes nothing. */
void requests_give_up(struct requests *q, struct request *request, const char *in_doubt,
                      const char *without_effect);
/* The same for those in a ring whose deadline has passed: no majority has confirmed them in
 * time. */
void requests_give_up_overdue(struct requests *q, struct pending *pending, uint64_t now_ns);
/* Gives back a waiting command to the node that forwarded it, for the present leader. False: it
 * was not forwarded, or has begun. */
bool requests_give_back(struct requests *q, struct request *request);
/* Fails a command that waits without a leader if its time is over; returns whether it did. */
bool requests_fail_late(struct requests *q, struct request *request, uint64_t now_ns,
                        const char *error);
/* All in that list of requests that are certainly not executed. */
void requests_fail_all(struct requests *q, struct list *list, const char *error);
/* Those in it whose deadline is no later than `until_ns`. */
void requests_fail_overdue(struct requests *q, struct list *list, uint64_t until_ns,
                           const char *error);

/* --- certainly not executed: they wait again, in their place among the others --- */

/* It can be taken from the next requests_take_returned() on. */
void requests_return(struct requests *q, struct request *request);
void requests_take_returned(struct requests *q);
/* All in `list`, which is in the order of arrival, at once. */
void requests_wait_again(struct requests *q, struct list *list);

#endif /* RAKIT_REPLICA_REQUESTS_H */
