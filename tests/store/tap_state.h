/* tap_state.h - what tap.c (the calls) and tap_model.c (what a crash leaves) share. */
#ifndef RAKIT_TESTS_STORE_TAP_STATE_H
#define RAKIT_TESTS_STORE_TAP_STATE_H

#include <pthread.h>

#include "io/io.h"
#include "tap.h"

enum { SECTOR = 512, FILES_MAX = 1024, NAMES_MAX = 512, OPEN_MAX = 64, PATHS_MAX = 1024 };

enum kind { WRITE, SYNC, TRUNCATE, CREATE, RENAME, UNLINK, DIR_SYNC };

struct operation {
    enum kind kind;
    int file; /* Number of the file, in order of creation. */
    uint64_t offset;
    uint64_t size;
    char *data;
    char name[64];
    char to[64];
};

struct content {
    char *data;
    size_t size;
};

/* One per process, since the linker wraps the calls for the whole process. */
struct tap_state {
    pthread_mutex_t mutex;
    bool is_recording;
    char dir[512];
    struct operation *operations;
    uint32_t operation_count;
    uint32_t operation_capacity;
    int file_count;
    struct {
        char name[64];
        int file;
    } names[NAMES_MAX]; /* Present names. */
    int name_count;
    struct {
        struct io_file *handle;
        int file;
        char path[512];
    } open[OPEN_MAX];
    /* What existed when recording began: files 0 .. n-1, and their names. */
    struct {
        struct content durable;
        struct content current;
    } start[FILES_MAX];
    int start_count;
    struct {
        char name[64];
        int durable; /* Number of the file, -1: none. */
        int current;
    } start_names[NAMES_MAX];
    int start_name_count;

    enum tap_call failing;
    char failing_name[64];
    int failing_error;
    bool is_failing_for_good;
    uint32_t calls_to_failure; /* 0: none will fail. */
    int nth_error;
    uint64_t room;
    uint64_t used;
    struct {
        char path[512];
        struct tap_counts counts;
        uint64_t taken; /* Of the room, while the name is a temporary one. */
    } counts[PATHS_MAX];
    int count_count;
};

extern struct tap_state tap;

/* A file that exists when recording begins: its durable and its present name. */
void tap_start_name(const char *name, int durable, int current);
struct content tap_copy(const char *data, size_t size);

#endif /* RAKIT_TESTS_STORE_TAP_STATE_H */
