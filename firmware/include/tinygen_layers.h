/* tinygen_layers.h -- hidden layers of nets in C99. Hand-written. Included by tinygen_fixed.h,
 * never alone. tinygen_avr_layers.h has the same kernels in assembly.
 *
 * A unit is h = max((bias * 2^8 + weights . x) / 2^8, 0), rounded half up. `table` in flash has a
 * row per unit: TINYGEN_BYTES(bias), then n weights. Sums fit 24 bits, which the generator has
 * proven.
 * tinygen_relu_layer_*  stores the units into h.
 * tinygen_relu_layer_pairs_*, tinygen_relu_layer_quads_*  take groups of two or four units: their
 *                       biases, then their weights for each input in turn. Idle units fill up the
 *                       last group and are stored too: h has room for them.
 * tinygen_relu_net_*    is a hidden layer with one output: a row ends with the unit's share v in
 *                       the output (int8, or TINYGEN_BYTES(v)), and acc + sum of v * h is returned;
 *                       no unit is ever stored.
 * tinygen_relu_pairs_*  is the same net, two units at a time: their biases, their weights for each
 *                       input in turn, their shares.
 * tinygen_relu_quads_*  takes four units at a time.
 * tinygen_fine_*        are the same for int8 inputs, with sums of fewer bits, of which 1 or 4 are
 *                       dropped, as the name says: h = max((bias + weights . x) / 2, 0), say. The
 *                       bias has three bytes, TINYGEN_3_BYTES(bias), and what rounds is in it.
 * tinygen_byte_layer_*  are fine layers whose units are bytes: h = (bias + weights . x) / 2^6, at
 *                       most 255, less 128, so that kernels for int8 inputs read them.
 */
#ifndef TINYGEN_LAYERS_H
#define TINYGEN_LAYERS_H

static inline tinygen_int24 tinygen_relu_start(const int8_t *bias)
{
    return (tinygen_int24)((tinygen_int24)tinygen_word(bias) * 256 + 128);
}

/* Not a byte * 2^16: GCC 7 without optimisation moves 24 bits by 16 wrongly. */
static inline tinygen_int24 tinygen_fine_start(const int8_t *bias)
{
    tinygen_int24 above = (tinygen_int24)tinygen_word(bias + 1);
    return (tinygen_int24)(above * 256 + (tinygen_int24)TINYGEN_READ_U8(bias));
}

#define TINYGEN_UNIT_C(shift)                                                                      \
    static inline int16_t tinygen_unit_##shift(tinygen_int24 acc)                                  \
    {                                                                                              \
        return acc < 0 ? 0 : (int16_t)(acc >> (shift));                                            \
    }

TINYGEN_UNIT_C(8)
TINYGEN_UNIT_C(1)
TINYGEN_UNIT_C(4)

static inline int8_t tinygen_byte_unit_6(tinygen_int24 acc)
{
    tinygen_int24 unit = (tinygen_int24)(acc < 0 ? 0 : acc >> 6);
    return (int8_t)((unit > 255 ? 255 : unit) - 128);
}

/* bias_bytes: of each unit's bias in the table, which `start` reads; `end` makes a unit of a sum */
#define TINYGEN_LAYER_C(unit, layer, in_t, unit_t, start, bias_bytes, end)                         \
    static inline unit_t unit(const int8_t *row, const in_t *x, uint8_t n)                         \
    {                                                                                              \
        tinygen_int24 acc = start(row);                                                            \
        for (uint8_t i = 0; i < n; ++i) {                                                          \
            tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(row + (bias_bytes) + i);              \
            acc = (tinygen_int24)(acc + (tinygen_int24)(w * (tinygen_int24)x[i]));                 \
        }                                                                                          \
        return end(acc);                                                                           \
    }                                                                                              \
    static inline void layer(const int8_t *table, const in_t *x, unit_t *h, uint8_t rows,          \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (uint8_t row = 0; row < rows; ++row, table += n + (bias_bytes)) {                      \
            h[row] = unit(table, x, n);                                                            \
        }                                                                                          \
    }

