#include "http/rpc.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "http/routes.h"
#include "http/xmlrpc.h"

enum { COMMAND_MS = 15000 };

static const char json_type[] = "application/json";

/* --- answers -------------------------------------------------------------------------------- */

static void put_leader(struct buffer *out, struct slice leader)
{
    buffer_printf(out, ",\"leader\":");
    if (leader.size == 0 || slice_is(leader, "none")) {
        buffer_printf(out, "null}");
    } else {
        json_put_bytes(out, leader);
        buffer_append(out, "}", 1);
    }
}

static void put_fail(struct buffer *out, const char *code, struct slice message,
                     struct slice leader)
{
    buffer_printf(out, "{\"status\":\"fail\",\"error\":{\"code\":\"%s\",\"message\":", code);
    json_put_bytes(out, message);
    buffer_append(out, "}", 1);
    put_leader(out, leader);
}

/* An error begins with its code. */
static void put_error(struct buffer *out, struct slice reply, struct slice leader)
{
    struct slice text = slice_of(reply.data + 1, reply.size - 3);
    size_t size = 0;
    char code[32];

    while (size < text.size && size + 1 < sizeof code && text.data[size] >= 'A' &&
           text.data[size] <= 'Z') {
        code[size] = text.data[size];
        size++;
    }
    code[size] = '\0';
    if (size < text.size && text.data[size] == ' ') {
        text = slice_of(text.data + size + 1, text.size - size - 1);
    }
    put_fail(out, code, text, leader);
}

typedef bool reply_writer_json(struct buffer *out, struct slice reply);

static void put_reply(struct buffer *out, struct slice reply, reply_writer_json *write,
                      struct slice leader)
{
    if (reply.data[0] == '-') {
        put_error(out, reply, leader);
        return;
    }
    buffer_printf(out, "{\"status\":\"success\",\"data\":");
    if (write(out, reply)) {
        put_leader(out, leader);
    } else {
        buffer_clear(out);
        put_fail(out, "ERR", slice_str("the reply is nested too deeply for JSON"), leader);
    }
}

/* --- commands ------------------------------------------------------------------------------- */

static const char *const barred[] = {
    "AUTH",       "DISCARD",      "EXEC",        "HELLO",   "MONITOR", "MULTI",
    "PSUBSCRIBE", "PUNSUBSCRIBE", "QUIT",        "RESET",   "SELECT",  "SSUBSCRIBE",
    "SUBSCRIBE",  "SUNSUBSCRIBE", "UNSUBSCRIBE", "UNWATCH", "WATCH",   NULL};

static bool is(const struct json_words *words, uint32_t i, const char *word)
{
    return i < words->count && slice_is(json_word(words, i), word);
}

const char *rpc_bars(const struct json_words *command, const struct json_words *arguments)
{
    static const char text[] =
        "this command is about its connection, and here each request has one "
        "of its own";

    for (const char *const *name = barred; *name != NULL; name++) {
        if (is(command, 0, *name)) {
            return text;
        }
    }
    if (is(command, 0, "CLIENT") && (is(arguments, 0, "REPLY") || is(arguments, 0, "TRACKING"))) {
        return text;
    }
    /* A proxy on this machine makes all its clients look local, and they are not. */
    if (is(command, 0, "RAFT") && is(arguments, 0, "KEY") && !MUTANT(http_key_handed_out)) {
        return "the key of the cluster is not handed out over HTTP: see the file cluster-key in "
               "the "
               "data directory";
    }
    return NULL;
}

/* The leader is asked for on the same connection, so that it costs no second one. */
static const char *receive_both(struct exchange *e, const struct patience *patience,
                                struct buffer *out, reply_writer_json *write)
{
    struct buffer copy = {0};
    struct slice reply;
    struct slice info;
    const char *fault = node_receive(&e->node, patience, &reply);

    if (fault != NULL) {
        return fault;
    }
    buffer_append_slice(&copy, reply);
    fault = node_receive(&e->node, patience, &info);
    if (fault == NULL) {
        put_reply(out, buffer_slice(&copy), write,
                  node_info(node_text(info), "raft_leader_address"));
    }
    buffer_deinit(&copy);
    return fault;
}

/* Sends the words to the node and appends the answer. */
static void ask(struct exchange *e, const struct slice *words, uint32_t count, struct buffer *out,
                reply_writer_json *write)
{
    struct patience patience = exchange_patience(e, COMMAND_MS);
    const char *fault = "the node ends, or did not take the command in time";

    if (!exchange_open_node(e)) {
        return; /* The answer says why. */
    }
    if (node_send(&e->node, &patience, words, count) &&
        node_send_line(&e->node, &patience, "INFO raft")) {
        fault = receive_both(e, &patience, out, write);
    }
    if (fault != NULL) {
        node_close(&e->node);
        buffer_clear(out);
        put_fail(out, "UNAVAILABLE", slice_str(fault), slice_of("", 0));
    }
}

static void ask_line(struct exchange *e, const struct json_words *command,
                     const struct json_words *arguments, struct buffer *out,
                     reply_writer_json *write)
{
    uint32_t count = command->count + arguments->count;
    struct slice *words = memory_take_zeroed(count, sizeof *words);

    for (uint32_t i = 0; i < count; i++) {
        words[i] =
            i < command->count ? json_word(command, i) : json_word(arguments, i - command->count);
    }
    ask(e, words, count, out, write);
    free(words);
}

