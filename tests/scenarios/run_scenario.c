/* run_scenario.c - runs transcripts. A transcript reads like the paper: comments (#), commands
 * at the margin, and below each command, indented, what it made the nodes do. The runner
 * executes the commands on several cores and compares; with --write it inserts the real outcome,
 * for a person to review.
 *
 *   nodes N             N voters with the same first entry (its index is 1)
 *   log N T T ...       before `start`: N's log also has entries of these terms
 *   term N T            before `start`: N's current term
 *   start               all that are down
 *   join                a new node, without a log
 *   campaign N, heartbeat N     N's deadline passes, for N alone
 *   elect N             N campaigns and wins; what it then sends is under way
 *   lost N P            N's connection to P breaks
 *   propose N [COUNT]   read N    add N NEW    remove N OLD    transfer N TO
 *   durable N           N's writes under way are done
 *   deliver [A->B]      what is under way now arrives (on that link only)
 *   split A->B COUNT    splits the first entries under way there: COUNT of them arrive first
 *   drop [A->B]         what is under way now is lost
 *   cut A->B, isolate N, heal     lose all that is sent from now on; or no more
 *   settle              durable and deliver, until all is quiet; no time passes
 *   run MS              this much time passes, and timers fire
 *   crash N, restart N, show
 *   compact N S O       N has made a snapshot up to entry S; its log begins behind O now
 *   fetch N             N has fetched the snapshot that it was offered, and installs it
 *   quietly COMMAND     without printing the outcome */
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "cluster_trace.h"

enum { LINE_MAX_BYTES = 512, NUMBERS_MAX = 32 };

struct command {
    char verb[32];
    uint32_t number_count;
    uint64_t numbers[NUMBERS_MAX];
};

_Noreturn static void give_up(const char *path, int line, const char *why, const char *text)
{
    fprintf(stderr, "%s:%d: %s: %s\n", path, line, why, text);
    exit(1);
}

/* A word, then numbers; other characters between them are ignored. */
static struct command parse(const char *text)
{
    struct command command = {0};
    size_t length = strcspn(text, " \n");

    if (length < sizeof(command.verb)) {
        memcpy(command.verb, text, length);
    }
    for (text += length; *text != '\0';) {
        if (*text >= '0' && *text <= '9' && command.number_count < NUMBERS_MAX) {
            char *end;

            command.numbers[command.number_count++] = strtoull(text, &end, 10);
            text = end;
        } else {
            text++;
        }
    }
    return command;
}

/* --- commands --------------------------------------------------------------------- */

enum fate { DELIVER, DROP };

static void meet_fate(struct cluster *c, const struct command *command, enum fate fate)
{
    uint32_t at = 0;

    for (uint32_t left = c->packet_count; left > 0; left--) {
        const struct raft_message *m = &c->packets[at].message;

        if (command->number_count == 2 &&
            (m->from != command->numbers[0] || m->to != command->numbers[1])) {
            at++;
        } else if (fate == DELIVER) {
            cluster_deliver(c, at);
        } else {
            cluster_drop(c, at);
        }
    }
}

/* Delivers only votes. A node whose term is too old has to ask twice. */
static void elect(struct cluster *c, raft_id id)
{
    for (int tries = 0; tries < 10 && raft_role(cluster_raft(c, id)) != RAFT_LEADER; tries++) {
        cluster_tick_due(c, id);
        for (int at = 0; at >= 0 && raft_role(cluster_raft(c, id)) != RAFT_LEADER;) {
            at = -1;
            for (enum raft_message_kind kind = RAFT_PRE_VOTE; kind <= RAFT_REQUEST_VOTE_REPLY;
                 kind++) {
                at = at >= 0 ? at : cluster_find(c, kind, 0, 0);
            }
            if (at >= 0) {
                cluster_deliver(c, (uint32_t)at);
            }
            for (raft_id other = 1; other <= c->node_count; other++) {
                if (raft_role(cluster_raft(c, id)) != RAFT_LEADER) {
                    cluster_durable_all(c, other);
                }
            }
        }
    }
}

static void split(struct cluster *c, const struct command *command)
{
    for (uint32_t i = 0; i < c->packet_count; i++) {
        const struct raft_message *m = &c->packets[i].message;

        if (m->from == command->numbers[0] && m->to == command->numbers[1] &&
            cluster_split(c, i, (uint32_t)command->numbers[2])) {
            cluster_deliver(c, i);
            return;
        }
    }
}

static void heal(struct cluster *c)
{
    for (raft_id id = 1; id <= CLUSTER_NODES_MAX; id++) {
        cluster_isolate(c, id, false);
    }
}

static void preload(struct cluster *c, const struct command *command)
{
    raft_term terms[NUMBERS_MAX];

    for (uint32_t i = 1; i < command->number_count; i++) {
        terms[i - 1] = command->numbers[i];
    }
    cluster_preload(c, command->numbers[0], terms, command->number_count - 1);
}

static void show(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        cluster_trace_node(c, c->nodes[i]);
    }
}

/* Commands that do not concern the cores. */
static bool do_outside(struct cluster *c, const struct command *command)
{
    const char *verb = command->verb;
    const uint64_t *n = command->numbers;

    if (strcmp(verb, "nodes") == 0) {
        cluster_add_voters(c, (uint32_t)n[0]);
    } else if (strcmp(verb, "log") == 0) {
        preload(c, command);
    } else if (strcmp(verb, "term") == 0) {
        cluster_set_vote(c, n[0], n[1], 0);
    } else if (strcmp(verb, "start") == 0) {
        cluster_start_all(c);
    } else if (strcmp(verb, "join") == 0) {
        cluster_start(c, cluster_add_empty(c)->id);
    } else if (strcmp(verb, "crash") == 0) {
        cluster_crash(c, n[0]);
    } else if (strcmp(verb, "restart") == 0) {
        cluster_start(c, n[0]);
    } else if (strcmp(verb, "cut") == 0) {
        cluster_cut(c, n[0], n[1], true);
    } else if (strcmp(verb, "isolate") == 0) {
        cluster_isolate(c, n[0], true);
    } else if (strcmp(verb, "heal") == 0) {
        heal(c);
    } else if (strcmp(verb, "compact") == 0) {
        cluster_compact(c, n[0], n[1], n[2]);
    } else if (strcmp(verb, "show") == 0) {
        show(c);
    } else {
        return false;
    }
    return true;
}

