// float16 by AVX512-FP16: Sapphire Rapids and later.
#include "half.h"

#define LEVEL_VECTOR_FLOATS 16
#define HALF(name) name##_native
#define MULTIPLY_ADD(x, y, sum) __builtin_elementwise_fma(x, y, sum)

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma,avx512fp16"))), apply_to = function)
#include "vectors.inc"
#include "float16.inc"
#pragma clang attribute pop
