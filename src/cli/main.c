/* main.c: the options of rakit-cli, and the choice between its three modes: one command,
 * commands from a stream, interactive. */
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/backup.h"
#include "cli/client.h"
#include "cli/pipe.h"
#include "cli/repl.h"
#include "cli/session.h"
#include "io/io_uv.h"

enum { EXIT_WRONG_USE = 2, DEFAULT_TIMEOUT_MS = 5000 };

static const char usage_text[] =
    "Usage: rakit-cli [OPTIONS] [HOST PORT [COMMAND [ARGUMENT ...]]]\n"
    "       rakit-cli verify FILE\n"
    "\n"
    "A client of a Rakit cluster. HOST and PORT are those of any member; without\n"
    "them 127.0.0.1 8000. With a COMMAND it runs that and ends; at a terminal it\n"
    "is interactive; otherwise it reads commands from its input, one per line.\n"
    "\n"
    "Options:\n"
    "  -n, --database N   work in database N (default 0)\n"
    "  --timeout SECONDS  how long to wait for a connection, a reply, or a leader\n"
    "                     (default 5; 0: for ever)\n"
    "  --user NAME        log in as that user (default: the user default)\n"
    "  --pass PASSWORD    with that password; better in RAKIT_PASSWORD, as others on the\n"
    "                     machine can see the command line\n"
    "  --no-color         no colours (also: NO_COLOR in the environment)\n"
    "  --tls              speak TLS; each of the following implies it\n"
    "  --cacert FILE      who may have issued the certificate of a server (default: whom\n"
    "                     this machine believes)\n"
    "  --cert FILE, --key FILE\n"
    "                     the client's certificate and its key\n"
    "  --sni NAME         the name that the server must have, if not HOST\n"
    "  --insecure         believe any server\n"
    "  --help             show this and end\n"
    "  --version          show the version and end\n"
    "\n"
    "Commands of the client itself: status [--json], top [seconds],\n"
    "request_log [from [count]] [stages], slow, changes PREFIX [id] (as the COMMAND\n"
    "also: watch), backup FILE, verify FILE, help [command | group], clear, quit,\n"
    "exit. All others go to the server. Verify needs no server.\n"
    "\n"
    "Exit code: 0 success; 1 an error was answered; 2 could not connect, or wrong use.\n";

struct options {
    const char *host;
    const char *port;
    int command_count;
    char **command;
    uint64_t timeout_ms;
    uint32_t database;
    bool want_colour;
    struct tls_settings tls;
    char *user;           /* NULL: the default one. */
    char *password;       /* NULL: none. */
    const char *verified; /* The file to verify, without a server; or NULL. */
    bool done;            /* Help or version was printed. */
};

static int wrong_use(const char *format, const char *what)
{
    fputs("rakit-cli: ", stderr);
    fprintf(stderr, format, what);
    fputs("\nTry: rakit-cli --help\n", stderr);
    return -1;
}

static int read_timeout(const char *text, uint64_t *ret_timeout_ms)
{
    char *end = NULL;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0) || seconds > 86400) {
        return wrong_use("not a time in seconds (0 to 86400): %s", text);
    }
    /* Rounded up, because only 0 means no limit. */
    *ret_timeout_ms = (uint64_t)(seconds * 1000 + 0.999);
    return 0;
}

static void read_tls_option(struct tls_settings *tls, int option)
{
    tls->is_on = true;
    switch (option) {
    case 'A':
        tls->files.authorities = optarg;
        break;
    case 'C':
        tls->files.certificate = optarg;
        break;
    case 'K':
        tls->files.key = optarg;
        break;
    case 'S':
        tls->name = optarg;
        break;
    case 'I':
        tls->believes_anybody = true;
        break;
    default:
        break;
    }
}

