/* settings.h - the settings of a running node: what CONFIG GET shows, and those that CONFIG SET
 * and SIGHUP change. All others are fixed at the start. */
#ifndef RAKIT_SERVER_SETTINGS_H
#define RAKIT_SERVER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "client/notify.h"

struct clients;
struct denials; /* users/denials.h */
struct log;
struct replica;
struct server_config;

/* The parts of a running node that settings are about. All are borrowed. */
struct settings_target {
    struct server_config *config;
    struct replica *replica;
    struct clients *clients;
    struct clients *sentinel_clients; /* NULL: there is no such door. */
    struct denials *denials;          /* NULL: none are kept. */
    const struct log *log;
};

enum { SETTINGS_MAX = 72, SETTING_BYTES_MAX = 256 };

struct setting {
    const char *name;
    char value[SETTING_BYTES_MAX];
};

struct settings {
    uint32_t count;
    struct setting all[SETTINGS_MAX];
};

/* All of them: what Redis's clients ask for, then Rakit's own. */
void settings_list(const struct settings_target *target, struct settings *ret_settings);
/* NULL: there is no such setting. */
const struct setting *settings_find(const struct settings *settings, struct slice name);

/* Values of those that can change. */
struct changeable_settings {
    uint64_t memory_bytes_max;
    uint64_t disk_bytes_max;
    uint64_t client_idle_ns;
    uint32_t clients_max;
    uint32_t denials_max; /* acllog-max-len */
    notify_set notify;
};

void settings_get(const struct settings_target *target, struct changeable_settings *ret_settings);
/* Reads a new value of one of them. Returns NULL, or an error for the client, which has %s in
 * place of the setting's name. */
const char *settings_read(const struct settings_target *target, const char *name, struct slice text,
                          struct changeable_settings *settings);
/* Puts them into force, and logs what differs from before. */
void settings_set(const struct settings_target *target, const struct changeable_settings *settings);

#endif /* RAKIT_SERVER_SETTINGS_H */
