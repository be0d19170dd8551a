/* lincheck_seen.h - which values the replies of a partition can distinguish. If a connection
 * breaks with many appends in flight, each order of each subset of them makes another value, and
 * no reply mentions most of these. The model keeps one value of each kind, and the search one
 * state for all.
 *
 * A value is hidden if
 * - no string in any reply begins with it, and
 * - it has a byte that no number has.
 * Both remain true whatever is appended to it. Two hidden values of the same length fit exactly
 * the same replies: a reply with the value itself fits neither, one with its length fits both or
 * neither, incrementing it is an error, and the remaining commands only ask whether there is a
 * value. Any command turns hidden values of one length into hidden values of one length again,
 * or replaces them by the same value. Lengths above all integers in replies fit no reply either,
 * and are one kind, unless a reply says that a value was too long to append to.
 *
 * This does not hold if commands read or write in the middle of values. Partitions with such a
 * command are judged without it. */
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
/* The place for the number of the value that represents all hidden values of the kind of
 * `value`; 0 when it is asked for first. */
uint32_t *lincheck_seen_representative(struct lincheck_seen *s, struct slice value);
uint64_t lincheck_seen_bytes(const struct lincheck_seen *s);

#endif /* RAKIT_LINCHECK_LINCHECK_SEEN_H */
