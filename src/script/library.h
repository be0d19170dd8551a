/* library.h - a library of functions: its source, whose first line names it, and what it
 * registers when it is loaded. Here it is only read and written; script/compile.h loads it, and
 * script/functions.h stores it. */
#ifndef RAKIT_SCRIPT_LIBRARY_H
#define RAKIT_SCRIPT_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "resp/resp.h"

enum {
    LIBRARY_CODE_BYTES_MAX = 512 * 1024,
    LIBRARY_FUNCTIONS_BYTES_MAX = 256 * 1024, /* Of names and descriptions, and as much more */
    LIBRARY_FUNCTION_BYTES = 128,             /* for each function. */
};

struct library_function {
    struct slice name;
    struct slice description;
    uint32_t flags; /* enum script_flag. */
    bool has_description;
};

/* Empty if it is zeroed. */
struct library {
    struct slice name;       /* Borrowed, like the code; */
    struct slice code;       /* with its first line. */
    struct slice functions;  /* One behind the other: library_take_function(). */
    struct buffer words;     /* Owned: what the first line says, */
    struct buffer collected; /* and what was registered. */
    uint64_t function_count;
};

void library_deinit(struct library *library);

/* Reads the first line: "#!lua name=...". False: it is wrong, and the error was written. */
bool library_read_head(struct slice code, struct library *ret, struct resp_writer *reply);
/* The bytes of that line, without its end. */
size_t library_head_size(struct slice code);
/* Of letters, digits and "_" only, and not empty. */
bool library_is_name(struct slice name);
/* Appends it in lower case: names of functions differ in more than that. */
void library_append_lower(struct buffer *to, struct slice name);

/* Adds a function to those that were collected. */
void library_add_function(struct library *library, const struct library_function *function);
/* Takes the next one off `rest`; false at the end. */
bool library_take_function(struct slice *rest, struct library_function *ret);
/* Source, names and descriptions, as the limits count them. */
uint64_t library_bytes(const struct library *library);

/* As it is stored, without its name. */
void library_write(struct buffer *to, const struct library *library);
/* Borrows from `stored`. */
void library_read(struct slice name, struct slice stored, struct library *ret);

#endif /* RAKIT_SCRIPT_LIBRARY_H */
