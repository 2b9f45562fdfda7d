// The kernels of one SIMD level.
#ifndef CKERNELS_TABLE_H
#define CKERNELS_TABLE_H

#include "kernels.h"

struct ck_table {
    void (*widen)(int32_t type, const void *source, size_t source_bytes, float *target, size_t
        target_stride, size_t rows, size_t columns);
    void (*panel_product)(const float *a, size_t a_stride, const float *panel, size_t depth, float
        *c, size_t c_stride, size_t rows, size_t columns, bool adding);
    void (*transpose_into_panel)(const float *source, size_t stride, size_t rows, size_t columns,
        float *panel);
    void (*rms_norm)(const float *x, const float *weight, float *y, float *inverse, size_t rows,
        size_t columns, float epsilon);
    void (*rms_norm_again)(const float *x, const float *weight, float *y, const float *inverse,
        size_t rows, size_t columns);
    void (*rms_norm_backward)(const float *dy, const float *x, const float *weight, const float
        *inverse, float *dx, size_t rows, size_t columns);
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float *y, float
        *mean, float *inverse, size_t rows, size_t columns, float epsilon);
    void (*layer_norm_again)(const float *x, const float *weight, const float *bias, float *y,
        const float *mean, const float *inverse, size_t rows, size_t columns);
    void (*layer_norm_backward)(const float *dy, const float *x, const float *weight, const float
        *mean, const float *inverse, float *dx, size_t rows, size_t columns);
    void (*rotary)(float *x, size_t rows, size_t stride, size_t heads, size_t head_stride, size_t
        dimension, const int32_t *positions, const float *cosine, const float *sine, float
        direction);
    void (*rotary_neighbours)(float *x, size_t rows, size_t stride, size_t heads, size_t
        head_stride, size_t dimension, const int32_t *positions, const float *cosine, const float
        *sine, float direction);
    void (*activation)(int32_t kind, const float *x, const float *factor, float *y, size_t count);
    void (*activation_backward)(int32_t kind, const float *dy, float *x, float *factor, size_t
        count);
    void (*soft_cap)(float *x, float *slope, size_t rows, size_t columns, size_t stride, float
        scale, float cap);
    void (*multiply)(const float *x, float *y, size_t count);
    void (*scale)(float *x, size_t count, float factor);
    void (*causal_softmax)(float *scores, size_t rows, size_t columns, size_t stride, size_t
        visible, size_t window, float scale, float *log_sum, size_t log_stride);
    void (*causal_softmax_again)(float *scores, size_t rows, size_t columns, size_t stride,
        size_t visible, size_t window, float scale, const float *log_sum, size_t log_stride);
    void (*softmax_backward)(const float *p, float *dp, size_t rows, size_t columns, size_t
        stride, float scale, const float *delta, size_t delta_stride);
    void (*row_dots)(const float *a, size_t a_stride, const float *b, size_t b_stride, float
        *out, size_t out_stride, size_t rows, size_t columns);
    double (*cross_entropy)(float *logits, size_t count, size_t target, bool gradient);
    void (*add)(const float *x, float *y, size_t count);
    int32_t (*largest_exponent)(const float *x, size_t count, bool *finite);
    void (*add_exactly)(const float *x, size_t count, double scale, int64_t *sums);
};

extern const struct ck_table ck_table_baseline, ck_table_avx2, ck_table_avx512;

#endif
