/* door_options.c - see door_options.h. */
#include "server/door_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, NAME_BYTES_MAX = 63 };

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

static bool read_port(const char *value, uint16_t *ret_port)
{
    char *end = NULL;
    unsigned long port;

    errno = 0;
    port = value[0] >= '0' && value[0] <= '9' ? strtoul(value, &end, 10) : 0;
    if (port < 1 || port > PORT_MAX || errno != 0 || *end != '\0') {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

const char *door_read_sentinel_port(struct server_config *config, const char *value)
{
    return read_port(value, &config->sentinel_port)
               ? NULL
               : "--sentinel-port takes a port from 1 to 65535";
}

const char *door_read_http_port(struct server_config *config, const char *value)
{
    return read_port(value, &config->http_port) ? NULL : "--http takes a port from 1 to 65535";
}

const char *door_read_sentinel_name(struct server_config *config, const char *value)
{
    size_t size = strlen(value);

    if (size < 1 || size > NAME_BYTES_MAX || strpbrk(value, " \t\r\n,") != NULL) {
        return "--sentinel-name takes 1 to 63 characters without blanks and commas";
    }
    config->sentinel_name = value;
    return NULL;
}

const char *door_read_follower_role(struct server_config *config, const char *value)
{
    config->followers_are_replicas = strcmp(value, "replica") == 0;
    return config->followers_are_replicas || strcmp(value, "master") == 0
               ? NULL
               : "--follower-role takes master or replica";
}
