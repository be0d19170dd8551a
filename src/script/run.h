/* run.h - one run of a script or a function. */
#ifndef RAKIT_SCRIPT_RUN_H
#define RAKIT_SCRIPT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"

struct script_run {
    struct command_call *call;
    struct slice source;   /* Of the script, or the library of the function. */
    struct slice function; /* In lower case; empty: it is a script. */
    struct slice name;     /* That errors show: the SHA-1 of the script, or the function's. */
    const struct slice *keys;
    uint32_t key_count;
    const struct slice *arguments;
    uint32_t argument_count;
    bool only_reads;
};

/* Compiles and executes it: writes exactly one reply. False: it does not compile. */
bool run_script(const struct script_run *run);

/* By how much a run with so many bytes of arguments may enlarge the data. */
uint64_t run_growth_bytes(uint64_t argument_bytes);

#endif /* RAKIT_SCRIPT_RUN_H */
