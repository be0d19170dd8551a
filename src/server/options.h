/* options.h - the options of rakit-server. Refuses what makes no sense and says what to do
 * instead; has no side effects. */
#ifndef RAKIT_SERVER_OPTIONS_H
#define RAKIT_SERVER_OPTIONS_H

#include <stddef.h>

#include "base/log.h"
#include "server/config.h"
#include "server/log_sink.h"
#include "server/memory_size.h"
#include "server/option_sources.h"

struct options {
    struct server_config config; /* data_dir points to the next field or into argv. */
    char data_dir[16];           /* "rakit-65535". */
    enum log_level log_level;
    enum log_format log_format;
    struct memory_size maxmemory;
    struct memory_size maxdisk;
    bool has_log_format;  /* False: the format depends on where the log goes. */
    bool is_check;        /* Say whether the settings are right, and end. */
    bool is_recovery;     /* Recover what is in the directory, and end. */
    bool is_agreed;       /* Do not ask before that. */
    int refused_position; /* The word in argv that was refused; 0: none alone is wrong. */
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
/* The same for words from several sources; `text` begins with the place of the one that is
 * refused. */
enum options_result options_parse_sources(struct option_sources *sources,
                                          struct options *ret_options, char *text,
                                          size_t text_size);

/* The file that --config names, or NULL; borrowed from argv, which ends with NULL. */
const char *options_config_file(char *const *argv);
/* Whether there is an option of exactly this name, without the dashes ... */
bool options_is_known(const char *name);
/* ... that a file of settings or the environment may have, too ... */
bool options_is_setting(const char *name);
/* ... and whether it takes a value. */
bool options_takes_value(const char *name);

/* NULL, or a sentence about options that make no sense together. */
const char *options_fault(const struct options *o);
/* The help, in parts; NULL: there are no more. */
const char *options_help(uint32_t part);
const char *options_version(void);

#endif /* RAKIT_SERVER_OPTIONS_H */
