/* wire_field.h - the body of a frame as a list of fields; one function writes any body, and one
 * reads it. */
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
    WIRE_BYTES,     /* As many bytes as the member has. */
    WIRE_TEXT,      /* The rest of the body: a string without its zero. */
    WIRE_PRINTABLE, /* The same, but only printable ASCII without blanks. */
};

/* Numbers may be stored in any unsigned type or enum that can hold `max`. */
struct wire_field {
    const char *name;
    enum wire_form form;
    uint16_t offset; /* Of the member in its struct. */
    uint16_t size;   /* Bytes of that member. */
    uint64_t min;    /* Least value of a number; least size of a text. */
    uint64_t max;    /* Greatest value of a number; 0: any that its form can hold. */
};

struct wire_fields {
    const struct wire_field *list;
    uint32_t count;
};

/* The least and greatest sizes of the fields together. */
uint32_t wire_fields_min(struct wire_fields fields);
uint32_t wire_fields_max(struct wire_fields fields);

/* Writes the members of *from to `to`, which must have enough room. Returns the size. */
size_t wire_fields_put(char *to, struct wire_fields fields, const void *from);
/* Reads the fields from the beginning of `body` into *ret. Up to `rest_max` bytes may follow:
 * *ret_rest. False, with nothing changed, if the body does not fit. */
bool wire_fields_get(struct slice body, struct wire_fields fields, uint32_t rest_max, void *ret,
                     struct slice *ret_rest);

#endif /* RAKIT_PEER_WIRE_FIELD_H */
