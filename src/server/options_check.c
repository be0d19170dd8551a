/* options_check.c - which options of rakit-server make no sense together. */
#include <stddef.h>
#include <string.h>

#include "server/options.h"

static const char *recovery_fault(const struct options *o)
{
    if (o->is_recovery && o->config.has_contact) {
        return "--recover goes on with what this node has: leave out the contact";
    }
    if (o->is_recovery && o->config.is_new_cluster) {
        return "--recover goes on with what this node has: leave out --new-cluster";
    }
    if (o->is_agreed && !o->is_recovery) {
        return "--yes answers the question of --recover, which is not there";
    }
    return NULL;
}

static const char *restoring_fault(const struct options *o)
{
    const struct server_config *config = &o->config;

    if (config->restore_file != NULL && o->is_recovery) {
        return "--restore makes a new cluster of a backup: leave out --recover";
    }
    if (config->restore_file != NULL && config->has_contact) {
        return "--restore makes a new cluster of a backup: leave out the contact";
    }
    if (config->restore_file == NULL &&
        (config->restore_point.has_index || config->restore_point.has_time)) {
        return "--at says up to where --restore goes, which is not there";
    }
    return NULL;
}

static const char *joining_fault(const struct server_config *config)
{
    if (config->has_contact && config->is_new_cluster) {
        return "--new-cluster makes a cluster, and a contact is there to join one: give one of the "
               "two";
    }
    if (!config->has_contact && (config->replaces != NULL || config->is_learner)) {
        return "--replace and --learner are for a node that joins a cluster: name a member as its "
               "contact";
    }
    if (config->replaces != NULL && config->is_learner) {
        return "--replace takes the place of a voter, and --learner asks for no vote: give one of "
               "the two";
    }
    return NULL;
}

const char *options_fault(const struct options *o)
{
    const char *fault = recovery_fault(o);

    fault = fault == NULL ? restoring_fault(o) : fault;
    return fault == NULL ? joining_fault(&o->config) : fault;
}

/* Options that say what to do at one start. */
static const char *const start_options[] = {"config",  "check-config", "recover", "yes",
                                            "restore", "at",           "help",    "version"};

bool options_is_setting(const char *name)
{
    for (size_t i = 0; i < sizeof start_options / sizeof start_options[0]; i++) {
        if (strcmp(start_options[i], name) == 0) {
            return false;
        }
    }
    return options_is_known(name);
}
