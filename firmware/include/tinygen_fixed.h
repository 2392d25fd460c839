/* tinygen_fixed.h -- integer kernels that every generated model shares. Hand-written.
 *
 * One rounding rule: round half up, (a + (1 << (s - 1))) >> s with an arithmetic shift.
 * No float, no heap, no 64-bit. Written for a 16-bit `int`: every product is widened before it
 * is formed. The AVR assembly gives the same result as the C beside it for every input that the
 * generator's interval proof admits; the tests compare the two.
 *
 * Its Python twin is tinygen/nodes.py.
 */
#ifndef TINYGEN_FIXED_H
#define TINYGEN_FIXED_H

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#define TINYGEN_ROM PROGMEM
#define TINYGEN_READ_I8(p)  ((int8_t)pgm_read_byte(p))
#define TINYGEN_READ_U8(p)  ((uint8_t)pgm_read_byte(p))
#define TINYGEN_READ_I16(p) ((int16_t)pgm_read_word(p))
#define TINYGEN_READ_U16(p) ((uint16_t)pgm_read_word(p))
#define TINYGEN_READ_I32(p) ((int32_t)pgm_read_dword(p))
__extension__ typedef __int24 tinygen_int24;
#else
#define TINYGEN_ROM
#define TINYGEN_READ_I8(p)  (*(p))
#define TINYGEN_READ_U8(p)  (*(p))
#define TINYGEN_READ_I16(p) (*(p))
#define TINYGEN_READ_U16(p) (*(p))
#define TINYGEN_READ_I32(p) (*(p))
typedef int32_t tinygen_int24; /* holds at least 24 bits */
#endif

#if defined(__AVR_HAVE_MUL__) && !defined(TINYGEN_NO_ASM)
#define TINYGEN_ASM 1
#else
#define TINYGEN_ASM 0
#endif

/* A compiler whose >> on negative numbers does not keep the sign stops here. */
typedef char tinygen_shift_is_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

/* x - low, 0 for x below low */
static inline uint16_t tinygen_above(int16_t x, int16_t low)
{
    return x < low ? 0 : (uint16_t)((uint16_t)x - (uint16_t)low);
}

/* min((x - low) * multiplier / 2^16, top), rounded half up. The product stays below 2^32. */
static inline uint16_t tinygen_scale16(int16_t x, int16_t low, uint16_t multiplier, uint16_t top)
{
    uint16_t u = (uint16_t)(((uint32_t)tinygen_above(x, low) * multiplier + 0x8000u) >> 16);
    return u < top ? u : top;
}

/* min((x - low) * multiplier / 2^8, top), rounded half up. The product stays below 2^24. */
static inline uint16_t tinygen_scale8(int16_t x, int16_t low, uint8_t multiplier, uint16_t top)
{
    uint16_t distance = tinygen_above(x, low);
#if TINYGEN_ASM
    uint16_t u;
    __asm__("mul %A[d],%[m]\n\tlsl r0\n\tmov %A[u],r1\n\tclr %B[u]\n\tadc %A[u],%B[u]\n\t"
            "mul %B[d],%[m]\n\tadd %A[u],r0\n\tadc %B[u],r1\n\tclr r1"
            : [u] "=&r"(u) : [d] "r"(distance), [m] "r"(multiplier) : "r0");
#else
    uint16_t u = (uint16_t)(((uint32_t)distance * multiplier + 0x80u) >> 8);
#endif
    return u < top ? u : top;
}

/* Inputs of a net in signed 8 bits: u = min((x - low) * multiplier / 2^8, 255) - 128 for n inputs.
 * `table` in flash has three bytes an input: TINYGEN_BYTES(low), multiplier. */
#define TINYGEN_BYTES(v) (int8_t)((v) & 0xFF), (int8_t)((v) >> 8)

