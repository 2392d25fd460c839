/* tinygen_avr_sums.h -- sums of products in AVR assembly: dot products, linear models, polynomials,
 * hidden layers. Hand-written.
 *
 * What a kernel computes, and of which operands, stands in tinygen_sums.h beside the same kernel
 * in C. Included by tinygen_fixed.h, never alone; tinygen_avr.h says what all the assembly obeys.
 * Inputs are read at X, the table in flash at Z; the sum is `acc`, as wide as its kernel's name
 * says.
 */
#ifndef TINYGEN_AVR_SUMS_H
#define TINYGEN_AVR_SUMS_H

/* SBC of a register with itself spreads the product's sign from the carry. `lo` has been read when
 * that happens, so that it can hold the sign. */
#define TINYGEN_SIGN "sbc %[lo],%[lo]\n\t"
/* next input, int8 or int16, and the next int8 weight */
#define TINYGEN_BYTE "ld %[lo],X+\n\tlpm %[w],Z+\n\t"
#define TINYGEN_WORD "ld %[lo],X+\n\tld %[hi],X+\n\tlpm %[w],Z+\n\t"
#define TINYGEN_TEMPS [w] "=&a"(w), [lo] "=&a"(lo)
#define TINYGEN_TEMPS_HI TINYGEN_TEMPS, [hi] "=&a"(hi)
#define TINYGEN_TEMPS_W16 TINYGEN_TEMPS_HI, [v] "=&a"(v)

/* acc += r1:r0; then with its sign */
#define TINYGEN_ADD16 "add %A[acc],r0\n\tadc %B[acc],r1\n\t"
#define TINYGEN_ADD24 TINYGEN_SIGN TINYGEN_ADD16 "adc %C[acc],%[lo]\n\t"
#define TINYGEN_ADD32 TINYGEN_ADD24 "adc %D[acc],%[lo]\n\t"
/* acc += 2^8 r1:r0 */
#define TINYGEN_HIGH24 "add %B[acc],r0\n\tadc %C[acc],r1\n\t"
#define TINYGEN_HIGH32 TINYGEN_SIGN TINYGEN_HIGH24 "adc %D[acc],%[lo]\n\t"

/* acc += w * hi:lo, hi:lo signed */
#define TINYGEN_MAC_W8_24                                                                          \
    "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24 "muls %[w],%[hi]\n\t" TINYGEN_HIGH24
#define TINYGEN_MAC_W8_32                                                                          \
    "mulsu %[w],%[lo]\n\t" TINYGEN_ADD32 "muls %[w],%[hi]\n\t" TINYGEN_HIGH32
/* acc += v:w * hi:lo, both signed */
#define TINYGEN_LOW32                                                                              \
    "mul %[w],%[lo]\n\t" TINYGEN_ADD16 "clr r1\n\tadc %C[acc],r1\n\tadc %D[acc],r1\n\t"
#define TINYGEN_MAC_W16_32                                                                         \
    TINYGEN_LOW32                                                                                  \
    "mulsu %[v],%[lo]\n\t" TINYGEN_HIGH32 "mulsu %[hi],%[w]\n\t" TINYGEN_HIGH32                    \
    "muls %[v],%[hi]\n\tadd %C[acc],r0\n\tadc %D[acc],r1\n\t"

/* ---- dot products ----------------------------------------------------------------------------
 * Cycles per step: 12 into 16 bits, 14 into 24 bits, 20 for int16 inputs into 24 bits, 16 and 23
 * into 32 bits, 38 for two int16.
 *
 * A second set of constraints lets GCC look for a place for `acc` among r16 to r23 first, so that
 * it does not take X.
 */
