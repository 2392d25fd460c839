/* tinygen_fixed.h -- integer kernels that every generated model shares. Hand-written.
 * One rounding rule: round half up, (a + (1 << (s - 1))) >> s with an arithmetic shift.
 * No float, no heap, no 64-bit. Written for a 16-bit `int`: every product is widened before it
 * is formed.
 * Here, in tinygen_sums.h and in tinygen_layers.h is all that a reader needs: each kernel in C99.
 * For an AVR with MUL tinygen_avr.h, tinygen_avr_sums.h and tinygen_avr_layers.h have the same
 * kernels in assembly. They give the same result for every input that the generator's interval
 * proof admits; the tests compare the two.
 * Its Python twin is tinygen/model/nodes.py. */
#ifndef TINYGEN_FIXED_H
#define TINYGEN_FIXED_H

#include <stdint.h>

#include "tinygen_flash.h"

#ifdef __AVR__
__extension__ typedef __int24 tinygen_int24;
#else
typedef int32_t tinygen_int24; /* holds at least 24 bits */
#endif

/* Assembly needs a chip with MUL, and a compiler that optimises: else it runs out of registers. */
#if defined(__AVR_HAVE_MUL__) && defined(__OPTIMIZE__) && !defined(TINYGEN_NO_ASM)
#define TINYGEN_ASM 1
#else
#define TINYGEN_ASM 0
#endif

/* A compiler whose >> on negative numbers does not keep the sign stops here. */
typedef char tinygen_shift_is_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

#if defined(__SDCC)
#error "SDCC loses values in arrays and inline functions: take `tinygen export --as header`"
#endif

/* int16 as two bytes of a table, low byte first, and back. C leaves a cast of 128 .. 255 to the
 * compiler: the sign is made here. */
#define TINYGEN_LOW_BYTE(v) (int8_t)((((v) & 0xFF) ^ 0x80) - 0x80)
#define TINYGEN_BYTES(v) TINYGEN_LOW_BYTE(v), TINYGEN_LOW_BYTE((int16_t)(((v) & 65535L) >> 8))
/* the same of 24 bits, to bytes alone */
#define TINYGEN_3_BYTES(v)                                                                         \
    TINYGEN_LOW_BYTE(v), TINYGEN_LOW_BYTE((int16_t)(((v) & 65535L) >> 8)),                         \
        TINYGEN_LOW_BYTE((int16_t)(((v) & 16777215L) >> 16))

static inline int16_t tinygen_word(const int8_t *p)
{
    return (int16_t)(TINYGEN_READ_U8(p) | (TINYGEN_READ_I8(p + 1) * 256));
}

#if TINYGEN_ASM
#include "tinygen_avr.h"
#include "tinygen_avr_sums.h"
#include "tinygen_avr_layers.h"
#else

/* a * b / 2^16, rounded down */
static inline uint16_t tinygen_high(uint16_t a, uint16_t b)
{
    return (uint16_t)(((uint32_t)a * b) >> 16);
}

/* a * b / 2^16, rounded half up; 65535 * 65535 + 2^15 < 2^32 */
static inline uint16_t tinygen_high_round(uint16_t a, uint16_t b)
{
    return (uint16_t)((((uint32_t)a * b) + 0x8000u) >> 16);
}

/* x - low, 0 for x below low */
static inline uint16_t tinygen_distance(int16_t x, int16_t low)
{
    return (x < low) ? 0u : (uint16_t)((int32_t)x - low);
}

#define tinygen_above(x, low) tinygen_distance(x, low) /* where `low` is a literal */

#endif

/* 1 where a sum of so many bits is at least 0, else 0: by its highest bit, for which an AVR takes
 * fewer bytes than for a comparison */
#define TINYGEN_AT_LEAST_0(sum, bits)                                                              \
    (int8_t)(1 - (int8_t)((uint8_t)((sum) >> ((bits) - 8)) >> 7))

