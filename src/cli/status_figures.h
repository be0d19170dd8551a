/* status_figures.h - the lower part of "status": what the nodes report about themselves, a line
 * for each figure and a column for each node, and the last trouble of each node. */
#ifndef RAKIT_CLI_STATUS_FIGURES_H
#define RAKIT_CLI_STATUS_FIGURES_H

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/style.h"

/* `nodes` are maps of RAFT STATUS. At a terminal, lines without anything are left out, and more
 * nodes than fit beside each other are shown below each other. An older server, which reports no
 * figures, gives nothing. `now_s` is the time since 1970. */
void status_figures_draw(struct buffer *out, const redisReply *const *nodes, size_t count,
                         long long now_s, const struct style *style);

#endif /* RAKIT_CLI_STATUS_FIGURES_H */