static inline void tinygen_scale_bytes(const int8_t *table, const int16_t *x, int8_t *u, uint8_t n)
{
#if TINYGEN_ASM
    uint8_t lo, hi, a, b, m;
    const int16_t *from = x;
    __asm__ __volatile__(
        "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\t"
        "lpm %[a],Z+\n\tlpm %[b],Z+\n\tlpm %[m],Z+\n\t"
        /* the signed comparison is exact even where the difference needs 17 bits */
        "sub %[lo],%[a]\n\tsbc %[hi],%[b]\n\tbrge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"
        "mul %[lo],%[m]\n\tlsl r0\n\tmov %[a],r1\n\tclr %[b]\n\tadc %[a],%[b]\n\t"
        "mul %[hi],%[m]\n\tadd %[a],r0\n\tadc %[b],r1\n\tbreq 3f\n\tldi %[a],255\n3:\n\tsubi %[a],128\n\t"
        "movw r0,r26\n\tmovw r26,%[u]\n\tst X+,%[a]\n\tmovw %[u],r26\n\tmovw r26,r0\n\t"
        "dec %[n]\n\tbrne 1b\n\tclr r1"
        : [rom] "+z"(table), [from] "+x"(from), [u] "+r"(u), [n] "+r"(n), [lo] "=&r"(lo), [hi] "=&r"(hi), [a] "=&d"(a),
          [b] "=&r"(b), [m] "=&r"(m)
        :
        : "r0", "memory");
#else
    for (uint8_t i = 0; i < n; ++i) {
        int16_t low = (int16_t)((uint8_t)TINYGEN_READ_I8(table + 3 * i) | TINYGEN_READ_I8(table + 3 * i + 1) * 256);
        uint8_t multiplier = (uint8_t)TINYGEN_READ_I8(table + 3 * i + 2);
        u[i] = (int8_t)((int16_t)tinygen_scale8(x[i], low, multiplier, 255) - 128);
    }
#endif
}

/* Distance of x from origin, 0 .. reach: the place on a lookup table's grid. */
static inline uint16_t tinygen_reach(int16_t x, int16_t origin, uint16_t reach)
{
    if (x < origin) {
        x = origin;
    }
    uint16_t distance = (uint16_t)((uint16_t)x - (uint16_t)origin);
    /* where the reach ends in 0xFF, and it mostly does, its high byte alone decides */
    if ((reach & 0xFFu) == 0xFFu ? (uint8_t)(distance >> 8) > (uint8_t)(reach >> 8) : distance > reach) {
        distance = reach;
    }
    return distance;
}

/* Value of a piecewise-linear table in flash at `position`: node in the high byte, fraction in the
 * low one. Neighbouring nodes differ by at most 32767, so the product stays within 24 bits. */
static inline int16_t tinygen_interpolate(const int16_t *table, uint16_t position)
{
    const int16_t *node = table + (position >> 8);
    uint8_t fraction = (uint8_t)position;
#if TINYGEN_ASM
    int16_t here, step;
    __asm__("lpm %A[here],Z+\n\tlpm %B[here],Z+\n\tlpm %A[step],Z+\n\tlpm %B[step],Z\n\t"
            "sub %A[step],%A[here]\n\tsbc %B[step],%B[here]\n\t"
            /* unsigned low product: its high byte, rounded by the low byte's top bit, joins `here` */
            "mul %A[step],%[f]\n\tlsl r0\n\tmov r0,r1\n\tclr r1\n\tadc %A[here],r0\n\tadc %B[here],r1\n\t"
            /* signed high product */
            "mulsu %B[step],%[f]\n\tadd %A[here],r0\n\tadc %B[here],r1\n\tclr r1"
            : [here] "=&r"(here), [step] "=&a"(step), "+z"(node) : [f] "a"(fraction) : "r0");
    return here;
#else
    int16_t here = TINYGEN_READ_I16(node);
    int16_t step = (int16_t)(TINYGEN_READ_I16(node + 1) - here);
    return (int16_t)(here + (int16_t)(((int32_t)step * fraction + 128) >> 8));
#endif
}

/* v^2 / 2^16, rounded half up: undoes v = 256 * sqrt(y). */
static inline uint16_t tinygen_square(uint16_t v)
{
#if TINYGEN_ASM
    uint16_t y;
    uint8_t low, zero;
    /* y = high byte squared; `low` collects bits 8 to 15, 0x80 of them is the rounding constant */
    __asm__("mul %B[v],%B[v]\n\tmovw %A[y],r0\n\tmul %A[v],%A[v]\n\tmov %[low],r1\n\tclr %[zero]\n\t"
            "subi %[low],0x80\n\tsbci %A[y],0xFF\n\tsbci %B[y],0xFF\n\t"
            "mul %A[v],%B[v]\n\t"
            "add %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"
            "add %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\tclr r1"
            : [y] "=&d"(y), [low] "=&d"(low), [zero] "=&r"(zero) : [v] "r"(v) : "r0");
    return y;
#else
    return (uint16_t)(((uint32_t)v * v + 0x8000u) >> 16);
#endif
}

/* (v^2 >> 16) * v / 2^16, rounded half up: undoes v = 2^(32/3) * cbrt(y). */
static inline uint16_t tinygen_cube(uint16_t v)
{
    uint16_t squared = (uint16_t)(((uint32_t)v * v) >> 16);
    return (uint16_t)(((uint32_t)squared * v + 0x8000u) >> 16);
}

