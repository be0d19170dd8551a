/* main.c - rakit-server as a process: command line, log, signals, system limits. server.h is the
 * same in the simulator; only this file and the io backend know the real system. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "http/http.h"
#include "io/io_uv.h"
#include "kv/kv.h"
#include "replica/replica.h"
#include "server/log_sink.h"
#include "server/machine.h"
#include "server/machine_memory.h"
#include "server/option_sources.h"
#include "server/options.h"
#include "server/recover.h"
#include "server/server.h"
#include "server/service.h"
#include "server/settings.h"

enum {
    EXIT_CALLED_WRONGLY = 2,
    /* Segments, peers, name lookups, libuv's own, clients in reserve or being refused. */
    OTHER_FILES = 208,
    REPORT_NS = 1000 * 1000 * 1000,
    LOADING_US = 30 * 1000 * 1000,
};

/* What the process was called with. */
struct arguments {
    char *const *argv;
    struct option_sources first;  /* The server borrows strings from it, for its lifetime. */
    struct option_sources latest; /* Since the last SIGHUP; empty: there was none. */
    struct options options;
};

static enum options_result read_options(struct option_sources *sources, char *const *argv,
                                        struct options *ret_options, char *text, size_t text_size)
{
    return option_sources_read(sources, argv, environ, text, text_size)
               ? options_parse_sources(sources, ret_options, text, text_size)
               : OPTIONS_REFUSED;
}

/* --- the log on standard error ------------------------------------------------------------ */

static uint64_t wall_ns(void *context)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A pipe that nobody reads must not block the node, so its lines are dropped. */
static void write_line(void *context, const char *line, size_t size)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
        ssize_t written = write(STDERR_FILENO, line, size);

        (void)written; /* An error can't be reported anywhere. */
    }
}

static struct log_sink make_sink(const struct options *options)
{
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    const char *no_colour = getenv("NO_COLOR");
    struct log_sink sink = {
        .format = is_terminal ? LOG_PLAIN : LOG_LOGFMT,
        .has_colours = is_terminal && (no_colour == NULL || no_colour[0] == '\0'),
        .wall_ns = wall_ns,
        .write_line = write_line,
    };

    if (options->has_log_format) {
        sink.format = options->log_format;
    }
    return sink;
}

/* --- the process ------------------------------------------------------------------------ */

struct process {
    struct io *io;
    struct server *server;
    struct door *http; /* NULL: HTTP was not asked for. */
    struct log *log;
    struct arguments *arguments;
    struct service service;
    struct io_timer report_timer;
    int exit_status;
};

static void on_stopped(struct server *server, int exit_status)
{
    struct process *p = server->context;

    p->exit_status = exit_status;
    io_uv_stop(p->io);
}

static void on_signal(void *context, int signal_number)
{
    struct process *p = context;

    if (p->server == NULL || p->server->is_stopping) {
        log_write(p->log, LOG_WARN, "ending at once", "signal=%d", signal_number);
        /* On the second signal: the sender does not want to wait any longer. */
        _exit(EXIT_FAILURE);
    }
    log_write(p->log, LOG_DEBUG, "received a signal to end", "signal=%d", signal_number);
    service_report(&p->service, "STOPPING=1\nSTATUS=Handing over");
    server_stop(p->server);
}

/* While the data directory is opened and judged, the loop does not run, and no other node knows
 * this one yet. A start's changes on the disk may be interrupted anywhere, so ending at once is
 * safe. */
static void end_at_once(int signal_number)
{
    _exit(EXIT_SUCCESS);
}

/* --- the service manager ------------------------------------------------------------------ */

static void report_running(struct server *server)
{
    struct process *p = server->context;
    const struct server_config *config = &server->config;

    service_report(&p->service, "READY=1\nSTATUS=Serves clients at %s port %u",
                   config->address.host, config->address.port);
}