#define TINYGEN_TEMP(operand) [operand] "=&a,&a"(operand)
#define TINYGEN_TEMPS_2 TINYGEN_TEMP(w), TINYGEN_TEMP(lo)
#define TINYGEN_TEMPS_3 TINYGEN_TEMPS_2, TINYGEN_TEMP(hi)
#define TINYGEN_TEMPS_4 TINYGEN_TEMPS_3, TINYGEN_TEMP(v)
#define TINYGEN_DOT_ASM(name, acc_t, in_t, weight_t, step, ...)                                    \
    static inline acc_t name(acc_t acc, const weight_t *weights, const in_t *x, uint8_t n)         \
    {                                                                                              \
        uint8_t w, lo, hi, v;                                                                      \
        (void)hi;                                                                                  \
        (void)v;                                                                                   \
        register const weight_t *rom __asm__("r30") = weights;                                     \
        __asm__ __volatile__(                                                                      \
            "1:\n\t" step "dec %[n]\n\tbrne 1b\n\tclr r1\n\t"                                      \
            : [acc] "+a,r"(acc), [rom] "+r,r"(rom), [x] "+x,x"(x), [n] "+r,r"(n), __VA_ARGS__      \
            :                                                                                      \
            : "r0", "memory");                                                                     \
        return acc;                                                                                \
    }

TINYGEN_DOT_ASM(tinygen_dot_s8_w8_16, int16_t, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD16, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_16, int16_t, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD16, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_s8_w8_24, tinygen_int24, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD24, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_24, tinygen_int24, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD24, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_s8_w8_32, int32_t, int8_t, int8_t,
                TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_u8_w8_32, int32_t, uint8_t, int8_t,
                TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS_2)
TINYGEN_DOT_ASM(tinygen_dot_s16_w8_24, tinygen_int24, int16_t, int8_t,
                TINYGEN_WORD TINYGEN_MAC_W8_24, TINYGEN_TEMPS_3)
TINYGEN_DOT_ASM(tinygen_dot_s16_w8_32, int32_t, int16_t, int8_t,
                TINYGEN_WORD TINYGEN_MAC_W8_32, TINYGEN_TEMPS_3)
TINYGEN_DOT_ASM(tinygen_dot_s16_w16_32, int32_t, int16_t, int16_t,
                TINYGEN_WORD "lpm %[v],Z+\n\t" TINYGEN_MAC_W16_32, TINYGEN_TEMPS_4)
TINYGEN_DOT_ASM(tinygen_dot_s8_w16_32, int32_t, int8_t, int16_t,
                TINYGEN_BYTE "lpm %[v],Z+\n\tmuls %[v],%[lo]\n\tmov %[hi],%[lo]\n\t" TINYGEN_HIGH32
                "mulsu %[hi],%[w]\n\t" TINYGEN_ADD32, TINYGEN_TEMPS_4)
TINYGEN_DOT_ASM(tinygen_dot_u8_w16_32, int32_t, uint8_t, int16_t,
                TINYGEN_BYTE "lpm %[v],Z+\n\t" TINYGEN_LOW32 "mulsu %[v],%[lo]\n\t" TINYGEN_HIGH32,
                TINYGEN_TEMPS_2, TINYGEN_TEMP(v))

/* ---- linear models: at most 61 cycles an input into 24 bits, 64 into 32 bits ----------------- */

#define TINYGEN_LINEAR_ASM(name, acc_t, add, high)                                                 \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t n)          \
    {                                                                                              \
        uint16_t u;                                                                                \
        uint8_t w, lo, hi;                                                                         \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const int16_t *in __asm__("r26") = x;                                             \
        __asm__ __volatile__(                                                                      \
            "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\t"                                                 \
            "lpm r0,Z+\n\tsub %[lo],r0\n\tlpm r0,Z+\n\tsbc %[hi],r0\n\t"                           \
            "brge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"                                            \
            /* u = the product's middle bytes, 0x80 rounds; only the third of its parts can        \
             * carry, into lo */                                                                   \
            "lpm %[w],Z+\n\tmul %[lo],%[w]\n\tmov %A[u],r1\n\tclr %B[u]\n\t"                       \
            "subi %A[u],0x80\n\tsbci %B[u],0xFF\n\t"                                               \
            "mul %[hi],%[w]\n\tadd %A[u],r0\n\tadc %B[u],r1\n\tlpm %[w],Z+\n\t"                    \
            "mul %[lo],%[w]\n\tclr %[lo]\n\t"                                                      \
            "add %A[u],r0\n\tadc %B[u],r1\n\tadc %[lo],%[lo]\n\t"                                  \
            "mul %[hi],%[w]\n\tadd r0,%B[u]\n\tadc r1,%[lo]\n\tmovw %A[u],r0\n\t"                  \
            "cpi %B[u],16\n\tbrlo 3f\n\tldi %B[u],15\n\tldi %A[u],255\n3:\n\t"                     \
            "lpm %[w],Z+\n\tmulsu %[w],%A[u]\n\t" add "muls %[w],%B[u]\n\t" high                   \
            "dec %[n]\n\tbrne 1b\n\tclr r1"                                                        \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [n] "+r"(n), [u] "=&a"(u),           \
              [w] "=&a"(w), [lo] "=&r"(lo), [hi] "=&r"(hi)                                         \
            :                                                                                      \
            : "r0", "memory");                                                                     \
        return acc;                                                                                \
    }

