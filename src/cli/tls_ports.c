#include "cli/tls_ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/reply.h"

enum { PORT_MAX = 65535 };

/* The number in a line of INFO; 0: there is none. */
static int info_number(struct slice info, const char *line)
{
    const char *at = info.size == 0 ? NULL : memmem(info.data, info.size, line, strlen(line));

    /* Behind a reply is a zero byte, which its size does not count. */
    return at == NULL ? 0 : (int)strtol(at + strlen(line), NULL, 10);
}

int tls_ports_measure(struct connection *c, struct patience patience, int *distance)
{
    struct slice words[] = {slice_str("INFO"), slice_str("SERVER"), slice_str("TLS")};
    struct words info = {.count = 3, .word = words};
    redisReply *reply = NULL;
    bool sent = false;
    int status = 0;

    if (c->tls != NULL) {
        status = connection_call(c, &info, patience, &reply, &sent);
    }
    if (status == 0 && info_number(reply_text(reply), "tls_port:") > 0) {
        *distance = info_number(reply_text(reply), "tls_port:") -
                    info_number(reply_text(reply), "tcp_port:");
    }
    freeReplyObject(reply);
    return status;
}

bool tls_ports_move(int distance, char port[PORT_TEXT_BYTES])
{
    int moved = (int)strtol(port, NULL, 10) + distance;

    if (moved <= 0 || moved > PORT_MAX) {
        return false;
    }
    snprintf(port, PORT_TEXT_BYTES, "%u", (unsigned)moved);
    return true;
}