/* The loop turns, so the node is alive. While it loads, it asks for more time. */
static void on_report(struct io_timer *timer)
{
    struct process *p = container_of(timer, struct process, report_timer);
    uint64_t interval_ns = REPORT_NS;
    struct replica_progress progress;

    if (p->service.watchdog_ns > 0 && p->service.watchdog_ns / 2 < interval_ns) {
        interval_ns = p->service.watchdog_ns / 2;
    }
    service_report(&p->service, "WATCHDOG=1");
    if (replica_is_loading(p->server->replica, &progress)) {
        service_report(&p->service, "STATUS=Loading: %u %%\nEXTEND_TIMEOUT_USEC=%d",
                       progress.percent, LOADING_US);
    }
    io_timer_start(p->io, timer, io_now_ns(p->io) + interval_ns);
}

static void begin_reports(struct process *p)
{
    p->server->runs = report_running;
    if (!p->server->is_loading) {
        report_running(p->server);
    }
    if (p->service.socket >= 0) {
        p->report_timer.fired = on_report;
        on_report(&p->report_timer);
    }
}

/* --- SIGHUP ----------------------------------------------------------------------------- */

struct reload {
    struct process *process;
    const struct options *options;
    struct changeable_settings settings;
};

/* Takes over one that the file gives another value than before. What CONFIG SET has changed since
 * then stays otherwise. */
static void take_over(void *context, const char *name)
{
    struct reload *r = context;
    const struct server_config *now = &r->process->server->config;
    const struct options *o = r->options;

    if (strcmp(name, "maxmemory") == 0) {
        r->settings.memory_bytes_max = memory_size_bytes(&o->maxmemory, now->machine_memory_bytes);
    } else if (strcmp(name, "maxdisk") == 0) {
        r->settings.disk_bytes_max = memory_size_bytes(&o->maxdisk, now->machine_disk_bytes);
    } else if (strcmp(name, "idle-timeout") == 0) {
        r->settings.client_idle_ns = o->config.client_idle_ns;
    } else if (strcmp(name, "max-clients") == 0 &&
               o->config.clients_max <= now->clients_max_possible) {
        r->settings.clients_max = o->config.clients_max;
    } else if (strcmp(name, "log-level") == 0) {
        r->process->log->level = o->log_level;
    } else {
        log_write(r->process->log, LOG_WARN, "a setting takes effect at the next start",
                  "setting=%s", name);
    }
}

/* SIGHUP, which also comes if a terminal is closed, reads the settings again. It never ends the
 * node. */
static void on_hangup(void *context, int signal_number)
{
    struct process *p = context;
    struct arguments *a = p->arguments;
    struct option_sources *before = a->latest.argv == NULL ? &a->first : &a->latest;
    struct option_sources fresh;
    struct options options;
    char text[1024] = "";
    struct reload r = {.process = p, .options = &options};

    if (p->server == NULL || p->server->is_stopping) {
        return;
    }
    if (read_options(&fresh, a->argv, &options, text, sizeof text) != OPTIONS_RUN) {
        log_write(p->log, LOG_WARN, "SIGHUP: the settings are wrong, and stay as they were",
                  "reason=" LOG_Q, text);
        option_sources_deinit(&fresh);
        return;
    }
    log_write(p->log, LOG_INFO, "SIGHUP: the settings were read again", "file=" LOG_Q,
              fresh.file == NULL ? "" : fresh.file);

    struct settings_target target = server_settings(p->server);

    settings_get(&target, &r.settings);
    option_sources_compare(before, &fresh, take_over, &r);
    settings_set(&target, &r.settings);
    option_sources_deinit(&a->latest);
    a->latest = fresh;
}

/* Each client needs a descriptor. Asks the system for enough, and lowers the limit on clients if
 * it grants fewer. */
