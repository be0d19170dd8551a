/* fuzz_resp.c - libFuzzer target: any bytes, split anywhere. The parser's results must not
 * depend on the splits, and it must stay within its input. */
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/prng.h"
#include "fuzz_input.h"
#include "parse_trace.h"

static size_t all_at_once(void *context)
{
    (void)context;
    return SIZE_MAX;
}

static size_t random_piece(void *context)
{
    return (size_t)prng_between(context, 1, 30);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resp_limits limits = {.arguments_max = 100,
                                 .bulk_bytes_max = 1000,
                                 .request_bytes_max = 3000,
                                 .inline_bytes_max = 300};
    struct prng prng = {size > 0 ? data[0] : 0};
    struct slice stream = slice_of(data, size);
    struct buffer whole = {0};
    struct buffer pieces = {0};

    parse_stream(&limits, stream, all_at_once, NULL, &whole);
    parse_stream(&limits, stream, random_piece, &prng, &pieces);
    CHECK(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
    buffer_deinit(&whole);
    buffer_deinit(&pieces);
    return 0;
}
