#define _GNU_SOURCE
#include <sched.h>

#include "kernels.h"

bool ck_get_affinity(int32_t process, uint64_t *mask, size_t words) {
    return sched_getaffinity(process, words * sizeof *mask, (cpu_set_t *)mask) == 0;
}

bool ck_set_affinity(const uint64_t *mask, size_t words) {
    return sched_setaffinity(0, words * sizeof *mask, (const cpu_set_t *)mask) == 0;
}
