/* tinygen_fixed.h -- integer kernels that every generated model shares. Hand-written.
 *
 * One rounding rule: round half up, (a + (1 << (s - 1))) >> s with an arithmetic shift.
 * No float, no heap, no 64-bit. Written for a 16-bit `int`: every product is widened before it
 * is formed. The AVR assembly gives the same result as the C beside it for every input that the
 * generator's interval proof admits; the tests compare the two.
 *
 * Its Python twin is tinygen/model/nodes.py.
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
#define TINYGEN_READ_U8(p)  ((uint8_t)*(p))
#define TINYGEN_READ_I16(p) (*(p))
#define TINYGEN_READ_U16(p) (*(p))
#define TINYGEN_READ_I32(p) (*(p))
typedef int32_t tinygen_int24; /* holds at least 24 bits */
#endif

/* Assembly needs a chip with MUL, and a compiler that optimises: without, it runs out of registers. */
#if defined(__AVR_HAVE_MUL__) && defined(__OPTIMIZE__) && !defined(TINYGEN_NO_ASM)
#define TINYGEN_ASM 1
#else
#define TINYGEN_ASM 0
#endif

/* A compiler whose >> on negative numbers does not keep the sign stops here. */
typedef char tinygen_shift_is_arithmetic[((-3) >> 1) == -2 ? 1 : -1];

/* int16 as two bytes of a table, low byte first, and back */
#define TINYGEN_BYTES(v) (int8_t)((v) & 0xFF), (int8_t)((v) >> 8)

static inline int16_t tinygen_word(const int8_t *p)
{
    return (int16_t)((uint8_t)TINYGEN_READ_I8(p) | TINYGEN_READ_I8(p + 1) * 256);
}

/* a * b / 2^16, rounded down */
static inline uint16_t tinygen_high(uint16_t a, uint16_t b)
{
#if TINYGEN_ASM
    uint16_t y;
    uint8_t low, zero;
    __asm__("mul %B[a],%B[b]\n\tmovw %A[y],r0\n\tmul %A[a],%A[b]\n\tmov %[low],r1\n\tclr %[zero]\n\t"
            "mul %A[a],%B[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"
            "mul %B[a],%A[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\tclr r1"
            : [y] "=&r"(y), [low] "=&r"(low), [zero] "=&r"(zero) : [a] "r"(a), [b] "r"(b) : "r0");
    return y;
#else
    return (uint16_t)(((uint32_t)a * b) >> 16);
#endif
}

/* a * b / 2^16, rounded half up; 65535 * 65535 + 2^15 < 2^32 */
static inline uint16_t tinygen_high_round(uint16_t a, uint16_t b)
{
#if TINYGEN_ASM
    uint16_t y;
    uint8_t low, zero;
    __asm__("mul %B[a],%B[b]\n\tmovw %A[y],r0\n\tmul %A[a],%A[b]\n\tmov %[low],r1\n\tclr %[zero]\n\t"
            "mul %A[a],%B[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"
            "mul %B[a],%A[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\tclr r1\n\t"
            /* the dropped byte's top bit rounds */
            "lsl %[low]\n\tadc %A[y],r1\n\tadc %B[y],r1"
            : [y] "=&r"(y), [low] "=&r"(low), [zero] "=&r"(zero) : [a] "r"(a), [b] "r"(b) : "r0");
    return y;
#else
    return (uint16_t)(((uint32_t)a * b + 0x8000u) >> 16);
#endif
}

/* ---- inputs ----------------------------------------------------------------------------------- */

/* x - low, 0 for x below low. On a chip `low` must be a literal. */
#if TINYGEN_ASM
#define tinygen_above(x, low)                                                                   \
    __extension__({                                                                             \
        int16_t tinygen_x = (x);                                                                \
        /* the signed comparison is exact even where the difference needs 17 bits */            \
        __asm__("subi %A0,lo8(%1)\n\tsbci %B0,hi8(%1)\n\tbrge 1f\n\tclr %A0\n\tclr %B0\n1:"     \
                : "+d"(tinygen_x) : "n"(low));                                                  \
        (uint16_t)tinygen_x;                                                                    \
    })
#else
static inline uint16_t tinygen_above(int16_t x, int16_t low)
{
    return x < low ? 0 : (uint16_t)((uint16_t)x - (uint16_t)low);
}
#endif

/* The same for a `low` that is read from a table. */
static inline uint16_t tinygen_distance(int16_t x, int16_t low)
{
#if TINYGEN_ASM
    __asm__("sub %A0,%A1\n\tsbc %B0,%B1\n\tbrge 1f\n\tclr %A0\n\tclr %B0\n1:" : "+r"(x) : "r"(low));
    return (uint16_t)x;
#else
    return tinygen_above(x, low);
#endif
}

/* min((x - low) * multiplier / 2^16, top), rounded half up. The product stays below 2^32. */
static inline uint16_t tinygen_scale16(int16_t x, int16_t low, uint16_t multiplier, uint16_t top)
{
    uint16_t u = tinygen_high_round(tinygen_distance(x, low), multiplier);
    return u < top ? u : top;
}

/* min((x - low) * multiplier / 2^8, top), rounded half up: widens a range of few steps. The product stays below 2^32. */
static inline uint16_t tinygen_widen16(int16_t x, int16_t low, uint16_t multiplier, uint16_t top)
{
    uint32_t u = ((uint32_t)tinygen_distance(x, low) * multiplier + 0x80u) >> 8;
    return u < top ? (uint16_t)u : top;
}

