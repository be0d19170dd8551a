/* door_options.h - the options about what clients find that look for a master. */
#ifndef RAKIT_SERVER_DOOR_OPTIONS_H
#define RAKIT_SERVER_DOOR_OPTIONS_H

#include "server/config.h"

/* Each reads the value of an option into `config`. NULL, or what is wrong with it. */
const char *door_read_cluster_mode(struct server_config *config, const char *value);
const char *door_read_sentinel_port(struct server_config *config, const char *value);
const char *door_read_http_port(struct server_config *config, const char *value);
const char *door_read_sentinel_name(struct server_config *config, const char *value);
const char *door_read_follower_role(struct server_config *config, const char *value);

const char *door_cluster_mode_name(enum cluster_mode mode);

#endif /* RAKIT_SERVER_DOOR_OPTIONS_H */
