// float16 where the processor only converts it: each operation is rounded by itself. For tests.
#include "half.h"

#define LEVEL_VECTOR_FLOATS 16
#define HALF(name) name##_emulated

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma"))), apply_to = function)
#include "vectors.inc"
#include "float16.inc"
#pragma clang attribute pop
