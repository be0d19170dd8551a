#include "store/cluster_key.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/mutant.h"
#include "store/store.h"

#define KEY_ADVICE                                                                                 \
    "copy the file cluster-key from the data directory of another member, or start once with "     \
    "--cluster-key FILE"

/* Reads at most one byte more than a sector. STORE_OK, STORE_EIO with a message, or 1: there is
 * no such file. */
static int read_private(struct io *io, const char *path, char bytes[SECTOR_BYTES + 1],
                        size_t *ret_size, struct complaint *c)
{
    struct io_file *file = NULL;
    int rv = io_file_open(io, path, IO_READ_ONLY, &file);

    if (rv == -ENOENT) {
        return 1;
    }
    if (rv != 0) {
        return complain(c, STORE_EIO, "cannot open %s (error %d)", path, -rv);
    }

    bool is_private = io_file_is_private(file) || MUTANT(public_key_accepted);
    int64_t size = io_file_read(file, 0, bytes, SECTOR_BYTES + 1);

    io_file_close(file);
    if (!is_private) {
        return complain(c, STORE_EIO,
                        "%s holds the key of the cluster, and other users may read or change it: "
                        "give it mode 600",
                        path);
    }
    if (size < 0) {
        return complain(c, STORE_EIO, "cannot read %s (error %d)", path, (int)-size);
    }
    *ret_size = (size_t)size;
    return STORE_OK;
}

/* Decodes a file that a node has written. */
static int decode(const char *path, const char *bytes, size_t size, struct store_key *ret_key,
                  uint64_t *ret_cluster_id, struct complaint *c)
{
    enum head_verdict verdict = size != SECTOR_BYTES ? HEAD_BAD : head_check(bytes, MAGIC_KEY);

    if (verdict == HEAD_VERSION) {
        return complain(c, STORE_EFORMAT,
                        "%s has format version %u, and this program knows only version %d; %s",
                        path, head_version(bytes), FORMAT_VERSION,
                        version_advice(head_version(bytes)));
    }
    if (verdict == HEAD_BAD) {
        return complain(c, STORE_EDAMAGED,
                        "%s is damaged or was not written by Rakit: remove it, then " KEY_ADVICE,
                        path);
    }
    *ret_cluster_id = get_u64(bytes + 16);
    memcpy(ret_key->bytes, bytes + HEAD_FIELDS_AT, STORE_KEY_BYTES);
    return STORE_OK;
}

int cluster_key_find(struct io *io, const char *dir, uint64_t cluster_id,
                     const struct store_key *given, struct store_key *ret_key, bool *ret_is_missing,
                     struct complaint *c)
{
    char path[PATH_BYTES_MAX];
    char bytes[SECTOR_BYTES + 1];
    uint64_t of_cluster = 0;
    size_t size = 0;

    store_path(path, dir, CLUSTER_KEY_NAME);

    int rv = read_private(io, path, bytes, &size, c);

    *ret_is_missing = rv == 1;
    if (*ret_is_missing) {
        if (given == NULL) {
            return complain(c, STORE_EDAMAGED,
                            "%s is missing, and without the key no member lets this node "
                            "in: " KEY_ADVICE,
                            path);
        }
        *ret_key = *given;
        return STORE_OK;
    }
    if (rv == STORE_OK) {
        rv = decode(path, bytes, size, ret_key, &of_cluster, c);
    }
    if (rv != STORE_OK) {
        return rv;
    }
    if (of_cluster != cluster_id) {
        return complain(c, STORE_EDAMAGED,
                        "%s belongs to another cluster (%016llx): remove it, then " KEY_ADVICE,
                        path, (unsigned long long)of_cluster);
    }
    if (given != NULL && memcmp(given, ret_key, sizeof *given) != 0) {
        return complain(c, STORE_EDAMAGED,
                        "%s holds another key than the file named by --cluster-key: leave that "
                        "option out, or, if %s is the wrong one, delete it",
                        path, path);
    }
    return STORE_OK;
}

int cluster_key_write(struct io *io, const char *dir, uint64_t cluster_id,
                      const struct store_key *key)
{
    const struct store_identity anybody = {.cluster_id = cluster_id};
    char sector[SECTOR_BYTES];

    head_init(sector, MAGIC_KEY, &anybody);
    memcpy(sector + HEAD_FIELDS_AT, key->bytes, STORE_KEY_BYTES);
    head_seal(sector);
    return file_replace(io, dir, CLUSTER_KEY_NAME, sector, sizeof sector);
}

int store_read_key(struct io *io, const char *path, struct store_key *ret_key,
                   uint64_t *ret_cluster_id, char *text, size_t text_size)
{
    struct complaint c = {.text = text, .size = text_size};
    char bytes[SECTOR_BYTES + 1];
    size_t size = 0;

    if (text_size > 0) {
        text[0] = '\0';
    }

    int rv = read_private(io, path, bytes, &size, &c);

    if (rv == 1) {
        return complain(&c, STORE_EIO, "there is no file %s (--cluster-key)", path);
    }
    if (rv != STORE_OK) {
        return rv;
    }
    *ret_cluster_id = 0;
    if (size == STORE_KEY_BYTES) {
        memcpy(ret_key->bytes, bytes, STORE_KEY_BYTES);
        return STORE_OK;
    }
    if (size != SECTOR_BYTES || memcmp(bytes, MAGIC_KEY, 8) != 0) {
        return complain(&c, STORE_EFORMAT,
                        "%s is no key: --cluster-key takes the file cluster-key of a member's "
                        "data directory, or one of 32 random bytes",
                        path);
    }
    return decode(path, bytes, size, ret_key, ret_cluster_id, &c);
}