static void provide_files(struct server_config *config, const struct log *log)
{
    struct rlimit limit;
    rlim_t doors = config->sentinel_port == 0 ? 1 : 2; /* Each has so many clients. */
    rlim_t others = OTHER_FILES + (config->http_port == 0 ? 0 : HTTP_FILES);
    rlim_t wanted = doors * config->clients_max + others;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    rlim_t granted =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;

    limit.rlim_cur = granted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || granted >= wanted) {
        return;
    }
    /* Clients must never use the descriptors that log and peers need. */
    config->clients_max = granted > others + doors ? (uint32_t)((granted - others) / doors) : 1;
    log_write(log, LOG_WARN, "fewer clients: the system grants too few open files",
              "clients_max=%u files=%llu", config->clients_max, (unsigned long long)granted);
}

static void provide_memory(struct options *options, const struct log *log)
{
    struct server_config *config = &options->config;

    config->machine_memory_bytes = machine_memory_bytes();
    config->memory_bytes_max = memory_size_bytes(&options->maxmemory, config->machine_memory_bytes);
    log_write(log, LOG_INFO, "memory", "maxmemory=%llu machine=%llu",
              (unsigned long long)config->memory_bytes_max,
              (unsigned long long)config->machine_memory_bytes);
}

static void provide_disk(struct options *options, const struct log *log)
{
    struct server_config *config = &options->config;

    config->machine_disk_bytes = machine_disk_bytes(config->data_dir);
    config->disk_bytes_max = memory_size_bytes(&options->maxdisk, config->machine_disk_bytes);
    if (config->disk_bytes_max > 0) {
        log_write(log, LOG_INFO, "disk", "maxdisk=%llu file_system=%llu",
                  (unsigned long long)config->disk_bytes_max,
                  (unsigned long long)config->machine_disk_bytes);
    }
}

/* --- the HTTP door ------------------------------------------------------------------------ */

static int connect_to_node(void *context, const struct sockaddr *peer)
{
    return io_uv_connect_inside(context, peer);
}

/* Before the node starts, so that it has changed nothing if the port is taken. */
static bool open_http(struct process *p, const struct server_config *config, char *text,
                      size_t text_size)
{
    struct http_options options = {
        .host = config->address.host,
        .port = config->http_port,
        .announced = config->announce_host,
        .tls = tls_config_of_http(config) ? &config->tls.files : NULL,
        .trust = config->tls.clients,
        .io = p->io,
        .connect = connect_to_node,
        .context = p->io,
    };

    if (config->http_port == 0) {
        return true;
    }
    p->http = http_open(&options, text, text_size);
    return p->http != NULL;
}

static void start_http(struct process *p, const struct server_config *config)
{
    if (p->http == NULL) {
        return;
    }
    io_uv_open_inside(p->io, doors_listener(&p->server->doors));
    if (http_start(p->http)) {
        log_write(p->log, LOG_INFO, "the HTTP door is open", "http=%s:%u", config->address.host,
                  (unsigned)config->http_port);
    } else {
        log_write(p->log, LOG_ERROR, "the HTTP door stays closed: the system has no thread for it",
                  "%s", "");
    }
}

static void close_http(struct process *p)
{
    if (p->http != NULL) {
        http_close(p->http);
    }
}

static int serve(struct arguments *arguments)
{
    struct options *options = &arguments->options;
    struct log_sink sink = make_sink(options);
    struct log log = {.level = options->log_level, .sink = log_sink_write, .context = &sink};
    struct process p = {.io = io_uv_new(), .log = &log, .arguments = arguments};
    char text[1024] = "";

    if (!options->config.is_new_cluster &&
        !machine_may_begin(options->config.data_dir,
                           options->config.has_contact || options->config.restore_file != NULL,
                           text, sizeof text)) {
        log_write(&log, LOG_ERROR, "could not start", "reason=" LOG_Q, text);
        io_uv_free(p.io);
        return EXIT_FAILURE;
    }

    bool has_dir = access(options->config.data_dir, F_OK) == 0;

    service_open(&p.service);
    provide_files(&options->config, &log);
    provide_memory(options, &log);
    provide_disk(options, &log);
    io_uv_on_signal(p.io, SIGHUP, on_hangup, &p);
    (void)signal(SIGTERM, end_at_once);
    (void)signal(SIGINT, end_at_once);
    if (open_http(&p, &options->config, text, sizeof text)) {
        p.server =
            server_start(p.io, &options->config, &log, NULL, on_stopped, &p, text, sizeof text);
    }
    if (p.server == NULL) {
        log_write(&log, LOG_ERROR, "could not start", "reason=" LOG_Q, text);
        p.exit_status = EXIT_FAILURE;
        io_uv_free(p.io);
    } else {
        io_uv_on_signal(p.io, SIGTERM, on_signal, &p);
        io_uv_on_signal(p.io, SIGINT, on_signal, &p);
        begin_reports(&p);
        machine_check(&options->config, &log);
        start_http(&p, &options->config);
        io_uv_run(p.io);
        close_http(&p);
    }
    if (!has_dir) {
        /* Succeeds only if the start failed and left it empty: store_discard(). */
        rmdir(options->config.data_dir);
    }
    /* Everything important is durable, and all answers are sent. Freeing millions of keys one by
     * one, or waiting for a name server, would only delay the end. */
    fflush(NULL);
    _exit(p.exit_status);
}

