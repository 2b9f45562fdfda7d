// Types of the OpenBLAS entry points that `Kernels` looks up with dlsym. Nothing is linked:
// OpenBLAS picks its kernels when it is loaded, so it is opened after the ranks agreed on them.
#ifndef COPENBLAS_SHIM_H
#define COPENBLAS_SHIM_H

#include <stdint.h>

enum { cblas_row_major = 101, cblas_no_transpose = 111, cblas_transpose = 112 };

typedef void (*copenblas_sgemm_function)(
    int32_t order, int32_t trans_a, int32_t trans_b, int32_t m, int32_t n, int32_t k,
    float alpha, const float *a, int32_t lda, const float *b, int32_t ldb,
    float beta, float *c, int32_t ldc);
typedef char *(*copenblas_text_function)(void);
typedef void (*copenblas_set_threads_function)(int32_t threads);

#endif
