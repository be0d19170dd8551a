/* basics.h - what all files of the store have in common: whose they are, and what can be wrong
 * with them. */
#ifndef RAKIT_STORE_BASICS_H
#define RAKIT_STORE_BASICS_H

#include <stdbool.h>
#include <stdint.h>

/* Refusals of store_open(), translated from what was found. */
enum store_error {
    STORE_OK = 0,
    STORE_ELOCKED = -1,  /* Another server lives in this directory. */
    STORE_EFORMAT = -2,  /* Not ours, or of a version this program does not know. */
    STORE_EDAMAGED = -3, /* Damage that may have hit acknowledged data. */
    STORE_EIO = -4,      /* The system refused; the text says what. */
    STORE_EJOINS = -5,   /* It was to join a cluster and has not, and now there is no contact. */
};

struct store_identity {
    uint64_t cluster_id; /* 0: not yet a member of a cluster. */
    uint64_t node_id;
    uint32_t group;  /* Of those whose logs the node keeps: 0, the only one. */
    bool is_joining; /* Without a cluster: it is there to join one. */
};

/* The entry that a log begins behind: it and all before it are committed and not in the log. */
struct store_origin {
    uint64_t index; /* 0: the log begins with the first entry ever. */
    uint64_t term;
    uint64_t time_us;
};

/* Which snapshot: those with the same identity have the same bytes, whoever has them. */
struct store_snapshot {
    uint64_t index;   /* Of the last entry that it holds; 0: no snapshot. */
    uint64_t term;    /* Of that entry, */
    uint64_t time_us; /* and its log time. */
    uint64_t bytes;   /* Size of the file. */
    uint64_t checksum;
};

enum { STORE_KEY_BYTES = 32 };

/* What all members of a cluster know, and nobody else. */
struct store_key {
    unsigned char bytes[STORE_KEY_BYTES];
};

#endif /* RAKIT_STORE_BASICS_H */
