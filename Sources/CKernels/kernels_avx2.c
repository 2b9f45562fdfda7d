#include <immintrin.h>

#include "table.h"

#define LEVEL(name) name##_avx2
#define LEVEL_VECTOR_FLOATS 8

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vectors.inc"
#include "products.inc"
#include "kernels.inc"
#pragma clang attribute pop