/* min((x - low) * multiplier / 2^8, top), rounded half up. The product stays below 2^24. */
static inline uint16_t tinygen_scale8(int16_t x, int16_t low, uint8_t multiplier, uint16_t top)
{
    uint16_t distance = tinygen_distance(x, low);
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
static inline void tinygen_scale_bytes(const int8_t *table, const int16_t *x, int8_t *u, uint8_t n)
{
#if TINYGEN_ASM
    uint8_t lo, hi, a, b, m;
    __asm__ __volatile__(
        "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\t"
        "lpm %[a],Z+\n\tlpm %[b],Z+\n\tlpm %[m],Z+\n\t"
        "sub %[lo],%[a]\n\tsbc %[hi],%[b]\n\tbrge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"
        "mul %[lo],%[m]\n\tlsl r0\n\tmov %[a],r1\n\tclr %[b]\n\tadc %[a],%[b]\n\t"
        "mul %[hi],%[m]\n\tadd %[a],r0\n\tadc %[b],r1\n\tbreq 3f\n\tldi %[a],255\n3:\n\tsubi %[a],128\n\t"
        "movw r0,r26\n\tmovw r26,%[u]\n\tst X+,%[a]\n\tmovw %[u],r26\n\tmovw r26,r0\n\t"
        "dec %[n]\n\tbrne 1b\n\tclr r1"
        : [rom] "+z"(table), [x] "+x"(x), [u] "+r"(u), [n] "+r"(n), [lo] "=&r"(lo), [hi] "=&r"(hi), [a] "=&d"(a),
          [b] "=&r"(b), [m] "=&r"(m)
        :
        : "r0", "memory");
#else
    for (uint8_t i = 0; i < n; ++i) {
        uint8_t multiplier = (uint8_t)TINYGEN_READ_I8(table + 3 * i + 2);
        u[i] = (int8_t)((int16_t)tinygen_scale8(x[i], tinygen_word(table + 3 * i), multiplier, 255) - 128);
    }
#endif
}

/* Inputs of a net in 12 bits: u = min((x - low) * multiplier / 2^16, 4095) - 2048 for n inputs by tinygen_scale_words,
 * with 2^8 in place of 2^16 by tinygen_widen_words.
 * `table` in flash has four bytes an input: TINYGEN_BYTES(low), TINYGEN_BYTES(multiplier). */
#if TINYGEN_ASM
/* `product` of hi:lo, the distance, and the multiplier, shifted and rounded: d:c, and the carry set if it is below 4096 */
#define TINYGEN_INPUT_WORDS(name, product)                                                      \
    static inline void name(const int8_t *table, const int16_t *x, int16_t *u, uint8_t n)       \
    {                                                                                           \
        uint8_t lo, hi, a, b, c, d;                                                             \
        __asm__ __volatile__(                                                                   \
            "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\tlpm %[a],Z+\n\tlpm %[b],Z+\n\t"                \
            "sub %[lo],%[a]\n\tsbc %[hi],%[b]\n\tbrge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"     \
            "lpm %[a],Z+\n\tlpm %[b],Z+\n\t" product                                            \
            "brlo 3f\n\tldi %[d],15\n\tldi %[c],255\n3:\n\tsubi %[d],8\n\t"                     \
            "movw r0,r26\n\tmovw r26,%[u]\n\tst X+,%[c]\n\tst X+,%[d]\n\tmovw %[u],r26\n\tmovw r26,r0\n\t" \
            "dec %[n]\n\tbrne 1b\n\tclr r1"                                                     \
            : [rom] "+z"(table), [x] "+x"(x), [u] "+r"(u), [n] "+r"(n), [lo] "=&r"(lo), [hi] "=&r"(hi), [a] "=&r"(a), \
              [b] "=&r"(b), [c] "=&d"(c), [d] "=&d"(d)                                          \
            :                                                                                   \
            : "r0", "memory");                                                                  \
    }
TINYGEN_INPUT_WORDS(tinygen_scale_words,
    /* d:c = high half of hi:lo * b:a; `hi` becomes the byte below, whose top bit rounds */
    "mul %[hi],%[b]\n\tmov %[c],r0\n\tmov %[d],r1\n\t"
    "mul %[hi],%[a]\n\tmov %[hi],r0\n\tadd %[c],r1\n\tclr r1\n\tadc %[d],r1\n\t"
    "mul %[lo],%[a]\n\tclr %[a]\n\tadd %[hi],r1\n\tadc %[c],%[a]\n\tadc %[d],%[a]\n\t"
    "mul %[lo],%[b]\n\tadd %[hi],r0\n\tadc %[c],r1\n\tadc %[d],%[a]\n\t"
    "lsl %[hi]\n\tadc %[c],%[a]\n\tadc %[d],%[a]\n\t"
    "cpi %[d],16\n\t")
TINYGEN_INPUT_WORDS(tinygen_widen_words,
    /* lo:d:c = hi:lo * b:a without its lowest byte, whose top bit rounds; CLR leaves the carry. Out of d:c a carry
     * comes only where hi * b is above 255 as well, and so `lo` not 0: 255 * (hi + b + 1) < 2^16 */
    "mul %[lo],%[a]\n\tmov %[c],r1\n\tlsl r0\n\tclr %[d]\n\tadc %[c],%[d]\n\t"
    "mul %[lo],%[b]\n\tadd %[c],r0\n\tadc %[d],r1\n\tclr %[lo]\n\t"
    "mul %[hi],%[a]\n\tclr %[a]\n\tadd %[c],r0\n\tadc %[d],r1\n\t"
    "mul %[hi],%[b]\n\tadd %[d],r0\n\tadc %[lo],r1\n\t"
    "cpi %[d],16\n\tcpc %[lo],%[a]\n\t")
#else
#define TINYGEN_INPUT_WORDS(name, scaled)                                                       \
    static inline void name(const int8_t *table, const int16_t *x, int16_t *u, uint8_t n)       \
    {                                                                                           \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            uint16_t multiplier = (uint16_t)tinygen_word(table + 4 * i + 2);                    \
            u[i] = (int16_t)((int16_t)scaled(x[i], tinygen_word(table + 4 * i), multiplier, 4095) - 2048); \
        }                                                                                       \
    }
TINYGEN_INPUT_WORDS(tinygen_scale_words, tinygen_scale16)
TINYGEN_INPUT_WORDS(tinygen_widen_words, tinygen_widen16)
#endif

/* ---- tables and powers ------------------------------------------------------------------------ */

#if TINYGEN_ASM
/* v = value of a table at Z between two nodes, f / 2^8 on the way to the second one; v += step * f / 2^8 */
#define TINYGEN_INTERPOLATE \
    "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tlpm %A[step],Z+\n\tlpm %B[step],Z\n\tclr %[zero]\n\t" \
    "sub %A[step],%A[v]\n\tsbc %B[step],%B[v]\n\t" \
    /* the unsigned low product's high byte joins v, rounded by the low byte's top bit */ \
    "mul %A[step],%[f]\n\tlsl r0\n\tadc %A[v],r1\n\tadc %B[v],%[zero]\n\t" \
    "mulsu %B[step],%[f]\n\tadd %A[v],r0\n\tadc %B[v],r1\n\t"
/* y = v^2 / 2^16: `low` collects bits 8 to 15, of which 0x80 is the rounding constant; FMUL doubles */
#define TINYGEN_SQUARE \
    "mul %B[v],%B[v]\n\tmovw %A[y],r0\n\tmul %A[v],%A[v]\n\tmov %[low],r1\n\t" \
    "subi %[low],0x80\n\tsbci %A[y],0xFF\n\tsbci %B[y],0xFF\n\t" \
    "fmul %A[v],%B[v]\n\tadc %B[y],%[zero]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"
#endif

/* The smaller one; `limit` is a literal. */
static inline uint16_t tinygen_at_most(uint16_t value, uint16_t limit)
{
    /* where the limit ends in 0xFF, and it mostly does, its high byte alone decides */
    if ((limit & 0xFFu) == 0xFFu ? (uint8_t)(value >> 8) > (uint8_t)(limit >> 8) : value > limit) {
        value = limit;
    }
    return value;
}

/* `place` on a table's grid, cell in the high byte and fraction in the low one; beyond the last
 * cell it is that cell's end. */
static inline uint16_t tinygen_within(uint16_t place, uint8_t last_cell, uint8_t last_fraction)
{
    return (uint8_t)(place >> 8) > last_cell ? (uint16_t)(last_cell * 256u + last_fraction) : place;
}

/* Value of a piecewise-linear table in flash at `position`: node in the high byte, fraction in the
 * low one. Neighbouring nodes differ by at most 32767, so the product stays within 24 bits. */
