#include "server/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/human.h"
#include "base/memory.h"
#include "cluster/address.h"
#include "cluster/level.h"
#include "cluster/member_name.h"
#include "server/door_options.h"

#define MS 1000000ull

enum {
    PEER_PORT_DISTANCE = 10000,
    PORT_MAX = 65535,
    TIME_MS_MAX = 3600 * 1000,
    HOURS_MAX = 100 * 1000,
    CLIENTS_MAX = 1000 * 1000,
    MEMORY_MB_MAX = 1024 * 1024,
    DISK_BYTES_MIN = 16 * 1024 * 1024,
    MEMORY_PERCENT = 60, /* The rest is for buffers, the allocator, and the system. */
};

enum option_code {
    OPTION_DATA = 256,
    OPTION_PEER_PORT,
    OPTION_FEATURE_LEVEL,
    OPTION_ANNOUNCE,
    OPTION_ELECTION_TIMEOUT,
    OPTION_HEARTBEAT,
    OPTION_REQUEST_TIMEOUT,
    OPTION_MAX_CLIENTS,
    OPTION_IDLE_TIMEOUT,
    OPTION_MAXMEMORY,
    OPTION_MAXDISK,
    OPTION_FEED,
    OPTION_SNAPSHOT_LOG,
    OPTION_LOG_TAIL,
    OPTION_SNAPSHOT_RATE,
    OPTION_SCRUB_PERIOD,
    OPTION_MAX_OUTPUT_MEMORY,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_PROTECTED_MODE,
    OPTION_REQUIREPASS,
    OPTION_NEW_CLUSTER,
    OPTION_RECOVER,
    OPTION_RESTORE,
    OPTION_AT,
    OPTION_YES,
    OPTION_CLUSTER_KEY,
    OPTION_NAME,
    OPTION_LEARNER,
    OPTION_REPLACE,
    OPTION_CLUSTER_MODE,
    OPTION_FOLLOWER_ROLE,
    OPTION_SENTINEL_PORT,
    OPTION_SENTINEL_NAME,
    OPTION_CONFIG,
    OPTION_CHECK_CONFIG,
    OPTION_BIND,
    OPTION_PORT,
    OPTION_CONTACT,
    OPTION_HTTP,
    OPTION_TLS, /* Any of TLS_OPTIONS. */
};

