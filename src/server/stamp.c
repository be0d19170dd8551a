#include "server/stamp.h"

#include <stdbool.h>
#include <stdio.h>

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Counts year by year, which takes a few dozen steps. */
void stamp_utc(char text[STAMP_BYTES], uint64_t wall_ns)
{
    uint64_t ms = wall_ns / 1000000;
    uint64_t seconds = ms / 1000;
    unsigned days = (unsigned)(seconds / 86400);
    unsigned year = 1970;
    unsigned month = 1;

    while (days >= (is_leap(year) ? 366u : 365u)) {
        days -= is_leap(year) ? 366u : 365u;
        year++;
    }
    while (days >= days_of_month(year, month)) {
        days -= days_of_month(year, month);
        month++;
    }
    snprintf(text, STAMP_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, days + 1,
             (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
             (unsigned)(seconds % 60), (unsigned)(ms % 1000));
}
