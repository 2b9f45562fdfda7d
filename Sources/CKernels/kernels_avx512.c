#include "table.h"

#define LEVEL(name) name##_avx512

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "vectors.inc"
#include "kernels.inc"
#pragma clang attribute pop
