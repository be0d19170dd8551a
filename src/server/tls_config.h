/* tls_config.h - the settings of TLS: --tls-port and its relatives. */
#ifndef RAKIT_SERVER_TLS_CONFIG_H
#define RAKIT_SERVER_TLS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io_tls.h"

struct server_config;

struct tls_config {
    uint16_t port;             /* Where clients come in by TLS; 0: nowhere. If it is the node's
                                * port for clients, none come in without TLS. */
    struct io_tls_files files; /* Without a certificate, TLS is not used. */
    enum io_tls_trust clients; /* What clients must show. */
    bool cluster;              /* Nodes use TLS among each other. */
    bool is_http_chosen;       /* Otherwise it is decided by `port`: */
    bool http;                 /* The port for HTTP speaks TLS. */
    bool is_contact_chosen;    /* Otherwise it is decided by `port`: */
    bool contact;              /* The contact is spoken to by TLS. */
    const char *name;          /* The name in the certificates of all nodes; NULL: their hosts. */
};

/* Their rows for getopt_long(). */
#define TLS_OPTIONS(code)                                                                          \
    {"tls-port", 1, NULL, code}, {"tls-cert-file", 1, NULL, code},                                 \
        {"tls-key-file", 1, NULL, code}, {"tls-ca-cert-file", 1, NULL, code},                      \
        {"tls-crl-file", 1, NULL, code}, {"tls-auth-clients", 1, NULL, code},                      \
        {"tls-contact", 1, NULL, code}, {"tls-cluster", 1, NULL, code},                            \
        {"tls-http", 1, NULL, code},                                                               \
    {                                                                                              \
        "tls-node-name", 1, NULL, code                                                             \
    }

/* Reads the value of that option. NULL, or what is wrong with it. */
const char *tls_config_read(struct tls_config *config, const char *option, const char *value);
/* NULL, or what is wrong with them together. */
const char *tls_config_check(const struct server_config *config);

/* The words of --tls-auth-clients. */
const char *tls_config_trust_name(enum io_tls_trust trust);
/* Whether the node's port for clients serves only those with TLS. */
bool tls_config_is_only(const struct server_config *config);
/* Whether the port for HTTP speaks TLS. */
bool tls_config_of_http(const struct server_config *config);
/* Whether the contact is spoken to by TLS. */
bool tls_config_of_contact(const struct server_config *config);

#endif /* RAKIT_SERVER_TLS_CONFIG_H */