/* ---- dot products: acc + sum of weights[i] * x[i], n = 1 .. 255 -----------------------------
 * `weights` points into flash. The names give the type of x, of the weights, and the width of the
 * accumulator: tinygen_dot_s8_w8_24. Cycles per step on an AVR with MUL: 12 into 16 bits,
 * 14 into 24 bits, 20 for int16 inputs into 24 bits, 23 into 32 bits.
 */
#if TINYGEN_ASM

#define TINYGEN_DOT_ASM(name, acc_t, in_t, load_and_add)                                        \
    static inline acc_t name(acc_t acc, const int8_t *weights, const in_t *x, uint8_t n)        \
    {                                                                                           \
        uint8_t w, lo, hi, sign;                                                                \
        __asm__("1:\n\t" load_and_add "dec %[n]\n\tbrne 1b\n\tclr r1\n\t"                       \
                : [acc] "+r"(acc), [rom] "+z"(weights), [x] "+x"(x), [n] "+r"(n),               \
                  [w] "=&a"(w), [lo] "=&a"(lo), [hi] "=&a"(hi), [sign] "=&r"(sign)              \
                :                                                                               \
                : "r0", "memory");                                                              \
        return acc;                                                                             \
    }

#define TINYGEN_LOAD8 "ld %[lo],X+\n\tlpm %[w],Z+\n\t"
#define TINYGEN_LOAD16 "ld %[lo],X+\n\tld %[hi],X+\n\tlpm %[w],Z+\n\t"
/* MULS and MULSU leave the product's sign in carry; SBC of a register with itself spreads it. */
#define TINYGEN_ADD16 "add %A[acc],r0\n\tadc %B[acc],r1\n\t"
#define TINYGEN_ADD24 "sbc %[sign],%[sign]\n\t" TINYGEN_ADD16 "adc %C[acc],%[sign]\n\t"
#define TINYGEN_ADD32 TINYGEN_ADD24 "adc %D[acc],%[sign]\n\t"

TINYGEN_DOT_ASM(tinygen_dot_s8_w8_16, int16_t, int8_t, TINYGEN_LOAD8 "muls %[w],%[lo]\n\t" TINYGEN_ADD16)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_16, int16_t, uint8_t, TINYGEN_LOAD8 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD16)
TINYGEN_DOT_ASM(tinygen_dot_s8_w8_24, tinygen_int24, int8_t, TINYGEN_LOAD8 "muls %[w],%[lo]\n\t" TINYGEN_ADD24)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_24, tinygen_int24, uint8_t, TINYGEN_LOAD8 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24)
TINYGEN_DOT_ASM(tinygen_dot_s16_w8_24, tinygen_int24, int16_t,
                TINYGEN_LOAD16 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24
                "muls %[w],%[hi]\n\tadd %B[acc],r0\n\tadc %C[acc],r1\n\t")
TINYGEN_DOT_ASM(tinygen_dot_s16_w8_32, int32_t, int16_t,
                TINYGEN_LOAD16 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD32
                "muls %[w],%[hi]\n\tsbc %[sign],%[sign]\n\tadd %B[acc],r0\n\tadc %C[acc],r1\n\tadc %D[acc],%[sign]\n\t")

#else

#define TINYGEN_DOT_C(name, acc_t, in_t)                                                        \
    static inline acc_t name(acc_t acc, const int8_t *weights, const in_t *x, uint8_t n)        \
    {                                                                                           \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            acc = (acc_t)(acc + (acc_t)((acc_t)TINYGEN_READ_I8(weights + i) * (acc_t)x[i]));    \
        }                                                                                       \
        return acc;                                                                             \
    }

TINYGEN_DOT_C(tinygen_dot_s8_w8_16, int16_t, int8_t)
TINYGEN_DOT_C(tinygen_dot_u8_w8_16, int16_t, uint8_t)
TINYGEN_DOT_C(tinygen_dot_s8_w8_24, tinygen_int24, int8_t)
TINYGEN_DOT_C(tinygen_dot_u8_w8_24, tinygen_int24, uint8_t)
TINYGEN_DOT_C(tinygen_dot_s16_w8_24, tinygen_int24, int16_t)
TINYGEN_DOT_C(tinygen_dot_s16_w8_32, int32_t, int16_t)

#endif

/* ---- hidden layers ---------------------------------------------------------------------------
 * h = max((bias * 2^8 + weights . x) / 2^8, 0), rounded half up, for `rows` units of `n` inputs each.
 * `table` in flash has a row per unit: TINYGEN_BYTES(bias), then n weights. Sums fit 24 bits, which
 * the generator has proven. Cycles per unit on an AVR with MUL: 25 + 14 n, for int16 inputs 25 + 20 n.
 */
#if TINYGEN_ASM

