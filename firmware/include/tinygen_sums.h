/* tinygen_sums.h -- sums of products in C99: dot products, linear models, polynomials, hidden
 * layers. Hand-written. Included by tinygen_fixed.h, never alone. tinygen_avr_sums.h has the same
 * kernels in assembly. */
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

/* ---- hidden layers ---------------------------------------------------------------------------
 * A unit is h = max((bias * 2^8 + weights . x) / 2^8, 0), rounded half up. `table` in flash has a
 * row per unit: TINYGEN_BYTES(bias), then n weights. Sums fit 24 bits, which the generator has
 * proven.
 * tinygen_relu_layer_*  stores the units into h.
 * tinygen_relu_net_*    is a hidden layer with one output: a row ends with the unit's share v in
 *                       the output (int8, or TINYGEN_BYTES(v)), and acc + sum of v * h is returned;
 *                       no unit is ever stored.
 * tinygen_relu_pairs_*  is the same net, two units at a time: their biases, their weights for each
 *                       input in turn, their shares.
 * tinygen_relu_quads_*  takes four units at a time. */
#define TINYGEN_LAYER_C(unit, layer, in_t)                                                         \
    static inline int16_t unit(const int8_t *row, const in_t *x, uint8_t n)                        \
    {                                                                                              \
        tinygen_int24 acc = (tinygen_int24)((tinygen_int24)tinygen_word(row) * 256 + 128);         \
        for (uint8_t i = 0; i < n; ++i) {                                                          \
            tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(row + 2 + i);                         \
            acc = (tinygen_int24)(acc + (tinygen_int24)(w * (tinygen_int24)x[i]));                 \
        }                                                                                          \
        return acc < 0 ? 0 : (int16_t)(acc >> 8);                                                  \
    }                                                                                              \
    static inline void layer(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows,         \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (uint8_t row = 0; row < rows; ++row, table += n + 2) {                                 \
            h[row] = unit(table, x, n);                                                            \
        }                                                                                          \
    }

TINYGEN_LAYER_C(tinygen_relu_unit_s8, tinygen_relu_layer_s8, int8_t)
TINYGEN_LAYER_C(tinygen_relu_unit_u8, tinygen_relu_layer_u8, uint8_t)
TINYGEN_LAYER_C(tinygen_relu_unit_s16, tinygen_relu_layer_s16, int16_t)

#define TINYGEN_NET_C(name, unit, acc_t, in_t, read, bytes)                                        \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows,          \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (; rows > 0; --rows, table += n + 2 + bytes) {                                         \
            acc_t share = read(table + n + 2);                                                     \
            acc = (acc_t)(acc + (acc_t)(share * (acc_t)unit(table, x, n)));                        \
        }                                                                                          \
        return acc;                                                                                \
    }

#define TINYGEN_GROUPS_C(name, units, acc_t, in_t, read, bytes)                                    \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups,        \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (; groups > 0; --groups) {                                                             \
            const int8_t *weights = table + 2 * units, *shares = weights + units * n;              \
            for (uint8_t unit = 0; unit < units; ++unit) {                                         \
                tinygen_int24 sum = (tinygen_int24)tinygen_word(table + 2 * unit);                 \
                sum = (tinygen_int24)(sum * 256 + 128);                                            \
                for (uint8_t i = 0; i < n; ++i) {                                                  \
                    tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(weights + units * i + unit);  \
                    sum = (tinygen_int24)(sum + (tinygen_int24)(w * (tinygen_int24)x[i]));         \
                }                                                                                  \
                acc_t share = read(shares + unit * bytes), h = (acc_t)(sum < 0 ? 0 : sum >> 8);    \
                acc = (acc_t)(acc + (acc_t)(share * h));                                           \
            }                                                                                      \
            table = shares + units * bytes;                                                        \
        }                                                                                          \
        return acc;                                                                                \
    }

#define TINYGEN_NET(in, operands, acc_t, in_t, read, bytes)                                        \
    TINYGEN_NET_C(tinygen_relu_net_##in##_##operands, tinygen_relu_unit_##in, acc_t, in_t, read,   \
                  bytes)                                                                           \
    TINYGEN_GROUPS_C(tinygen_relu_pairs_##in##_##operands, 2, acc_t, in_t, read, bytes)            \
    TINYGEN_GROUPS_C(tinygen_relu_quads_##in##_##operands, 4, acc_t, in_t, read, bytes)

TINYGEN_NET(s8, w8_24, tinygen_int24, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s8, w8_32, int32_t, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s8, w16_32, int32_t, int8_t, tinygen_word, 2)
TINYGEN_NET(u8, w8_24, tinygen_int24, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(u8, w8_32, int32_t, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(u8, w16_32, int32_t, uint8_t, tinygen_word, 2)
TINYGEN_NET(s16, w8_24, tinygen_int24, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s16, w8_32, int32_t, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s16, w16_32, int32_t, int16_t, tinygen_word, 2)

/* The same net of two to seven int16 inputs, which an AVR keeps in registers. A row's weights are
 * int8 with the top bit turned: w + 2^7. Its bias lacks 2^7 times their sum, in 16 bits: the
 * assembly sums unsigned products, x + 2^15 times w + 2^7, which bring it back modulo 2^24. Here it
 * comes back first. */
#define TINYGEN_HELD_C(name, acc_t, n, read, bytes)                                                \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t rows)       \
    {                                                                                              \
        for (; rows > 0; --rows, table += 2 + n + bytes) {                                         \
            int32_t bias = tinygen_word(table);                                                    \
            for (uint8_t i = 0; i < n; ++i) {                                                      \
                bias += ((int32_t)TINYGEN_READ_U8(table + 2 + i) - 128) * 128;                     \
            }                                                                                      \
            bias -= ((bias + 32768) >> 16) * 65536;                                                \
            tinygen_int24 unit = (tinygen_int24)(bias * 256 + 128);                                \
            for (uint8_t i = 0; i < n; ++i) {                                                      \
                tinygen_int24 w = (tinygen_int24)TINYGEN_READ_U8(table + 2 + i) - 128;             \
                unit = (tinygen_int24)(unit + (tinygen_int24)(w * (tinygen_int24)x[i]));           \
            }                                                                                      \
            acc_t share = read(table + 2 + n), h = (acc_t)(unit < 0 ? 0 : unit >> 8);              \
            acc = (acc_t)(acc + (acc_t)(share * h));                                               \
        }                                                                                          \
        return acc;                                                                                \
    }
#define TINYGEN_HELD(n)                                                                            \
    TINYGEN_HELD_C(tinygen_relu_held_##n##_w8_24, tinygen_int24, n, TINYGEN_READ_I8, 1)            \
    TINYGEN_HELD_C(tinygen_relu_held_##n##_w8_32, int32_t, n, TINYGEN_READ_I8, 1)                  \
    TINYGEN_HELD_C(tinygen_relu_held_##n##_w16_32, int32_t, n, tinygen_word, 2)

TINYGEN_HELD(2)
TINYGEN_HELD(3)
TINYGEN_HELD(4)
TINYGEN_HELD(5)
TINYGEN_HELD(6)
TINYGEN_HELD(7)

#endif
