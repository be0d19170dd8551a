/* request.h - reads the head of an HTTP request, strictly: what two programs could read in two ways
 * is refused. It takes no part of HTTP that the door does not need: no transfer encodings, no lines
 * that are continued, no absolute targets. */
#ifndef RAKIT_HTTP_REQUEST_H
#define RAKIT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { REQUEST_HEAD_BYTES_MAX = 16 * 1024, REQUEST_FIELDS_MAX = 100 };

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_POST, REQUEST_OTHER };

/* A field that is not there has a `data` of NULL. All borrow from the head. */
struct request {
    enum request_method method;
    struct slice path;
    struct slice query; /* Without the question mark. */
    struct slice host;
    struct slice authorization;
    struct slice content_type;
    struct slice origin;
    struct slice fetch_site;
    struct slice expect;
    struct slice length_text;
    struct slice encoding;
    bool has_length;
    uint64_t length; /* Of the body. */
};

/* The size of the head that `text` begins with, with the empty line at its end; 0: it is not
 * complete. */
size_t request_head_size(struct slice text);

/* `head` is as request_head_size() says. Returns 0, or the status of the answer, with a sentence in
 * *ret_fault. */
int request_parse(struct slice head, struct request *ret_request, const char **ret_fault);

#endif /* RAKIT_HTTP_REQUEST_H */