/* --- recovery --------------------------------------------------------------------------- */

static bool is_confirmed(const struct options *options)
{
    char answer[16] = "";

    if (options->is_agreed) {
        return true;
    }
    if (isatty(STDIN_FILENO) != 1) {
        fputs("\nNothing was changed: there is no terminal to ask at. Read the above, then add "
              "--yes.\n",
              stdout);
        return false;
    }
    fputs("\nType yes to go on: ", stdout);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0) {
        fputs("Nothing was changed, except that damaged files may have been kept aside.\n", stdout);
        return false;
    }
    return true;
}

static void show_recovery(const struct recover *r)
{
    struct buffer out = {0};

    recover_describe(r, &out);
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    buffer_deinit(&out);
}

static bool recover_with(struct recover *r, const struct options *options, char *text,
                         size_t text_size)
{
    show_recovery(r);
    if (!is_confirmed(options) || !recover_execute(r, text, text_size)) {
        return false;
    }
    fputs("Done: start this node as before, without --recover.\n", stdout);
    return true;
}

static int recover(const struct options *options)
{
    struct log_sink sink = make_sink(options);
    struct log log = {.level = options->log_level, .sink = log_sink_write, .context = &sink};
    struct recover_options recovery = {
        .io = io_uv_new(),
        .log = &log,
        .data_dir = options->config.data_dir,
        .segment_bytes = options->config.segment_bytes,
        .announced = server_config_announced(&options->config),
        .peer_port = options->config.peer_port,
    };
    char text[1024] = "";
    struct recover *r = recover_open(&recovery, text, sizeof text);
    bool is_done = r != NULL && recover_with(r, options, text, sizeof text);

    if (text[0] != '\0') {
        fprintf(stderr, "rakit-server: %s\n", text);
    }
    if (r != NULL) {
        recover_close(r);
    }
    io_uv_free(recovery.io);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --check-config */
static int show_settings(const struct options *options)
{
    const struct server_config *config = &options->config;

    printf("The settings are right: a node at %s:%u, with its data in %s.\n", config->address.host,
           config->address.port, config->data_dir);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct arguments arguments; /* Strings in it are borrowed until the process ends. */
    char text[1024];

    (void)argc;
    arguments.argv = argv;
    switch (read_options(&arguments.first, argv, &arguments.options, text, sizeof text)) {
    case OPTIONS_HELP:
        for (uint32_t part = 0; options_help(part) != NULL; part++) {
            fputs(options_help(part), stdout);
        }
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        fputs(options_version(), stdout);
        return EXIT_SUCCESS;
    case OPTIONS_REFUSED:
        fprintf(stderr, "rakit-server: %s\n", text);
        return EXIT_CALLED_WRONGLY;
    case OPTIONS_RUN:
        break;
    }
    if (arguments.options.is_check) {
        return show_settings(&arguments.options);
    }
    kv_prepare_heap();
    return arguments.options.is_recovery ? recover(&arguments.options) : serve(&arguments);
}