/* ---- inputs --------------------------------------------------------------------------------- */
/* min((x - low) * multiplier / 2^16, top), rounded half up. The product stays below 2^32. */
static inline uint16_t tinygen_scale16(int16_t x, int16_t low, uint16_t multiplier, uint16_t top)
{
    uint16_t u = tinygen_high_round(tinygen_distance(x, low), multiplier);
    return (u < top) ? u : top;
}

/* min((x - low) * multiplier / 2^8, top), rounded half up: widens a range of few steps. The product
 * stays below 2^32. */
static inline uint16_t tinygen_widen16(int16_t x, int16_t low, uint16_t multiplier, uint16_t top)
{
    uint32_t u = (((uint32_t)tinygen_distance(x, low) * multiplier) + 0x80u) >> 8;
    return (u < top) ? (uint16_t)u : top;
}

#if !TINYGEN_ASM

/* min((x - low) * multiplier / 2^8, top), rounded half up. The product stays below 2^24. */
static inline uint16_t tinygen_scale8(int16_t x, int16_t low, uint8_t multiplier, uint16_t top)
{
    uint16_t u = (uint16_t)((((uint32_t)tinygen_distance(x, low) * multiplier) + 0x80u) >> 8);
    return (u < top) ? u : top;
}

/* An input of a net in signed 8 bits: u = min((x - low) * multiplier / 2^8, 255) - 128. `row` in
 * flash has three bytes, TINYGEN_BYTES(low) and the multiplier, and moves on behind them. */
static inline int8_t tinygen_scale_byte(const int8_t **row, int16_t x)
{
    int16_t low = tinygen_word(*row);
    uint8_t multiplier = TINYGEN_READ_U8(*row + 2);
    *row += 3;
    return (int8_t)((int16_t)tinygen_scale8(x, low, multiplier, 255) - 128);
}

/* The same of n inputs and a table of as many rows */
static inline void tinygen_scale_bytes(const int8_t *table, const int16_t *x, int8_t *u, uint8_t n)
{
    for (uint8_t i = 0; i < n; ++i) {
        u[i] = tinygen_scale_byte(&table, x[i]);
    }
}

/* The same of inputs that have one low and one multiplier, without a table */
static inline void tinygen_scale_bytes_uniform(int16_t low, uint8_t multiplier, const int16_t *x,
                                               int8_t *u, uint8_t n)
{
    for (uint8_t i = 0; i < n; ++i) {
        u[i] = (int8_t)((int16_t)tinygen_scale8(x[i], low, multiplier, 255) - 128);
    }
}

/* An input of a net in 12 bits: u = min((x - low) * multiplier / 2^16, 4095) - 2048 by
 * tinygen_scale_word, with 2^8 in place of 2^16 by tinygen_widen_word. `row` in flash has four
 * bytes, TINYGEN_BYTES(low) and TINYGEN_BYTES(multiplier), and moves on behind them.
 * tinygen_scale_words and tinygen_widen_words take n inputs and a table of as many rows; those with
 * _uniform at the end of their name, one low and one multiplier for all inputs. */
#define TINYGEN_INPUT_WORDS(word, words, scaled)                                                   \
    static inline int16_t word(const int8_t **row, int16_t x)                                      \
    {                                                                                              \
        int16_t low = tinygen_word(*row);                                                          \
        uint16_t multiplier = (uint16_t)tinygen_word(*row + 2);                                    \
        *row += 4;                                                                                 \
        return (int16_t)((int16_t)scaled(x, low, multiplier, 4095) - 2048);                        \
    }                                                                                              \
    static inline void words(const int8_t *table, const int16_t *x, int16_t *u, uint8_t n)         \
    {                                                                                              \
        for (uint8_t i = 0; i < n; ++i, table += 4) {                                              \
            int16_t low = tinygen_word(table);                                                     \
            uint16_t multiplier = (uint16_t)tinygen_word(table + 2);                               \
            u[i] = (int16_t)((int16_t)scaled(x[i], low, multiplier, 4095) - 2048);                 \
        }                                                                                          \
    }                                                                                              \
    static inline void words##_uniform(int16_t low, uint16_t multiplier, const int16_t *x,         \
                                       int16_t *u, uint8_t n)                                      \
    {                                                                                              \
        for (uint8_t i = 0; i < n; ++i) {                                                          \
            u[i] = (int16_t)((int16_t)scaled(x[i], low, multiplier, 4095) - 2048);                 \
        }                                                                                          \
    }
