/* machine_memory.h - how much memory this process may have: what the machine has, or less if a
 * control group or a resource limit says so. */
#ifndef RAKIT_SERVER_MACHINE_MEMORY_H
#define RAKIT_SERVER_MACHINE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* 0: not known. */
uint64_t machine_memory_bytes(void);

/* The lowest limit of this process's control group and of those that contain it (versions 1 and
 * 2), according to the files below `root`; UINT64_MAX: none. `root` is "", except in tests. */
uint64_t cgroup_memory_bytes(const char *root);

#endif /* RAKIT_SERVER_MACHINE_MEMORY_H */