static inline int16_t tinygen_interpolate(const int16_t *table, uint16_t position)
{
    const int16_t *node = table + (position >> 8);
    uint8_t fraction = (uint8_t)position;
#if TINYGEN_ASM
    int16_t v, step;
    uint8_t zero;
    __asm__(TINYGEN_INTERPOLATE "clr r1"
            : [v] "=&r"(v), [step] "=&a"(step), [zero] "=&r"(zero), "+&z"(node) : [f] "a"(fraction) : "r0");
    return v;
#else
    int16_t here = TINYGEN_READ_I16(node);
    int16_t step = (int16_t)(TINYGEN_READ_I16(node + 1) - here);
    return (int16_t)(here + (int16_t)(((int32_t)step * fraction + 128) >> 8));
#endif
}

/* acc + the values of n tables at their inputs. In flash a curve is TINYGEN_CURVE(input, step_bits), the
 * raw value of its first node, the largest distance from there (unsigned), the bytes of its nodes, and
 * the nodes, 2 to 127 of them, 2^step_bits raw steps apart, step_bits >= 1. */
#define TINYGEN_CURVE(input, step_bits) (int16_t)((input) | (step_bits) << 8)

static inline tinygen_int24 tinygen_curves(tinygen_int24 acc, const int16_t *table, const int16_t *x, uint8_t n)
{
#if TINYGEN_ASM
    uint16_t v, step;
    uint8_t lo, zero, f, k;
    __asm__("1:\n\tlpm %[k],Z+\n\tmovw r26,%[x]\n\tadd r26,%[k]\n\tadc r27,r1\n\tadd r26,%[k]\n\tadc r27,r1\n\t"
            "lpm %[k],Z+\n\tld %[lo],X+\n\tld %[zero],X\n\t"
            /* distance from the first node, between 0 and its largest value */
            "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tsub %[lo],%A[v]\n\t"
            "sbc %[zero],%B[v]\n\tbrge 2f\n\tclr %[lo]\n\tclr %[zero]\n2:\n\t"
            "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tcp %A[v],%[lo]\n\tcpc %B[v],%[zero]\n\tbrsh 3f\n\t"
            "mov %[lo],%A[v]\n\tmov %[zero],%B[v]\n3:\n\t"
            /* shifted: cell in lo, fraction in f */
            "clr %[f]\n4:\n\tlsr %[zero]\n\tror %[lo]\n\tror %[f]\n\tdec %[k]\n\tbrne 4b\n\t"
            /* X = next curve, Z = this cell */
            "lpm %[k],Z+\n\tadiw r30,1\n\tmovw r26,r30\n\tadd r26,%[k]\n\tadc r27,r1\n\t"
            "lsl %[lo]\n\tadd r30,%[lo]\n\tadc r31,r1\n\t" TINYGEN_INTERPOLATE "clr r1\n\t"
            "mov %[k],%B[v]\n\tlsl %[k]\n\tsbc %[k],%[k]\n\t"
            "add %A[acc],%A[v]\n\tadc %B[acc],%B[v]\n\tadc %C[acc],%[k]\n\t"
            "movw r30,r26\n\tdec %[n]\n\tbrne 1b"
            : [acc] "+r"(acc), [rom] "+z"(table), [x] "+r"(x), [n] "+r"(n), [v] "=&r"(v),
              [step] "=&a"(step), [lo] "=&r"(lo),
              [zero] "=&r"(zero), [f] "=&a"(f), [k] "=&r"(k)
            :
            : "r0", "r26", "r27", "memory");
    return acc;
#else
    for (; n > 0; --n) {
        uint16_t kind = (uint16_t)TINYGEN_READ_I16(table), reach = (uint16_t)TINYGEN_READ_I16(table + 2);
        int16_t value = x[kind & 0xFF], origin = TINYGEN_READ_I16(table + 1);
        uint16_t distance = value < origin ? 0 : (uint16_t)((uint16_t)value - (uint16_t)origin);
        uint32_t place = (uint32_t)(distance < reach ? distance : reach) << 8 >> (kind >> 8);
        acc = (tinygen_int24)(acc + tinygen_interpolate(table + 4, (uint16_t)place));
        table += 4 + TINYGEN_READ_I16(table + 3) / 2;
    }
    return acc;
#endif
}

/* v^2 / 2^16, rounded half up: undoes v = 256 * sqrt(y). */
static inline uint16_t tinygen_square(uint16_t v)
{
#if TINYGEN_ASM
    uint16_t y;
    uint8_t low, zero;
    __asm__("clr %[zero]\n\t" TINYGEN_SQUARE "clr r1"
            : [y] "=&d"(y), [low] "=&d"(low), [zero] "=&r"(zero) : [v] "a"(v) : "r0");
    return y;
#else
    return tinygen_high_round(v, v);
#endif
}

/* tinygen_square(tinygen_interpolate(table, position)) in one piece, for tables without negative values. */
static inline uint16_t tinygen_interpolate_square(const int16_t *table, uint16_t position)
{
#if TINYGEN_ASM
    const int16_t *node = table + (position >> 8);
    uint8_t fraction = (uint8_t)position;
    uint16_t v, step, y;
    uint8_t low, zero;
    __asm__(TINYGEN_INTERPOLATE TINYGEN_SQUARE "clr r1"
            : [v] "=&a"(v), [step] "=&a"(step), [y] "=&d"(y), [low] "=&d"(low), [zero] "=&r"(zero), "+&z"(node)
            : [f] "a"(fraction) : "r0");
    return y;
#else
    return tinygen_square((uint16_t)tinygen_interpolate(table, position));
#endif
}

/* (v^2 >> 16) * v / 2^16, rounded half up: undoes v = 2^(32/3) * cbrt(y). */
static inline uint16_t tinygen_cube(uint16_t v)
{
    return tinygen_high_round(tinygen_high(v, v), v);
}

/* ---- logarithms ------------------------------------------------------------------------------- */

/* 2048 * log2(x), x below 1 counted as 1: 0 .. 30719. With x = 2^k (1 + t), t in 8 bits, the
 * logarithm of 1 + t is t + t (1 - t) (216 - 80 t) / 512. */
static inline int16_t tinygen_log2(int16_t x)
{
    uint16_t mantissa = x < 1 ? 1u : (uint16_t)x;
#if TINYGEN_ASM
    uint8_t octave, t, rest, bend;
    __asm__("ldi %[octave],15*8\n\ttst %B[m]\n\tbrmi 2f\n1:\n\t"
            "subi %[octave],8\n\tlsl %A[m]\n\trol %B[m]\n\tbrpl 1b\n2:\n\t"
            "mov %[t],%B[m]\n\tmov %[rest],%A[m]\n\tlsl %[rest]\n\trol %[t]\n\t"
            /* rest = t (1 - t), bend = 216 - 80 t; 7 bits are dropped by a shift to the left and a byte to the right */
            "mov %[rest],%[t]\n\tneg %[rest]\n\tmul %[t],%[rest]\n\tlsl r0\n\trol r1\n\tmov %[rest],r1\n\t"
            "ldi %[bend],216\n\tlsr %[t]\n\tlsr %[t]\n\t"
            "sub %[bend],%[t]\n\tlsr %[t]\n\tlsr %[t]\n\tsub %[bend],%[t]\n\t"
            "mul %[rest],%[bend]\n\tlsl r0\n\trol r1\n\t"
            /* octave in five bits, mantissa in eleven */
            "swap %A[m]\n\tandi %A[m],0x0F\n\tswap %B[m]\n\t"
            "mov %[bend],%B[m]\n\tandi %[bend],0xF0\n\tor %A[m],%[bend]\n\t"
            "andi %B[m],7\n\tor %B[m],%[octave]\n\tadd %A[m],r1\n\tclr r1\n\tadc %B[m],r1"
            : [m] "+d"(mantissa), [octave] "=&d"(octave), [t] "=&r"(t), [rest] "=&r"(rest),
              [bend] "=&d"(bend) : : "r0");
    return (int16_t)mantissa;
#else
    uint8_t octave = 15;
    for (; !(mantissa & 0x8000u); mantissa = (uint16_t)(mantissa << 1)) {
        --octave;
    }
    uint8_t t = (uint8_t)(mantissa >> 7);
    uint16_t bulge = (uint16_t)((uint16_t)((uint16_t)t * (uint8_t)(0u - t)) >> 7);
    uint16_t bend = (uint16_t)(216u - (t >> 2) - (t >> 4));
    bulge = (uint16_t)((uint16_t)(bulge * bend) >> 7);
    return (int16_t)((uint16_t)(octave * 2048u) + (uint16_t)((mantissa & 0x7FFFu) >> 4) + bulge);
#endif
}