const char *rpc_execute(struct exchange *e, struct slice text, struct buffer *out)
{
    struct json_words command = {.count = 0};
    struct json_words arguments = {.count = 0};
    struct json_member members[] = {{.name = "command", .into = &command},
                                    {.name = "args", .is_list = true, .into = &arguments}};
    const char *fault = json_read(text, members, 2);
    const char *bar = fault != NULL ? NULL : rpc_bars(&command, &arguments);

    if (fault == NULL && command.count == 0) {
        fault = "the member \"command\" is missing";
    }
    if (bar != NULL) {
        put_fail(out, "ERR", slice_str(bar), slice_of("", 0));
    } else if (fault == NULL) {
        ask_line(e, &command, &arguments, out, json_put_reply);
    }
    json_words_deinit(&command);
    json_words_deinit(&arguments);
    return fault;
}

const char *rpc_ping(struct exchange *e, struct slice text, struct buffer *out)
{
    const struct slice word = slice_str("PING");

    ask(e, &word, 1, out, json_put_reply);
    return NULL;
}

static bool put_entries(struct buffer *out, struct slice reply)
{
    static const char *const names[] = {"index", "term", "kind", "command"};

    return json_put_rows(out, reply, names, 4);
}

const char *rpc_request_log(struct exchange *e, struct slice text, struct buffer *out)
{
    struct json_words from = {.count = 0};
    struct json_words count = {.count = 0};
    struct json_member members[] = {{.name = "from", .into = &from},
                                    {.name = "count", .into = &count}};
    const char *fault = text.size == 0 ? NULL : json_read(text, members, 2);
    struct slice words[3] = {slice_str("REQUEST_LOG")};
    uint32_t word_count = 1;

    if (fault == NULL && count.count > 0 && from.count == 0) {
        fault = "\"count\" needs \"from\"";
    }
    if (fault == NULL) {
        if (from.count > 0) {
            words[word_count++] = json_word(&from, 0);
        }
        if (count.count > 0) {
            words[word_count++] = json_word(&count, 0);
        }
        ask(e, words, word_count, out, put_entries);
    }
    json_words_deinit(&from);
    json_words_deinit(&count);
    return fault;
}

/* --- paths ---------------------------------------------------------------------------------- */

static void answer_json(struct exchange *e, int status)
{
    if (e->answer.status == 0) { /* Otherwise the node has refused the credentials. */
        e->answer.status = status;
        e->answer.type = json_type;
        buffer_append(&e->answer.body, "\n", 1);
    }
}

void take_execute(struct exchange *e)
{
    const char *fault = rpc_execute(e, buffer_slice(&e->body), &e->answer.body);

    if (fault != NULL) {
        put_fail(&e->answer.body, "REQUEST", slice_str(fault), slice_of("", 0));
    }
    answer_json(e, fault == NULL ? 200 : 400);
}

void show_status(struct exchange *e)
{
    struct slice reply;

    if (!exchange_ask(e, "RAFT STATUS", COMMAND_MS, &reply)) {
        return;
    }
    if (json_put_reply(&e->answer.body, reply)) {
        answer_json(e, 200);
    } else {
        exchange_say(e, 503, "the node has answered in a form that is not known");
    }
}

static const char *const method_names[] = {"execute", "ping", "request_log", "system.listMethods",
                                           NULL};

static const struct method {
    const char *name;
    uint32_t parameters_min;
    uint32_t parameters_max;
    const char *(*run)(struct exchange *e, struct slice text, struct buffer *out);
} methods[] = {
    {"execute", 1, 1, rpc_execute},
    {"ping", 0, 1, rpc_ping},
    {"request_log", 0, 1, rpc_request_log},
    {"system.listMethods", 0, 0, NULL},
};

static const struct method *method_of(struct slice name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (slice_equal(name, slice_str(methods[i].name))) {
            return &methods[i];
        }
    }
    return NULL;
}

static void run_method(struct exchange *e, const struct xmlrpc_call *call)
{
    const struct method *m = method_of(buffer_slice(&call->method));
    struct buffer *out = &e->answer.body;
    struct buffer result = {0};
    const char *fault;

    if (m == NULL) {
        xmlrpc_put_fault(out, XMLRPC_NO_METHOD, "there is no such method; see system.listMethods");
        return;
    }
    if (call->count < m->parameters_min || call->count > m->parameters_max) {
        xmlrpc_put_fault(out, XMLRPC_PARAMETERS, "the method has another number of parameters");
        return;
    }
    if (m->run == NULL) {
        xmlrpc_put_strings(out, method_names);
        return;
    }
    fault = m->run(e, buffer_slice(&call->parameters[0]), &result);
    if (fault != NULL) {
        xmlrpc_put_fault(out, XMLRPC_PARAMETERS, fault);
    } else if (e->answer.status == 0) {
        xmlrpc_put_string(out, buffer_slice(&result));
    }
    buffer_deinit(&result);
}

void take_xmlrpc(struct exchange *e)
{
    struct xmlrpc_call call;
    const char *text = NULL;
    enum xmlrpc_fault fault = xmlrpc_read(buffer_slice(&e->body), &call, &text);

    if (fault != XMLRPC_OK) {
        xmlrpc_put_fault(&e->answer.body, fault, text);
    } else {
        run_method(e, &call);
    }
    if (e->answer.status == 0) {
        e->answer.status = 200;
        e->answer.type = "text/xml; charset=utf-8";
    }
    xmlrpc_call_deinit(&call);
}
