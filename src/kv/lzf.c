#include "kv/lzf.h"

/* A sequence of parts. The first byte of a part is
 *
 *   000lllll           l + 1 bytes follow, which are copied
 *   lllddddd d         l + 2 bytes, which stand d + 1 bytes before; l is 1 to 6
 *   111ddddd l d       the same with l + 9 bytes */
enum { LITERAL_MAX = 32, LONG_MATCH = 7 };

struct unpacking {
    struct slice from;
    size_t at; /* In `from`. */
    char *to;
    size_t size;
    size_t written;
};

static bool copy_literal(struct unpacking *u, size_t count)
{
    if (count > u->from.size - u->at || count > u->size - u->written) {
        return false;
    }
    memcpy(u->to + u->written, u->from.data + u->at, count);
    u->at += count;
    u->written += count;
    return true;
}

static bool take_byte(struct unpacking *u, size_t *ret_byte)
{
    if (u->at == u->from.size) {
        return false;
    }
    *ret_byte = (unsigned char)u->from.data[u->at++];
    return true;
}

/* The bytes may overlap those that they give: so a run is packed. */
static bool copy_match(struct unpacking *u, size_t head)
{
    size_t count = head >> 5;
    size_t more = 0;
    size_t low;

    if ((count == LONG_MATCH && !take_byte(u, &more)) || !take_byte(u, &low)) {
        return false;
    }

    size_t distance = ((head & 31) << 8 | low) + 1;

    count += more + 2;
    if (distance > u->written || count > u->size - u->written) {
        return false;
    }
    for (; count > 0; count--, u->written++) {
        u->to[u->written] = u->to[u->written - distance];
    }
    return true;
}

bool lzf_unpack(struct slice packed, char *to, size_t size)
{
    struct unpacking u = {.from = packed, .to = to, .size = size};
    size_t head;

    while (take_byte(&u, &head)) {
        if (!(head < LITERAL_MAX ? copy_literal(&u, head + 1) : copy_match(&u, head))) {
            return false;
        }
    }
    return u.written == size;
}