static const struct option long_options[] = {
    {"data", required_argument, NULL, OPTION_DATA},
    {"peer-port", required_argument, NULL, OPTION_PEER_PORT},
    {"feature-level", required_argument, NULL, OPTION_FEATURE_LEVEL},
    {"announce", required_argument, NULL, OPTION_ANNOUNCE},
    {"election-timeout", required_argument, NULL, OPTION_ELECTION_TIMEOUT},
    {"heartbeat", required_argument, NULL, OPTION_HEARTBEAT},
    {"request-timeout", required_argument, NULL, OPTION_REQUEST_TIMEOUT},
    {"max-clients", required_argument, NULL, OPTION_MAX_CLIENTS},
    {"max-output-memory", required_argument, NULL, OPTION_MAX_OUTPUT_MEMORY},
    {"maxmemory", required_argument, NULL, OPTION_MAXMEMORY},
    {"maxdisk", required_argument, NULL, OPTION_MAXDISK},
    {"idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT},
    {"feed", required_argument, NULL, OPTION_FEED},
    {"snapshot-log", required_argument, NULL, OPTION_SNAPSHOT_LOG},
    {"log-tail", required_argument, NULL, OPTION_LOG_TAIL},
    {"snapshot-rate", required_argument, NULL, OPTION_SNAPSHOT_RATE},
    {"scrub-period", required_argument, NULL, OPTION_SCRUB_PERIOD},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"protected-mode", required_argument, NULL, OPTION_PROTECTED_MODE},
    {"requirepass", required_argument, NULL, OPTION_REQUIREPASS},
    {"new-cluster", no_argument, NULL, OPTION_NEW_CLUSTER},
    {"recover", no_argument, NULL, OPTION_RECOVER},
    {"restore", required_argument, NULL, OPTION_RESTORE},
    {"at", required_argument, NULL, OPTION_AT},
    {"yes", no_argument, NULL, OPTION_YES},
    {"cluster-key", required_argument, NULL, OPTION_CLUSTER_KEY},
    {"name", required_argument, NULL, OPTION_NAME},
    {"learner", no_argument, NULL, OPTION_LEARNER},
    {"replace", required_argument, NULL, OPTION_REPLACE},
    {"cluster-mode", required_argument, NULL, OPTION_CLUSTER_MODE},
    {"follower-role", required_argument, NULL, OPTION_FOLLOWER_ROLE},
    {"sentinel-port", required_argument, NULL, OPTION_SENTINEL_PORT},
    {"sentinel-name", required_argument, NULL, OPTION_SENTINEL_NAME},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
    {"bind", required_argument, NULL, OPTION_BIND},
    {"port", required_argument, NULL, OPTION_PORT},
    {"contact", required_argument, NULL, OPTION_CONTACT},
    {"http", required_argument, NULL, OPTION_HTTP},
    TLS_OPTIONS(OPTION_TLS),
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct parse {
    struct options *options;
    char *text;
    size_t text_size;
    bool has_peer_port;
    const char *name; /* Of the option that is being read. */
};

/* Returns OPTIONS_REFUSED, so that callers can return it. */
static enum options_result __attribute__((format(printf, 2, 3)))
refuse(const struct parse *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(p->text, p->text_size, format, arguments);
    va_end(arguments);
    return OPTIONS_REFUSED;
}

static bool read_number(const char *word, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    char *end = NULL;

    if (word[0] < '0' || word[0] > '9') {
        return false; /* strtoull would accept blanks and signs. */
    }
    errno = 0;

    unsigned long long value = strtoull(word, &end, 10);

    if (errno != 0 || *end != '\0' || value < min || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

static enum options_result read_ms(const struct parse *p, int code)
{
    struct server_config *c = &p->options->config;
    const char *name = code == OPTION_ELECTION_TIMEOUT ? "election-timeout"
                       : code == OPTION_HEARTBEAT      ? "heartbeat"
                                                       : "request-timeout";
    uint64_t *ns = code == OPTION_ELECTION_TIMEOUT ? &c->election_timeout_ns
                   : code == OPTION_HEARTBEAT      ? &c->heartbeat_interval_ns
                                                   : &c->request_timeout_ns;
    uint64_t ms = 0;

    if (!read_number(optarg, 1, TIME_MS_MAX, &ms)) {
        return refuse(p, "--%s takes milliseconds from 1 to %d, not '%s'", name, TIME_MS_MAX,
                      optarg);
    }
    *ns = ms * MS;
    return OPTIONS_RUN;
}

static enum options_result read_megabytes(const struct parse *p, const char *name, uint64_t min,
                                          uint64_t *ret_bytes)
{
    uint64_t value = 0;

    if (!read_number(optarg, min, MEMORY_MB_MAX, &value)) {
        return refuse(p, "--%s takes megabytes from %u to %d, not '%s'", name, (unsigned)min,
                      MEMORY_MB_MAX, optarg);
    }
    *ret_bytes = value * 1024 * 1024;
    return OPTIONS_RUN;
}

static enum options_result read_log_options(const struct parse *p, int code)
{
    struct options *o = p->options;

    if (code == OPTION_LOG_LEVEL) {
        if (!log_level_of(optarg, &o->log_level)) {
            return refuse(p, "--log-level takes debug, info, warn or error, not '%s'", optarg);
        }
        return OPTIONS_RUN;
    }
    o->has_log_format = strcmp(optarg, "auto") != 0;
    if (o->has_log_format && !log_format_of(optarg, &o->log_format)) {
        return refuse(p, "--log-format takes plain, logfmt or auto, not '%s'", optarg);
    }
    return OPTIONS_RUN;
}

static enum options_result read_client_options(const struct parse *p, int code)
{
    struct server_config *config = &p->options->config;
    uint64_t value = 0;

    switch (code) {
    case OPTION_MAX_CLIENTS:
        if (!read_number(optarg, 1, CLIENTS_MAX, &value)) {
            return refuse(p, "--max-clients takes a number from 1 to %d, not '%s'", CLIENTS_MAX,
                          optarg);
        }
        config->clients_max = (uint32_t)value;
        return OPTIONS_RUN;
    case OPTION_MAX_OUTPUT_MEMORY:
        return read_megabytes(p, "max-output-memory", 1, &config->output_memory_bytes);
    case OPTION_MAXMEMORY:
        if (!memory_size_read(slice_str(optarg), &p->options->maxmemory)) {
            return refuse(p,
                          "--maxmemory takes bytes, also as 100mb or 4gb, or a share of the "
                          "machine's memory from 1%% to 100%%, not '%s'",
                          optarg);
        }
        return OPTIONS_RUN;
    case OPTION_IDLE_TIMEOUT:
        if (!read_number(optarg, 0, TIME_MS_MAX, &value)) {
            return refuse(p, "--idle-timeout takes seconds from 0 (never) to %d, not '%s'",
                          TIME_MS_MAX, optarg);
        }
        config->client_idle_ns = value * 1000 * MS;
        return OPTIONS_RUN;
    case OPTION_REQUIREPASS:
        config->has_password = optarg[0] != '\0'; /* As in Redis, an empty one means none. */
        password_hash(slice_str(optarg), &config->password);
        return OPTIONS_RUN;
    default:
        CHECK(code == OPTION_PROTECTED_MODE);
        config->protected_mode = strcmp(optarg, "yes") == 0;
        if (!config->protected_mode && strcmp(optarg, "no") != 0) {
            return refuse(p, "--protected-mode takes yes or no, not '%s'", optarg);
        }
        return OPTIONS_RUN;
    }
}

static enum options_result read_disk_size(const struct parse *p)
{
    struct memory_size size;

    if (!memory_size_read(slice_str(optarg), &size) ||
        (size.percent == 0 && size.bytes > 0 && size.bytes < DISK_BYTES_MIN)) {
        return refuse(p,
                      "--maxdisk takes bytes, 16mb or more, also as 100gb, or a share of the file "
                      "system from 1%% to 100%%, not '%s'",
                      optarg);
    }
    p->options->maxdisk = size;
    return OPTIONS_RUN;
}

static enum options_result read_scrub_period(const struct parse *p)
{
    uint64_t hours = 0;

    if (!read_number(optarg, 0, HOURS_MAX, &hours)) {
        return refuse(p, "--scrub-period takes hours from 0 to %d, not '%s'", HOURS_MAX, optarg);
    }
    p->options->config.scrub_period_ns = hours * 3600 * 1000 * MS;
    return OPTIONS_RUN;
}

static enum options_result read_disk_options(const struct parse *p, int code)
{
    struct server_config *config = &p->options->config;

    switch (code) {
    case OPTION_FEED:
        return read_megabytes(p, "feed", 0, &config->feed_bytes);
    case OPTION_SNAPSHOT_LOG:
        return read_megabytes(p, "snapshot-log", 1, &config->snapshot_after_bytes);
    case OPTION_SNAPSHOT_RATE:
        return read_megabytes(p, "snapshot-rate", 0, &config->snapshot_rate_bytes);
    case OPTION_SCRUB_PERIOD:
        return read_scrub_period(p);
    case OPTION_LOG_TAIL:
        return read_megabytes(p, "log-tail", 0, &config->log_tail_bytes);
    default:
        CHECK(code == OPTION_MAXDISK);
        return read_disk_size(p);
    }
}

static enum options_result read_feature_level(const struct parse *p)
{
    uint64_t level = 0;

    if (!read_number(optarg, LEVEL_FIRST, LEVEL_NEWEST, &level)) {
        return refuse(p, "--feature-level takes a level from %d to %d, not '%s'", LEVEL_FIRST,
                      LEVEL_NEWEST, optarg);
    }
    p->options->config.feature_level = (uint32_t)level;
    return OPTIONS_RUN;
}

static enum options_result read_announce(const struct parse *p)
{
    struct server_config *config = &p->options->config;

    if (optarg[0] == '\0' || strlen(optarg) >= sizeof config->announce_host) {
        return refuse(p, "--announce takes a name or an address of 1 to %zu characters",
                      sizeof config->announce_host - 1);
    }
    snprintf(config->announce_host, sizeof config->announce_host, "%s", optarg);
    return OPTIONS_RUN;
}

static enum options_result read_name(const struct parse *p, const char *option, const char *what,
                                     const char **ret_name)
{
    if (optarg[0] == '\0') {
        return refuse(p, "--%s needs the name of a %s", option, what);
    }
    *ret_name = optarg;
    return OPTIONS_RUN;
}

static enum options_result read_join_options(const struct parse *p, int code)
{
    struct server_config *config = &p->options->config;

    switch (code) {
    case OPTION_NAME:
        if (member_name_fault(slice_str(optarg)) != NULL) {
            return refuse(p, "--name: %s", member_name_fault(slice_str(optarg)));
        }
        config->name = optarg;
        return OPTIONS_RUN;
    case OPTION_LEARNER:
        config->is_learner = true;
        return OPTIONS_RUN;
    default:
        CHECK(code == OPTION_REPLACE);
        if (optarg[0] == '\0') {
            return refuse(p, "--replace needs the name, the id or the address of a voter");
        }
        config->replaces = optarg;
        return OPTIONS_RUN;
    }
}

static enum options_result read_point(const struct parse *p)
{
    struct backup_point *point = &p->options->config.restore_point;

    *point = (struct backup_point){0};
    point->has_index = read_number(optarg, 1, INT64_MAX, &point->index);
    point->has_time = !point->has_index && human_read_utc(optarg, &point->time_us);
    return point->has_index || point->has_time
               ? OPTIONS_RUN
               : refuse(p,
                        "--at takes the index of an entry, or a time in UTC such as "
                        "2026-11-30T15:40:01Z, not '%s'",
                        optarg);
}

static enum options_result read_cluster_options(const struct parse *p, int code)
{
    struct server_config *config = &p->options->config;

    switch (code) {
    case OPTION_NEW_CLUSTER:
        config->is_new_cluster = true;
        return OPTIONS_RUN;
    case OPTION_RECOVER:
        p->options->is_recovery = true;
        return OPTIONS_RUN;
    case OPTION_RESTORE:
        return read_name(p, "restore", "backup", &config->restore_file);
    case OPTION_AT:
        return read_point(p);
    case OPTION_YES:
        p->options->is_agreed = true;
        return OPTIONS_RUN;
    default:
        CHECK(code == OPTION_CLUSTER_KEY);
        return read_name(p, "cluster-key", "file", &config->cluster_key_file);
    }
}

static enum options_result read_door_options(const struct parse *p, int code)
{
    struct server_config *config = &p->options->config;
    const char *fault = code == OPTION_CLUSTER_MODE    ? door_read_cluster_mode(config, optarg)
                        : code == OPTION_SENTINEL_PORT ? door_read_sentinel_port(config, optarg)
                        : code == OPTION_HTTP          ? door_read_http_port(config, optarg)
                        : code == OPTION_SENTINEL_NAME ? door_read_sentinel_name(config, optarg)
                        : code == OPTION_TLS ? tls_config_read(&config->tls, p->name, optarg)
                                             : door_read_follower_role(config, optarg);

    return fault == NULL ? OPTIONS_RUN : refuse(p, "%s, not '%s'", fault, optarg);
}

static enum options_result read_peer_port(struct parse *p)
{
    uint64_t value = 0;

    if (!read_number(optarg, 1, PORT_MAX, &value)) {
        return refuse(p, "--peer-port takes a port from 1 to 65535, not '%s'", optarg);
    }
    p->options->config.peer_port = (uint16_t)value;
    p->has_peer_port = true;
    return OPTIONS_RUN;
}

static enum options_result read_host(const struct parse *p, const char *what, const char *host,
                                     struct io_address *ret_address)
{
    if (host[0] == '\0' || strlen(host) >= sizeof ret_address->host) {
        return refuse(p, "the %shost must be a name or an address of 1 to %zu characters", what,
                      sizeof ret_address->host - 1);
    }
    address_set_host(ret_address, slice_str(host));
    return OPTIONS_RUN;
}

static enum options_result read_port(const struct parse *p, const char *what, const char *port,
                                     struct io_address *ret_address)
{
    uint64_t value = 0;

    if (!read_number(port, 1, PORT_MAX, &value)) {
        return refuse(p, "the %sport must be a number from 1 to 65535, not '%s'", what, port);
    }
    ret_address->port = (uint16_t)value;
    return OPTIONS_RUN;
}

static enum options_result read_address(const struct parse *p, const char *what, const char *host,
                                        const char *port, struct io_address *ret_address)
{
    enum options_result result = read_host(p, what, host, ret_address);

    return result == OPTIONS_RUN ? read_port(p, what, port, ret_address) : result;
}

static enum options_result read_contact(const struct parse *p)
{
    struct server_config *config = &p->options->config;
    char host[sizeof config->contact.host + 2] = ""; /* Brackets may be around it. */
    const char *colon = strrchr(optarg, ':');

    if (colon == NULL || (size_t)(colon - optarg) >= sizeof host) {
        return refuse(p, "--contact takes HOST:PORT, not '%s'", optarg);
    }
    memcpy(host, optarg, (size_t)(colon - optarg));
    config->has_contact = true;
    return read_address(p, "contact's ", host, colon + 1, &config->contact);
}

static enum options_result read_address_options(const struct parse *p, int code)
{
    struct io_address *address = &p->options->config.address;

    switch (code) {
    case OPTION_BIND:
        return read_host(p, "", optarg, address);
    case OPTION_PORT:
        return read_port(p, "", optarg, address);
    case OPTION_ANNOUNCE:
        return read_announce(p);
    default:
        CHECK(code == OPTION_CONTACT);
        return read_contact(p);
    }
}

static enum options_result refuse_unknown(const struct parse *p, const char *word)
{
    /* An unknown letter may be in the middle of a word: -xh. */
    if (optopt != 0 && optopt < OPTION_DATA && optopt != 'h' && optopt != 'v') {
        return refuse(p, "there is no option -%c; see --help", optopt);
    }
    return refuse(p, "there is no option %s; see --help", word);
}

static enum options_result read_option(struct parse *p, int code, const char *word)
{
    struct server_config *config = &p->options->config;

    switch (code) {
    case 'h':
        return OPTIONS_HELP;
    case 'v':
        return OPTIONS_VERSION;
    case OPTION_CONFIG: /* Read before: options_config_file(). */
    case OPTION_CHECK_CONFIG:
        p->options->is_check |= code == OPTION_CHECK_CONFIG;
        return OPTIONS_RUN;
    case OPTION_BIND:
    case OPTION_PORT:
    case OPTION_CONTACT:
    case OPTION_ANNOUNCE:
        return read_address_options(p, code);
    case OPTION_DATA:
        return read_name(p, "data", "directory", &config->data_dir);
    case OPTION_CLUSTER_KEY:
    case OPTION_NEW_CLUSTER:
    case OPTION_RECOVER:
    case OPTION_RESTORE:
    case OPTION_AT:
    case OPTION_YES:
        return read_cluster_options(p, code);
    case OPTION_NAME:
    case OPTION_LEARNER:
    case OPTION_REPLACE:
        return read_join_options(p, code);
    case OPTION_PEER_PORT:
        return read_peer_port(p);
    case OPTION_FEATURE_LEVEL:
        return read_feature_level(p);
    case OPTION_ELECTION_TIMEOUT:
    case OPTION_HEARTBEAT:
    case OPTION_REQUEST_TIMEOUT:
        return read_ms(p, code);
    case OPTION_MAX_CLIENTS:
    case OPTION_MAX_OUTPUT_MEMORY:
    case OPTION_MAXMEMORY:
    case OPTION_IDLE_TIMEOUT:
    case OPTION_PROTECTED_MODE:
    case OPTION_REQUIREPASS:
        return read_client_options(p, code);
    case OPTION_CLUSTER_MODE:
    case OPTION_FOLLOWER_ROLE:
    case OPTION_SENTINEL_PORT:
    case OPTION_SENTINEL_NAME:
    case OPTION_HTTP:
    case OPTION_TLS:
        return read_door_options(p, code);
    case OPTION_MAXDISK:
    case OPTION_FEED:
    case OPTION_SNAPSHOT_LOG:
    case OPTION_SNAPSHOT_RATE:
    case OPTION_SCRUB_PERIOD:
    case OPTION_LOG_TAIL:
        return read_disk_options(p, code);
    case OPTION_LOG_LEVEL:
    case OPTION_LOG_FORMAT:
        return read_log_options(p, code);
    case ':':
        return refuse(p, "%s needs a value; see --help", word);
    default:
        return refuse_unknown(p, word);
    }
}

/* The arguments are stronger than the options that say the same. */
static enum options_result read_positions(struct parse *p, int count, char **words)
{
    struct server_config *config = &p->options->config;
    enum options_result result = OPTIONS_RUN;

    if ((count != 0 || config->address.port == 0) && count != 2 && count != 4) {
        return refuse(p, "%s; usage: rakit-server [OPTIONS] HOST PORT [CONTACT_HOST CONTACT_PORT]",
                      count < 2    ? "a server needs a host and a port"
                      : count == 3 ? "a contact needs a host and a port"
                                   : "too many arguments");
    }
    if (count >= 2) {
        result = read_address(p, "", words[0], words[1], &config->address);
    } else if (config->address.host[0] == '\0') {
        address_set_host(&config->address, slice_str("localhost"));
    }
    if (result == OPTIONS_RUN && count == 4) {
        config->has_contact = true;
        result = read_address(p, "contact's ", words[2], words[3], &config->contact);
    } else if (p->options->is_recovery || config->restore_file != NULL) {
        config->has_contact = false; /* One in a file of settings is for another day. */
    }
    if (result == OPTIONS_RUN && options_fault(p->options) != NULL) {
        return refuse(p, "%s", options_fault(p->options));
    }
    return result;
}

static enum options_result fill_gaps(struct parse *p)
{
    struct options *o = p->options;
    struct server_config *config = &o->config;

    if (config->data_dir == NULL) {
        snprintf(o->data_dir, sizeof o->data_dir, "rakit-%u", config->address.port);
        config->data_dir = o->data_dir;
    }
    if (!p->has_peer_port) {
        if (config->address.port > PORT_MAX - PEER_PORT_DISTANCE) {
            return refuse(p,
                          "port %u + %d for peers is above %d: choose a port up to %d, or name the "
                          "one for peers with --peer-port",
                          config->address.port, PEER_PORT_DISTANCE, PORT_MAX,
                          PORT_MAX - PEER_PORT_DISTANCE);
        }
        config->peer_port = (uint16_t)(config->address.port + PEER_PORT_DISTANCE);
    }

    const char *fault = server_config_check(config);

    return fault == NULL ? OPTIONS_RUN : refuse(p, "%s", fault);
}

enum options_result options_parse(int argc, char **argv, struct options *ret_options, char *text,
                                  size_t text_size)
{
    struct parse p = {.options = ret_options, .text = text, .text_size = text_size};
    enum options_result result = OPTIONS_RUN;

    *ret_options =
        (struct options){.log_level = LOG_INFO, .maxmemory = {.percent = MEMORY_PERCENT}};
    server_config_defaults(&ret_options->config);
    optind = 0; /* Restarts the parser, even if another caller used it before; a GNU extension. */
    while (result == OPTIONS_RUN) {
        /* A leading ":" makes getopt_long() silent, and reports a missing value separately. */
        int index = 0;
        int code = getopt_long(argc, argv, ":hv", long_options, &index);

        if (code == -1) {
            break;
        }
        p.name = long_options[index].name;
        ret_options->refused_position = optind - 1;
        result = read_option(&p, code, argv[optind - 1]);
    }
    ret_options->refused_position *= result == OPTIONS_REFUSED;
    if (result == OPTIONS_RUN) {
        result = read_positions(&p, argc - optind, argv + optind);
    }
    return result == OPTIONS_RUN ? fill_gaps(&p) : result;
}

/* --- several sources --------------------------------------------------------------------- */

const char *options_config_file(char *const *argv)
{
    const char *file = NULL;
    int argc = 0;
    int code;

    while (argv[argc] != NULL) {
        argc++;
    }

    char **words = memory_copy(argv, ((size_t)argc + 1) * sizeof argv[0]); /* Is reordered. */

    optind = 0;
    while ((code = getopt_long(argc, words, ":hv", long_options, NULL)) != -1) {
        if (code == OPTION_CONFIG) {
            file = optarg;
        }
    }
    free(words);
    return file;
}

static const struct option *find_option(const char *name)
{
    for (const struct option *o = long_options; o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

bool options_is_known(const char *name)
{
    return find_option(name) != NULL;
}

bool options_takes_value(const char *name)
{
    return find_option(name)->has_arg == required_argument;
}
