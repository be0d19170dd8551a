/* top_view.c - see top_view.h. */
#include "cli/top_view.h"

#include <stdio.h>
#include <string.h>

void top_rates_init(struct top_rates *r)
{
    *r = (struct top_rates){.last_index = -1};
}

void top_rates_add(struct top_rates *r, long long commit_index, uint64_t now_ms)
{
    long long before = r->last_index;
    uint64_t elapsed_ms = now_ms - r->last_ms;

    if (commit_index < before || (before >= 0 && elapsed_ms == 0)) {
        return;
    }
    r->last_index = commit_index;
    r->last_ms = now_ms;
    if (before < 0) {
        return;
    }
    if (r->count == TOP_RATES_MAX) {
        memmove(r->all, r->all + 1, (TOP_RATES_MAX - 1) * sizeof r->all[0]);
        r->count--;
    }
    r->all[r->count++] = (double)(commit_index - before) * 1000.0 / (double)elapsed_ms;
}

static double highest(const double *rates, size_t count)
{
    double most = 1; /* A cluster that rests has low bars, whatever its few entries. */

    for (size_t i = 0; i < count; i++) {
        most = rates[i] > most ? rates[i] : most;
    }
    return most;
}

void top_rates_draw(const struct top_rates *r, const struct style *style, struct buffer *out)
{
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[] = {" ", ".", ".", ":", ":", "|", "|", "#", "#"};
    char label[64];
    size_t shown;
    double most;

    if (r->count == 0) {
        return;
    }
    snprintf(label, sizeof label, "entries committed: %.0f a second", r->all[r->count - 1]);
    shown = style->columns > strlen(label) + 2 ? style->columns - strlen(label) - 2 : 0;
    shown = shown < r->count ? shown : r->count;
    most = highest(r->all + r->count - shown, shown);
    buffer_printf(out, "%s  %s", label, style_on(style, CYAN));
    for (size_t i = r->count - shown; i < r->count; i++) {
        int step = (int)(r->all[i] / most * 8 + 0.5);

        step = step == 0 && r->all[i] > 0 ? 1 : step;
        buffer_printf(out, "%s", style->utf8 ? bars[step] : ascii[step]);
    }
    buffer_printf(out, "%s\n", style_off(style, CYAN));
}

void top_fit(struct buffer *out, struct slice text, size_t rows)
{
    size_t at = 0;

    for (size_t row = 0; row < rows && at < text.size; row++) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - text.data) - at;

        buffer_printf(out, "%s", row > 0 ? "\n" : "");
        buffer_append(out, text.data + at, size);
        buffer_printf(out, "\x1b[K");
        at += size + 1;
    }
    buffer_printf(out, "\x1b[J");
}
