#include "resp/decimal.h"

/* The pairs "00" to "99": each division yields two digits. */
static const char digit_pairs[] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

size_t decimal_write_unsigned(char *to, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    size_t at = sizeof digits;

    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, digit_pairs + value * 2, 2);
    } else {
        at--;
        digits[at] = (char)('0' + value);
    }
    memcpy(to, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

size_t decimal_write(char *to, int64_t value)
{
    if (value >= 0) {
        return decimal_write_unsigned(to, (uint64_t)value);
    }
    *to = '-';
    return 1 + decimal_write_unsigned(to + 1, 0 - (uint64_t)value);
}

bool decimal_read(struct slice text, int64_t *ret_value)
{
    size_t first = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t digit_count = text.size - first;
    uint64_t magnitude = 0;

    /* 19 digits without a sign always fit into 64 bits. */
    if (digit_count == 0 || digit_count > 19) {
        return false;
    }
    if (text.data[first] == '0' && text.size > 1) {
        return false;
    }
    for (size_t i = first; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';

        if (digit > 9) {
            return false;
        }
        magnitude = magnitude * 10 + digit;
    }
    if (magnitude > (uint64_t)INT64_MAX + first) {
        return false;
    }
    *ret_value = (int64_t)(first == 1 ? 0 - magnitude : magnitude);
    return true;
}