TINYGEN_LINEAR_ASM(tinygen_linear_w8_24, tinygen_int24, TINYGEN_ADD24, TINYGEN_HIGH24)
TINYGEN_LINEAR_ASM(tinygen_linear_w8_32, int32_t, TINYGEN_ADD32, TINYGEN_HIGH32)

/* ---- polynomials -----------------------------------------------------------------------------
 * The product of two int8 fits 16 bits. Cycles per term: 38 into 24 bits, 41 into 32 bits, 57 with
 * int16 coefficients.
 */
#define TINYGEN_TERMS_ASM(name, acc_t, place, mac, ...)                                            \
    static inline acc_t name(acc_t acc, const int8_t *table, const int8_t *u, uint8_t n)           \
    {                                                                                              \
        uint8_t w, lo, hi, v;                                                                      \
        (void)v;                                                                                   \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const int8_t *in __asm__(place) = u;                                              \
        __asm__ __volatile__(                                                                      \
            "1:\n\tclr r1\n\t"                                                                     \
            "movw r26,%[u]\n\tlpm %[w],Z+\n\tadd r26,%[w]\n\tadc r27,r1\n\tld %[lo],X\n\t"         \
            "movw r26,%[u]\n\tlpm %[w],Z+\n\tadd r26,%[w]\n\tadc r27,r1\n\tld %[hi],X\n\t"         \
            "muls %[lo],%[hi]\n\tmov %[lo],r0\n\tmov %[hi],r1\n\tlpm %[w],Z+\n\t" mac              \
            "dec %[n]\n\tbrne 1b\n\tclr r1"                                                        \
            : [acc] "+r"(acc), [rom] "+r"(rom), [u] "+r"(in), [n] "+r"(n), __VA_ARGS__             \
            :                                                                                      \
            : "r0", "r26", "r27", "memory");                                                       \
        return acc;                                                                                \
    }

TINYGEN_TERMS_ASM(tinygen_terms_w8_24, tinygen_int24, "r24", TINYGEN_MAC_W8_24, TINYGEN_TEMPS_HI)
TINYGEN_TERMS_ASM(tinygen_terms_w8_32, int32_t, "r24", TINYGEN_MAC_W8_32, TINYGEN_TEMPS_HI)
TINYGEN_TERMS_ASM(tinygen_terms_w16_32, int32_t, "r14", "lpm %[v],Z+\n\t" TINYGEN_MAC_W16_32,
                  TINYGEN_TEMPS_W16)

/* ---- hidden layers ---------------------------------------------------------------------------
 * tinygen_relu_layer_*  cycles per unit: 25 + 14 n, for int16 inputs 25 + 20 n.
 * tinygen_relu_net_*    at most 28 + 14 n, for int16 inputs 30 + 20 n.
 * tinygen_relu_pairs_*  at most 30 + 11.5 n, for int16 inputs 30 + 16.5 n.
 * tinygen_relu_quads_*  at most 28 + 10.3 n, for int16 inputs 28 + 14.8 n.
 */

