// Chooses among the SIMD levels at run time and forwards every call.
#include "half.h"
#include "table.h"

static const struct ck_table *active = &ck_table_baseline;

int32_t ck_best_level(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return ck_level_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c")) return ck_level_avx2;
    return ck_level_baseline;
}

int32_t ck_select_level(int32_t level) {
    int32_t best = ck_best_level();
    if (level > best) level = best;
    active = level == ck_level_avx512 ? &ck_table_avx512
           : level == ck_level_avx2   ? &ck_table_avx2
                                      : &ck_table_baseline;
    return level;
}

const struct ck_half_kernels *ck_half_kernels(int32_t type, bool emulated) {
    bool wide = ck_best_level() == ck_level_avx512;
    if (type == ck_bfloat16 && wide) {
        if (emulated) return &ck_bfloat16_emulated;
        return __builtin_cpu_supports("avx512bf16") ? &ck_bfloat16_native : NULL;
    }
    if (type == ck_float16 && wide) {
        if (emulated) return &ck_float16_emulated;
        return __builtin_cpu_supports("avx512fp16") ? &ck_float16_native : NULL;
    }
    return NULL;
}

void ck_touch(const void *source, size_t source_bytes, size_t bytes, size_t rows) {
    enum { line = 64 };
    const char *row = source;
    if (bytes == source_bytes) {
        bytes *= rows;
        rows = 1;
    }
    for (size_t i = 0; i < rows; i++, row += source_bytes)
        for (size_t byte = 0; byte < bytes; byte += line) (void)*(const volatile char *)(row + byte);
}

void ck_widen(int32_t type, const void *source, size_t source_bytes, float *target, size_t
    target_stride, size_t rows, size_t columns) {
    active->widen(type, source, source_bytes, target, target_stride, rows, columns);
}

void ck_panel_product(const float *a, size_t a_stride, const float *panel, size_t depth, float *c,
    size_t c_stride, size_t rows, size_t columns, bool adding) {
    active->panel_product(a, a_stride, panel, depth, c, c_stride, rows, columns, adding);
}

void ck_transpose_into_panel(const float *source, size_t stride, size_t rows, size_t columns, float
    *panel) {
    active->transpose_into_panel(source, stride, rows, columns, panel);
}

void ck_rms_norm(const float *x, const float *weight, float *y, float *inverse, size_t rows,
    size_t columns, float epsilon) {
    active->rms_norm(x, weight, y, inverse, rows, columns, epsilon);
}

void ck_rms_norm_again(const float *x, const float *weight, float *y, const float *inverse, size_t
    rows, size_t columns) {
    active->rms_norm_again(x, weight, y, inverse, rows, columns);
}

void ck_rms_norm_backward(const float *dy, const float *x, const float *weight, const float
    *inverse, float *dx, size_t rows, size_t columns) {
    active->rms_norm_backward(dy, x, weight, inverse, dx, rows, columns);
}

void ck_layer_norm(const float *x, const float *weight, const float *bias, float *y, float *mean,
    float *inverse, size_t rows, size_t columns, float epsilon) {
    active->layer_norm(x, weight, bias, y, mean, inverse, rows, columns, epsilon);
}

void ck_layer_norm_again(const float *x, const float *weight, const float *bias, float *y, const
    float *mean, const float *inverse, size_t rows, size_t columns) {
    active->layer_norm_again(x, weight, bias, y, mean, inverse, rows, columns);
}

void ck_layer_norm_backward(const float *dy, const float *x, const float *weight, const float *mean,
    const float *inverse, float *dx, size_t rows, size_t columns) {
    active->layer_norm_backward(dy, x, weight, mean, inverse, dx, rows, columns);
}

void ck_rotary(float *x, size_t rows, size_t stride, size_t heads, size_t head_stride, size_t
    dimension, const int32_t *positions, const float *cosine, const float *sine, float direction) {
    active->rotary(
        x, rows, stride, heads, head_stride, dimension, positions, cosine, sine, direction);
}

void ck_rotary_neighbours(float *x, size_t rows, size_t stride, size_t heads, size_t head_stride,
    size_t dimension, const int32_t *positions, const float *cosine, const float *sine, float
    direction) {
    active->rotary_neighbours(
        x, rows, stride, heads, head_stride, dimension, positions, cosine, sine, direction);
}

void ck_activation(int32_t kind, const float *x, const float *factor, float *y, size_t count) {
    active->activation(kind, x, factor, y, count);
}

void ck_activation_backward(int32_t kind, const float *dy, float *x, float *factor, size_t count) {
    active->activation_backward(kind, dy, x, factor, count);
}

void ck_soft_cap(float *x, float *slope, size_t rows, size_t columns, size_t stride, float scale,
    float cap) {
    active->soft_cap(x, slope, rows, columns, stride, scale, cap);
}

void ck_multiply(const float *x, float *y, size_t count) {
    active->multiply(x, y, count);
}

void ck_scale(float *x, size_t count, float factor) {
    active->scale(x, count, factor);
}

void ck_causal_softmax(float *scores, size_t rows, size_t columns, size_t stride, size_t visible,
    size_t window, float scale, float *log_sum, size_t log_stride) {
    active->causal_softmax(
        scores, rows, columns, stride, visible, window, scale, log_sum, log_stride);
}

void ck_causal_softmax_again(float *scores, size_t rows, size_t columns, size_t stride, size_t
    visible, size_t window, float scale, const float *log_sum, size_t log_stride) {
    active->causal_softmax_again(
        scores, rows, columns, stride, visible, window, scale, log_sum, log_stride);
}

void ck_softmax_backward(const float *p, float *dp, size_t rows, size_t columns, size_t stride,
    float scale, const float *delta, size_t delta_stride) {
    active->softmax_backward(p, dp, rows, columns, stride, scale, delta, delta_stride);
}

void ck_row_dots(const float *a, size_t a_stride, const float *b, size_t b_stride, float *out,
    size_t out_stride, size_t rows, size_t columns) {
    active->row_dots(a, a_stride, b, b_stride, out, out_stride, rows, columns);
}

double ck_cross_entropy(float *logits, size_t count, size_t target, bool gradient) {
    return active->cross_entropy(logits, count, target, gradient);
}

void ck_add(const float *x, float *y, size_t count) {
    active->add(x, y, count);
}

int32_t ck_largest_exponent(const float *x, size_t count, bool *finite) {
    return active->largest_exponent(x, count, finite);
}

void ck_add_exactly(const float *x, size_t count, double scale, int64_t *sums) {
    active->add_exactly(x, count, scale, sums);
}
