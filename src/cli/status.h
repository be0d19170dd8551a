/* status.h - the cluster on one screen: RAFT STATUS as two headlines and tables. */
#ifndef RAKIT_CLI_STATUS_H
#define RAKIT_CLI_STATUS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/style.h"

/* False, with nothing appended, if it is not a reply to RAFT STATUS. */
bool status_draw(struct buffer *out, const redisReply *reply, const struct style *style);

#endif /* RAKIT_CLI_STATUS_H */
