/* main.c - rakit-log as a process. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "inspect/in_use.h"
#include "inspect/inspect.h"
#include "io/io_uv.h"

enum { TEXT_BYTES = 8192 };

static size_t terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int run(struct inspect_options *options)
{
    struct style style = style_detect(options->wants_colour);
    struct output out = {.file = stdout};
    char text[TEXT_BYTES] = "";
    struct io *io = io_uv_new();

    (void)signal(SIGPIPE, SIG_DFL); /* The reader (less, head) may close the pipe early. */
    style.columns = style.terminal ? terminal_columns() : 0;
    options->is_in_use = directory_is_in_use(options->dir);

    enum inspect_status status = inspect(io, options, &style, &out, text, sizeof text);

    if (!output_finish(&out)) {
        fprintf(stderr, "rakit-log: the output could not be written\n");
        status = INSPECT_REFUSED;
    }
    if (text[0] != '\0') {
        fprintf(stderr, "rakit-log: %s\n", text);
    }
    buffer_deinit(&out.text);
    io_uv_free(io);
    return (int)status;
}

int main(int argc, char **argv)
{
    struct inspect_options options;
    char text[TEXT_BYTES] = "";

    (void)setlocale(LC_ALL, "");
    switch (inspect_parse(argc, argv, &options, text, sizeof text)) {
    case INSPECT_RUN:
        return run(&options);
    case INSPECT_HELP:
        fputs(inspect_help(), stdout);
        return 0;
    case INSPECT_VERSION:
        puts("rakit-log " RAKIT_VERSION);
        return 0;
    case INSPECT_WRONG:
        break;
    }
    fprintf(stderr, "rakit-log: %s\nTry: rakit-log --help\n", text);
    return INSPECT_REFUSED;
}
