/* tinygen_avr_sums.h -- sums of products in AVR assembly: dot products, linear models, polynomials.
 * Hand-written.
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

/* 9 cycles */
static inline tinygen_int24 tinygen_times_s16_w8(int16_t x, int8_t w)
{
    uint8_t lo = (uint8_t)x, hi = (uint8_t)((uint16_t)x >> 8);
    tinygen_int24 acc;
    __asm__("mulsu %[w],%[lo]\n\tmovw %A[acc],r0\n\tsbc %C[acc],%C[acc]\n\t"
            "muls %[w],%[hi]\n\t" TINYGEN_HIGH24 "clr r1"
            : [acc] "=&r"(acc)
            : [w] "a"(w), [lo] "a"(lo), [hi] "a"(hi)
            : "r0");
    return acc;
}

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

#endif
