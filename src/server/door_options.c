/* door_options.c - see door_options.h. */
#include "server/door_options.h"

#include <string.h>

static const char *const modes[] = {
    [CLUSTER_OFF] = "no", [CLUSTER_FORWARDS] = "yes", [CLUSTER_REDIRECTS] = "redirect"};

const char *door_cluster_mode_name(enum cluster_mode mode)
{
    return modes[mode];
}

const char *door_read_cluster_mode(struct server_config *config, const char *value)
{
    for (enum cluster_mode mode = CLUSTER_OFF; mode <= CLUSTER_REDIRECTS; mode++) {
        if (strcmp(value, modes[mode]) == 0) {
            config->cluster_mode = mode;
            return NULL;
        }
    }
    return "--cluster-mode takes no, yes or redirect";
}

const char *door_read_follower_role(struct server_config *config, const char *value)
{
    config->followers_are_replicas = strcmp(value, "replica") == 0;
    return config->followers_are_replicas || strcmp(value, "master") == 0
               ? NULL
               : "--follower-role takes master or replica";
}
