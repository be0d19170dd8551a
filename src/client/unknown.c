/* unknown.c - the error for a command that there is not, as in Redis. */
#include <stdio.h>

#include "client/client.h"
#include "resp/errors.h"

enum { SHOWN_BYTES = 128 };

_Static_assert((int)CLIENT_UNKNOWN_TEXT_BYTES == 3 * (int)SHOWN_BYTES, "there is room for all");

/* Arguments, quoted, up to 128 bytes; a zero byte ends an argument. */
void client_describe_unknown(const struct client *c, char text[CLIENT_UNKNOWN_TEXT_BYTES])
{
    const struct slice *arguments = c->parser.arguments;
    char shown[2 * SHOWN_BYTES];
    size_t used = 0;

    shown[0] = '\0';
    for (uint32_t i = 1; i < c->parser.argument_count && used < SHOWN_BYTES; i++) {
        size_t room = SHOWN_BYTES - used;
        size_t size = arguments[i].size < room ? arguments[i].size : room;

        used += (size_t)snprintf(shown + used, sizeof shown - used, "'%.*s' ", (int)size,
                                 size == 0 ? "" : arguments[i].data);
    }
    snprintf(text, CLIENT_UNKNOWN_TEXT_BYTES, ERROR_UNKNOWN_COMMAND,
             (int)(arguments[0].size < SHOWN_BYTES ? arguments[0].size : SHOWN_BYTES),
             arguments[0].size == 0 ? "" : arguments[0].data, shown);
}