/* 2^(v / 4096), rounded half up, v below 15 * 4096. With v / 4096 = k + f, 2^f is
 * 1 + f - f (1 - f) (20000 + 5050 f) / 65536, here in steps of 2^-15. */
static inline uint16_t tinygen_exp2(uint16_t v)
{
    uint16_t f = (uint16_t)(v << 4);
    uint16_t bulge = tinygen_high(f, (uint16_t)(0u - f));
    uint16_t bend = tinygen_high(bulge, (uint16_t)(20000u + tinygen_high(f, 5050u)));
    uint16_t mantissa = (uint16_t)(0x8000u + (f >> 1) - (bend >> 1));
    for (uint8_t octave = (uint8_t)(v >> 12); octave < 14; ++octave) {
        mantissa >>= 1;
    }
    return (uint16_t)((mantissa + 1u) >> 1);
}

#if TINYGEN_ASM
/* ---- pieces of assembly ---------------------------------------------------------------------
 * The chip multiplies bytes, into r1:r0: MUL unsigned, MULS signed, MULSU signed by unsigned. The
 * last two leave the product's sign in the carry flag; SBC of a register with itself spreads it.
 * `lo` has been read when that happens, so that it can hold the sign.
 *
 * Whatever changes or is used again is an in-and-out operand "+", even where it ends as it began: an
 * input only might share its register with an operand of equal value.
 */
#define TINYGEN_SIGN "sbc %[lo],%[lo]\n\t"
#define TINYGEN_BYTE "ld %[lo],X+\n\tlpm %[w],Z+\n\t"                    /* next int8 input, int8 weight */
#define TINYGEN_WORD "ld %[lo],X+\n\tld %[hi],X+\n\tlpm %[w],Z+\n\t"     /* next int16 input, int8 weight */
#define TINYGEN_TEMPS [w] "=&a"(w), [lo] "=&a"(lo)
#define TINYGEN_TEMPS_HI TINYGEN_TEMPS, [hi] "=&a"(hi)

/* ---- dot products: acc + sum of weights[i] * x[i], n = 1 .. 255 -----------------------------
 * `weights` points into flash. The names give the type of x, of the weights, and the width of the
 * accumulator: tinygen_dot_s8_w8_24. Cycles per step on an AVR with MUL: 12 into 16 bits, 14 into
 * 24 bits, 20 for int16 inputs into 24 bits, 16 and 23 into 32 bits, 38 for two int16.
 */
#define TINYGEN_DOT_ASM(name, acc_t, in_t, weight_t, step, ...)                                 \
    static inline acc_t name(acc_t acc, const weight_t *weights, const in_t *x, uint8_t n)      \
    {                                                                                           \
        uint8_t w, lo, hi, v;                                                                   \
        (void)hi;                                                                               \
        (void)v;                                                                                \
        __asm__("1:\n\t" step "dec %[n]\n\tbrne 1b\n\tclr r1\n\t"                               \
                : [acc] "+r"(acc), [rom] "+z"(weights), [x] "+x"(x), [n] "+r"(n), __VA_ARGS__   \
                :                                                                               \
                : "r0", "memory");                                                              \
        return acc;                                                                             \
    }

#define TINYGEN_ADD16 "add %A[acc],r0\n\tadc %B[acc],r1\n\t"
#define TINYGEN_ADD24 TINYGEN_SIGN TINYGEN_ADD16 "adc %C[acc],%[lo]\n\t"
#define TINYGEN_ADD32 TINYGEN_ADD24 "adc %D[acc],%[lo]\n\t"
#define TINYGEN_HIGH24 "add %B[acc],r0\n\tadc %C[acc],r1\n\t"
#define TINYGEN_HIGH32 TINYGEN_SIGN TINYGEN_HIGH24 "adc %D[acc],%[lo]\n\t"

TINYGEN_DOT_ASM(tinygen_dot_s8_w8_16, int16_t, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD16, TINYGEN_TEMPS)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_16, int16_t, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD16, TINYGEN_TEMPS)
TINYGEN_DOT_ASM(tinygen_dot_s8_w8_24, tinygen_int24, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD24, TINYGEN_TEMPS)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_24, tinygen_int24, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24, TINYGEN_TEMPS)
TINYGEN_DOT_ASM(tinygen_dot_s8_w8_32, int32_t, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_32, int32_t, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS)

/* acc += hi:lo * w, hi:lo signed */
#define TINYGEN_MAC_W8_24 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24 "muls %[w],%[hi]\n\t" TINYGEN_HIGH24
#define TINYGEN_MAC_W8_32 "mulsu %[w],%[lo]\n\t" TINYGEN_ADD32 "muls %[w],%[hi]\n\t" TINYGEN_HIGH32
/* acc += hi:lo * v:w, both signed */
#define TINYGEN_LOW32 "mul %[w],%[lo]\n\t" TINYGEN_ADD16 "clr r1\n\tadc %C[acc],r1\n\tadc %D[acc],r1\n\t"
#define TINYGEN_MAC_W16_32                                                                      \
    TINYGEN_LOW32 "mulsu %[v],%[lo]\n\t" TINYGEN_HIGH32 "mulsu %[hi],%[w]\n\t" TINYGEN_HIGH32    \
    "muls %[v],%[hi]\n\tadd %C[acc],r0\n\tadc %D[acc],r1\n\t"
#define TINYGEN_TEMPS_W16 TINYGEN_TEMPS_HI, [v] "=&a"(v)

TINYGEN_DOT_ASM(tinygen_dot_s16_w8_24, tinygen_int24, int16_t, int8_t, TINYGEN_WORD TINYGEN_MAC_W8_24, TINYGEN_TEMPS_HI)
TINYGEN_DOT_ASM(tinygen_dot_s16_w8_32, int32_t, int16_t, int8_t, TINYGEN_WORD TINYGEN_MAC_W8_32, TINYGEN_TEMPS_HI)
TINYGEN_DOT_ASM(tinygen_dot_s16_w16_32, int32_t, int16_t, int16_t,
                TINYGEN_WORD "lpm %[v],Z+\n\t" TINYGEN_MAC_W16_32, TINYGEN_TEMPS_W16)
