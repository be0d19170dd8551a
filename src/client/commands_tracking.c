/* commands_tracking.c - CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO. */
#include "client/client.h"
#include "client/commands.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { PREFIXES_MAX = CLIENT_LOCAL_ARGUMENTS_MAX / 2 }; /* Of one connection. */

struct tracking_options {
    struct tracker tracker;
    uint32_t prefix_count;
    struct slice prefixes[PREFIXES_MAX];
};

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

/* Options with a value. */
static bool read_value(struct command_call *call, uint32_t i, struct tracking_options *o)
{
    struct slice value = call->arguments[i + 1];
    int64_t id = 0;

    if (slice_is(call->arguments[i], "PREFIX")) {
        if (value.size > TOPIC_PREFIX_BYTES_MAX) {
            resp_errorf(call->reply, ERROR_CHANNEL_TOO_LONG, (unsigned)TOPIC_PREFIX_BYTES_MAX);
            return false;
        }
        o->prefixes[o->prefix_count++] = value;
        return true;
    }
    if (o->tracker.redirect != 0) {
        return refuse(call, ERROR_ONE_REDIRECTION);
    }
    if (!decimal_read(value, &id)) {
        return refuse(call, ERROR_CLIENT_ID);
    }
    if (id < 1 || clients_find(call_clients(call), (uint64_t)id) == NULL) {
        return refuse(call, ERROR_NO_REDIRECTION);
    }
    o->tracker.redirect = (uint64_t)id;
    return true;
}

static bool read_options(struct command_call *call, struct tracking_options *o)
{
    for (uint32_t i = 3; i < call->argument_count; i++) {
        struct slice word = call->arguments[i];

        if (slice_is(word, "BCAST")) {
            o->tracker.is_broadcast = true;
        } else if (slice_is(word, "OPTIN")) {
            o->tracker.is_opt_in = true;
        } else if (slice_is(word, "OPTOUT")) {
            o->tracker.is_opt_out = true;
        } else if (slice_is(word, "NOLOOP")) {
            o->tracker.is_no_loop = true;
        } else if ((slice_is(word, "PREFIX") || slice_is(word, "REDIRECT")) &&
                   i + 1 < call->argument_count) {
            if (!read_value(call, i, o)) {
                return false;
            }
            i++;
        } else {
            return refuse(call, ERROR_SYNTAX);
        }
    }
    return true;
}

static bool overlap(struct slice a, struct slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;

    return size == 0 || memcmp(a.data, b.data, size) == 0;
}

static bool refuse_prefix(struct command_call *call, const char *format, struct slice prefix,
                          struct slice other)
{
    resp_errorf(call->reply, format, (int)prefix.size, prefix.data, (int)other.size, other.data);
    return false;
}

/* Whether it overlaps with none that the client has already. */
static bool check_present_prefixes(struct command_call *call, struct slice prefix)
{
    struct list *present = &call_client(call)->subscriber.all[TOPIC_PREFIX];

    list_for_each(node, present)
    {
        struct slice name = container_of(node, struct subscription, subscriber_link)->topic->name;

        if (overlap(prefix, name)) {
            return refuse_prefix(call, ERROR_PREFIX_IS_THERE, prefix, name);
        }
    }
    return true;
}

/* A key must not match two prefixes of one client. */
static bool check_prefixes(struct command_call *call, const struct tracking_options *o)
{
    if (call_client(call)->subscriber.count[TOPIC_PREFIX] + o->prefix_count > PREFIXES_MAX) {
        resp_errorf(call->reply, ERROR_MANY_SUBSCRIPTIONS, (unsigned)PREFIXES_MAX);
        return false;
    }
    for (uint32_t i = 0; i < o->prefix_count; i++) {
        if (!check_present_prefixes(call, o->prefixes[i])) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (overlap(o->prefixes[i], o->prefixes[j])) {
                return refuse_prefix(call, ERROR_PREFIXES_OVERLAP, o->prefixes[i], o->prefixes[j]);
            }
        }
    }
    return true;
}

static bool check_options(struct command_call *call, const struct tracking_options *o)
{
    const struct tracker *now = &call_client(call)->tracker;
    const struct tracker *t = &o->tracker;

    if (o->prefix_count > 0 && !t->is_broadcast) {
        return refuse(call, ERROR_PREFIX_WITHOUT_BCAST);
    }
    if (now->is_on && now->is_broadcast != t->is_broadcast) {
        return refuse(call, ERROR_SWITCH_BCAST);
    }
    if (t->is_broadcast && (t->is_opt_in || t->is_opt_out)) {
        return refuse(call, ERROR_OPT_WITH_BCAST);
    }
    if (t->is_opt_in && t->is_opt_out) {
        return refuse(call, ERROR_OPT_BOTH);
    }
    if (now->is_on && (now->is_opt_in != t->is_opt_in || now->is_opt_out != t->is_opt_out)) {
        return refuse(call, ERROR_SWITCH_OPT);
    }
    return check_prefixes(call, o);
}

