/* options.h - the command line of rakit-server. Refuses what makes no sense and says what to do
 * instead; has no side effects. */
#ifndef RAKIT_SERVER_OPTIONS_H
#define RAKIT_SERVER_OPTIONS_H

#include <stddef.h>

#include "base/log.h"
#include "server/config.h"
#include "server/log_sink.h"
#include "server/memory_size.h"

struct options {
    struct server_config config; /* data_dir points to the next field or into argv. */
    char data_dir[16];           /* "rakit-65535". */
    enum log_level log_level;
    enum log_format log_format;
    struct memory_size maxmemory;
    struct memory_size maxdisk;
    bool has_log_format; /* False: the format depends on where the log goes. */
    bool is_recovery;    /* Recover what is in the directory, and end. */
    bool is_agreed;      /* Do not ask before that. */
};

enum options_result {
    OPTIONS_RUN,     /* *ret_options is filled: start the server. */
    OPTIONS_HELP,    /* Print options_help() and exit. */
    OPTIONS_VERSION, /* Print options_version() and exit. */
    OPTIONS_REFUSED, /* `text` says what is wrong and what to do. */
};

/* Reorders argv as getopt_long() does. ret_options->config borrows strings from argv and from
 * *ret_options itself, so neither may move. */
enum options_result options_parse(int argc, char **argv, struct options *ret_options, char *text,
                                  size_t text_size);
/* The help, in parts; NULL: there are no more. */
const char *options_help(uint32_t part);
const char *options_version(void);

#endif /* RAKIT_SERVER_OPTIONS_H */
