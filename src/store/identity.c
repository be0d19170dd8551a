#include "store/identity.h"

#include <errno.h>

#include "base/bytes.h"

enum {
    AT_IS_JOINING = HEAD_FIELDS_AT,
    AT_IS_RECOVERING = HEAD_FIELDS_AT + 4,
    AT_EPOCH = HEAD_FIELDS_AT + 8,
    AT_IS_RESTORING = HEAD_FIELDS_AT + 16,
};

int identity_read(struct io *io, const char *dir, struct store_identity *ret_identity,
                  struct complaint *c)
{
    char path[PATH_BYTES_MAX];
    char sector[SECTOR_BYTES];
    struct io_file *file = NULL;
    int64_t size = 0;
    int rv = 0;

    store_path(path, dir, "identity");
    rv = io_file_open(io, path, IO_READ_ONLY, &file);
    if (rv == -EINVAL) {
        return complain(c, STORE_EIO,
                        "%s is a fifo, not a file: remove it, and restore this one file from a "
                        "backup, or start with another data directory",
                        path);
    }
    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot open %s (error %d)", path, -rv);
    }
    size = io_file_read(file, 0, sector, sizeof sector);
    io_file_close(file);
    if (size < 0) {
        return complain(c, STORE_EIO, "cannot read %s (error %d)", path, (int)-size);
    }

    enum head_verdict verdict = size < SECTOR_BYTES ? HEAD_BAD : head_check(sector, MAGIC_IDENTITY);

    if (verdict == HEAD_VERSION) {
        return complain(c, STORE_EFORMAT,
                        "%s has format version %u, and this program knows only version %d; %s",
                        path, head_version(sector), FORMAT_VERSION,
                        version_advice(head_version(sector)));
    }
    if (verdict == HEAD_BAD) {
        return complain(c, STORE_EDAMAGED,
                        "%s is damaged or was not written by Rakit; restore this one file from a "
                        "backup, or remove this node from the cluster and join anew with an empty "
                        "data directory",
                        path);
    }
    ret_identity->cluster_id = get_u64(sector + 16);
    ret_identity->node_id = get_u64(sector + 24);
    ret_identity->is_joining = get_u32(sector + AT_IS_JOINING) != 0;
    ret_identity->is_recovering = get_u32(sector + AT_IS_RECOVERING) != 0;
    ret_identity->epoch = get_u64(sector + AT_EPOCH);
    ret_identity->is_restoring = get_u32(sector + AT_IS_RESTORING) != 0;
    return STORE_OK;
}

int identity_write(struct io *io, const char *dir, const struct store_identity *identity)
{
    char sector[SECTOR_BYTES];

    const struct store_identity of_node = {.cluster_id = identity->cluster_id,
                                           .node_id = identity->node_id};

    head_init(sector, MAGIC_IDENTITY, &of_node);
    put_u32(sector + AT_IS_JOINING, identity->is_joining ? 1 : 0);
    put_u32(sector + AT_IS_RECOVERING, identity->is_recovering ? 1 : 0);
    put_u64(sector + AT_EPOCH, identity->epoch);
    put_u32(sector + AT_IS_RESTORING, identity->is_restoring ? 1 : 0);
    head_seal(sector);

    int rv = file_replace(io, dir, "identity", sector, sizeof sector);

    return rv != 0 ? rv : io_dir_sync(io, dir);
}
