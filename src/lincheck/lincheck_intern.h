/* lincheck_intern.h - numbers for byte strings: equal strings have equal numbers and
 * different strings different ones. Strings are compared in full, never by their hash
 * alone: a collision would hide a violation. */
#ifndef RAKIT_LINCHECK_LINCHECK_INTERN_H
#define RAKIT_LINCHECK_LINCHECK_INTERN_H

#include <stdint.h>

#include "base/slice.h"
#include "lincheck/arena.h"

/* A zeroed struct is empty. */
struct lincheck_intern {
    struct arena arena;
    struct slice *strings; /* By number. */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* Hash table of number + 1; 0: free. */
    uint32_t slot_count;
};

/* Numbers rise from 0 in the order of first appearance. */
uint32_t lincheck_intern(struct lincheck_intern *t, struct slice string);
/* The string. It does not move until the table is reset. */
struct slice lincheck_interned(const struct lincheck_intern *t, uint32_t number);
uint64_t lincheck_intern_bytes(const struct lincheck_intern *t);
void lincheck_intern_reset(struct lincheck_intern *t);

#endif /* RAKIT_LINCHECK_LINCHECK_INTERN_H */
