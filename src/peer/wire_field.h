/* wire_field.h - the body of a frame as a list of fields, by which one function writes any body
 * and one reads it. */
#ifndef RAKIT_PEER_WIRE_FIELD_H
#define RAKIT_PEER_WIRE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum wire_form {
    WIRE_FLAG, /* A bool: one byte, 0 or 1. */
    WIRE_U8,
    WIRE_U16,
    WIRE_U32,
    WIRE_U64,
    WIRE_BYTES,     /* As many as the member has. */
    WIRE_TEXT,      /* The rest of the body: a string without its 0. */
    WIRE_PRINTABLE, /* The same, of printable ASCII characters without blanks. */
};

/* Numbers may be kept in any unsigned type or enum that holds `max`. */
struct wire_field {
    const char *name;
    enum wire_form form;
    uint16_t offset; /* Of the member in its struct, */
    uint16_t size;   /* which has so many bytes. */
    uint64_t min;    /* Of a number; of a text, its bytes. */
    uint64_t max;    /* Of a number; 0: whatever its form holds. */
};

struct wire_fields {
    const struct wire_field *list;
    uint32_t count;
};

/* What they take at least and at most. */
uint32_t wire_fields_min(struct wire_fields fields);
uint32_t wire_fields_max(struct wire_fields fields);

/* Writes the members of *from to where as many bytes have room. Returns their bytes. */
size_t wire_fields_put(char *to, struct wire_fields fields, const void *from);
/* Reads them from the beginning of `body` into *ret. Up to `rest_max` bytes may follow: *ret_rest.
 * False if it does not fit: then nothing has changed. */
bool wire_fields_get(struct slice body, struct wire_fields fields, uint32_t rest_max, void *ret,
                     struct slice *ret_rest);

#endif /* RAKIT_PEER_WIRE_FIELD_H */
