#include "base/human.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { US = 1000 * 1000, FRACTION_DIGITS = 6, YEAR_MAX = 9999 };

void human_put_bytes(struct buffer *out, uint64_t bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB"};
    double amount = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        buffer_printf(out, "%" PRIu64 " bytes", bytes);
        return;
    }
    for (; amount >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]; unit++) {
        amount /= 1024;
    }
    buffer_printf(out, "%.1f %s", amount, units[unit]);
}

void human_put_utc(struct buffer *out, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / US);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year >= YEAR_MAX - 1900) {
        buffer_printf(out, "%" PRIu64 " us", time_us);
        return;
    }
    buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06" PRIu64 "Z", parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  time_us % US);
}

/* "2026-11-30 15:40:01": each digit is a 9 here. */
static bool has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        bool fits = *form == '9'   ? *text >= '0' && *text <= '9'
                    : *form == 'T' ? *text == 'T' || *text == ' '
                                   : *text == *form;

        if (!fits) {
            return false;
        }
    }
    return true;
}

static int number_at(const char *text, int digits)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

/* ".25Z", "Z" or nothing. */
static bool read_rest(const char *text, uint64_t *ret_us)
{
    uint64_t unit = US / 10;

    *ret_us = 0;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");

        if (digits == 0 || digits > FRACTION_DIGITS) {
            return false;
        }
        for (size_t i = 1; i <= digits; i++, unit /= 10) {
            *ret_us += (uint64_t)(text[i] - '0') * unit;
        }
        text += 1 + digits;
    }
    return strcmp(text, "Z") == 0 || text[0] == '\0';
}

bool human_read_utc(const char *text, uint64_t *ret_time_us)
{
    static const char form[] = "9999-99-99T99:99:99";
    uint64_t fraction_us;

    if (!has_form(text, form) || !read_rest(text + sizeof form - 1, &fraction_us)) {
        return false;
    }

    struct tm parts = {.tm_year = number_at(text, 4) - 1900,
                       .tm_mon = number_at(text + 5, 2) - 1,
                       .tm_mday = number_at(text + 8, 2),
                       .tm_hour = number_at(text + 11, 2),
                       .tm_min = number_at(text + 14, 2),
                       .tm_sec = number_at(text + 17, 2)};
    struct tm given = parts;
    time_t seconds = timegm(&parts); /* Turns the 31st of April into the 1st of May. */

    if (seconds < 0 || parts.tm_mday != given.tm_mday || parts.tm_mon != given.tm_mon ||
        parts.tm_hour != given.tm_hour || parts.tm_min != given.tm_min ||
        parts.tm_sec != given.tm_sec) {
        return false;
    }
    *ret_time_us = (uint64_t)seconds * US + fraction_us;
    return true;
}
