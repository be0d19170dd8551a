#include "http/base64.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buffer *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = 0;
        char text[4];

        for (size_t j = 0; j < 3; j++) {
            group = group << 8 | (j < left ? (unsigned char)bytes.data[i + j] : 0);
        }
        for (size_t j = 0; j < 4; j++) {
            text[j] = j <= left ? letters[group >> (18 - 6 * j) & 63] : '=';
        }
        buffer_append(out, text, sizeof text);
    }
}

static int value_of(char letter)
{
    const char *place = letter == '\0' ? NULL : strchr(letters, letter);

    return place == NULL ? -1 : (int)(place - letters);
}

/* How many of the four letters are padding: of the last group only. */
static size_t padding_of(struct slice text)
{
    size_t count = 0;

    while (count < 2 && text.size > count && text.data[text.size - 1 - count] == '=') {
        count++;
    }
    return count;
}

bool base64_read(struct slice text, char *to, size_t *ret_size)
{
    size_t padding = padding_of(text);
    size_t size = 0;

    if (text.size % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.size; i += 4) {
        size_t missing = i + 4 == text.size ? padding : 0;
        uint32_t group = 0;

        for (size_t j = 0; j < 4; j++) {
            int value = j < 4 - missing ? value_of(text.data[i + j]) : 0;

            if (value < 0) {
                return false;
            }
            group = group << 6 | (uint32_t)value;
        }
        for (size_t j = 0; j < 3 - missing; j++) {
            to[size++] = (char)(group >> (16 - 8 * j) & 255);
        }
    }
    *ret_size = size;
    return true;
}