/* Commands that make the cores step. */
static bool do_inside(struct cluster *c, const struct command *command)
{
    const char *verb = command->verb;
    const uint64_t *n = command->numbers;

    if (strcmp(verb, "campaign") == 0 || strcmp(verb, "heartbeat") == 0) {
        cluster_tick_due(c, n[0]);
    } else if (strcmp(verb, "elect") == 0) {
        elect(c, n[0]);
    } else if (strcmp(verb, "lost") == 0) {
        (void)cluster_lost(c, n[0], n[1]);
    } else if (strcmp(verb, "propose") == 0) {
        (void)cluster_propose(c, n[0], command->number_count > 1 ? (uint32_t)n[1] : 1);
    } else if (strcmp(verb, "read") == 0) {
        (void)cluster_read(c, n[0]);
    } else if (strcmp(verb, "add") == 0) {
        (void)cluster_change(c, n[0], RAFT_ADD_LEARNER, n[1]);
    } else if (strcmp(verb, "remove") == 0) {
        (void)cluster_change(c, n[0], RAFT_REMOVE, n[1]);
    } else if (strcmp(verb, "transfer") == 0) {
        (void)cluster_transfer(c, n[0], n[1]);
    } else if (strcmp(verb, "durable") == 0) {
        cluster_durable_all(c, n[0]);
    } else if (strcmp(verb, "fetch") == 0) {
        cluster_fetch(c, n[0]);
    } else if (strcmp(verb, "deliver") == 0) {
        meet_fate(c, command, DELIVER);
    } else if (strcmp(verb, "drop") == 0) {
        meet_fate(c, command, DROP);
    } else if (strcmp(verb, "split") == 0) {
        split(c, command);
    } else if (strcmp(verb, "settle") == 0) {
        cluster_settle(c);
    } else if (strcmp(verb, "run") == 0) {
        cluster_run(c, n[0] * CLUSTER_MS);
    } else {
        return false;
    }
    return true;
}

/* --- playing ---------------------------------------------------------------------- */

/* The transcript as it should be: `text` with the real outcomes. */
static char *play(const char *path, const char *text)
{
    static const char quietly[] = "quietly ";
    struct cluster *c = cluster_new(1);
    char *outcome = NULL;
    size_t outcome_bytes = 0;
    FILE *out = open_memstream(&outcome, &outcome_bytes);
    int line = 0;

    if (out == NULL) {
        give_up(path, 0, "cannot start", "out of memory");
    }
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n") + 1;
        const char *command = at;

        line++;
        at += at[length - 1] == '\n' ? length : length - 1;
        if (*command == ' ') {
            continue; /* An old outcome, which is generated again. */
        }
        fprintf(out, "%.*s\n", (int)length - 1, command);
        if (*command == '#' || *command == '\n') {
            continue;
        }
        c->trace = out;
        if (strncmp(command, quietly, sizeof(quietly) - 1) == 0) {
            command += sizeof(quietly) - 1;
            c->trace = NULL;
        }
        char copy[LINE_MAX_BYTES] = {0};

        strncpy(copy, command,
                (size_t)(at - command) < sizeof(copy) ? (size_t)(at - command) : sizeof(copy) - 1);
        struct command parsed = parse(copy);

        if (!do_outside(c, &parsed) && !do_inside(c, &parsed)) {
            give_up(path, line, "no such command", copy);
        }
        cluster_check(c);
    }
    fclose(out);
    cluster_free(c);
    return outcome;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t bytes = 0;
    FILE *copy = open_memstream(&text, &bytes);

    if (file == NULL || copy == NULL) {
        give_up(path, 0, "cannot read", path);
    }
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) {
        fputc(byte, copy);
    }
    fclose(file);
    fclose(copy);
    return text;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        give_up(path, 0, "cannot write", path);
    }
}

/* Shows the first line that differs. */
static void compare(const char *path, const char *expected, const char *outcome)
{
    for (int line = 1; *expected != '\0' || *outcome != '\0'; line++) {
        size_t expected_bytes = strcspn(expected, "\n");
        size_t outcome_bytes = strcspn(outcome, "\n");

        if (expected_bytes != outcome_bytes || memcmp(expected, outcome, outcome_bytes) != 0) {
            fprintf(stderr, "%s:%d: it should read, and reads:\n%.*s\n%.*s\n", path, line,
                    (int)expected_bytes, expected, (int)outcome_bytes, outcome);
            exit(1);
        }
        expected += expected_bytes + (expected[expected_bytes] != '\0');
        outcome += outcome_bytes + (outcome[outcome_bytes] != '\0');
    }
}

int main(int argc, char **argv)
{
    bool is_writing = argc == 3 && strcmp(argv[1], "--write") == 0;

    if (argc != 2 && !is_writing) {
        fprintf(stderr, "usage: run_scenario [--write] TRANSCRIPT\n");
        return 2;
    }
    const char *path = argv[argc - 1];
    char *text = read_file(path);
    char *outcome = play(path, text);

    if (is_writing) {
        write_file(path, outcome);
    } else {
        compare(path, text, outcome);
    }
    free(text);
    free(outcome);
    return 0;
}
