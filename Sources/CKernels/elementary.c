// exp, log, cos and sin in double precision, the same bits on every processor.
#include "kernels.h"

static double scaled(double x, int exponent) {
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double factor;
    __builtin_memcpy(&factor, &bits, 8);
    return x * factor;
}

double ck_exp(double x) {
    if (x != x) return x;
    if (x > 709.0) return __builtin_inf();
    if (x < -708.0) return 0;
    double n = __builtin_floor(x * 1.4426950408889634 + 0.5);
    // The first part of ln 2 has 32 bits, so n times it is exact.
    double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    // |r| <= 0.35: fourteen terms of the Taylor series reach 1e-17.
    double sum = 1;
    for (int k = 14; k >= 1; k--) sum = 1 + sum * r / k;
    return scaled(sum, (int)n);
}

double ck_log(double x) {
    if (!(x > 0)) return x == 0 ? -__builtin_inf() : __builtin_nan("");
    if (x == __builtin_inf()) return x;
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits;
    __builtin_memcpy(&bits, &x, 8);
    exponent += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    double m;
    __builtin_memcpy(&m, &bits, 8);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    // ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| <= 0.172.
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int k = 23; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
    return exponent * 0.693147180369123816490 + (2 * s * sum + exponent * 1.90821492927058770002e-10);
}

void ck_cosine_sine(double x, double *cosine, double *sine) {
    // Quarter turns off in three parts of pi / 2, the first two exact times n < 2^27.
    double n = __builtin_floor(x * 0.63661977236758134 + 0.5);
    double r = ((x - n * 1.57079601287841796875) - n * 3.1391647326017846e-7)
        - n * 5.3903025299577648e-15;
    double r2 = r * r, c = 1, s = 1;
    for (int k = 20; k >= 2; k -= 2) {
        c = 1 - c * r2 / (k * (k - 1));
        s = 1 - s * r2 / (k * (k + 1));
    }
    s *= r;
    switch ((int64_t)n & 3) {
    case 0: *cosine = c; *sine = s; break;
    case 1: *cosine = -s; *sine = c; break;
    case 2: *cosine = -c; *sine = -s; break;
    default: *cosine = s; *sine = -c; break;
    }
}
