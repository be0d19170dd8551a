#include "cli/amount.h"

#include <stddef.h>

/* With one digit behind the point if there is only one before it. */
static void put(struct buffer *out, double value, const char *unit)
{
    buffer_printf(out, value < 9.95 ? "%.1f%s" : "%.0f%s", value, unit);
}

void amount_bytes(struct buffer *out, long long bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes / 1000;
    size_t unit = 0;

    if (bytes < 1000) {
        buffer_printf(out, "%lldB", bytes);
        return;
    }
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    put(out, value, units[unit]);
}

void amount_time(struct buffer *out, long long us)
{
    long long s = us / 1000000;

    if (us < 1000) {
        buffer_printf(out, us == 0 ? "0" : "%lldus", us);
    } else if (us < 999500) {
        put(out, (double)us / 1000, "ms");
    } else if (s < 120) {
        put(out, (double)us / 1000000, "s");
    } else if (s < 7200) {
        buffer_printf(out, "%lldmin", s / 60);
    } else if (s < 172800) {
        buffer_printf(out, "%lldh", s / 3600);
    } else {
        buffer_printf(out, "%lldd", s / 86400);
    }
}
