/* faults.h - the kinds of faults, which of them may happen in a run, and how often each did. */
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
    FAULT_ISOLATE, /* One node is cut off from all others. */
    FAULT_DEAFEN,  /* The same in one direction. */
    FAULT_UNPLUG,  /* The same with connections broken, so the others know. */
    FAULT_SPLIT,   /* The nodes are split into two halves. */
    FAULT_CUT,     /* One path between two nodes is blocked. */
    FAULT_RESET,
    FAULT_SLOW,
    FAULT_STALL,
    FAULT_FULL,
    FAULT_SYNC_ERROR,
    FAULT_ADD,
    FAULT_REMOVE,
    FAULT_TRANSFER,
    FAULT_CLOCK,
    FAULT_FLAP,        /* A node is cut off and reconnected, about once per election timeout. */
    FAULT_NARROW,      /* A path carries only a kilobyte a second, or a little more. */
    FAULT_BASIC_COUNT, /* The kinds above are drawn by nemesis_new(); kept seeds depend on their
                        * number. */

    /* Within a budget: see budget.h. */
    FAULT_ROT = FAULT_BASIC_COUNT, /* Synced data changes at rest. */
    FAULT_UNREADABLE,              /* Synced data can't be read. */
    FAULT_LIE,                     /* Data was reported as synced and was not. */
    FAULT_MISDIRECT,               /* Data was written to another place. */
    FAULT_LOSE_DISK,               /* The whole disk is lost. */
    FAULT_MOVE,    /* Nodes are started at other addresses, maybe at one another's: mover.c. */
    FAULT_REPLACE, /* A voter is replaced by a new node: roles.c. */
    FAULT_ROLES,   /* A member is demoted, promoted, renamed, or gets another
                                    * priority. */
    FAULT_FLIP,    /* A bit of a key or value in memory is flipped: flipper.c. */

    /* Not single strikes, but conditions of a whole run. */
    FAULT_CONDITIONS,
    FAULT_LOSS = FAULT_CONDITIONS, /* Segments are lost. */
    FAULT_CORRUPT,                 /* Segments have flipped bits. */
    FAULT_PIECES,                  /* Segments are split at random places. */
    FAULT_DRIFT,                   /* Clocks run fast or slow. */
    FAULT_RECOVERY_CRASH,          /* A starting node may die again before it has recovered. */
    FAULT_UPGRADE,                 /* A starting node may be of another version than before. */
    FAULT_HEAVY,                   /* One client sends large requests all the time: heavy.h. */
    FAULT_MEMORY,                  /* The limit on memory is so low that it runs out. */
    FAULT_COUNT
};

/* A fault that was drawn. They are numbered from 1 in the order of drawing, whether they happen
 * or not. So that leaving one out changes no other, their drawer uses one generator for when and
 * which, and forks one for each from it. */
struct fault_strike {
    uint32_t number;
    enum fault fault;
    uint64_t at_ns;
};

struct faults {
    uint64_t allowed;                                /* A bit for each kind. */
    bool (*strikes)(void *context, uint32_t number); /* Whether that one may happen; NULL: all
                                                      * may. */
    /* NULL: nobody is notified. */
    void (*struck)(void *context, const struct fault_strike *strike);
    void *context;
    uint32_t drawn_count;
    uint64_t counts[FAULT_COUNT]; /* Those that happened. */
};

#define FAULTS_ALL        ((UINT64_C(1) << FAULT_COUNT) - 1)
#define FAULTS_CONDITIONS (FAULTS_ALL & ~((UINT64_C(1) << FAULT_CONDITIONS) - 1))

const char *fault_name(enum fault fault);
/* The kind with that name; false: there is none. */
bool fault_find(const char *name, enum fault *ret_fault);

/* A fault of a whole run was drawn: counts it if it may happen. */
static inline bool faults_draw_condition(struct faults *f, enum fault fault)
{
    f->counts[fault] += f->allowed >> fault & 1;
    return (f->allowed >> fault & 1) != 0;
}

/* A fault was drawn: gives it a number, and counts it if it may happen. */
bool faults_draw(struct faults *f, enum fault fault, uint64_t now_ns);

static inline bool faults_allow(const struct faults *f, enum fault fault)
{
    return (f->allowed >> fault & 1) != 0;
}

#endif /* RAKIT_SIM_CLUSTER_FAULTS_H */