/* a2:a1:a0 = bias * 2^8 + 128, the last term rounds; then the sum over the n inputs at X */
#define TINYGEN_UNIT(steps) "1:\n\tldi %[a0],0x80\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t" steps
#define TINYGEN_LOOP(step) "mov %[k],%[n]\n2:\n\t" step "dec %[k]\n\tbrne 2b\n\t"
#define TINYGEN_UNIT_ADD TINYGEN_SIGN "add %[a0],r0\n\tadc %[a1],r1\n\tadc %[a2],%[lo]\n\t"
#define TINYGEN_UNIT_S8 TINYGEN_BYTE "muls %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_U8 TINYGEN_BYTE "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD
#define TINYGEN_UNIT_S16                                                                           \
    TINYGEN_WORD "mulsu %[w],%[lo]\n\t" TINYGEN_UNIT_ADD                                           \
    "muls %[w],%[hi]\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t"
/* X back to the first input */
#define TINYGEN_BACK_S8 "sub r26,%[n]\n\tsbci r27,0\n\t"
#define TINYGEN_BACK_U8 TINYGEN_BACK_S8
#define TINYGEN_BACK_S16 TINYGEN_BACK_S8 TINYGEN_BACK_S8

#define TINYGEN_LAYER_ASM(name, in_t, step, back, ...)                                             \
    static inline void name(const int8_t *table, const in_t *x, int16_t *h, uint8_t rows,          \
                            uint8_t n)                                                             \
    {                                                                                              \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                          \
        (void)hi;                                                                                  \
        __asm__ __volatile__(                                                                      \
            TINYGEN_UNIT(TINYGEN_LOOP(step)) back                                                  \
            "sbrc %[a2],7\n\tclr %[a1]\n\tsbrc %[a2],7\n\tclr %[a2]\n\t"                           \
            "movw r0,r26\n\tmovw r26,%[h]\n\tst X+,%[a1]\n\tst X+,%[a2]\n\t"                       \
            "movw %[h],r26\n\tmovw r26,r0\n\t"                                                     \
            "dec %[rows]\n\tbrne 1b\n\tclr r1"                                                     \
            : [rom] "+z"(table), [x] "+x"(x), [h] "+r"(h), [rows] "+r"(rows), [n] "+r"(n),         \
              [k] "=&r"(k), [a0] "=&d"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), __VA_ARGS__            \
            :                                                                                      \
            : "r0", "memory");                                                                     \
    }

TINYGEN_LAYER_ASM(tinygen_relu_layer_s8, int8_t, TINYGEN_UNIT_S8, TINYGEN_BACK_S8, TINYGEN_TEMPS)
TINYGEN_LAYER_ASM(tinygen_relu_layer_u8, uint8_t, TINYGEN_UNIT_U8, TINYGEN_BACK_U8, TINYGEN_TEMPS)
TINYGEN_LAYER_ASM(tinygen_relu_layer_s16, int16_t, TINYGEN_UNIT_S16, TINYGEN_BACK_S16,
                  TINYGEN_TEMPS_HI)

#define TINYGEN_NET_ASM(name, acc_t, in_t, step, back, output, ...)                                \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t rows,          \
                             uint8_t n)                                                            \
    {                                                                                              \
        uint8_t w, lo, hi, k, a0, a1, a2;                                                          \
        (void)hi;                                                                                  \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const in_t *in __asm__("r26") = x;                                                \
        __asm__ __volatile__(                                                                      \
            TINYGEN_UNIT(TINYGEN_LOOP(step)) back output                                           \
            "3:\n\tdec %[rows]\n\tbrne 1b\n\tclr r1"                                               \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [rows] "+r"(rows),                   \
              [a0] "=&d"(a0), [n] "+r"(n), [k] "=&r"(k),                                           \
              __VA_ARGS__                                                                          \
            :                                                                                      \
            : "r0", "memory");                                                                     \
        return acc;                                                                                \
    }

/* their classes are as wide as the instructions allow */
#define TINYGEN_UNIT_W8 [a1] "=&a"(a1), [a2] "=&d"(a2), TINYGEN_TEMPS
#define TINYGEN_UNIT_W16 [a1] "=&r"(a1), [a2] "=&a"(a2), TINYGEN_TEMPS_HI

/* acc += v * (a2:a1), unless that is below 0: v is w, or hi:w where it has 16 bits */
#define TINYGEN_OUT(more) "lpm %[w],Z+\n\t" more "tst %[a2]\n\tbrmi 3f\n\t"
#define TINYGEN_OUT24                                                                              \
    TINYGEN_OUT("") "mulsu %[w],%[a1]\n\t" TINYGEN_ADD24 "muls %[w],%[a2]\n\t" TINYGEN_HIGH24
