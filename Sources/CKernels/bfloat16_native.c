// bfloat16 by VDPBF16PS: Zen 4, Cooper Lake, Sapphire Rapids and later.
#include <immintrin.h>

#include "half.h"

#define LEVEL_VECTOR_FLOATS 16
#define HALF(name) name##_native
#define ADD_PAIR_PRODUCTS(sum, a, b) \
    ((vec)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b)))

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma,avx512bf16"))), apply_to = function)
#include "vectors.inc"
#include "bfloat16.inc"
#pragma clang attribute pop