TINYGEN_DOT_ASM(tinygen_dot_s8_w16_32, int32_t, int8_t, int16_t,
                TINYGEN_BYTE "lpm %[v],Z+\n\tmuls %[v],%[lo]\n\tmov %[hi],%[lo]\n\t" TINYGEN_HIGH32
                "mulsu %[hi],%[w]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS_W16)
TINYGEN_DOT_ASM(tinygen_dot_u8_w16_32, int32_t, uint8_t, int16_t,
                TINYGEN_BYTE "lpm %[v],Z+\n\t" TINYGEN_LOW32 "mulsu %[v],%[lo]\n\t" TINYGEN_HIGH32,
                TINYGEN_TEMPS, [v] "=&a"(v))

#else

#define TINYGEN_DOT_C(name, acc_t, in_t, weight_t, read)                                        \
    static inline acc_t name(acc_t acc, const weight_t *weights, const in_t *x, uint8_t n)      \
    {                                                                                           \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            acc = (acc_t)(acc + (acc_t)((acc_t)read(weights + i) * (acc_t)x[i]));               \
        }                                                                                       \
        return acc;                                                                             \
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

#endif

/* ---- linear models ---------------------------------------------------------------------------
 * acc + sum of w * min((x - low) * multiplier / 2^16, 4095) over n inputs, n = 1 .. 255: no scaled
 * input is ever stored. `table` in flash has a row per input: TINYGEN_BYTES(low),
 * TINYGEN_BYTES(multiplier), w. Cycles per input on an AVR with MUL: at most 61 into 24 bits, 64 into 32 bits.
 */
#if TINYGEN_ASM

#define TINYGEN_LINEAR_ASM(name, acc_t, add, high)                                              \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t n)       \
    {                                                                                           \
        uint16_t u;                                                                             \
        uint8_t w, lo, hi;                                                                      \
        __asm__("1:\n\tld %[lo],X+\n\tld %[hi],X+\n\tlpm r0,Z+\n\tsub %[lo],r0\n\tlpm r0,Z+\n\tsbc %[hi],r0\n\t" \
                "brge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"                                     \
                /* u = the product's middle bytes, 0x80 rounds; only the third of its parts can carry, into lo */ \
                "lpm %[w],Z+\n\tmul %[lo],%[w]\n\tmov %A[u],r1\n\tclr %B[u]\n\tsubi %A[u],0x80\n\tsbci %B[u],0xFF\n\t" \
                "mul %[hi],%[w]\n\tadd %A[u],r0\n\tadc %B[u],r1\n\tlpm %[w],Z+\n\t"             \
                "mul %[lo],%[w]\n\tclr %[lo]\n\tadd %A[u],r0\n\tadc %B[u],r1\n\tadc %[lo],%[lo]\n\t" \
                "mul %[hi],%[w]\n\tadd r0,%B[u]\n\tadc r1,%[lo]\n\tmovw %A[u],r0\n\t"           \
                "cpi %B[u],16\n\tbrlo 3f\n\tldi %B[u],15\n\tldi %A[u],255\n3:\n\t"              \
                "lpm %[w],Z+\n\tmulsu %[w],%A[u]\n\t" add "muls %[w],%B[u]\n\t" high            \
                "dec %[n]\n\tbrne 1b\n\tclr r1"                                                 \
                : [acc] "+r"(acc), [rom] "+z"(table), [x] "+x"(x), [n] "+r"(n), [u] "=&a"(u), [w] "=&a"(w), \
                  [lo] "=&r"(lo), [hi] "=&r"(hi)                                                \
                :                                                                               \
                : "r0", "memory");                                                              \
        return acc;                                                                             \
    }

TINYGEN_LINEAR_ASM(tinygen_linear_w8_24, tinygen_int24, TINYGEN_ADD24, TINYGEN_HIGH24)
TINYGEN_LINEAR_ASM(tinygen_linear_w8_32, int32_t, TINYGEN_ADD32, TINYGEN_HIGH32)

#else

#define TINYGEN_LINEAR_C(name, acc_t)                                                           \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t n)       \
    {                                                                                           \
        for (; n > 0; --n, table += 5, ++x) {                                                   \
            uint16_t u = tinygen_scale16(*x, tinygen_word(table), (uint16_t)tinygen_word(table + 2), 4095); \
            acc = (acc_t)(acc + (acc_t)((acc_t)TINYGEN_READ_I8(table + 4) * (acc_t)u));         \
        }                                                                                       \
        return acc;                                                                             \
    }

TINYGEN_LINEAR_C(tinygen_linear_w8_24, tinygen_int24)
TINYGEN_LINEAR_C(tinygen_linear_w8_32, int32_t)

#endif

/* ---- polynomials -----------------------------------------------------------------------------
 * acc + sum of w * (u[a] * u[b]) over n terms. `table` in flash has a row per term: the places a and
 * b, then w (int8, or TINYGEN_BYTES(w)). The product of two int8 fits 16 bits. Cycles per term on an
 * AVR with MUL: 38 into 24 bits, 41 into 32 bits, 57 with int16 coefficients.
 */
#if TINYGEN_ASM

#define TINYGEN_TERMS_ASM(name, acc_t, mac, ...)                                                \
    static inline acc_t name(acc_t acc, const int8_t *table, const int8_t *u, uint8_t n)        \
    {                                                                                           \
        uint8_t w, lo, hi, v;                                                                   \
        (void)v;                                                                                \
        __asm__("1:\n\tclr r1\n\t"                                                              \
                "movw r26,%[u]\n\tlpm %[w],Z+\n\tadd r26,%[w]\n\tadc r27,r1\n\tld %[lo],X\n\t"  \
                "movw r26,%[u]\n\tlpm %[w],Z+\n\tadd r26,%[w]\n\tadc r27,r1\n\tld %[hi],X\n\t"  \
                "muls %[lo],%[hi]\n\tmov %[lo],r0\n\tmov %[hi],r1\n\tlpm %[w],Z+\n\t" mac       \
                "dec %[n]\n\tbrne 1b\n\tclr r1"                                                 \
                : [acc] "+r"(acc), [rom] "+z"(table), [u] "+r"(u), [n] "+r"(n), __VA_ARGS__     \
                :                                                                               \
                : "r0", "r26", "r27", "memory");                                                \
        return acc;                                                                             \
    }

TINYGEN_TERMS_ASM(tinygen_terms_w8_24, tinygen_int24, TINYGEN_MAC_W8_24, TINYGEN_TEMPS_HI)
TINYGEN_TERMS_ASM(tinygen_terms_w8_32, int32_t, TINYGEN_MAC_W8_32, TINYGEN_TEMPS_HI)
TINYGEN_TERMS_ASM(tinygen_terms_w16_32, int32_t, "lpm %[v],Z+\n\t" TINYGEN_MAC_W16_32, TINYGEN_TEMPS_W16)

#else

#define TINYGEN_TERMS_C(name, acc_t, read, bytes)                                               \
    static inline acc_t name(acc_t acc, const int8_t *table, const int8_t *u, uint8_t n)        \
    {                                                                                           \
        for (; n > 0; --n, table += 2 + bytes) {                                                \
            int16_t product = (int16_t)(u[TINYGEN_READ_U8(table)] * u[TINYGEN_READ_U8(table + 1)]); \
            acc = (acc_t)(acc + (acc_t)((acc_t)read(table + 2) * (acc_t)product));              \
        }                                                                                       \
        return acc;                                                                             \
    }

TINYGEN_TERMS_C(tinygen_terms_w8_24, tinygen_int24, TINYGEN_READ_I8, 1)
TINYGEN_TERMS_C(tinygen_terms_w8_32, int32_t, TINYGEN_READ_I8, 1)
TINYGEN_TERMS_C(tinygen_terms_w16_32, int32_t, tinygen_word, 2)

#endif

/* ---- hidden layers ---------------------------------------------------------------------------
 * A unit is h = max((bias * 2^8 + weights . x) / 2^8, 0), rounded half up. `table` in flash has a
 * row per unit: TINYGEN_BYTES(bias), then n weights. Sums fit 24 bits, which the generator has proven.
 *
 * tinygen_relu_layer_*  stores the units into h. Cycles per unit on an AVR with MUL: 25 + 14 n,
 *                       for int16 inputs 25 + 20 n.
 * tinygen_relu_net_*    is a hidden layer with one output: a row ends with the unit's share v in the
 *                       output (int8, or TINYGEN_BYTES(v)), and acc + sum of v * h is returned; no
 *                       unit is ever stored. At most 28 + 14 n cycles, for int16 inputs 30 + 20 n.
 * tinygen_relu_pairs_*  is the same net, two units at a time: their biases, their weights for each input
 *                       in turn, their shares. At most 30 + 11.5 n cycles a unit, for int16 inputs 30 + 16.5 n.
 * tinygen_relu_quads_*  takes four units at a time: 28 + 10.3 n, 28 + 14.8 n.
 */
#if TINYGEN_ASM

/* a2:a1:a0 = bias * 2^8 + 128, the last term rounds; then the sum over the n inputs at X */
#define TINYGEN_UNIT(steps) "1:\n\tldi %[a0],0x80\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t" steps
#define TINYGEN_LOOP(step) "mov %[k],%[n]\n2:\n\t" step "dec %[k]\n\tbrne 2b\n\t"
#define TINYGEN_COUNT [n] "+r"(n), [k] "=&r"(k)
#define TINYGEN_UNIT_ADD TINYGEN_SIGN "add %[a0],r0\n\tadc %[a1],r1\n\tadc %[a2],%[lo]\n\t"
#define TINYGEN_UNIT_S8 TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_U8 TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_S16                                                                        \
    TINYGEN_WORD "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD "muls %[w],%[hi]\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t"
#define TINYGEN_BACK_S8 "sub r26,%[n]\n\tsbci r27,0\n\t"
#define TINYGEN_BACK_U8 TINYGEN_BACK_S8
#define TINYGEN_BACK_S16 TINYGEN_BACK_S8 TINYGEN_BACK_S8

#define TINYGEN_LAYER_ASM(name, in_t, step, back, ...)                                          \
    static inline void name(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows, uint8_t n) \
    {                                                                                           \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                       \
        (void)hi;                                                                               \
        __asm__ __volatile__(                                                                   \
            TINYGEN_UNIT(TINYGEN_LOOP(step)) back                                               \
            "sbrc %[a2],7\n\tclr %[a1]\n\tsbrc %[a2],7\n\tclr %[a2]\n\t"                        \
            "movw r0,r26\n\tmovw r26,%[h]\n\tst X+,%[a1]\n\tst X+,%[a2]\n\tmovw %[h],r26\n\tmovw r26,r0\n\t" \
            "dec %[rows]\n\tbrne 1b\n\tclr r1"                                                  \
            : [rom] "+z"(table), [x] "+x"(x), [h] "+r"(h), [rows] "+r"(rows), [n] "+r"(n), [k] "=&r"(k), \
              [a0] "=&d"(a0),                                                                   \
              [a1] "=&r"(a1), [a2] "=&r"(a2), __VA_ARGS__                                       \
            :                                                                                   \
            : "r0", "memory");                                                                  \
    }

TINYGEN_LAYER_ASM(tinygen_relu_layer_s8, int8_t, TINYGEN_UNIT_S8, TINYGEN_BACK_S8, TINYGEN_TEMPS)
TINYGEN_LAYER_ASM(tinygen_relu_layer_u8, uint8_t, TINYGEN_UNIT_U8, TINYGEN_BACK_U8, TINYGEN_TEMPS)
TINYGEN_LAYER_ASM(tinygen_relu_layer_s16, int16_t, TINYGEN_UNIT_S16, TINYGEN_BACK_S16, TINYGEN_TEMPS_HI)

#define TINYGEN_AGAIN "brne 1b\n\t"
#define TINYGEN_NET_ASM(name, acc_t, in_t, steps, back, output, again, ...)                     \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows, uint8_t n) \
    {                                                                                           \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                       \
        (void)hi;                                                                               \
        __asm__(TINYGEN_UNIT(steps) back output                                                 \
                "3:\n\tdec %[rows]\n\t" again "clr r1"                                          \
                : [acc] "+r"(acc), [rom] "+z"(table), [x] "+x"(x), [rows] "+r"(rows), [a0] "=&d"(a0), \
                  [a1] "=&a"(a1), [a2] "=&a"(a2), __VA_ARGS__                                   \
                :                                                                               \
                : "r0", "memory");                                                              \
        return acc;                                                                             \
    }

/* acc += v * (a2:a1), unless that is below 0: v is w, or hi:w where it has 16 bits */
#define TINYGEN_OUT(more) "lpm %[w],Z+\n\t" more "tst %[a2]\n\tbrmi 3f\n\t"
#define TINYGEN_OUT24 TINYGEN_OUT("") "mulsu %[w],%[a1]\n\t" TINYGEN_ADD24 "muls %[w],%[a2]\n\t" TINYGEN_HIGH24
#define TINYGEN_OUT32 TINYGEN_OUT("") "mulsu %[w],%[a1]\n\t" TINYGEN_ADD32 "muls %[w],%[a2]\n\t" TINYGEN_HIGH32
#define TINYGEN_OUT_W16                                                                         \
    TINYGEN_OUT("lpm %[hi],Z+\n\t") "mov %[lo],%[a1]\n\t" TINYGEN_LOW32 "mulsu %[hi],%[a1]\n\t" TINYGEN_HIGH32 \
    "mulsu %[a2],%[w]\n\t" TINYGEN_HIGH32 "muls %[hi],%[a2]\n\tadd %C[acc],r0\n\tadc %D[acc],r1\n\t"

#define TINYGEN_LOOP_NET(name, acc_t, in_t, in, output, ...) \
    TINYGEN_NET_ASM(name, acc_t, in_t, TINYGEN_LOOP(TINYGEN_UNIT_##in), TINYGEN_BACK_##in, output, TINYGEN_AGAIN, \
                    TINYGEN_COUNT, __VA_ARGS__)

TINYGEN_LOOP_NET(tinygen_relu_net_s8_w8_24, tinygen_int24, int8_t, S8, TINYGEN_OUT24, TINYGEN_TEMPS)
TINYGEN_LOOP_NET(tinygen_relu_net_s8_w8_32, int32_t, int8_t, S8, TINYGEN_OUT32, TINYGEN_TEMPS)
TINYGEN_LOOP_NET(tinygen_relu_net_s8_w16_32, int32_t, int8_t, S8, TINYGEN_OUT_W16, TINYGEN_TEMPS_HI)
TINYGEN_LOOP_NET(tinygen_relu_net_u8_w8_24, tinygen_int24, uint8_t, U8, TINYGEN_OUT24, TINYGEN_TEMPS)
TINYGEN_LOOP_NET(tinygen_relu_net_u8_w8_32, int32_t, uint8_t, U8, TINYGEN_OUT32, TINYGEN_TEMPS)
TINYGEN_LOOP_NET(tinygen_relu_net_u8_w16_32, int32_t, uint8_t, U8, TINYGEN_OUT_W16, TINYGEN_TEMPS_HI)
TINYGEN_LOOP_NET(tinygen_relu_net_s16_w8_24, tinygen_int24, int16_t, S16, TINYGEN_OUT24, TINYGEN_TEMPS_HI)
TINYGEN_LOOP_NET(tinygen_relu_net_s16_w8_32, int32_t, int16_t, S16, TINYGEN_OUT32, TINYGEN_TEMPS_HI)
TINYGEN_LOOP_NET(tinygen_relu_net_s16_w16_32, int32_t, int16_t, S16, TINYGEN_OUT_W16, TINYGEN_TEMPS_HI)

/* Units a, b (c, d) share what it takes to fetch an input. */
#define TINYGEN_GROUP_START(u) "lpm %[" #u "1],Z+\n\tlpm %[" #u "2],Z+\n\tmov %[" #u "0],%[w]\n\t"
#define TINYGEN_GROUP_LOW(u, mul)                                                               \
    "lpm %[w],Z+\n\t" mul " %[w],%[lo]\n\tsbc %[v],%[v]\n\t"                                    \
    "add %[" #u "0],r0\n\tadc %[" #u "1],r1\n\tadc %[" #u "2],%[v]\n\t"
#define TINYGEN_GROUP_S8(u) TINYGEN_GROUP_LOW(u, "muls")
#define TINYGEN_GROUP_U8(u) TINYGEN_GROUP_LOW(u, "mulsu")
#define TINYGEN_GROUP_S16(u)                                                                    \
    TINYGEN_GROUP_LOW(u, "mulsu") "muls %[w],%[hi]\n\tadd %[" #u "1],r0\n\tadc %[" #u "2],r1\n\t"
#define TINYGEN_NEXT_S8 "ld %[lo],X+\n\t"
#define TINYGEN_NEXT_U8 TINYGEN_NEXT_S8
#define TINYGEN_NEXT_S16 "ld %[lo],X+\n\tld %[hi],X+\n\t"
#define TINYGEN_GROUP_OUT(u, share, mac)                                                        \
    share "mov %[lo],%[" #u "1]\n\tmov %[hi],%[" #u "2]\n\ttst %[hi]\n\tbrmi 3f\n\t" mac "3:\n\t"
#define TINYGEN_SHARE_W8 "lpm %[w],Z+\n\t"
#define TINYGEN_SHARE_W16 "lpm %[w],Z+\n\tlpm %[v],Z+\n\t"
#define TINYGEN_SUM(u) [u##0] "=&r"(u##0), [u##1] "=&r"(u##1), [u##2] "=&r"(u##2)

/* A kernel of groups of units; one of pairs leaves the sums of c and d alone. */
#define TINYGEN_GROUPS_ASM(name, acc_t, in_t, starts, steps, outs, ...)                         \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups, uint8_t n) \
    {                                                                                           \
        uint8_t w, v, lo, hi, k, a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2;                \
        (void)c0, (void)c1, (void)c2, (void)d0, (void)d1, (void)d2;                             \
        __asm__("1:\n\tldi %[w],0x80\n\t" starts "mov %[k],%[n]\n2:\n\t" steps "dec %[k]\n\tbrne 2b\n\t" outs \
                "dec %[groups]\n\tbreq 4f\n\trjmp 1b\n4:\n\tclr r1"                             \
                : [acc] "+r"(acc), [rom] "+z"(table), [x] "+x"(x), [groups] "+r"(groups), [n] "+r"(n), [w] "=&a"(w), \
                  [v] "=&a"(v), [lo] "=&a"(lo), [hi] "=&a"(hi), [k] "=&r"(k), __VA_ARGS__       \
                :                                                                               \
                : "r0", "memory");                                                              \
        return acc;                                                                             \
    }
#define TINYGEN_NET_GROUPS(operands, acc_t, in_t, in, share, mac)                               \
    TINYGEN_GROUPS_ASM(tinygen_relu_pairs_##operands, acc_t, in_t, TINYGEN_GROUP_START(a) TINYGEN_GROUP_START(b), \
                       TINYGEN_NEXT_##in TINYGEN_GROUP_##in(a) TINYGEN_GROUP_##in(b),           \
                       TINYGEN_BACK_##in TINYGEN_GROUP_OUT(a, share, mac) TINYGEN_GROUP_OUT(b, share, mac), \
                       TINYGEN_SUM(a), TINYGEN_SUM(b))                                          \
    TINYGEN_GROUPS_ASM(tinygen_relu_quads_##operands, acc_t, in_t,                              \
                       TINYGEN_GROUP_START(a) TINYGEN_GROUP_START(b) TINYGEN_GROUP_START(c) TINYGEN_GROUP_START(d), \
                       TINYGEN_NEXT_##in TINYGEN_GROUP_##in(a) TINYGEN_GROUP_##in(b)            \
                       TINYGEN_GROUP_##in(c) TINYGEN_GROUP_##in(d),                             \
                       TINYGEN_BACK_##in TINYGEN_GROUP_OUT(a, share, mac) TINYGEN_GROUP_OUT(b, share, mac) \
                       TINYGEN_GROUP_OUT(c, share, mac) TINYGEN_GROUP_OUT(d, share, mac),       \
                       TINYGEN_SUM(a), TINYGEN_SUM(b), TINYGEN_SUM(c), TINYGEN_SUM(d))

TINYGEN_NET_GROUPS(s8_w8_24, tinygen_int24, int8_t, S8, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_24)
TINYGEN_NET_GROUPS(s8_w8_32, int32_t, int8_t, S8, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_32)
TINYGEN_NET_GROUPS(s8_w16_32, int32_t, int8_t, S8, TINYGEN_SHARE_W16, TINYGEN_MAC_W16_32)
TINYGEN_NET_GROUPS(u8_w8_24, tinygen_int24, uint8_t, U8, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_24)
TINYGEN_NET_GROUPS(u8_w8_32, int32_t, uint8_t, U8, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_32)
TINYGEN_NET_GROUPS(u8_w16_32, int32_t, uint8_t, U8, TINYGEN_SHARE_W16, TINYGEN_MAC_W16_32)
TINYGEN_NET_GROUPS(s16_w8_24, tinygen_int24, int16_t, S16, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_24)
TINYGEN_NET_GROUPS(s16_w8_32, int32_t, int16_t, S16, TINYGEN_SHARE_W8, TINYGEN_MAC_W8_32)
TINYGEN_NET_GROUPS(s16_w16_32, int32_t, int16_t, S16, TINYGEN_SHARE_W16, TINYGEN_MAC_W16_32)

#else

#define TINYGEN_LAYER_C(unit, layer, in_t)                                                      \
    static inline int16_t unit(const int8_t *row, const in_t *x, uint8_t n)                     \
    {                                                                                           \
        tinygen_int24 acc = (tinygen_int24)((tinygen_int24)tinygen_word(row) * 256 + 128);      \
        for (uint8_t i = 0; i < n; ++i) {                                                       \
            tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(row + 2 + i);                      \
            acc = (tinygen_int24)(acc + (tinygen_int24)(w * (tinygen_int24)x[i]));              \
        }                                                                                       \
        return acc < 0 ? 0 : (int16_t)(acc >> 8);                                               \
    }                                                                                           \
    static inline void layer(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows, uint8_t n) \
    {                                                                                           \
        for (uint8_t row = 0; row < rows; ++row, table += n + 2) {                              \
            h[row] = unit(table, x, n);                                                         \
        }                                                                                       \
    }

#define TINYGEN_NET_C(name, unit, acc_t, in_t, read, bytes)                                     \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows, uint8_t n) \
    {                                                                                           \
        for (uint8_t row = 0; row < rows; ++row, table += n + 2 + bytes) {                      \
            acc = (acc_t)(acc + (acc_t)((acc_t)read(table + n + 2) * (acc_t)unit(table, x, n))); \
        }                                                                                       \
        return acc;                                                                             \
    }

TINYGEN_LAYER_C(tinygen_relu_unit_s8, tinygen_relu_layer_s8, int8_t)
TINYGEN_LAYER_C(tinygen_relu_unit_u8, tinygen_relu_layer_u8, uint8_t)
TINYGEN_LAYER_C(tinygen_relu_unit_s16, tinygen_relu_layer_s16, int16_t)
TINYGEN_NET_C(tinygen_relu_net_s8_w8_24, tinygen_relu_unit_s8, tinygen_int24, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_s8_w8_32, tinygen_relu_unit_s8, int32_t, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_s8_w16_32, tinygen_relu_unit_s8, int32_t, int8_t, tinygen_word, 2)
TINYGEN_NET_C(tinygen_relu_net_u8_w8_24, tinygen_relu_unit_u8, tinygen_int24, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_u8_w8_32, tinygen_relu_unit_u8, int32_t, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_u8_w16_32, tinygen_relu_unit_u8, int32_t, uint8_t, tinygen_word, 2)
TINYGEN_NET_C(tinygen_relu_net_s16_w8_24, tinygen_relu_unit_s16, tinygen_int24, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_s16_w8_32, tinygen_relu_unit_s16, int32_t, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_C(tinygen_relu_net_s16_w16_32, tinygen_relu_unit_s16, int32_t, int16_t, tinygen_word, 2)

#define TINYGEN_GROUPS_C(name, units, acc_t, in_t, read, bytes)                                 \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups, uint8_t n) \
    {                                                                                           \
        for (; groups > 0; --groups) {                                                          \
            const int8_t *weights = table + 2 * units, *shares = weights + units * n;           \
            for (uint8_t unit = 0; unit < units; ++unit) {                                      \
                tinygen_int24 sum = (tinygen_int24)((tinygen_int24)tinygen_word(table + 2 * unit) * 256 + 128); \
                for (uint8_t i = 0; i < n; ++i) {                                               \
                    tinygen_int24 w = (tinygen_int24)TINYGEN_READ_I8(weights + units * i + unit); \
                    sum = (tinygen_int24)(sum + (tinygen_int24)(w * (tinygen_int24)x[i]));      \
                }                                                                               \
                acc = (acc_t)(acc + (acc_t)((acc_t)read(shares + unit * bytes) * (acc_t)(sum < 0 ? 0 : sum >> 8))); \
            }                                                                                   \
            table = shares + units * bytes;                                                     \
        }                                                                                       \
        return acc;                                                                             \
    }
#define TINYGEN_NET_GROUPS(operands, acc_t, in_t, read, bytes)                                  \
    TINYGEN_GROUPS_C(tinygen_relu_pairs_##operands, 2, acc_t, in_t, read, bytes)                \
    TINYGEN_GROUPS_C(tinygen_relu_quads_##operands, 4, acc_t, in_t, read, bytes)

TINYGEN_NET_GROUPS(s8_w8_24, tinygen_int24, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(s8_w8_32, int32_t, int8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(s8_w16_32, int32_t, int8_t, tinygen_word, 2)
TINYGEN_NET_GROUPS(u8_w8_24, tinygen_int24, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(u8_w8_32, int32_t, uint8_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(u8_w16_32, int32_t, uint8_t, tinygen_word, 2)
TINYGEN_NET_GROUPS(s16_w8_24, tinygen_int24, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(s16_w8_32, int32_t, int16_t, TINYGEN_READ_I8, 1)
TINYGEN_NET_GROUPS(s16_w16_32, int32_t, int16_t, tinygen_word, 2)

#endif

/* ---- decision trees ---------------------------------------------------------------------------
 * Where in flash the leaf stands in which x ends. A tree is a split: TINYGEN_SPLIT_..(input), the raw
 * limit as TINYGEN_BYTES, the bytes to skip, then its left side, then its right side; a side is a tree
 * or a leaf's values. x goes right, over the skipped bytes, where x[input] > limit. 31 cycles a split.
 */
#define TINYGEN_SPLIT(input) (int8_t)(input)                       /* both sides are splits */
#define TINYGEN_SPLIT_LEFT_LEAF(input) (int8_t)((input) - 128)
#define TINYGEN_SPLIT_RIGHT_LEAF(input) (int8_t)((input) + 64)
#define TINYGEN_SPLIT_LEAVES(input) (int8_t)((input) - 64)

static inline const int8_t *tinygen_leaf(const int8_t *tree, const int16_t *x)
{
#if TINYGEN_ASM
    uint8_t input, flags, a, b, lo, hi;
    __asm__("1:\n\tlpm %[f],Z+\n\tmov %[i],%[f]\n\tandi %[i],0x3F\n\t"
            "movw r26,%[x]\n\tadd r26,%[i]\n\tadc r27,r1\n\tadd r26,%[i]\n\tadc r27,r1\n\t"
            "ld %[a],X+\n\tld %[b],X\n\tlpm %[lo],Z+\n\tlpm %[hi],Z+\n\tlpm %[i],Z+\n\t"
            "cp %[lo],%[a]\n\tcpc %[hi],%[b]\n\tbrge 2f\n\t"
            "add r30,%[i]\n\tadc r31,r1\n\tlsl %[f]\n2:\n\t"
            /* the top bit says whether the side taken is a leaf */
            "sbrs %[f],7\n\trjmp 1b"
            : [tree] "+z"(tree), [x] "+r"(x), [i] "=&d"(input), [f] "=&r"(flags), [a] "=&r"(a),
              [b] "=&r"(b), [lo] "=&r"(lo), [hi] "=&r"(hi)
            :
            : "r26", "r27", "memory");
    return tree;
#else
    uint8_t leaf;
    do {
        uint8_t split = TINYGEN_READ_U8(tree), right = x[split & 0x3F] > tinygen_word(tree + 1);
        tree += right ? 4 + TINYGEN_READ_U8(tree + 3) : 4;
        leaf = (uint8_t)(split & (right ? 0x40 : 0x80));
    } while (!leaf);
    return tree;
#endif
}

#endif