/* Reads options up to the first word that is not one; sets `*position` to that. */
static int read_options(struct options *o, int argument_count, char **arguments, int *position)
{
    static const struct option known[] = {
        {"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'v'},
        {"no-color", no_argument, NULL, 'c'},      {"database", required_argument, NULL, 'n'},
        {"timeout", required_argument, NULL, 't'}, {"tls", no_argument, NULL, 'T'},
        {"cacert", required_argument, NULL, 'A'},  {"cert", required_argument, NULL, 'C'},
        {"key", required_argument, NULL, 'K'},     {"sni", required_argument, NULL, 'S'},
        {"insecure", no_argument, NULL, 'I'},      {"user", required_argument, NULL, 'u'},
        {"pass", required_argument, NULL, 'p'},    {NULL, 0, NULL, 0},
    };

    optind = *position;
    opterr = 0;
    for (int c; (c = getopt_long(argument_count, arguments, "+:hn:", known, NULL)) != -1;) {
        switch (c) {
        case 'h':
            fputs(usage_text, stdout);
            o->done = true;
            return 0;
        case 'v':
            puts("rakit-cli " RAKIT_VERSION);
            o->done = true;
            return 0;
        case 'c':
            o->want_colour = false;
            break;
        case 'n':
            if (!client_read_database(slice_str(optarg), &o->database)) {
                return wrong_use("not the number of a database: %s", optarg);
            }
            break;
        case 't':
            if (read_timeout(optarg, &o->timeout_ms) < 0) {
                return -1;
            }
            break;
        case 'u':
            o->user = optarg;
            break;
        case 'p':
            o->password = optarg;
            break;
        case 'T':
        case 'A':
        case 'C':
        case 'K':
        case 'S':
        case 'I':
            read_tls_option(&o->tls, c);
            break;
        case ':':
            return wrong_use("a value is missing: %s", arguments[optind - 1]);
        default:
            return wrong_use("unknown option: %s", arguments[optind - 1]);
        }
    }
    *position = optind;
    return 0;
}

static bool is_port(const char *text)
{
    char *end = NULL;
    long port = strtol(text, &end, 10);

    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && port <= 65535;
}

/* Options may be before the address or after it, but not after the command: what follows there
 * belongs to the command. */
static int read_arguments(struct options *o, int argument_count, char **arguments)
{
    int position = 1;

    *o = (struct options){
        .host = "127.0.0.1",
        .port = "8000",
        .timeout_ms = DEFAULT_TIMEOUT_MS,
        .want_colour = true,
        .password = getenv("RAKIT_PASSWORD"),
    };
    if (read_options(o, argument_count, arguments, &position) < 0) {
        return -1;
    }
    if (o->done || position == argument_count) {
        return 0;
    }
    if (position + 2 == argument_count && strcmp(arguments[position], "verify") == 0) {
        o->verified = arguments[position + 1];
        return 0;
    }
    if (position + 1 == argument_count) {
        return wrong_use("HOST and PORT come together; only one was given: %s",
                         arguments[position]);
    }
    o->host = arguments[position];
    o->port = arguments[position + 1];
    if (!is_port(o->port)) {
        return wrong_use("not a port (1 to 65535): %s", o->port);
    }
    if (o->host[0] == '\0' || strcmp(o->host, "[]") == 0 ||
        strlen(o->host) >= sizeof((struct client_address *)0)->host) {
        return wrong_use("not a host: %s", o->host);
    }
    position += 2;
    if (read_options(o, argument_count, arguments, &position) < 0) {
        return -1;
    }
    o->command = arguments + position;
    o->command_count = argument_count - position;
    return 0;
}

/* If the environment sets no locale, UTF-8 is assumed, as terminals use it. */
static void choose_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        const char *chosen = getenv("LC_ALL") != NULL ? getenv("LC_ALL") : getenv("LC_CTYPE");

        if (chosen == NULL && getenv("LANG") == NULL) {
            setlocale(LC_CTYPE, "C.UTF-8");
        }
    }
}

static enum session_outcome run_once(struct session *s, const struct options *o)
{
    struct words command;

    words_from_arguments(o->command_count, o->command, &command);

    enum session_outcome outcome = session_run(s, &command);

    words_deinit(&command);
    return outcome;
}

static enum session_outcome run(const struct options *o, struct io *io)
{
    struct style style = style_detect(o->want_colour);
    bool once = o->command_count > 0;
    bool interactive = !once && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    struct client client;
    struct session session;
    enum session_outcome outcome;
    char text[512] = "";
    struct tls_client *tls = o->tls.is_on ? tls_client_new(io, &o->tls, text, sizeof text) : NULL;

    if (o->tls.is_on && tls == NULL) {
        fprintf(stderr, "rakit-cli: %s\n", text);
        return SESSION_UNREACHABLE;
    }
    client_init(&client, o->host, o->port, (struct patience){.timeout_ms = o->timeout_ms});
    client.connection.tls = tls;
    client.database = o->database;
    client.gives_notice = isatty(STDERR_FILENO) == 1;
    client_use_login(&client, o->user, o->password);
    if (client_connect(&client) < 0) {
        fprintf(stderr, "%s\n", client.error);
        client_deinit(&client);
        tls_client_free(tls);
        return SESSION_UNREACHABLE;
    }
    session_init(&session, &client, style, interactive);
    session.io = io;
    outcome = once          ? run_once(&session, o)
              : interactive ? repl_run(&session)
                            : pipe_run(&session, stdin);
    session_deinit(&session);
    client_deinit(&client);
    tls_client_free(tls);
    return outcome;
}

int main(int argc, char **argv)
{
    struct options options;
    enum session_outcome outcome = SESSION_DONE;

    if (read_arguments(&options, argc, argv) < 0) {
        return EXIT_WRONG_USE;
    }
    if (!options.done) {
        struct io *io = io_uv_new();

        (void)signal(SIGPIPE, SIG_DFL); /* As before: the reader of the output may end early. */
        choose_locale();
        outcome =
            options.verified != NULL ? backup_verify_file(io, options.verified) : run(&options, io);
        io_uv_free(io);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("rakit-cli: output");
        return SESSION_FAILED;
    }
    return (int)outcome;
}
