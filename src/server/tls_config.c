#include "server/tls_config.h"

#include <stdlib.h>
#include <string.h>

#include "server/config.h"

enum { PORT_MAX = 65535, NAME_BYTES_MAX = 255 };

static const char *const trusts[] = {
    [IO_TLS_ANYBODY] = "no", [IO_TLS_IF_SHOWN] = "optional", [IO_TLS_AUTHORITIES] = "yes"};

const char *tls_config_trust_name(enum io_tls_trust trust)
{
    return trusts[trust];
}

static const char *read_port(struct tls_config *config, const char *value)
{
    char *end = NULL;
    unsigned long port = value[0] >= '0' && value[0] <= '9' ? strtoul(value, &end, 10) : 0;

    if (port < 1 || port > PORT_MAX || *end != '\0') {
        return "--tls-port takes a port from 1 to 65535";
    }
    config->port = (uint16_t)port;
    return NULL;
}

static const char *read_trust(struct tls_config *config, const char *value)
{
    for (enum io_tls_trust trust = IO_TLS_ANYBODY; trust <= IO_TLS_AUTHORITIES; trust++) {
        if (strcmp(value, trusts[trust]) == 0) {
            config->clients = trust;
            return NULL;
        }
    }
    return "--tls-auth-clients takes yes, no or optional";
}

static const char *read_contact(struct tls_config *config, const char *value)
{
    config->is_contact_chosen = true;
    config->contact = strcmp(value, "yes") == 0;
    return config->contact || strcmp(value, "no") == 0 ? NULL : "--tls-contact takes yes or no";
}

static const char *read_http(struct tls_config *config, const char *value)
{
    config->is_http_chosen = true;
    config->http = strcmp(value, "yes") == 0;
    return config->http || strcmp(value, "no") == 0 ? NULL : "--tls-http takes yes or no";
}

static const char *read_cluster(struct tls_config *config, const char *value)
{
    config->cluster = strcmp(value, "yes") == 0;
    return config->cluster || strcmp(value, "no") == 0 ? NULL : "--tls-cluster takes yes or no";
}

static const char *read_node_name(struct tls_config *config, const char *value)
{
    if (value[0] == '\0' || strlen(value) > NAME_BYTES_MAX) {
        return "--tls-node-name takes a name of 1 to 255 characters";
    }
    config->name = value;
    return NULL;
}

/* Where the name of a file goes. */
static const char **file_of(struct tls_config *config, const char *option)
{
    return strcmp(option, "tls-cert-file") == 0      ? &config->files.certificate
           : strcmp(option, "tls-key-file") == 0     ? &config->files.key
           : strcmp(option, "tls-ca-cert-file") == 0 ? &config->files.authorities
                                                     : &config->files.revocations;
}

const char *tls_config_read(struct tls_config *config, const char *option, const char *value)
{
    if (strcmp(option, "tls-port") == 0) {
        return read_port(config, value);
    }
    if (strcmp(option, "tls-auth-clients") == 0) {
        return read_trust(config, value);
    }
    if (strcmp(option, "tls-cluster") == 0) {
        return read_cluster(config, value);
    }
    if (strcmp(option, "tls-http") == 0) {
        return read_http(config, value);
    }
    if (strcmp(option, "tls-contact") == 0) {
        return read_contact(config, value);
    }
    if (strcmp(option, "tls-node-name") == 0) {
        return read_node_name(config, value);
    }
    if (value[0] == '\0') {
        return "a file of TLS needs a name";
    }
    *file_of(config, option) = value;
    return NULL;
}

bool tls_config_is_only(const struct server_config *config)
{
    return config->tls.port != 0 && config->tls.port == config->address.port;
}

bool tls_config_of_http(const struct server_config *config)
{
    return config->http_port != 0 &&
           (config->tls.is_http_chosen ? config->tls.http : tls_config_is_only(config));
}

bool tls_config_of_contact(const struct server_config *config)
{
    return config->tls.is_contact_chosen ? config->tls.contact : tls_config_is_only(config);
}

static const char *check_files(const struct server_config *config)
{
    const struct tls_config *tls = &config->tls;
    bool has_clients = tls->port != 0 || tls_config_of_http(config);
    bool verifies = (has_clients && tls->clients != IO_TLS_ANYBODY) || tls->cluster ||
                    tls_config_of_contact(config);

    if (tls->files.certificate == NULL || tls->files.key == NULL) {
        return "TLS needs the certificate of this node and the key of that: --tls-cert-file FILE "
               "and --tls-key-file FILE";
    }
    if (!has_clients && !tls->cluster) {
        return "the files of TLS are used for nothing: say where clients come in by it "
               "(--tls-port, --tls-http yes), or that nodes use it (--tls-cluster yes)";
    }
    if (verifies && tls->files.authorities == NULL) {
        return "who may have issued the certificates of the others? --tls-ca-cert-file FILE names "
               "them; --tls-auth-clients no serves clients without a certificate";
    }
    if (tls->files.revocations != NULL && tls->files.authorities == NULL) {
        return "a list of revoked certificates (--tls-crl-file) is that of an authority: name it "
               "with --tls-ca-cert-file";
    }
    return NULL;
}

const char *tls_config_check(const struct server_config *config)
{
    const struct tls_config *tls = &config->tls;
    const struct io_tls_files *files = &tls->files;

    if (tls->port != 0 && (tls->port == config->peer_port || tls->port == config->sentinel_port)) {
        return "the port for clients with TLS (--tls-port) must be another one than those for "
               "peers and for Sentinel's clients";
    }
    if (tls->port == 0 && files->certificate == NULL && files->key == NULL &&
        files->authorities == NULL && files->revocations == NULL && !tls->contact && !tls->http &&
        !tls->cluster && tls->name == NULL) {
        return NULL;
    }
    return check_files(config);
}
