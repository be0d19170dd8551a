#include "cluster/address.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

const char *address_fault(int error)
{
    switch (error) {
    case -ENXIO:
        return "the name cannot be resolved";
    case -EAGAIN:
        return "the name servers do not answer";
    case -EKEYREJECTED:
        return "its certificate is not believed: it has ended, was revoked, is from another "
               "authority, or names another host";
    case -EPROTO:
        return "TLS cannot be agreed on with it: does it speak TLS there, and believe the "
               "authority of this side's certificate?";
    default:
        return strerror(-error);
    }
}

const char *address_listen_fault(int error)
{
    switch (error) {
    case -EADDRINUSE:
        return "it is in use: choose another port, or end what uses it";
    case -ENXIO:
        return "the name cannot be resolved: give a name or an address of this machine";
    case -EADDRNOTAVAIL:
        return "that is not this machine: give a name or an address of its own";
    default:
        return address_fault(error);
    }
}

bool address_is_wildcard(struct slice host)
{
    static const char mapped[] = "::ffff:";
    size_t i = 0;

    if (slice_equal(host, slice_str("*"))) {
        return true;
    }
    if (host.size > sizeof mapped - 1 && strncasecmp(host.data, mapped, sizeof mapped - 1) == 0) {
        i = sizeof mapped - 1;
    }
    while (i < host.size && strchr("0.:xX", host.data[i]) != NULL && host.data[i] != '\0') {
        i++;
    }
    return host.size > 0 && i == host.size && (host.data[0] == '0' || host.data[0] == ':');
}

const char *address_host_fault(struct slice host)
{
    struct io_address address;

    if (host.size == 0 || host.size >= sizeof address.host) {
        return "a host is a name or an address of 1 to 255 characters";
    }
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.data[i];

        if (c <= ' ' || c == 0x7f) {
            return "the host must not contain spaces or control characters (is there a trailing "
                   "newline?)";
        }
    }
    if (address_is_wildcard(host)) {
        return "other nodes can't connect to a wildcard address such as 0.0.0.0: give a reachable "
               "name or address with --announce HOST";
    }
    return NULL;
}

void address_set_host(struct io_address *address, struct slice host)
{
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = slice_of(host.data + 1, host.size - 2);
    }
    CHECK(host.size < sizeof address->host);
    memcpy(address->host, host.data, host.size);
    address->host[host.size] = '\0';
}
