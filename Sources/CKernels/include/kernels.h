// Vector kernels on float32, called by the Swift room `Kernels` alone.
//
// Every function is compiled three times (baseline x86-64, AVX2, AVX-512) from one source that
// fixes the order of all operations: 16 partial sums, no fused multiply-add. So all levels give
// the same bits, and the level belongs to speed, not to the result. Only ck_panel_product fuses
// where the processor can: AVX2 and AVX-512 agree, baseline differs.
//
// Rows are contiguous; `stride` counts elements between rows. Nothing allocates.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// SIMD levels, in rising order.
enum { ck_level_baseline = 0, ck_level_avx2 = 1, ck_level_avx512 = 2 };

// The highest level that this processor and operating system run.
int32_t ck_best_level(void);
// Selects the level of all later calls; clamped to ck_best_level(). Call before any thread starts.
int32_t ck_select_level(int32_t level);

// Kernels that decode stored elements: the numbers of the rows in Sources/Tensors/BlockFormat.swift.
enum { ck_float32, ck_float16, ck_bfloat16, ck_q8_0, ck_q4_0, ck_q4_1 };

// Widens `rows` rows of `columns` stored elements to float32; exact. Rows lie `source_bytes` apart;
// `columns` is a multiple of the block's 32 elements for the q types.
void ck_widen(
    int32_t type, const void *_Nonnull source, size_t source_bytes, float *_Nonnull target,
    size_t target_stride, size_t rows, size_t columns);

// Reads `bytes` of each of `rows` rows line by line, so that they are in the caches: weights come from
// memory, and the strided reads of ck_widen are not what processors foresee.
void ck_touch(const void *_Nonnull source, size_t source_bytes, size_t bytes, size_t rows);

// Columns of a panel: the part of a weight that is multiplied at a time, [depth, columns].
enum { ck_panel_columns = 64 };

// c = a * panel, or c += a * panel: a [rows, depth], c [rows, columns], columns <= 64.
// Each element is one chain of `depth` multiply-adds that starts at 0, fused from AVX2 on.
void ck_panel_product(
    const float *_Nonnull a, size_t a_stride, const float *_Nonnull panel, size_t depth,
    float *_Nonnull c, size_t c_stride, size_t rows, size_t columns, bool adding);
// panel[j, i] = source[i, j] for `rows` <= 64 rows.
void ck_transpose_into_panel(
    const float *_Nonnull source, size_t stride, size_t rows, size_t columns,
    float *_Nonnull panel);

// Products in half precision: both operands are rounded, sums are (or end) in float32.
struct ck_half_kernels {
    // Rounds `rows` rows of a [rows, depth] for `product`; depth rounded up to even elements a row.
    // One factor a row goes to `scales` (float16 only).
    void (*_Nonnull operand)(
        const float *_Nonnull a, size_t stride, size_t rows, size_t depth,
        uint16_t *_Nonnull operand, float *_Nonnull scales);
    // Rounds a panel [depth, 64]; one factor a column goes to `scales` (float16 only).
    void (*_Nonnull panel)(
        const float *_Nonnull panel, size_t depth, uint16_t *_Nonnull target,
        float *_Nonnull scales);
    // As ck_panel_product, on what the two above have made.
    void (*_Nonnull product)(
        const uint16_t *_Nonnull a, const float *_Nonnull a_scales,
        const uint16_t *_Nonnull panel, const float *_Nonnull panel_scales, size_t depth,
        float *_Nonnull c, size_t c_stride, size_t rows, size_t columns, bool adding);
};

// The kernels of ck_float16 or ck_bfloat16, or NULL if this processor does not compute in that type.
// `emulated`: the same operations step by step, for tests; needs AVX-512.
const struct ck_half_kernels *_Nullable ck_half_kernels(int32_t type, bool emulated);

// y = x * w / sqrt(mean(x^2) + epsilon) for each row; the inverse root goes to `inverse`.
void ck_rms_norm(
    const float *_Nonnull x, const float *_Nonnull weight, float *_Nonnull y,
    float *_Nonnull inverse, size_t rows, size_t columns, float epsilon);
// The same with the inverse roots already known.
void ck_rms_norm_again(
    const float *_Nonnull x, const float *_Nonnull weight, float *_Nonnull y,
    const float *_Nonnull inverse, size_t rows, size_t columns);
// dx += inverse * (dy*w - x * inverse^2 * mean(dy*w*x))
void ck_rms_norm_backward(
    const float *_Nonnull dy, const float *_Nonnull x, const float *_Nonnull weight,
    const float *_Nonnull inverse, float *_Nonnull dx, size_t rows, size_t columns);

// y = (x - mean) * w / sqrt(variance + epsilon) + b for each row; mean and inverse root are kept.
void ck_layer_norm(
    const float *_Nonnull x, const float *_Nonnull weight, const float *_Nonnull bias,
    float *_Nonnull y, float *_Nonnull mean, float *_Nonnull inverse, size_t rows, size_t columns,
    float epsilon);
// The same with both already known.
void ck_layer_norm_again(
    const float *_Nonnull x, const float *_Nonnull weight, const float *_Nonnull bias,
    float *_Nonnull y, const float *_Nonnull mean, const float *_Nonnull inverse, size_t rows,
    size_t columns);
