// float16 where the processor only converts it: each operation is rounded by itself. For tests.
#include "half.h"

#define LEVEL_VECTOR_FLOATS 16
#define HALF(name) name##_emulated
// A product of two float16 is exact in float32, so only the sum is rounded, there and once more to
// float16.
typedef float floats32 __attribute__((vector_size(128)));
#define MULTIPLY_ADD(x, y, sum) \
    __builtin_convertvector( \
        __builtin_elementwise_fma( \
            __builtin_convertvector(x, floats32), __builtin_convertvector(y, floats32), \
            __builtin_convertvector(sum, floats32)), \
        half32)

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma"))), apply_to = function)
#include "vectors.inc"
#include "float16.inc"
#pragma clang attribute pop
