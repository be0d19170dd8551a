/* status.h - the cluster on one screen: RAFT STATUS as two headlines and a table, and
 * REQUEST_LOG as a table. Replies of another shape are not drawn. */
#ifndef RAKIT_CLI_STATUS_H
#define RAKIT_CLI_STATUS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/style.h"

/* False, with nothing appended, if it is not a reply to RAFT STATUS. */
bool status_draw(struct buffer *out, const redisReply *reply, const struct style *style);

/* Index, term, kind and command: a table for a person, otherwise lines with tabs. False if it is
 * not a reply to REQUEST_LOG. */
bool request_log_draw(struct buffer *out, const redisReply *reply, const struct style *style);

#endif /* RAKIT_CLI_STATUS_H */
