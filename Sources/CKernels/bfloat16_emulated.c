// bfloat16 on AVX-512 without VDPBF16PS: what that instruction computes, in two steps. For tests.
#include "half.h"

#define LEVEL_VECTOR_FLOATS 16
#define HALF(name) name##_emulated
#define ADD_PAIR_PRODUCTS(sum, a, b) \
    __builtin_elementwise_fma( \
        (vec)((a) << 16), (vec)((b) << 16), \
        __builtin_elementwise_fma((vec)((a) & 0xffff0000), (vec)((b) & 0xffff0000), sum))

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma"))), apply_to = function)
#include "vectors.inc"
#include "bfloat16.inc"
#pragma clang attribute pop
