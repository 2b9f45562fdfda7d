#include <immintrin.h>

#include "table.h"

#define LEVEL(name) name##_avx512
#define LEVEL_VECTOR_FLOATS 16

#pragma clang attribute push(__attribute__((target("avx512f,f16c,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "vectors.inc"
#include "products.inc"
#include "kernels.inc"
#pragma clang attribute pop