TINYGEN_LAYER_C(tinygen_relu_unit_s8, tinygen_relu_layer_s8, int8_t, int16_t, tinygen_relu_start, 2,
                tinygen_unit_8)
TINYGEN_LAYER_C(tinygen_relu_unit_u8, tinygen_relu_layer_u8, uint8_t, int16_t, tinygen_relu_start,
                2, tinygen_unit_8)
TINYGEN_LAYER_C(tinygen_relu_unit_s16, tinygen_relu_layer_s16, int16_t, int16_t, tinygen_relu_start,
                2, tinygen_unit_8)
TINYGEN_LAYER_C(tinygen_fine_unit_1, tinygen_fine_layer_1, int8_t, int16_t, tinygen_fine_start, 3,
                tinygen_unit_1)
TINYGEN_LAYER_C(tinygen_fine_unit_4, tinygen_fine_layer_4, int8_t, int16_t, tinygen_fine_start, 3,
                tinygen_unit_4)
TINYGEN_LAYER_C(tinygen_byte_of_1_6, tinygen_byte_layer_6, int8_t, int8_t, tinygen_fine_start, 3,
                tinygen_byte_unit_6)

/* The same of groups of units; `unit` computes unit k of a group. */
#define TINYGEN_LAYER_GROUPS_C(unit, layer, units, in_t, unit_t, start, bias_bytes, end)           \
    static inline unit_t unit(const int8_t *group, const in_t *x, uint8_t k, uint8_t n)            \
    {                                                                                              \
        const int8_t *weights = group + (bias_bytes) * (units) + k;                                \
        tinygen_int24 acc = start(group + (bias_bytes) * k);                                       \
        for (uint8_t i = 0; i < n; ++i) {                                                          \
            tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(weights + (units) * i);               \
            acc = (tinygen_int24)(acc + (tinygen_int24)(w * (tinygen_int24)x[i]));                 \
        }                                                                                          \
        return end(acc);                                                                           \
    }                                                                                              \
    static inline void layer(const int8_t *table, const in_t *x, unit_t *h, uint8_t groups,        \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (; groups > 0; --groups, h += (units), table += (units) * (n + (bias_bytes))) {        \
            for (uint8_t k = 0; k < (units); ++k) {                                                \
                h[k] = unit(table, x, k, n);                                                       \
            }                                                                                      \
        }                                                                                          \
    }
#define TINYGEN_RELU_GROUPS_C(in, in_t)                                                            \
    TINYGEN_LAYER_GROUPS_C(tinygen_relu_of_2_##in, tinygen_relu_layer_pairs_##in, 2, in_t,         \
                           int16_t, tinygen_relu_start, 2, tinygen_unit_8)                         \
    TINYGEN_LAYER_GROUPS_C(tinygen_relu_of_4_##in, tinygen_relu_layer_quads_##in, 4, in_t,         \
                           int16_t, tinygen_relu_start, 2, tinygen_unit_8)
#define TINYGEN_FINE_GROUPS_C(kind, unit_t, shift, end)                                            \
    TINYGEN_LAYER_GROUPS_C(tinygen_##kind##_of_2_##shift, tinygen_##kind##_layer_pairs_##shift, 2, \
                           int8_t, unit_t, tinygen_fine_start, 3, end)                             \
    TINYGEN_LAYER_GROUPS_C(tinygen_##kind##_of_4_##shift, tinygen_##kind##_layer_quads_##shift, 4, \
                           int8_t, unit_t, tinygen_fine_start, 3, end)

TINYGEN_RELU_GROUPS_C(s8, int8_t)
TINYGEN_RELU_GROUPS_C(u8, uint8_t)
TINYGEN_RELU_GROUPS_C(s16, int16_t)
TINYGEN_FINE_GROUPS_C(fine, int16_t, 1, tinygen_unit_1)
TINYGEN_FINE_GROUPS_C(fine, int16_t, 4, tinygen_unit_4)
TINYGEN_FINE_GROUPS_C(byte, int8_t, 6, tinygen_byte_unit_6)