TINYGEN_INPUT_WORDS(tinygen_scale_word, tinygen_scale_words, tinygen_scale16)
TINYGEN_INPUT_WORDS(tinygen_widen_word, tinygen_widen_words, tinygen_widen16)

#endif

/* ---- tables, powers, logarithms ------------------------------------------------------------- */
/* The smaller one; `limit` is a literal. */
static inline uint16_t tinygen_at_most(uint16_t value, uint16_t limit)
{
    /* where the limit ends in 0xFF, and it mostly does, its high byte alone decides */
    if (((limit & 0xFFu) == 0xFFu) ? ((uint8_t)(value >> 8) > (uint8_t)(limit >> 8))
                                   : (value > limit)) {
        value = limit;
    }
    return value;
}

/* `place` on a table's grid, cell in the high byte and fraction in the low one; beyond the last
 * cell it is that cell's end. */
static inline uint16_t tinygen_within(uint16_t place, uint8_t last_cell, uint8_t last_fraction)
{
    const uint16_t most = (uint16_t)((last_cell * 256u) + last_fraction);
    return ((uint8_t)(place >> 8) > last_cell) ? most : place;
}

/* The first word of a curve in flash, for tinygen_curves */
#define TINYGEN_CURVE(input, step_bits) (int16_t)((input) | (step_bits) << 8)

#if !TINYGEN_ASM

/* Value of a piecewise-linear table in flash at `position`: node in the high byte, fraction in the
 * low one. Neighbouring nodes differ by at most 32767, so the product stays within 24 bits. */
static inline int16_t tinygen_interpolate(const int16_t *table, uint16_t position)
{
    const int16_t *node = table + (position >> 8);
    uint8_t fraction = (uint8_t)position;
    int16_t here = TINYGEN_READ_I16(node);
    int16_t step = (int16_t)(TINYGEN_READ_I16(node + 1) - here);
    return (int16_t)(here + (int16_t)((((int32_t)step * fraction) + 128) >> 8));
}

/* acc + the values of n tables at their inputs. In flash a curve is TINYGEN_CURVE(input,
 * step_bits), the raw value of its first node, the largest distance from there (unsigned), the
 * bytes of its nodes, and the nodes: 2 to 127, 2^step_bits raw steps apart, step_bits >= 1. */
static inline tinygen_int24 tinygen_curves(tinygen_int24 acc, const int16_t *table,
                                           const int16_t *x, uint8_t n)
{
    for (; n > 0; --n) {
        uint16_t kind = (uint16_t)TINYGEN_READ_I16(table);
        uint16_t reach = (uint16_t)TINYGEN_READ_I16(table + 2);
        uint16_t distance = tinygen_distance(x[kind & 0xFF], TINYGEN_READ_I16(table + 1));
        uint16_t nearest = (distance < reach) ? distance : reach;
        uint32_t place = ((uint32_t)nearest << 8) >> (kind >> 8);
        acc = (tinygen_int24)(acc + tinygen_interpolate(table + 4, (uint16_t)place));
        table += 4 + TINYGEN_READ_I16(table + 3) / 2;
    }
    return acc;
}

/* v^2 / 2^16, rounded half up: undoes v = 256 * sqrt(y). */
static inline uint16_t tinygen_square(uint16_t v)
{
    return tinygen_high_round(v, v);
}

/* tinygen_square(tinygen_interpolate(table, position)), for tables without negative values. */
static inline uint16_t tinygen_interpolate_square(const int16_t *table, uint16_t position)
{
    return tinygen_square((uint16_t)tinygen_interpolate(table, position));
}

