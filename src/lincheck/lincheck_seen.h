/* lincheck_seen.h - which values the replies of a partition can tell apart. Where a
 * connection breaks with many appends in flight, each order of each selection of them
 * makes another value, and most are values that no reply speaks of. These are as good
 * as one another: the model keeps one of each kind, and the search one state for all.
 *
 * A value is hidden if
 * - no string in any reply begins with it, and
 * - it has a byte that no number has.
 * Both hold for whatever is appended to it, too. Of hidden values of one length none
 * fits a reply that another does not: a reply with the value itself fits none, one with
 * its length all or none, to count with it is an error, and what is left asks only
 * whether there is a value. Whatever is done next gives hidden values of one length
 * again, or replaces them by the same. Lengths beyond all integers in replies fit none
 * either, and are one kind - if no reply says that a value was too long to append to.
 *
 * This does not hold where commands read or write in the middle of values. Partitions
 * that have such a command are judged without. */
#ifndef RAKIT_LINCHECK_LINCHECK_SEEN_H
#define RAKIT_LINCHECK_LINCHECK_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "lincheck/lincheck_intern.h"

struct lincheck_operation;

/* Zeroed: no value is hidden. */
struct lincheck_seen {
    bool is_known;
    struct slice *strings; /* Of all replies, in order; borrowed from them. */
    uint32_t count;
    uint32_t capacity;
    uint64_t longest;             /* The largest integer in a reply. */
    struct lincheck_intern kinds; /* Of hidden values: their lengths. */
    uint32_t *values;             /* The model's value of each kind. */
    uint32_t value_capacity;
};

/* The replies must stay as they are until lincheck_seen_deinit(). */
void lincheck_seen_init(struct lincheck_seen *s, const struct lincheck_operation *operations,
                        uint32_t count);
void lincheck_seen_deinit(struct lincheck_seen *s);
bool lincheck_seen_hides(const struct lincheck_seen *s, struct slice value);
/* The place for the number of the value that stands for all hidden ones of the kind of
 * `value`; it holds 0 when it is asked for first. */
uint32_t *lincheck_seen_representative(struct lincheck_seen *s, struct slice value);
uint64_t lincheck_seen_bytes(const struct lincheck_seen *s);

#endif /* RAKIT_LINCHECK_LINCHECK_SEEN_H */
