/* basics.h - what all files of the store have in common: identities and errors. */
#ifndef RAKIT_STORE_BASICS_H
#define RAKIT_STORE_BASICS_H

#include <stdbool.h>
#include <stdint.h>

/* Reasons why store_open() refuses, derived from what was found. */
enum store_error {
    STORE_OK = 0,
    STORE_ELOCKED = -1,   /* Another server uses this directory. */
    STORE_EFORMAT = -2,   /* Not ours, or of a version this program does not know. */
    STORE_EDAMAGED = -3,  /* Damage that may have affected acknowledged data. */
    STORE_EIO = -4,       /* A system call failed; the text says which. */
    STORE_EJOINS = -5,    /* It was made to join a cluster and has not, and now there is no
                          * contact. */
    STORE_ERECOVERS = -6, /* A recovery of it was interrupted. */
};

struct store_identity {
    uint64_t cluster_id; /* 0: not in a cluster yet. */
    uint64_t node_id;
    uint64_t epoch;     /* Of the cluster: see epoch.h. */
    uint32_t group;     /* The group whose log this is: 0, the only one. */
    bool is_joining;    /* Without a cluster: made to join one. */
    bool is_restoring;  /* Without a cluster: its first state is being written. */
    bool is_recovering; /* The epoch was begun on this disk, and its first entry may be missing. */
};

/* The entry after which a log begins: it and all before are committed and not in the log. */
struct store_origin {
    uint64_t index; /* 0: the log begins with entry 1. */
    uint64_t term;
    uint64_t time_us;
};

/* The identity of a snapshot: equal identities mean equal bytes, on any node. */
struct store_snapshot {
    uint64_t index;   /* Index of the last entry in it; 0: no snapshot. */
    uint64_t term;    /* Term of that entry. */
    uint64_t time_us; /* Log time of that entry. */
    uint64_t bytes;   /* Size of the file. */
    uint64_t checksum;
};

enum { STORE_KEY_BYTES = 32 };

/* The secret that all members of a cluster share. */
struct store_key {
    unsigned char bytes[STORE_KEY_BYTES];
};

#endif /* RAKIT_STORE_BASICS_H */