#define TINYGEN_OUT32                                                                              \
    TINYGEN_OUT("") "mulsu %[w],%[a1]\n\t" TINYGEN_ADD32 "muls %[w],%[a2]\n\t" TINYGEN_HIGH32
#define TINYGEN_OUT_W16                                                                            \
    TINYGEN_OUT("lpm %[hi],Z+\n\t") "mov %[lo],%[a1]\n\t" TINYGEN_LOW32                            \
    "mulsu %[hi],%[lo]\n\t" TINYGEN_HIGH32 "mulsu %[a2],%[w]\n\t" TINYGEN_HIGH32                   \
    "muls %[hi],%[a2]\n\tadd %C[acc],r0\n\tadc %D[acc],r1\n\t"

#define TINYGEN_NET(operands, acc_t, in_t, in, output, ...)                                        \
    TINYGEN_NET_ASM(tinygen_relu_net_##operands, acc_t, in_t, TINYGEN_UNIT_##in,                   \
                    TINYGEN_BACK_##in, output, __VA_ARGS__)

TINYGEN_NET(s8_w8_24, tinygen_int24, int8_t, S8, TINYGEN_OUT24, TINYGEN_UNIT_W8)
TINYGEN_NET(s8_w8_32, int32_t, int8_t, S8, TINYGEN_OUT32, TINYGEN_UNIT_W8)
TINYGEN_NET(s8_w16_32, int32_t, int8_t, S8, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)
TINYGEN_NET(u8_w8_24, tinygen_int24, uint8_t, U8, TINYGEN_OUT24, TINYGEN_UNIT_W8)
TINYGEN_NET(u8_w8_32, int32_t, uint8_t, U8, TINYGEN_OUT32, TINYGEN_UNIT_W8)
TINYGEN_NET(u8_w16_32, int32_t, uint8_t, U8, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)
TINYGEN_NET(s16_w8_24, tinygen_int24, int16_t, S16, TINYGEN_OUT24, TINYGEN_UNIT_W8, [hi] "=&d"(hi))
TINYGEN_NET(s16_w8_32, int32_t, int16_t, S16, TINYGEN_OUT32, TINYGEN_UNIT_W8, [hi] "=&d"(hi))
TINYGEN_NET(s16_w16_32, int32_t, int16_t, S16, TINYGEN_OUT_W16, TINYGEN_UNIT_W16)

/* Units a, b (c, d) share what it takes to fetch an input. */
#define TINYGEN_GROUP_START(u) "lpm %[" #u "1],Z+\n\tlpm %[" #u "2],Z+\n\tmov %[" #u "0],%[w]\n\t"
#define TINYGEN_GROUP_LOW(u, mul)                                                                  \
    "lpm %[w],Z+\n\t" mul " %[w],%[lo]\n\tsbc %[v],%[v]\n\t"                                       \
    "add %[" #u "0],r0\n\tadc %[" #u "1],r1\n\tadc %[" #u "2],%[v]\n\t"
#define TINYGEN_GROUP_S8(u) TINYGEN_GROUP_LOW(u, "muls")
#define TINYGEN_GROUP_U8(u) TINYGEN_GROUP_LOW(u, "mulsu")
#define TINYGEN_GROUP_S16(u)                                                                       \
    TINYGEN_GROUP_LOW(u, "mulsu")                                                                  \
    "muls %[w],%[hi]\n\tadd %[" #u "1],r0\n\tadc %[" #u "2],r1\n\t"
#define TINYGEN_NEXT_S8 "ld %[lo],X+\n\t"
#define TINYGEN_NEXT_U8 TINYGEN_NEXT_S8
#define TINYGEN_NEXT_S16 "ld %[lo],X+\n\tld %[hi],X+\n\t"
#define TINYGEN_GROUP_OUT(u, share, mac)                                                           \
    share "mov %[lo],%[" #u "1]\n\tmov %[hi],%[" #u "2]\n\ttst %[hi]\n\tbrmi 3f\n\t" mac "3:\n\t"
#define TINYGEN_SHARE_W8 "lpm %[w],Z+\n\t"
#define TINYGEN_SHARE_W16 "lpm %[w],Z+\n\tlpm %[v],Z+\n\t"
#define TINYGEN_SUM(u) [u##0] "=&r"(u##0), [u##1] "=&r"(u##1), [u##2] "=&r"(u##2)

/* A kernel of groups of units; one of pairs leaves the sums of c and d alone. */
#define TINYGEN_GROUPS_ASM(name, acc_t, in_t, starts, steps, outs, ...)                            \
    static inline acc_t name(acc_t acc, const int8_t *table, const in_t *x, uint8_t groups,        \
                             uint8_t n)                                                            \
    {                                                                                              \
        uint8_t w, v, lo, hi, k, a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2;                   \
        (void)c0, (void)c1, (void)c2, (void)d0, (void)d1, (void)d2;                                \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const in_t *in __asm__("r26") = x;                                                \
        __asm__ __volatile__(                                                                      \
            "1:\n\tldi %[w],0x80\n\t" starts                                                       \
            "mov %[k],%[n]\n2:\n\t" steps "dec %[k]\n\tbrne 2b\n\t" outs                           \
            "dec %[groups]\n\tbreq 4f\n\trjmp 1b\n4:\n\tclr r1"                                    \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [groups] "+r"(groups),               \
              [n] "+r"(n), [w] "=&a"(w), [v] "=&a"(v), [lo] "=&a"(lo), [hi] "=&a"(hi),             \
              [k] "=&r"(k), __VA_ARGS__                                                            \
            :                                                                                      \
            : "r0", "memory");                                                                     \
        return acc;                                                                                \
    }
#define TINYGEN_NET_GROUPS(operands, acc_t, in_t, in, share, mac)                                  \
    TINYGEN_GROUPS_ASM(tinygen_relu_pairs_##operands, acc_t, in_t,                                 \
                       TINYGEN_GROUP_START(a) TINYGEN_GROUP_START(b),                              \
                       TINYGEN_NEXT_##in TINYGEN_GROUP_##in(a) TINYGEN_GROUP_##in(b),              \
                       TINYGEN_BACK_##in TINYGEN_GROUP_OUT(a, share, mac)                          \
                       TINYGEN_GROUP_OUT(b, share, mac),                                           \
                       TINYGEN_SUM(a), TINYGEN_SUM(b))                                             \
    TINYGEN_GROUPS_ASM(tinygen_relu_quads_##operands, acc_t, in_t,                                 \
                       TINYGEN_GROUP_START(a) TINYGEN_GROUP_START(b)                               \
                       TINYGEN_GROUP_START(c) TINYGEN_GROUP_START(d),                              \
                       TINYGEN_NEXT_##in TINYGEN_GROUP_##in(a) TINYGEN_GROUP_##in(b)               \
                       TINYGEN_GROUP_##in(c) TINYGEN_GROUP_##in(d),                                \
                       TINYGEN_BACK_##in TINYGEN_GROUP_OUT(a, share, mac)                          \
                       TINYGEN_GROUP_OUT(b, share, mac) TINYGEN_GROUP_OUT(c, share, mac)           \
                       TINYGEN_GROUP_OUT(d, share, mac),                                           \
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

/* ---- hidden layers whose inputs stay in registers: 12 cycles an input and unit ------------------
 * Inputs and weights are unsigned here: u = x + 2^15 in r3:r2, r5:r4 and so on, v = w + 2^7. The
 * sum of w * x is that of v * u, less 2^7 times that of u, less a share that the bias holds; all of
 * it modulo 2^24, in which the sum itself fits. 2^7 (1 - sum of u), which rounds as well, is
 * in r27:r26 and T. `hi` is 0 until a share is read.
 */
#define TINYGEN_HELD_LOAD(low, high)                                                               \
    "ld " low ",X+\n\tld %[w],X+\n\tsubi %[w],0x80\n\tmov " high ",%[w]\n\t"                       \
    "sub %[lo]," low "\n\tsbc %[a1]," high "\n\tsbc %[a2],%[hi]\n\t"
#define TINYGEN_HELD_ADD(low, high)                                                                \
    "lpm %[w],Z+\n\tmul %[w]," low "\n\tadd %[lo],r0\n\tadc %[a1],r1\n\tadc %[a2],%[hi]\n\t"       \
    "mul %[w]," high "\n\tadd %[a1],r0\n\tadc %[a2],r1\n\t"
#define TINYGEN_HELD_2(step) step("r2", "r3") step("r4", "r5")
#define TINYGEN_HELD_3(step) TINYGEN_HELD_2(step) step("r6", "r7")
#define TINYGEN_HELD_4(step) TINYGEN_HELD_3(step) step("r8", "r9")
#define TINYGEN_HELD_5(step) TINYGEN_HELD_4(step) step("r10", "r11")
#define TINYGEN_HELD_6(step) TINYGEN_HELD_5(step) step("r12", "r13")
#define TINYGEN_HELD_7(step) TINYGEN_HELD_6(step) step("r14", "r15")
#define TINYGEN_HELD_IN_2 "r2", "r3", "r4", "r5"
#define TINYGEN_HELD_IN_3 TINYGEN_HELD_IN_2, "r6", "r7"
#define TINYGEN_HELD_IN_4 TINYGEN_HELD_IN_3, "r8", "r9"
#define TINYGEN_HELD_IN_5 TINYGEN_HELD_IN_4, "r10", "r11"
#define TINYGEN_HELD_IN_6 TINYGEN_HELD_IN_5, "r12", "r13"
#define TINYGEN_HELD_IN_7 TINYGEN_HELD_IN_6, "r14", "r15"
#define TINYGEN_HELD_ASM(name, acc_t, inputs, clobbered, output)                                   \
    static inline acc_t name(acc_t acc, const int8_t *table, const int16_t *x, uint8_t rows)       \
    {                                                                                              \
        register const int8_t *rom __asm__("r30") = table;                                         \
        register const int16_t *in __asm__("r26") = x;                                             \
        register uint8_t a1 __asm__("r16"), a2 __asm__("r17"), w __asm__("r18"),                   \
            lo __asm__("r19"), hi __asm__("r20"), k __asm__("r21") = rows;                         \
        __asm__ __volatile__(                                                                      \
            "ldi %[lo],1\n\tclr %[a1]\n\tclr %[a2]\n\tclr %[hi]\n\t" inputs(TINYGEN_HELD_LOAD)     \
            "bst %[lo],0\n\tlsr %[a2]\n\tror %[a1]\n\tror %[lo]\n\t"                               \
            "mov r26,%[lo]\n\tmov r27,%[a1]\n1:\n\t"                                               \
            "clr %[hi]\n\tclr %[lo]\n\tbld %[lo],7\n\tlpm %[a1],Z+\n\tlpm %[a2],Z+\n\t"            \
            "add %[a1],r26\n\tadc %[a2],r27\n\t" inputs(TINYGEN_HELD_ADD) output                   \
            "3:\n\tdec %[k]\n\tbreq 4f\n\trjmp 1b\n4:\n\tclr r1"                                   \
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(in), [k] "+r"(k), [a1] "=&r"(a1),         \
              [a2] "=&r"(a2), [w] "=&r"(w), [lo] "=&r"(lo), [hi] "=&r"(hi)                         \
            :                                                                                      \
            : "r0", clobbered, "memory");                                                          \
        return acc;                                                                                \
    }
#define TINYGEN_HELD(n)                                                                            \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w8_24, tinygen_int24, TINYGEN_HELD_##n,               \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT24)                                           \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w8_32, int32_t, TINYGEN_HELD_##n,                     \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT32)                                           \
    TINYGEN_HELD_ASM(tinygen_relu_held_##n##_w16_32, int32_t, TINYGEN_HELD_##n,                    \
                     TINYGEN_HELD_IN_##n, TINYGEN_OUT_W16)

TINYGEN_HELD(2)
TINYGEN_HELD(3)
TINYGEN_HELD(4)
TINYGEN_HELD(5)
TINYGEN_HELD(6)
TINYGEN_HELD(7)

#endif
