// The kernels of the half-precision types, by where their arithmetic comes from.
#ifndef CKERNELS_HALF_H
#define CKERNELS_HALF_H

#include "kernels.h"

extern const struct ck_half_kernels ck_bfloat16_native, ck_bfloat16_emulated, ck_float16_native,
    ck_float16_emulated;

#endif