#define TINYGEN_LAYER_ASM(name, in_t, load_and_add)                                             \
    static inline void name(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows, uint8_t n) \
    {                                                                                           \
        uint8_t w, lo, hi, sign, k, a0, a1, a2;                                                 \
        __asm__ __volatile__(                                                                   \
            "1:\n\tldi %[a0],0x80\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\tmovw r26,%[x]\n\tmov %[k],%[n]\n" \
            "2:\n\t" load_and_add "dec %[k]\n\tbrne 2b\n\t"                                       \
            "sbrc %[a2],7\n\tclr %[a1]\n\tsbrc %[a2],7\n\tclr %[a2]\n\t"                        \
            "movw r26,%[h]\n\tst X+,%[a1]\n\tst X+,%[a2]\n\tmovw %[h],r26\n\t"                  \
            "dec %[rows]\n\tbrne 1b\n\tclr r1"                                                  \
            : [rom] "+z"(table), [h] "+r"(h), [rows] "+r"(rows), [w] "=&a"(w), [lo] "=&a"(lo), [hi] "=&a"(hi), \
              [sign] "=&r"(sign), [k] "=&r"(k), [a0] "=&d"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2)  \
            : [x] "r"(x), [n] "r"(n)                                                            \
            : "r0", "r26", "r27", "memory");                                                    \
    }
#define TINYGEN_LAYER_ADD "sbc %[sign],%[sign]\n\tadd %[a0],r0\n\tadc %[a1],r1\n\tadc %[a2],%[sign]\n\t"

TINYGEN_LAYER_ASM(tinygen_relu_layer_s8, int8_t, TINYGEN_LOAD8 "muls %[w],%[lo]\n\t" TINYGEN_LAYER_ADD)
TINYGEN_LAYER_ASM(tinygen_relu_layer_u8, uint8_t, TINYGEN_LOAD8 "mulsu %[w],%[lo]\n\t" TINYGEN_LAYER_ADD)
TINYGEN_LAYER_ASM(tinygen_relu_layer_s16, int16_t,
                  TINYGEN_LOAD16 "mulsu %[w],%[lo]\n\t" TINYGEN_LAYER_ADD
                  "muls %[w],%[hi]\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t")

#else

#define TINYGEN_LAYER_C(name, in_t)                                                             \
    static inline void name(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows, uint8_t n) \
    {                                                                                           \
        for (uint8_t row = 0; row < rows; ++row) {                                              \
            int16_t bias = (int16_t)((uint8_t)TINYGEN_READ_I8(table) | TINYGEN_READ_I8(table + 1) * 256); \
            tinygen_int24 acc = (tinygen_int24)((tinygen_int24)bias * 256 + 128);               \
            table += 2;                                                                         \
            for (uint8_t i = 0; i < n; ++i) {                                                   \
                acc = (tinygen_int24)(acc + (tinygen_int24)((tinygen_int24)TINYGEN_READ_I8(table++) * (tinygen_int24)x[i])); \
            }                                                                                   \
            h[row] = acc < 0 ? 0 : (int16_t)(acc >> 8);                                         \
        }                                                                                       \
    }

TINYGEN_LAYER_C(tinygen_relu_layer_s8, int8_t)
TINYGEN_LAYER_C(tinygen_relu_layer_u8, uint8_t)
TINYGEN_LAYER_C(tinygen_relu_layer_s16, int16_t)

#endif

#define TINYGEN_DOT_WIDE(name, in_t)                                                            \
    static inline int32_t name(int32_t acc, const int16_t *weights, const in_t *x, uint8_t n)   \
    {                                                                                           \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            acc += (int32_t)TINYGEN_READ_I16(weights + i) * x[i];                               \
        }                                                                                       \
        return acc;                                                                             \
    }

/* int8 weights whose sum needs more than 24 bits */
#define TINYGEN_DOT_LONG(name, in_t)                                                            \
    static inline int32_t name(int32_t acc, const int8_t *weights, const in_t *x, uint8_t n)    \
    {                                                                                           \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            acc += (int32_t)TINYGEN_READ_I8(weights + i) * x[i];                                \
        }                                                                                       \
        return acc;                                                                             \
    }

TINYGEN_DOT_LONG(tinygen_dot_s8_w8_32, int8_t)
TINYGEN_DOT_LONG(tinygen_dot_u8_w8_32, uint8_t)
TINYGEN_DOT_WIDE(tinygen_dot_s8_w16_32, int8_t)
TINYGEN_DOT_WIDE(tinygen_dot_u8_w16_32, uint8_t)
TINYGEN_DOT_WIDE(tinygen_dot_s16_w16_32, int16_t)

#endif