static void switch_on(struct client *c, const struct tracking_options *o)
{
    struct topics *topics = &c->clients->topics;
    uint64_t since = c->clients->pushes.last_number;

    c->tracker = o->tracker;
    c->tracker.is_on = true;
    topics_subscribe(topics, &c->subscriber, TOPIC_TRACKERS, slice_str(""), since);
    for (uint32_t i = 0; i < o->prefix_count; i++) {
        topics_subscribe(topics, &c->subscriber, TOPIC_PREFIX, o->prefixes[i], since);
    }
    if (c->tracker.is_broadcast && o->prefix_count == 0) {
        topics_subscribe(topics, &c->subscriber, TOPIC_PREFIX, slice_str(""), since);
    }
    audience_reconsider(c->clients);
}

void client_tracking(struct command_call *call)
{
    struct tracking_options options = {.prefix_count = 0};

    if (slice_is(call->arguments[2], "OFF") && call->argument_count == 3) {
        audience_untrack(call_client(call));
        resp_ok(call->reply);
        return;
    }
    if (!slice_is(call->arguments[2], "ON") && !slice_is(call->arguments[2], "OFF")) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    if (!read_options(call, &options) || !check_options(call, &options)) {
        return;
    }
    if (slice_is(call->arguments[2], "OFF")) {
        audience_untrack(call_client(call));
    } else {
        switch_on(call_client(call), &options);
    }
    resp_ok(call->reply);
}

void client_caching(struct command_call *call)
{
    struct client *c = call_client(call);
    bool is_yes = slice_is(call->arguments[2], "YES");

    if (!c->tracker.is_on || (!c->tracker.is_opt_in && !c->tracker.is_opt_out)) {
        resp_error(call->reply, ERROR_CACHING_WITHOUT_OPT);
    } else if (!is_yes && !slice_is(call->arguments[2], "NO")) {
        resp_error(call->reply, ERROR_SYNTAX);
    } else if (is_yes != c->tracker.is_opt_in) {
        resp_error(call->reply, is_yes ? ERROR_CACHING_YES : ERROR_CACHING_NO);
    } else {
        c->tracker.caching_at = c->command_count;
        resp_ok(call->reply);
    }
}

void client_getredir(struct command_call *call)
{
    const struct tracker *t = &call_client(call)->tracker;

    resp_integer(call->reply, t->is_on ? (int64_t)t->redirect : -1);
}

static uint32_t put_flags(const struct tracker *t, bool is_told, struct resp_writer *w)
{
    const struct {
        bool is_set;
        const char *name;
    } flags[] = {{!t->is_on, "off"},
                 {t->is_on, "on"},
                 {t->is_broadcast, "bcast"},
                 {t->is_opt_in, "optin"},
                 {t->is_opt_out, "optout"},
                 {is_told && t->is_opt_in, "caching-yes"},
                 {is_told && t->is_opt_out, "caching-no"},
                 {t->is_no_loop, "noloop"},
                 {t->is_broken, "broken_redirect"}};
    uint32_t count = 0;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (flags[i].is_set) {
            resp_bulk_text(w, flags[i].name);
            count++;
        }
    }
    return count;
}

void client_trackinginfo(struct command_call *call)
{
    struct client *c = call_client(call);
    bool is_told = c->tracker.caching_at > 0 && c->tracker.caching_at + 1 == c->command_count;
    struct buffer text = {0};
    struct resp_writer flags = {.out = &text, .version = call->reply->version};
    uint32_t count = put_flags(&c->tracker, is_told, &flags);

    if (is_told) {
        c->tracker.caching_at++; /* CACHING is about the next command all the same, as in Redis. */
    }

    resp_map(call->reply, 3);
    resp_bulk_text(call->reply, "flags");
    resp_set(call->reply, count);
    buffer_append_slice(call->reply->out, buffer_slice(&text));
    buffer_deinit(&text);
    resp_bulk_text(call->reply, "redirect");
    resp_integer(call->reply, c->tracker.is_on ? (int64_t)c->tracker.redirect : -1);
    resp_bulk_text(call->reply, "prefixes");
    resp_array(call->reply, c->tracker.is_broadcast ? c->subscriber.count[TOPIC_PREFIX] : 0);
    list_for_each(node, &c->subscriber.all[TOPIC_PREFIX])
    {
        resp_bulk(call->reply,
                  container_of(node, struct subscription, subscriber_link)->topic->name);
    }
}