// dx += inverse * (g - mean(g) - u * mean(g*u)), g = dy*w, u = (x - mean) * inverse
void ck_layer_norm_backward(
    const float *_Nonnull dy, const float *_Nonnull x, const float *_Nonnull weight,
    const float *_Nonnull mean, const float *_Nonnull inverse, float *_Nonnull dx, size_t rows,
    size_t columns);

// Rotates the first `dimension` elements of each head, number i against number i + dimension / 2:
// (a, b) -> (a cos - b sin, b cos + a sin). Heads lie `head_stride` apart.
// cosine, sine: [positions, dimension / 2]; direction -1 rotates back.
void ck_rotary(
    float *_Nonnull x, size_t rows, size_t stride, size_t heads, size_t head_stride,
    size_t dimension, const int32_t *_Nonnull positions, const float *_Nonnull cosine,
    const float *_Nonnull sine, float direction);
// The same, number 2i against number 2i + 1.
void ck_rotary_neighbours(
    float *_Nonnull x, size_t rows, size_t stride, size_t heads, size_t head_stride,
    size_t dimension, const int32_t *_Nonnull positions, const float *_Nonnull cosine,
    const float *_Nonnull sine, float direction);

// Activations f: x / (1 + exp(-x)); x times the normal distribution's integral up to x; its
// approximation x / (1 + exp(-2u)), u = sqrt(2 / pi) * (x + 0.044715 x^3); max(x, 0).
enum { ck_silu, ck_gelu_exact, ck_gelu_tanh, ck_relu };

// y = f(x), or f(x) * factor.
void ck_activation(
    int32_t kind, const float *_Nonnull x, const float *_Nullable factor, float *_Nonnull y,
    size_t count);
// Overwrites x, and the factor, by their gradients.
void ck_activation_backward(
    int32_t kind, const float *_Nonnull dy, float *_Nonnull x, float *_Nullable factor,
    size_t count);

// x = cap * tanh(scale * x / cap); 1 - tanh^2 goes to `slope`, which has the same stride.
void ck_soft_cap(
    float *_Nonnull x, float *_Nullable slope, size_t rows, size_t columns, size_t stride,
    float scale, float cap);
// y *= x
void ck_multiply(const float *_Nonnull x, float *_Nonnull y, size_t count);
// x *= factor
void ck_scale(float *_Nonnull x, size_t count, float factor);

// Row i of `scores` sees the last `window` of its first `visible + i` columns: p = softmax(scale * s)
// there, zero elsewhere. log_sum[i * log_stride] = log of the sum of exp(scale * s).
void ck_causal_softmax(
    float *_Nonnull scores, size_t rows, size_t columns, size_t stride, size_t visible,
    size_t window, float scale, float *_Nonnull log_sum, size_t log_stride);
// The same from known logarithms.
void ck_causal_softmax_again(
    float *_Nonnull scores, size_t rows, size_t columns, size_t stride, size_t visible,
    size_t window, float scale, const float *_Nonnull log_sum, size_t log_stride);
// dp = p * (dp - delta) * scale, row by row, over `columns`; delta[i * delta_stride].
void ck_softmax_backward(
    const float *_Nonnull p, float *_Nonnull dp, size_t rows, size_t columns, size_t stride,
    float scale, const float *_Nonnull delta, size_t delta_stride);
// out[i * out_stride] = sum over columns of a*b.
void ck_row_dots(
    const float *_Nonnull a, size_t a_stride, const float *_Nonnull b, size_t b_stride,
    float *_Nonnull out, size_t out_stride, size_t rows, size_t columns);

// Negative log-likelihood of `target` under softmax(logits), in nats; with `gradient` the row is
// overwritten by softmax(logits) - onehot(target).
double ck_cross_entropy(float *_Nonnull logits, size_t count, size_t target, bool gradient);

// y += x
void ck_add(const float *_Nonnull x, float *_Nonnull y, size_t count);

// Smallest e with |x| < 2^e for all elements, or INT32_MIN if all are zero; sets *finite to false
// if an element is NaN or infinite.
int32_t ck_largest_exponent(const float *_Nonnull x, size_t count, bool *_Nonnull finite);
// sums += rint(x * scale), ties to even, wrapping. Requires |x * scale| < 2^62.
void ck_add_exactly(
    const float *_Nonnull x, size_t count, double scale, int64_t *_Nonnull sums);

// Elementary functions in double precision with one order of operations on every processor
// (the C library's differ with FMA). Relative error below 1e-14.
double ck_exp(double x);
double ck_log(double x);
// Cosine and sine of 0 <= x < 2^27.
void ck_cosine_sine(double x, double *_Nonnull cosine, double *_Nonnull sine);

// The processors that a process (0: the calling thread and its future children) may use, one bit
// each: the C library hides these calls behind a macro that Swift does not define. False on failure.
bool ck_get_affinity(int32_t process, uint64_t *_Nonnull mask, size_t words);
bool ck_set_affinity(const uint64_t *_Nonnull mask, size_t words);

#ifdef __cplusplus
}
#endif

#endif
