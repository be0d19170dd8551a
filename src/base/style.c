#include "base/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && value[0] != '\0';
}

struct style style_detect(bool want_colour)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    bool terminal = isatty(STDOUT_FILENO) == 1;

    return (struct style){
        .terminal = terminal,
        .colour = terminal && want_colour && !dumb && !is_set("NO_COLOR"),
        .utf8 = terminal && strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

const char *style_on(const struct style *style, enum colour colour)
{
    static const char *const codes[] = {
        [PLAIN] = "",         [BOLD] = "\x1b[1m",    [DIM] = "\x1b[2m",   [RED] = "\x1b[31m",
        [GREEN] = "\x1b[32m", [YELLOW] = "\x1b[33m", [CYAN] = "\x1b[36m",
    };

    return style->colour ? codes[colour] : "";
}

const char *style_off(const struct style *style, enum colour colour)
{
    return style->colour && colour != PLAIN ? "\x1b[0m" : "";
}
