/* machine_memory.h - how much memory this process may have: what the machine has, or less if its
 * control group or its resource limits say so. */
#ifndef RAKIT_SERVER_MACHINE_MEMORY_H
#define RAKIT_SERVER_MACHINE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* 0: not known. */
uint64_t machine_memory_bytes(void);

/* The least limit of this process's control groups and of those that they are in (versions 1 and
 * 2), as the files below `root` say; UINT64_MAX: none. `root` is "", but for tests. */
uint64_t cgroup_memory_bytes(const char *root);

#endif /* RAKIT_SERVER_MACHINE_MEMORY_H */
