/* replay.c - runs a fuzz target over its kept corpus as an ordinary test, without libFuzzer:
 * each input, each prefix of it, and some variants with flipped bits. It does the same each
 * time. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"

enum { INPUT_BYTES_MAX = 1024 * 1024, BEGINNINGS = 48, FLIPS = 48, PATH_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs a copy of exactly these bytes, so that a read beyond them is noticed. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = memory_copy(data, size);

    CHECK(LLVMFuzzerTestOneInput(copy, size) == 0);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
    struct prng prng = {.state = size};

    run_copy(data, size);
    for (uint32_t i = 0; i < BEGINNINGS && size > 0; i++) {
        run_copy(data, (size_t)prng_below(&prng, size));
    }
    for (uint32_t i = 0; i < FLIPS && size > 0; i++) {
        uint64_t bit = prng_below(&prng, size * 8);

        data[bit / 8] = (uint8_t)(data[bit / 8] ^ (1u << bit % 8));
        run_copy(data, size);
        data[bit / 8] = (uint8_t)(data[bit / 8] ^ (1u << bit % 8));
    }
}

static void run_file(const char *path)
{
    uint8_t *data = memory_take(INPUT_BYTES_MAX);
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    printf("%s\n", path);
    fflush(stdout); /* So that the last line names the input that failed. */
    run_variants(data, fread(data, 1, INPUT_BYTES_MAX, file));
    fclose(file);
    free(data);
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    int count = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;
    int ran = 0;

    if (count < 0) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];

        snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            run_file(path);
            ran++;
        }
        free(names[i]);
    }
    free(names);
    CHECK(ran > 0);
    return 0;
}
