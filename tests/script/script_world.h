/* script_world.h - a keyspace with all data commands and scripts. */
#ifndef RAKIT_TESTS_SCRIPT_WORLD_H
#define RAKIT_TESTS_SCRIPT_WORLD_H

#include "command/table.h"

struct world {
    struct command_table table;
    struct keyspace *keyspace;
    struct buffer out;
    uint64_t work;         /* Of the last command, */
    uint64_t steps;        /* and its steps. */
    uint64_t steps_before; /* That its entry has taken. */
    int version;
};

/* For cmocka. */
int up(void **state);
int down(void **state);

/* The reply, terminated. */
const char *run(struct world *w, uint32_t count, const struct slice *arguments);
const char *eval(struct world *w, const char *script);
const char *call(struct world *w, uint32_t count, const char *const *words);

#define CALL(w, ...)                                                                               \
    call(w, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

#endif /* RAKIT_TESTS_SCRIPT_WORLD_H */
