/* lincheck_oracle.h - small random histories, a keyspace that makes them, and a checker that
 * tries every order, to compare the real checker with. It shares no code with that one, and
 * knows only two keys and a few operations. */
#ifndef RAKIT_TESTS_SIM_LINCHECK_ORACLE_H
#define RAKIT_TESTS_SIM_LINCHECK_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/prng.h"

enum { ORACLE_KEYS = 2, ORACLE_TEXT_BYTES = 64, ORACLE_OPERATIONS_MAX = 8, ORACLE_OPEN = 1 << 30 };

/* The keys: "a"; or "a" and "b"; or "a" in databases 0 and 1. */
enum oracle_kind { ORACLE_ONE_KEY, ORACLE_TWO_KEYS, ORACLE_TWO_DATABASES };

/* Their values; "?" means no such key. */
struct oracle_keys {
    char values[ORACLE_KEYS][ORACLE_TEXT_BYTES];
};

struct oracle_operation {
    int call;
    int point;   /* When it is executed; greater than all others: never. */
    int end;     /* Its return, or ORACLE_OPEN. */
    int settler; /* Of an open one: it is executed before that operation, or never; or none. */
    uint32_t command;
    uint32_t key;
    int argument;                      /* Stands for a text. */
    char reply[2 * ORACLE_TEXT_BYTES]; /* As in a history. */
};

struct oracle_history {
    struct oracle_operation operations[ORACLE_OPERATIONS_MAX];
    uint32_t count;
    enum oracle_kind kind;
};

/* Operations by time of call, each executed at its point. */
void oracle_make(struct oracle_history *h, struct prng *random, enum oracle_kind kind);
/* Gives one operation another reply that its command could have. */
void oracle_spoil(struct oracle_history *h, struct prng *random);

/* Whether any order explains the replies up to return number `returns` (counted from 1, by time,
 * then by position). */
bool oracle_explains(const struct oracle_history *h, uint32_t returns);
uint32_t oracle_return_count(const struct oracle_history *h);

void oracle_write(const struct oracle_history *h, struct buffer *out);

#endif /* RAKIT_TESTS_SIM_LINCHECK_ORACLE_H */
