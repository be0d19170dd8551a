#include "cli/watch.h"

#include <stdio.h>

#include "cli/print.h"
#include "cli/reply.h"

enum { ID_BYTES = 48 };

#define BLOCK_MS "500" /* Shorter than the time after which a person sees that a command waits. */

static void show_change(const struct session *s, struct slice id, const redisReply *fields)
{
    const struct style *style = &s->style;
    const redisReply *value = reply_field(fields, "value");
    const redisReply *type = reply_field(fields, "type");
    enum colour colour = value == NULL && type == NULL ? RED : GREEN;
    struct buffer out = {0};

    buffer_printf(&out, "%s", style_on(style, DIM));
    print_escaped(&out, id);
    buffer_printf(&out, "%s %s", style_off(style, DIM), style_on(style, colour));
    print_escaped(&out, reply_text(reply_field(fields, "event")));
    buffer_printf(&out, "%s ", style_off(style, colour));
    print_quoted(&out, reply_text(reply_field(fields, "key")));
    if (value != NULL) {
        buffer_printf(&out, " ");
        print_quoted(&out, reply_text(value));
    } else if (type != NULL) {
        buffer_printf(&out, " (");
        print_escaped(&out, reply_text(type));
        buffer_printf(&out, ")");
    }
    buffer_append(&out, "\n", 1);
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    fflush(stdout);
    buffer_deinit(&out);
}

static void remember_id(char *to, struct slice id)
{
    if (id.size > 0 && id.size < ID_BYTES) {
        memcpy(to, id.data, id.size);
        to[id.size] = '\0';
    }
}

/* Prints the changes in the reply, and remembers the id of the last one. */
static void show_changes(const struct session *s, const redisReply *reply, char *id)
{
    const redisReply *changes = reply_element(reply_element(reply, 0), 1);

    for (size_t i = 0; i < reply_count(changes); i++) {
        const redisReply *change = reply_element(changes, i);
        struct slice its_id = reply_text(reply_element(change, 0));

        show_change(s, its_id, reply_element(change, 1));
        remember_id(id, its_id);
    }
}

/* Codes of client.h; *ret_reply is freed by the caller. */
static bool fails(const struct session *s, int status, redisReply *reply)
{
    if (status < 0) {
        if (status != CLIENT_EINTERRUPTED) {
            session_complain(s, s->client->error);
        }
        return true;
    }
    if (reply_is_error(reply)) {
        session_complain(s, reply->str);
        freeReplyObject(reply);
        return true;
    }
    return false;
}

static enum session_outcome outcome_of(int status)
{
    return status == 0                     ? SESSION_FAILED
           : status == CLIENT_EINTERRUPTED ? SESSION_DONE
                                           : SESSION_UNREACHABLE;
}

enum session_outcome watch_run(struct session *s, const struct words *command)
{
    struct buffer stream = {0};
    char id[ID_BYTES] = "";
    redisReply *reply = NULL;
    int status = 0;

    if (command->count < 2 || command->count > 3) {
        session_complain(s, "Name the beginning of keys: changes PREFIX [ID]");
        return SESSION_FAILED;
    }
    if (command->count == 3) {
        remember_id(id, command->word[2]);
    } else {
        status = client_ask(s->client, &reply, "RAFT", "FEED", NULL);
        if (fails(s, status, reply)) {
            return outcome_of(status);
        }
        remember_id(id, reply_text(reply_field(reply, "applied")));
        freeReplyObject(reply);
    }
    buffer_printf(&stream, "rakit:changes:");
    buffer_append_slice(&stream, command->word[1]);
    for (;;) {
        struct slice room[6] = {slice_str("XREAD"),   slice_str("BLOCK"),    slice_str(BLOCK_MS),
                                slice_str("STREAMS"), buffer_slice(&stream), slice_str(id)};
        struct words asked = {.count = 6, .word = room};

        status = client_call(s->client, &asked, &reply);
        if (fails(s, status, reply)) {
            break;
        }
        show_changes(s, reply, id);
        freeReplyObject(reply);
    }
    buffer_deinit(&stream);
    return outcome_of(status);
}
