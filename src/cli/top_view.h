/* top_view.h - parts of what "top" draws. */
#ifndef RAKIT_CLI_TOP_VIEW_H
#define RAKIT_CLI_TOP_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/style.h"

enum { TOP_RATES_MAX = 240 };

/* Entries committed a second, the newest last. */
struct top_rates {
    double all[TOP_RATES_MAX];
    size_t count;
    long long last_index; /* Negative: none yet. */
    uint64_t last_ms;
};

void top_rates_init(struct top_rates *r);
/* A new commit index. A smaller one than before, from a node that lags, counts as none. */
void top_rates_add(struct top_rates *r, long long commit_index, uint64_t now_ms);
/* One line: the newest rate, and as many of them as bars as there is room. Nothing if there is
 * none. */
void top_rates_draw(const struct top_rates *r, const struct style *style, struct buffer *out);

/* Cuts the text after so many lines, and makes each line erase what stood to its right. */
void top_fit(struct buffer *out, struct slice text, size_t rows);

#endif /* RAKIT_CLI_TOP_VIEW_H */
