/* json.h - replies of the node as JSON, and the JSON that callers send.
 *
 * Texts are UTF-8. Bytes that are no UTF-8 become {"base64": "..."}, in both directions. A map
 * becomes an object if its keys are texts, else an array of pairs; an error within a reply becomes
 * {"error": "..."}. */
#ifndef RAKIT_HTTP_JSON_H
#define RAKIT_HTTP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { JSON_DEPTH_MAX = 32, JSON_WORDS_MAX = 4096 };

/* --- writing -------------------------------------------------------------------------------- */

/* Whether it is UTF-8. */
bool json_is_text(struct slice bytes);
/* Appends it in quotes; it must be UTF-8. The result can stand in XML once that has escaped it. */
void json_put_text(struct buffer *out, struct slice text);
bool json_is_number(struct slice text);
/* As a text, or in base64. */
void json_put_bytes(struct buffer *out, struct slice bytes);
/* Appends one whole reply in RESP2 or RESP3. False: it is nested too deeply, or no reply, and what
 * was appended is not complete. */
bool json_put_reply(struct buffer *out, struct slice reply);

/* Appends an array of arrays as an array of objects, whose members have these names. */
bool json_put_rows(struct buffer *out, struct slice reply, const char *const *names,
                   uint32_t count);

/* --- reading -------------------------------------------------------------------------------- */

/* Words in one piece of memory. All zeros: none. */
struct json_words {
    struct buffer bytes;
    struct json_word {
        size_t at;
        size_t size;
    } * words; /* Owned. */
    uint32_t count;
    uint32_t capacity;
};

struct slice json_word(const struct json_words *w, uint32_t i);
void json_words_deinit(struct json_words *w);

/* A member of an object: a string, a number or bytes in base64; or an array of these. */
struct json_member {
    const char *name;
    bool is_list;
    struct json_words *into;
    bool is_there; /* Set. */
};

/* Reads an object that has no members but these. NULL, or what is wrong with it. */
const char *json_read(struct slice text, struct json_member *members, uint32_t count);

#endif /* RAKIT_HTTP_JSON_H */
