/* engine.h - runs scripts: Lua 5.1 in an arena (script/arena.h). There is one engine in a process,
 * which several simulated nodes share, since runs never interleave.
 *
 * Each run begins with the same bytes in the arena, whatever ran before, and sees nothing but
 * its call: so it does the same on every node. What it costs is counted in steps, about one for
 * each instruction of Lua; a script that takes too many ends at the same one everywhere. */
#ifndef RAKIT_SCRIPT_ENGINE_H
#define RAKIT_SCRIPT_ENGINE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "script/images.h"

enum {
    SCRIPT_STEPS_MAX = 1000 * 1000, /* Less than 10 ms. */
    SCRIPT_BODY_BYTES_MAX = 512 * 1024,
    SCRIPT_REPLY_BYTES_MAX = 32 * 1024 * 1024,
    SCRIPT_DEPTH_MAX = 100,              /* Of tables within each other, in a reply. */
    SCRIPT_GROWTH_BYTES = 1024 * 1024,   /* By which a run may enlarge the data, in addition */
    SCRIPT_GROWTH_SHARE = 4,             /* to so many times its arguments. */
    SCRIPT_STEP_WORK = 8,                /* See command_call.work. */
    SCRIPT_STRING_MAX = 8 * 1024 * 1024, /* That string.rep makes. */
};

struct script_run; /* script/run.h */
struct library;    /* script/library.h */

struct engine {
    lua_State *lua;
    struct arena *arena;
    struct images images;
    uint64_t steps_max; /* For what is under way. */
    /* The library that is being loaded; NULL: none is. */
    struct library *library;
    uint64_t registered_bytes; /* That its functions take. */
    /* The run under way. */
    const struct script_run *run;
    struct buffer out;    /* Its reply. */
    struct buffer packed; /* What cmsgpack.pack() makes. */
    struct buffer inner;  /* Of the last command that it called. */
    uint32_t database;
    int resp_version;
    uint64_t random;
    uint64_t growth_left;
    char error_source[64];
    int error_line;
};

/* The only one. */
struct engine *engine_get(void);

/* The function at the bottom of its stack: runs what is prepared (script/run.c). */
int run_prepared(lua_State *L);

/* Counts what a function of a library costs. The second one raises an error if the script has
 * taken too many steps. */
void engine_charge(uint64_t steps);
void engine_spend(lua_State *L, uint64_t steps);
bool engine_is_over(void);

/* What Lua and cjson call instead of functions of the C library (src/script/meson.build). */
int script_strcoll(const char *a, const char *b);
double script_strtod(const char *text, char **end);
int script_memcmp(const void *a, const void *b, size_t size);
void *script_malloc(size_t size);
void *script_realloc(void *memory, size_t size);
void script_free(void *memory);

#endif /* RAKIT_SCRIPT_ENGINE_H */
