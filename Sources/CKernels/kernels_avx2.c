#include "table.h"

#define LEVEL(name) name##_avx2

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include "vectors.inc"
#include "kernels.inc"
#pragma clang attribute pop
