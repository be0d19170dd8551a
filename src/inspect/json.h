/* json.h - writes one JSON object on one line. */
#ifndef RAKIT_INSPECT_JSON_H
#define RAKIT_INSPECT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json {
    struct buffer *out;
    bool needs_comma;
};

/* In an array, `name` is NULL. */
void json_begin(struct json *j, const char *name); /* An object; NULL: also the outermost. */
void json_end(struct json *j);
void json_begin_array(struct json *j, const char *name);
void json_end_array(struct json *j);
void json_number(struct json *j, const char *name, uint64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_text(struct json *j, const char *name, const char *text);
/* 16 hexadecimal digits, or null for 0. */
void json_id(struct json *j, const char *name, uint64_t id);
/* Any bytes: a string if they are UTF-8, else {"hex": "..."}. */
void json_bytes(struct json *j, const char *name, struct slice bytes);
/* Ends the outermost object and the line. */
void json_end_line(struct json *j);

#endif /* RAKIT_INSPECT_JSON_H */
