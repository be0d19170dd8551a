/* rpc.h - commands in JSON: {"command": "append", "args": ["k", "v"]}, answered by {"status":
 * "success", "data": ..., "leader": "host:port"} or {"status": "fail", "error": {"code": ...,
 * "message": ...}, "leader": ...}. */
#ifndef RAKIT_HTTP_RPC_H
#define RAKIT_HTTP_RPC_H

#include "http/exchange.h"
#include "http/json.h"

/* Why the command makes no sense for a caller whose connection ends with it, or NULL. */
const char *rpc_bars(const struct json_words *command, const struct json_words *arguments);

/* Each appends its answer. NULL, or what is wrong with the call. `text` is JSON. */
const char *rpc_ping(struct exchange *e, struct slice text, struct buffer *out);
const char *rpc_execute(struct exchange *e, struct slice text, struct buffer *out);
/* {"from": index, "count": number}, both optional, as the whole is. */
const char *rpc_request_log(struct exchange *e, struct slice text, struct buffer *out);

#endif /* RAKIT_HTTP_RPC_H */
