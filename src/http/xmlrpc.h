/* xmlrpc.h - calls and answers of XML-RPC: methods whose parameters and results are strings. */
#ifndef RAKIT_HTTP_XMLRPC_H
#define RAKIT_HTTP_XMLRPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { XMLRPC_PARAMETERS_MAX = 2, XMLRPC_DEPTH_MAX = 8 };

/* Codes of faults, as most servers have them. */
enum xmlrpc_fault {
    XMLRPC_OK = 0,
    XMLRPC_NOT_WELL_FORMED = -32700,
    XMLRPC_INVALID = -32600, /* It is XML, but no call. */
    XMLRPC_NO_METHOD = -32601,
    XMLRPC_PARAMETERS = -32602,
    XMLRPC_UNAVAILABLE = -32500,
};

/* All zeros: empty. */
struct xmlrpc_call {
    struct buffer method;
    uint32_t count;
    struct buffer parameters[XMLRPC_PARAMETERS_MAX];
};

/* Reads a call. On a fault, *ret_text says what is wrong. */
enum xmlrpc_fault xmlrpc_read(struct slice body, struct xmlrpc_call *ret_call,
                              const char **ret_text);
void xmlrpc_call_deinit(struct xmlrpc_call *call);

/* Append a whole answer. The text must be UTF-8 that XML may have. */
void xmlrpc_put_string(struct buffer *out, struct slice text);
void xmlrpc_put_strings(struct buffer *out, const char *const *texts); /* NULL ends them. */
void xmlrpc_put_fault(struct buffer *out, enum xmlrpc_fault fault, const char *text);

#endif /* RAKIT_HTTP_XMLRPC_H */
