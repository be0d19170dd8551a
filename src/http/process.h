/* process.h - what the system says about this process, in the text format of Prometheus and under
 * the names that all programs have for it. */
#ifndef RAKIT_HTTP_PROCESS_H
#define RAKIT_HTTP_PROCESS_H

#include "base/buffer.h"

/* What the system does not report is left out. */
void process_put_metrics(struct buffer *out);

#endif /* RAKIT_HTTP_PROCESS_H */
