/* fuzz_options.c - fuzz target: the command line of rakit-server, with a zero byte after each
 * word. A refusal names the word that was typed; accepted settings pass the check. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "server/options.h"

enum { WORDS_MAX = 40, TEXT_BYTES = 512 };

static void check_config(const struct server_config *c)
{
    CHECK(server_config_check(c) == NULL);
    CHECK(c->address.port != 0);
    CHECK(c->peer_port != 0);
    CHECK(c->address.host[0] != '\0');
    CHECK(!c->has_contact || (c->contact.port != 0 && c->contact.host[0] != '\0'));
    CHECK(c->data_dir != NULL && c->data_dir[0] != '\0');
    CHECK(c->clients_max > 0);
}

static void parse(int argc, char **argv)
{
    struct options *options = memory_take(sizeof *options);
    char text[TEXT_BYTES] = "";

    switch (options_parse(argc, argv, options, text, sizeof text)) {
    case OPTIONS_RUN:
        check_config(&options->config);
        break;
    case OPTIONS_REFUSED:
        CHECK(text[0] != '\0');
        CHECK(memchr(text, 0, sizeof text) != NULL);
        /* The program's name is not an option that anybody typed. */
        CHECK(strncmp(text, "there is no option rakit-server", 31) != 0);
        CHECK(strncmp(text, "rakit-server", 12) != 0);
        break;
    case OPTIONS_HELP:
    case OPTIONS_VERSION:
        break;
    }
    free(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[] = "rakit-server";
    char *argv[WORDS_MAX + 2] = {name};
    char *words = memory_take(size + 1);
    int argc = 1;

    if (size > 0) {
        memcpy(words, data, size);
    }
    words[size] = '\0';
    for (size_t at = 0; at < size && argc <= WORDS_MAX; at += strlen(words + at) + 1) {
        argv[argc++] = words + at;
    }
    parse(argc, argv);
    free(words);
    return 0;
}