/* The upper half of its square, not rounded. */
static inline uint16_t tinygen_interpolate_high(const int16_t *table, uint16_t position)
{
    uint16_t v = (uint16_t)tinygen_interpolate(table, position);
    return tinygen_high(v, v);
}

/* 2048 * log2(x), x below 1 counted as 1: 0 .. 30719. With x = 2^k (1 + t), t in 8 bits, the
 * logarithm of 1 + t is t + t (1 - t) (216 - 80 t) / 512. */
static inline int16_t tinygen_log2(int16_t x)
{
    uint16_t mantissa = (x < 1) ? 1u : (uint16_t)x;
    uint8_t octave = 15;
    for (; !(mantissa & 0x8000u); mantissa = (uint16_t)(mantissa << 1)) {
        --octave;
    }
    uint8_t t = (uint8_t)(mantissa >> 7);
    uint16_t bulge = (uint16_t)((uint16_t)((uint16_t)t * (uint8_t)(256u - t)) >> 7);
    uint16_t bend = (uint16_t)(216u - (t >> 2) - (t >> 4));
    bulge = (uint16_t)((uint16_t)(bulge * bend) >> 7);
    return (int16_t)((uint16_t)(octave * 2048u) + (uint16_t)((mantissa & 0x7FFFu) >> 4) + bulge);
}

/* The same; on an AVR 14 bytes less, and slower for small x. */
static inline int16_t tinygen_log2_short(int16_t x)
{
    return tinygen_log2(x);
}

#endif

/* v^2 / 2^18, rounded half up: undoes v = 512 * sqrt(y). v is at most 65534. */
static inline uint16_t tinygen_fine_square(uint16_t v)
{
    return (uint16_t)(tinygen_high(v, v) + 2u) >> 2;
}

/* The same of the value of a table. */
static inline uint16_t tinygen_interpolate_fine_square(const int16_t *table, uint16_t position)
{
    return (uint16_t)(tinygen_interpolate_high(table, position) + 2u) >> 2;
}

/* (v^2 >> 16) * v / 2^16, rounded half up: undoes v = 2^(32/3) * cbrt(y). */
static inline uint16_t tinygen_cube(uint16_t v)
{
    return tinygen_high_round(tinygen_high(v, v), v);
}

/* 2^(v / 4096), rounded half up, v below 15 * 4096. With v / 4096 = k + f, 2^f is
 * 1 + f - f (1 - f) (20000 + 5050 f) / 65536, here in steps of 2^-15. */
static inline uint16_t tinygen_exp2(uint16_t v)
{
    uint16_t f = (uint16_t)((v & 0x0FFFu) << 4);
    uint16_t bulge = tinygen_high(f, (uint16_t)(65536 - (int32_t)f));
    uint16_t bend = tinygen_high(bulge, (uint16_t)(20000u + tinygen_high(f, 5050u)));
    uint16_t mantissa = (uint16_t)(0x8000u + (f >> 1) - (bend >> 1));
    mantissa = (uint16_t)(mantissa >> ((14u - (v >> 12)) & 15u)); /* so many rounds at most */
    return (uint16_t)((mantissa + 1u) >> 1);
}

/* floor(a * m / 2^32) for 0 <= m < 2^31, from four products of 16 bits: no sum leaves 32 bits. */
static inline int32_t tinygen_multiply_high(int32_t a, int32_t m)
{
    int16_t a_high = (int16_t)(a >> 16);
    int16_t m_high = (int16_t)(m >> 16);
    uint16_t a_low = (uint16_t)a;
    uint16_t m_low = (uint16_t)m;
    int32_t low = (int32_t)(((uint32_t)a_low * m_low) >> 16);
    int32_t middle = ((int32_t)a_high * (int32_t)m_low) + low;
    int32_t carry = ((int32_t)a_low * m_high) + (int32_t)(uint16_t)middle;
    return ((int32_t)a_high * m_high) + (middle >> 16) + (carry >> 16);
}

#if !TINYGEN_ASM
#include "tinygen_sums.h"
#include "tinygen_layers.h"
#endif

#include "tinygen_trees.h"
#include "tinygen_straight.h"

#endif