#define TINYGEN_NET_C(name, unit, bias_bytes, acc_t, in_t, read, bytes)                            \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows,          \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (; rows > 0; --rows, table += n + (bias_bytes) + (bytes)) {                            \
            acc_t share = read(table + n + (bias_bytes));                                          \
            acc = (acc_t)(acc + (acc_t)(share * (acc_t)unit(table, x, n)));                        \
        }                                                                                          \
        return acc;                                                                                \
    }

#define TINYGEN_GROUPS_C(name, unit, units, bias_bytes, acc_t, in_t, read, bytes)                  \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups,        \
                             uint8_t n)                                                            \
    {                                                                                              \
        for (; groups > 0; --groups) {                                                             \
            const int8_t *shares = table + (units) * (n + (bias_bytes));                           \
            for (uint8_t k = 0; k < (units); ++k) {                                                \
                acc_t share = read(shares + (bytes) * k);                                          \
                acc = (acc_t)(acc + (acc_t)(share * (acc_t)unit(table, x, k, n)));                 \
            }                                                                                      \
            table = shares + (units) * (bytes);                                                    \
        }                                                                                          \
        return acc;                                                                                \
    }

#define TINYGEN_NET(in, operands, acc_t, in_t, read, bytes)                                        \
    TINYGEN_NET_C(tinygen_relu_net_##in##_##operands, tinygen_relu_unit_##in, 2, acc_t, in_t,      \
                  read, bytes)                                                                     \
    TINYGEN_GROUPS_C(tinygen_relu_pairs_##in##_##operands, tinygen_relu_of_2_##in, 2, 2, acc_t,    \
                     in_t, read, bytes)                                                            \
    TINYGEN_GROUPS_C(tinygen_relu_quads_##in##_##operands, tinygen_relu_of_4_##in, 4, 2, acc_t,    \
                     in_t, read, bytes)

TINYGEN_NET(s8, w8_24, tinygen_int24, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s8, w8_32, int32_t, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s8, w16_32, int32_t, int8_t, tinygen_word, 2)
TINYGEN_NET(u8, w8_24, tinygen_int24, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(u8, w8_32, int32_t, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(u8, w16_32, int32_t, uint8_t, tinygen_word, 2)
TINYGEN_NET(s16, w8_24, tinygen_int24, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s16, w8_32, int32_t, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET(s16, w16_32, int32_t, int16_t, tinygen_word, 2)

#define TINYGEN_FINE(shift, operands, acc_t, read, bytes)                                          \
    TINYGEN_NET_C(tinygen_fine_net_##shift##_##operands, tinygen_fine_unit_##shift, 3, acc_t,      \
                  int8_t, read, bytes)                                                             \
    TINYGEN_GROUPS_C(tinygen_fine_pairs_##shift##_##operands, tinygen_fine_of_2_##shift, 2, 3,     \
                     acc_t, int8_t, read, bytes)                                                   \
    TINYGEN_GROUPS_C(tinygen_fine_quads_##shift##_##operands, tinygen_fine_of_4_##shift, 4, 3,     \
                     acc_t, int8_t, read, bytes)

TINYGEN_FINE(1, w8_24, tinygen_int24, TINYGEN_READ_I8, 1)
TINYGEN_FINE(1, w8_32, int32_t, TINYGEN_READ_I8, 1)
TINYGEN_FINE(1, w16_32, int32_t, tinygen_word, 2)
TINYGEN_FINE(4, w8_24, tinygen_int24, TINYGEN_READ_I8, 1)
TINYGEN_FINE(4, w8_32, int32_t, TINYGEN_READ_I8, 1)
TINYGEN_FINE(4, w16_32, int32_t, tinygen_word, 2)

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
