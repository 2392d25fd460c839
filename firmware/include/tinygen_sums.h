/* tinygen_sums.h -- sums of products in C99: dot products, linear models, polynomials.
 * Hand-written. Included by tinygen_fixed.h, never alone. tinygen_avr_sums.h has the same kernels
 * in assembly. */
#ifndef TINYGEN_SUMS_H
#define TINYGEN_SUMS_H

/* ---- dot products: acc + sum of weights[i] * x[i], n = 1 .. 255 -----------------------------
 * `weights` points into flash. The names give the type of x, of the weights, and the width of the
 * accumulator: tinygen_dot_s8_w8_24. */
#define TINYGEN_DOT_C(name, acc_t, in_t, weight_t, read)                                           \
    static inline acc_t name(acc_t acc, const weight_t *weights, const in_t *x, uint8_t n)         \
    {                                                                                              \
        for (uint8_t i = 0; i < n; ++i) {                                                          \
            acc = (acc_t)(acc + (acc_t)((acc_t)read(weights + i) * (acc_t)x[i]));                  \
        }                                                                                          \
        return acc;                                                                                \
    }

TINYGEN_DOT_C(tinygen_dot_s8_w8_16, int16_t, int8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_u8_w8_16, int16_t, uint8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_s8_w8_24, tinygen_int24, int8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_u8_w8_24, tinygen_int24, uint8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_s8_w8_32, int32_t, int8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_u8_w8_32, int32_t, uint8_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_s16_w8_24, tinygen_int24, int16_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_s16_w8_32, int32_t, int16_t, int8_t, TINYGEN_READ_I8)
TINYGEN_DOT_C(tinygen_dot_s8_w16_32, int32_t, int8_t, int16_t, TINYGEN_READ_I16)
TINYGEN_DOT_C(tinygen_dot_u8_w16_32, int32_t, uint8_t, int16_t, TINYGEN_READ_I16)
TINYGEN_DOT_C(tinygen_dot_s16_w16_32, int32_t, int16_t, int16_t, TINYGEN_READ_I16)

/* w * x, of 23 bits: -32768 * -128 = 2^22 */
static inline tinygen_int24 tinygen_times_s16_w8(int16_t x, int8_t w)
{
    return (tinygen_int24)((int32_t)x * w);
}

/* ---- linear models ---------------------------------------------------------------------------
 * acc + sum of w * min((x - low) * multiplier / 2^16, 4095) over n inputs, n = 1 .. 255: no scaled
 * input is ever stored. `table` in flash has a row per input: TINYGEN_BYTES(low),
 * TINYGEN_BYTES(multiplier), w. */
#define TINYGEN_LINEAR_C(name, acc_t)                                                              \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t n)          \
    {                                                                                              \
        for (; n > 0; --n, table += 5) {                                                           \
            uint16_t multiplier = (uint16_t)tinygen_word(table + 2);                               \
            uint16_t u = tinygen_scale16(*x++, tinygen_word(table), multiplier, 4095);             \
            acc = (acc_t)(acc + (acc_t)((acc_t)TINYGEN_READ_I8(table + 4) * (acc_t)u));            \
        }                                                                                          \
        return acc;                                                                                \
    }

TINYGEN_LINEAR_C(tinygen_linear_w8_24, tinygen_int24)
TINYGEN_LINEAR_C(tinygen_linear_w8_32, int32_t)

/* ---- polynomials -----------------------------------------------------------------------------
 * acc + sum of w * (u[a] * u[b]) over n terms. `table` in flash has a row per term: the places a
 * and b, then w (int8, or TINYGEN_BYTES(w)). The product of two int8 fits 16 bits. */
#define TINYGEN_TERMS_C(name, acc_t, read, bytes)                                                  \
    static inline acc_t name(acc_t acc, const int8_t *table, const int8_t *u, uint8_t n)           \
    {                                                                                              \
        for (; n > 0; --n, table += 2 + bytes) {                                                   \
            int8_t a = u[TINYGEN_READ_U8(table)], b = u[TINYGEN_READ_U8(table + 1)];               \
            acc = (acc_t)(acc + (acc_t)((acc_t)read(table + 2) * (acc_t)(int16_t)(a * b)));        \
        }                                                                                          \
        return acc;                                                                                \
    }

TINYGEN_TERMS_C(tinygen_terms_w8_24, tinygen_int24, TINYGEN_READ_I8, 1)
TINYGEN_TERMS_C(tinygen_terms_w8_32, int32_t, TINYGEN_READ_I8, 1)
TINYGEN_TERMS_C(tinygen_terms_w16_32, int32_t, tinygen_word, 2)

#endif
