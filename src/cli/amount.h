/* amount.h - sizes and durations for people: at most five characters and a unit. */
#ifndef RAKIT_CLI_AMOUNT_H
#define RAKIT_CLI_AMOUNT_H

#include "base/buffer.h"

/* "512B", "1.2kB", "34MB": thousands, not 1024s. */
void amount_bytes(struct buffer *out, long long bytes);
/* "850us", "3.2ms", "32s", "12min", "3h", "5d". */
void amount_time(struct buffer *out, long long us);

#endif /* RAKIT_CLI_AMOUNT_H */
