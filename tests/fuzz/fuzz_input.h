/* fuzz_input.h - takes numbers and pieces off the front of a fuzzer's input. When the input runs
 * out, they are zeros and empty pieces. */
#ifndef RAKIT_TESTS_FUZZ_FUZZ_INPUT_H
#define RAKIT_TESTS_FUZZ_FUZZ_INPUT_H

#include <stdint.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct slice fuzz_bytes(struct slice *input, size_t size)
{
    size_t count = size < input->size ? size : input->size;
    struct slice piece = slice_of(input->data, count);

    *input = slice_of(input->data + count, input->size - count);
    return piece;
}

/* Little-endian, of `size` bytes. */
static inline uint64_t fuzz_number(struct slice *input, size_t size)
{
    struct slice piece = fuzz_bytes(input, size);
    uint64_t value = 0;

    for (size_t i = 0; i < piece.size; i++) {
        value |= (uint64_t)(unsigned char)piece.data[i] << (8 * i);
    }
    return value;
}

/* A piece preceded by its length in two bytes. */
static inline struct slice fuzz_piece(struct slice *input)
{
    return fuzz_bytes(input, (size_t)fuzz_number(input, 2));
}

#endif /* RAKIT_TESTS_FUZZ_FUZZ_INPUT_H */
