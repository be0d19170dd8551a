/* rights.c - each call is judged as its user where it is executed, with the users of that index: on
 * all nodes alike, and whichever node it came from. A leader judges before the log, too, so that
 * what is refused does not fill it. */
#include "replica/state.h"

#include "command/transaction.h"
#include "users/denials.h"

struct users *replica_users(struct replica *r)
{
    if (r->users == NULL) {
        r->users = users_new(r->options.commands);
    }
    users_look(r->users, r->keyspace);
    return r->users;
}

static enum denial_place place_of(const struct request *request, bool in_script)
{
    return in_script                                           ? DENIAL_IN_SCRIPT
           : transaction_is(slice_str(request->command->name)) ? DENIAL_IN_TRANSACTION
                                                               : DENIAL_ALONE;
}

/* Only the node where the call is answered takes note. */
static void note_refused(struct users_guard *guard, bool in_script, const struct judged *v)
{
    struct replica *r = guard->context;
    struct request *request = r->guarded;
    struct buffer client = {0};

    if (request == NULL || r->options.denials == NULL) {
        return;
    }
    if (request->describe != NULL) {
        request->describe(request, &client);
    }
    denials_add_judged(r->options.denials, v, place_of(request, in_script), guard->user->name,
                       buffer_slice(&client), io_wall_ns(r->io) / 1000000);
    buffer_deinit(&client);
}

struct command_guard *rights_guard(struct replica *r, struct request *request)
{
    struct command_guard *guard =
        users_guard_begin(&r->guard, replica_users(r), r->keyspace, r->user);

    r->guarded = request;
    if (guard != NULL) {
        r->guard.refused = note_refused;
        r->guard.context = r;
    }
    return guard;
}

bool rights_admit_early(struct replica *r, struct request *request, const struct command *command,
                        uint32_t argument_count, struct resp_writer *reply)
{
    struct command_guard *guard = rights_guard(r, request);
    bool is_unknown = guard != NULL && r->guard.user == NULL && r->user > r->applied_index;

    /* A user whom this node has not heard of yet: it will have when the call is executed. */
    return guard == NULL || is_unknown ||
           guard->admits(guard, false, command, argument_count, r->arguments, reply);
}
