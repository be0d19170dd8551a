/* base64.h - bytes as text (RFC 4648), with its padding. */
#ifndef RAKIT_HTTP_BASE64_H
#define RAKIT_HTTP_BASE64_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

void base64_append(struct buffer *out, struct slice bytes);
/* `to` has room for three bytes for each four letters. False: it is not such a text. */
bool base64_read(struct slice text, char *to, size_t *ret_size);

#endif /* RAKIT_HTTP_BASE64_H */
