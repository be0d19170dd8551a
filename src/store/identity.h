/* identity.h - the file with the identity of the data directory. It is replaced as a whole,
 * never changed in place. */
#ifndef RAKIT_STORE_IDENTITY_H
#define RAKIT_STORE_IDENTITY_H

#include "store/basics.h"
#include "store/files.h"

/* Returns 0, or a store_error with a message. */
int identity_read(struct io *io, const char *dir, struct store_identity *ret_identity,
                  struct complaint *c);
/* Durable on return; 0 or a negative errno value. */
int identity_write(struct io *io, const char *dir, const struct store_identity *identity);

#endif /* RAKIT_STORE_IDENTITY_H */
