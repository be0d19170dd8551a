/* address.h - why an address cannot be used, in words, and what to do. */
#ifndef RAKIT_SERVER_ADDRESS_H
#define RAKIT_SERVER_ADDRESS_H

/* `error` is what io_connect() ended with. */
const char *address_fault(int error);
/* The same of io_listen(). */
const char *address_listen_fault(int error);

#endif /* RAKIT_SERVER_ADDRESS_H */
