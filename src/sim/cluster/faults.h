/* faults.h - the kinds of faults there are, which of them may strike in a run, and how
 * often each did. */
#ifndef RAKIT_SIM_CLUSTER_FAULTS_H
#define RAKIT_SIM_CLUSTER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_KILL,
    FAULT_POWER,
    FAULT_POWER_ALL,
    FAULT_KILL_LEADER,
    FAULT_STOP,
    FAULT_FREEZE,
    FAULT_ISOLATE, /* One node from all others, */
    FAULT_DEAFEN,  /* the same one way, */
    FAULT_UNPLUG,  /* the same at once: its connections break, the others know, */
    FAULT_SPLIT,   /* or the nodes into two halves, */
    FAULT_CUT,     /* or one path between two nodes. */
    FAULT_RESET,
    FAULT_SLOW,
    FAULT_STALL,
    FAULT_FULL,
    FAULT_SYNC_ERROR,
    FAULT_ADD,
    FAULT_REMOVE,
    FAULT_TRANSFER,
    FAULT_CLOCK,
    FAULT_FLAP,        /* Cut off and back again, about once in an election timeout. */
    FAULT_NARROW,      /* A path that carries a kilobyte a second, or some more. */
    FAULT_BASIC_COUNT, /* Those above are drawn by nemesis_new(): kept seeds rely on it. */

    /* Within a budget: see budget.h. */
    FAULT_ROT = FAULT_BASIC_COUNT, /* What was synced changes at rest, */
    FAULT_UNREADABLE,              /* cannot be read, */
    FAULT_LIE,                     /* was not synced in truth, */
    FAULT_MISDIRECT,               /* was written elsewhere, */
    FAULT_LOSE_DISK,               /* or the whole disk is gone. */
    FAULT_MOVE, /* Nodes are started at other addresses, maybe at one another's: mover.c. */

    /* Not strikes, but how things are during a whole run. */
    FAULT_CONDITIONS,
    FAULT_LOSS = FAULT_CONDITIONS, /* Segments are lost, */
    FAULT_CORRUPT,                 /* have flipped bits, */
    FAULT_PIECES,                  /* or are cut at random places; */
    FAULT_DRIFT,                   /* clocks run fast or slow; */
    FAULT_RECOVERY_CRASH,          /* who starts may die again before it has recovered; */
    FAULT_UPGRADE,                 /* or be of another version than before; */
    FAULT_HEAVY,                   /* a client asks for much, all the time: heavy.h; */
    FAULT_MEMORY,                  /* or the limit on memory is so low that it runs out. */
    FAULT_COUNT
};

/* A fault that was drawn. They are numbered from 1 in the order of their drawing, whether
 * they strike or not. So that leaving one out changes no other, who draws them has a
 * generator for when and which, and another for each, forked from it. */
struct fault_strike {
    uint32_t number;
    enum fault fault;
    uint64_t at_ns;
};

struct faults {
    uint64_t allowed;                                /* A bit for each kind. */
    bool (*strikes)(void *context, uint32_t number); /* Whether that one may; NULL: all. */
    void (*struck)(void *context, const struct fault_strike *strike); /* NULL: not told. */
    void *context;
    uint32_t drawn_count;
    uint64_t counts[FAULT_COUNT]; /* That struck. */
};

#define FAULTS_ALL        ((UINT64_C(1) << FAULT_COUNT) - 1)
#define FAULTS_CONDITIONS (FAULTS_ALL & ~((UINT64_C(1) << FAULT_CONDITIONS) - 1))

const char *fault_name(enum fault fault);
/* The kind of that name; false: there is none. */
bool fault_find(const char *name, enum fault *ret_fault);

/* A fault of a whole run was drawn: counts it where it may be. */
static inline bool faults_draw_condition(struct faults *f, enum fault fault)
{
    f->counts[fault] += f->allowed >> fault & 1;
    return (f->allowed >> fault & 1) != 0;
}

/* A fault was drawn: takes a number for it, and counts it where it may strike. */
bool faults_draw(struct faults *f, enum fault fault, uint64_t now_ns);

static inline bool faults_allow(const struct faults *f, enum fault fault)
{
    return (f->allowed >> fault & 1) != 0;
}

#endif /* RAKIT_SIM_CLUSTER_FAULTS_H */
