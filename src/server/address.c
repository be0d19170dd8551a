#include "server/address.h"

#include <errno.h>
#include <string.h>

const char *address_fault(int error)
{
    switch (error) {
    case -ENXIO:
        return "nobody has that name";
    case -EAGAIN:
        return "the name servers do not answer";
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
        return "nobody has that name: give a name or an address of this machine";
    case -EADDRNOTAVAIL:
        return "that is not this machine: give a name or an address of its own";
    default:
        return address_fault(error);
    }
}
