/* log_view.h - REQUEST_LOG and RAFT SLOW on the screen: tables with bars of time for a person,
 * otherwise lines with tabs. Replies of another shape are not drawn: false, with nothing
 * appended. */
#ifndef RAKIT_CLI_LOG_VIEW_H
#define RAKIT_CLI_LOG_VIEW_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/style.h"

/* Index, term, kind and command. If the server has added stages, a table has also how long each
 * entry took, a bar of its stages, and the node whose disk was waited for; a single entry is
 * drawn with all its stages, a line for each. */
bool request_log_draw(struct buffer *out, const redisReply *reply, const struct style *style);

bool slow_draw(struct buffer *out, const redisReply *reply, const struct style *style);

#endif /* RAKIT_CLI_LOG_VIEW_H */
