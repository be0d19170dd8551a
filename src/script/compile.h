/* compile.h - makes the engine ready for a run: compiles a script, or loads a library. The arena
 * then has the same bytes on every node, whether this node has an image of it or not. */
#ifndef RAKIT_SCRIPT_COMPILE_H
#define RAKIT_SCRIPT_COMPILE_H

#include <stdbool.h>

#include "resp/resp.h"
#include "script/library.h"

struct engine;

enum { LIBRARY_STEPS_MAX = 500 * 1000 }; /* That loading one may take: less than a run may. */

/* Afterwards the compiled function is on the stack. False: it does not compile, and the error was
 * written. */
bool compile_script(struct engine *e, struct slice source, struct resp_writer *reply);
/* Afterwards the functions of the library can be pushed (registration_push()). False: it can't be
 * loaded, and the error was written. */
bool compile_library(struct engine *e, struct slice code, struct resp_writer *reply);
/* The same, and adds what it registers to `library`. */
bool compile_new_library(struct engine *e, struct library *library, struct resp_writer *reply);

#endif /* RAKIT_SCRIPT_COMPILE_H */
