/* parse.h - what the two parts of the request parser share; private to resp. */
#ifndef RAKIT_RESP_PARSE_H
#define RAKIT_RESP_PARSE_H

#include <stdint.h>

#include "resp/resp.h"

enum resp_result resp_parse_inline(struct resp_parser *p, struct slice input, size_t *ret_consumed,
                                   const char **ret_error);

/* Appends an argument; `data` is an offset or a pointer. */
void resp_parser_add_argument(struct resp_parser *p, uintptr_t data, size_t size);
/* Ends the parse with `text`; returns RESP_ERROR. */
enum resp_result resp_parser_refuse(struct resp_parser *p, const char *text,
                                    const char **ret_error);

#endif /* RAKIT_RESP_PARSE_H */
