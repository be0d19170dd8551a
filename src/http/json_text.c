/* json_text.c - strings of JSON. */
#include "http/base64.h"
#include "http/json.h"

/* The size of the character that `text` begins with, and its number; 0: that is no UTF-8. */
static size_t character(struct slice text, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = size <= 1 ? first : first & (0x7fu >> size);

    if (size == 0 || first > 0xf4 || size > text.size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (c & 0x3fu);
    }
    *ret_code = code;
    return code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : size;
}

bool json_is_text(struct slice bytes)
{
    uint32_t code;

    for (size_t at = 0; at < bytes.size;) {
        size_t size = character(slice_of(bytes.data + at, bytes.size - at), &code);

        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

/* What XML can't have, even escaped, is escaped here: controls, and U+FFFE and U+FFFF. */
void json_put_text(struct buffer *out, struct slice text)
{
    buffer_append(out, "\"", 1);
    for (size_t at = 0; at < text.size;) {
        uint32_t code = 0;
        size_t size = character(slice_of(text.data + at, text.size - at), &code);

        if (code == '"' || code == '\\') {
            buffer_printf(out, "\\%c", (char)code);
        } else if (code < ' ' || code == 0x7f || code == 0xfffe || code == 0xffff) {
            buffer_printf(out, "\\u%04x", (unsigned)code);
        } else {
            buffer_append(out, text.data + at, size);
        }
        at += size == 0 ? 1 : size;
    }
    buffer_append(out, "\"", 1);
}

void json_put_bytes(struct buffer *out, struct slice bytes)
{
    if (json_is_text(bytes)) {
        json_put_text(out, bytes);
        return;
    }
    buffer_printf(out, "{\"base64\":\"");
    base64_append(out, bytes);
    buffer_printf(out, "\"}");
}
